"""What compiled loops cost: what is kept between the passes, what is left out of the code, what is part of it."""
import numpy as np
import torch

from snn.neurons import LIF
from snn.train import fused
from snn.train.surrogate import ATan

UNIT = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0}


def runner(model, learned=(), **options):
    return fused.runner(model, 1.0, ATan(), options.pop("detach", True), learned, ("delta",), "z", (), torch.float32)


def test_keeps_one_number_per_neuron_and_step():
    pair = runner(LIF(tau_m=10.0, t_ref=0.0, **UNIT)).pair(("delta",))
    assert [n.is_boolean for n in pair.kept] == [False]


def test_refractory_time_of_zero_costs_nothing():
    free, held = (runner(LIF(t_ref=t, **UNIT)).step.read for t in (0.0, 2.0))
    assert free == ("v",) and held == ("v", "ref")


def test_parameters_are_no_part_of_the_code():
    one, other = (runner(LIF(tau_m=tau, t_ref=0.0, **UNIT)).pair(("delta",)).forward for tau in (5.0, 20.0))
    assert one.kernel.text == other.kernel.text and not np.array_equal(one.uniforms, other.uniforms)

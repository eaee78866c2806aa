"""What compiled loops cost: what is kept between the passes, what is left out of the code, what is part of it."""
from typing import NamedTuple

import numpy as np
import pytest
import torch

from snn.errors import ModelError
from snn.neurons import LIF
from snn.train import fused, unrolled
from snn.train.held import eager
from snn.train.layer import Layer
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


class Divides(LIF):
    """Every step divides a number by a state."""

    def flow(self, s, dt):
        return s._replace(v=0.7 / (s.v * s.v + 1.3))


def test_a_number_divided_by_a_state_rounds_as_in_torch():
    layer = Layer(Divides(t_ref=0.0, **UNIT), dt=1.0)
    x = torch.randn(5, 40, 100)
    with eager():
        slow = layer.run(x, traces=("v",)).traces["v"]
    assert torch.equal(slow, layer.run(x, traces=("v",)).traces["v"]) and layer.why_eager is None


def test_a_state_named_as_the_spike_is_refused():
    class State(NamedTuple):
        z: float

    model = type("Named", (LIF,), {"State": State})()
    with pytest.raises(ModelError, match="Named.State: has a state named 'z'"):
        unrolled.forward_graph(model, 1, 1.0, ports=("delta",))

"""Bounded parameters, and which of them a layer learns."""
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn.errors import ModelError
from snn.neurons import ALIF, LIF
from snn.train.bounded import Bounded, bounds_of
from snn.train.layer import Layer

RANGES = [Bounded(), Bounded(0.0), Bounded(None, 2.0), Bounded(5.0, 50.0)]


@pytest.mark.parametrize("bounded", RANGES)
@given(raw=st.floats(-80.0, 80.0))
def test_a_value_cannot_leave_its_range(bounded, raw):
    value = bounded.value(torch.tensor(raw)).item()
    assert math.isfinite(value)
    assert bounded.low is None or value >= bounded.low
    assert bounded.high is None or value <= bounded.high
    assert bounded != Bounded(0.0) or value > 0.0


@pytest.mark.parametrize(("bounded", "values"), list(zip(RANGES, (
    [-3.0, 0.0, 70.0], [1e-3, 1.0, 20.0, 2e4], [-100.0, 1.999], [5.001, 20.0, 49.9]), strict=True)))
def test_the_first_value_is_hit(bounded, values):
    exact = np.array(values)
    np.testing.assert_allclose(bounded.value(bounded.raw(exact)), exact, rtol=1e-12)
    np.testing.assert_allclose(bounded.value(bounded.raw(exact).float()), exact, rtol=1e-6)


@pytest.mark.parametrize("bounded", RANGES)
def test_gradient(bounded):
    raw = torch.tensor([-1.0, 0.3, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(bounded.value, raw)


def test_bounds_of_the_catalogue():
    fields = ALIF.__dataclass_fields__
    assert bounds_of(fields["tau_m"]) == Bounded(0)
    assert bounds_of(fields["beta"]) == Bounded(0)
    assert bounds_of(fields["V_th"]) == Bounded()


@pytest.mark.parametrize("ends", [(2.0, 2.0), (3.0, 1.0)])
def test_ends_in_the_wrong_order(ends):
    with pytest.raises(ModelError, match=r"Bounded\.low: is .*, not below high"):
        Bounded(*ends)


@pytest.mark.parametrize("end", [float("nan"), float("inf"), "5"])
def test_ends_that_are_no_numbers(end):
    with pytest.raises(ModelError, match="Bounded: has the ends"):
        Bounded(end)


# In a layer


def test_a_layer_begins_at_the_values_of_its_model():
    tau = np.linspace(3.0, 300.0, 50)
    model = ALIF(tau_m=tau, tau_a=123.4, V_th=-51.2)
    layer = Layer(model, dt=1.0, learn=("tau_m", "tau_a", "V_th"))
    assert {k: tuple(p.shape) for k, p in layer.state_dict().items()} == {
        "raw.tau_m": (50,), "raw.tau_a": (), "raw.V_th": ()}
    np.testing.assert_allclose(layer.model.tau_m, tau, rtol=1e-6)
    assert layer.model.tau_a == pytest.approx(123.4, rel=1e-6) and type(layer.model.tau_a) is float
    assert layer.model.V_th == pytest.approx(-51.2, rel=1e-6)
    assert layer.model.beta == model.beta


def test_learning_cannot_leave_the_range():
    layer = Layer(LIF(tau_m=20.0), dt=1.0, learn={"tau_m": Bounded(10.0, 30.0)})
    x = torch.full((10, 2, 3), 2.0)
    optimiser = torch.optim.SGD(layer.parameters(), lr=1e3)
    for sign in (1.0, -1.0):
        for _ in range(3):
            optimiser.zero_grad()
            (sign * layer.run(x, traces="v").traces["v"].sum()).backward()
            optimiser.step()
        assert layer.model.tau_m == pytest.approx(10.0 if sign > 0 else 30.0, abs=1e-3)
        with torch.no_grad():
            layer.raw["tau_m"].zero_()


def test_one_name_may_be_given_as_text():
    assert list(Layer(LIF(), dt=1.0, learn="tau_m").raw) == ["tau_m"]


@pytest.mark.parametrize(("learn", "message"), [
    (("tau_n",), r"learn: is 'tau_n'\. Did you mean 'tau_m'\?"),
    ({"tau_m": 5.0}, r"learn\['tau_m'\]: is 5\.0\. A Bounded\(low, high\), or None, is expected"),
    ({"tau_m": Bounded(-5.0, 50.0)}, r"learn\['tau_m'\]: lets it go below 0, where LIF ends"),
    ({"tau_m": Bounded()}, r"learn\['tau_m'\]: lets it go below 0"),
    ({"tau_m": Bounded(30.0, 50.0)}, r"learn\['tau_m'\]: begins at 20 \.\. 20, not between 30.0 and 50.0"),
    (("t_ref",), r"learn\['t_ref'\]: begins at 0 \.\. 0, not between 0 and None"),
])
def test_what_cannot_be_learned(learn, message):
    with pytest.raises(ModelError, match=r"Layer\(LIF\)\." + message):
        Layer(LIF(t_ref=0.0), dt=1.0, learn=learn)

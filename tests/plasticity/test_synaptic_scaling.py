"""Synaptic scaling alone, against the solution of its equation."""
import numpy as np
import pytest
import torch
from rule_runs import taught
from scipy.integrate import solve_ivp

import snn
from snn.errors import ModelError
from snn.plasticity import SynapticScaling
from snn.wiring import Wiring

TWO = Wiring(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]), 2, 2, 100.0)


def scaled(rule, w, rate, times=1):
    rule = rule.bind(1, torch.float64)
    s = rule.Synapse(torch.tensor(w, dtype=torch.float64))
    y = rule.Post(torch.tensor(rate, dtype=torch.float64))
    for _ in range(times):
        s = rule.on_time(s, rule.Pre(), y, None, TWO)
    return s.w.numpy()


def test_a_constant_rate_scales_exponentially_and_keeps_ratios():
    w, rate = np.array([0.1, 0.2, 0.3, 0.05]), [0.0, 15.0, 0.0, 15.0]
    after = scaled(SynapticScaling(target=5.0, tau=50_000.0), w, rate, times=70)
    np.testing.assert_allclose(after, w * np.exp([7000 / 50_000, -2 * 7000 / 50_000] * 2), rtol=1e-12)


def test_the_target_is_the_fixed_point_and_bounds_hold():
    w = np.array([0.1, 0.2, 0.3, 0.9])
    assert (scaled(SynapticScaling(), w, [5.0] * 4, 9) == w).all()
    assert (scaled(SynapticScaling(tau=10.0, w_min=0.05), w, [0.0, 0.0, 500.0, 500.0]) == [1.0, 1.0, 0.05, 0.05]).all()


def test_the_rate_is_a_running_mean_in_hz():
    rule = SynapticScaling(tau_rate=2000.0).bind(1, torch.float64)
    x, y = rule.rest()
    assert y.rate == 5.0
    y, interval = rule.Post(torch.tensor(0.0, dtype=torch.float64)), 1000.0 / 8.0
    for _ in range(400):
        x, y = rule.decay(x, y, interval / 2)
        x, y = rule.spike(x, rule.decay(x, y, interval / 2)[1])
    peak = 1000.0 / 2000.0 / (1 - np.exp(-interval / 2000.0))
    assert abs(float(y.rate) / peak - 1) < 1e-9
    # The mean over an interval is the rate: integral of the decay from the peak.
    assert abs(peak * 2000.0 / interval * (1 - np.exp(-interval / 2000.0)) - 8.0) < 1e-12


@pytest.mark.parametrize("ratio, overshoots", [(1.0, True), (6.0, False)])
def test_in_a_linear_loop_it_follows_its_equation_to_the_target(ratio, overshoots):
    """A neuron whose rate is 20 Hz per unit of weight: the course of the weight against an ODE solver."""
    tau_rate = 300.0
    rule = SynapticScaling(target=5.0, tau=ratio * tau_rate, tau_rate=tau_rate, every=1.0).bind(1, torch.float64)
    wires = Wiring(torch.tensor([0]), torch.tensor([0]), 1, 1, 1.0)
    s, y, course = rule.Synapse(torch.tensor([0.1]).double()), rule.Post(torch.tensor([5.0]).double()), []
    for _ in range(9000):
        y = rule.Post(20.0 * s.w + (y.rate - 20.0 * s.w) * np.exp(-1.0 / tau_rate))
        s = rule.on_time(s, rule.Pre(), y, None, wires)
        course.append(float(s.w))

    def slope(t, z):
        return z[0] / (ratio * tau_rate) * (1 - z[1] / 5.0), (20.0 * z[0] - z[1]) / tau_rate

    exact = solve_ivp(slope, (0, 9000.0), (0.1, 5.0), rtol=1e-9, t_eval=np.arange(1, 9001)).y[0]
    # Steps of 1 ms in a loop of at least 300 ms.
    assert np.abs(np.array(course) - exact).max() < 1.0 / 300.0 * 0.5
    assert abs(course[-1] * 20.0 - 5.0) < 0.1
    assert (max(course) > 0.251) == overshoots


@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1)], ids=["reference", "event-driven"])
def test_in_a_network_weights_follow_the_spikes_of_their_neuron(engine):
    """A silent neuron and one that fires at 40 Hz, against the rule applied by hand."""
    spikes, rule = np.arange(25.0, 301.0, 25.0), SynapticScaling(tau=500.0, tau_rate=100.0, every=50.0)
    net = taught([[1.0], [2.0]], [[], spikes], snn.Plastic(rule, dendritic=0.0), w=0.2, dt=1.0, duration=300.0)
    result = snn.simulate(net, 300.0, dt=1.0, engine=engine, record=[snn.RecordWeights("plastic")], progress=False)
    w = np.full(2, 0.2)
    for now in np.arange(50.0, 301.0, 50.0):
        # A spike of the step that ends now is seen by its synapses behind it.
        before = spikes[spikes < now]
        rate = 5.0 * np.exp(-now / 100.0) + np.array([0.0, 10.0 * np.exp((before - now) / 100.0).sum()])
        w = np.clip(w * np.exp(0.1 * (1 - rate / 5.0)), 0.0, 1.0)
    np.testing.assert_allclose(result.weights["plastic"].data[-1], [*w, *w], rtol=1e-9)


@pytest.mark.parametrize("field, pattern", [
    ({"target": 0.0}, "target: is 0 Hz"), ({"tau": -5.0}, "tau: is -5"), ({"tau_rate": 0.0}, "tau_rate: is 0"),
    ({"every": 0.0}, "every: is 0"), ({"w_max": -1.0}, "w_min: is 0, not below")])
def test_refused(field, pattern):
    with pytest.raises(ModelError, match=rf"SynapticScaling\.{pattern}"):
        SynapticScaling(**field)

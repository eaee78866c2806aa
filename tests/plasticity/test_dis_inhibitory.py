"""Dis-inhibitory plasticity: closed forms of its averages, its sign in simulation, its refusals."""
import math

import numpy as np
import pytest
import torch
from rule_loop import run_rule

import snn
from snn.errors import ModelError, NetworkError, RunError
from snn.neurons import LIF, EIPair, PoissonSource
from snn.plasticity import DisInhibitory, ThresholdDisInhibitory

FEEDBACK = np.array([-0.4, -0.2, 0.0, 0.2, 0.4])


def phi(v):
    return np.logaddexp(0.0, v)


def held(rule, u, u_I, *, w=0.5, steps=200, dt=0.5, spike=150):
    """Weight after one presynaptic spike in step ``spike`` while the postsynaptic states are constant."""
    pre, reads = np.zeros((steps, 1), bool), {"u": np.full((steps, 1), u), "u_I": np.full((steps, 1), u_I)}
    pre[spike] = True
    return run_rule(rule, pre, np.zeros((steps, 1), bool), [w], dt=dt, reads=reads).w[-1, 0]


def learned(fb, rule, engine=None, *, duration=4000.0, n=100, drive=1.0):
    """``(change [n, len(fb)], presynaptic spikes [n], mean phi'(u) [len(fb)])``: Poisson input onto pairs, driven."""
    net = snn.Network("pairs")
    pre, cells = net.add("pre", PoissonSource(rate=100.0), n), net.add("cells", EIPair(), len(fb))
    net.connect(pre, cells, snn.AllToAll(), port="delta", weight=0.01, delay=1.0, name="plastic", plasticity=rule)
    net.drive(cells, snn.CurrentInput(np.full(len(fb), drive)), port="drive")
    net.drive(cells, snn.CurrentInput(np.asarray(fb, float)), port="feedback")
    record = [snn.RecordSpikes("pre"), snn.RecordWeights("plastic"), snn.RecordState("cells", "u")]
    result = snn.simulate(net, duration, dt=1.0, seed=1, engine=engine, record=record, progress=False)
    gain = 1.0 / (1.0 + np.exp(-result.traces["cells", "u"].data))
    change = result.weights["plastic"].data[-1].reshape(n, len(fb)) - 0.01
    return change, np.bincount(result.spikes["pre"].ids, minlength=n), gain.mean(0)


@pytest.mark.parametrize("u, u_I", [(0.5, 0.2), (0.5, 3.0), (-2.0, -1.0), (4.0, 1.0)])
def test_averages_and_change_have_their_closed_form(u, u_I):
    change = held(DisInhibitory(eta=0.01, tau=40.0, w_max=2.0), u, u_I) - 0.5
    reached = -math.expm1(-150 * 0.5 / 40.0)          # both averages began at 0, 150 steps before
    expected = 0.01 * reached**2 * (phi(u) - u_I) / (1.0 + math.exp(-u))
    assert change == pytest.approx(expected, rel=1e-12)
    assert math.copysign(1.0, change) == math.copysign(1.0, phi(u) - u_I)


def test_as_much_inhibition_as_predicted_changes_nothing():
    assert held(DisInhibitory(), 1.3, phi(1.3)) == pytest.approx(0.5, abs=1e-15)


def test_an_overflowing_state_is_no_overflow_of_the_rule():
    assert held(DisInhibitory(w_min=-1.0), 800.0, 800.0) == pytest.approx(0.5, abs=1e-12)
    assert held(DisInhibitory(w_min=-1.0), -800.0, 0.0) == 0.5


@pytest.mark.parametrize("m", [0.5, 2.0])
def test_the_threshold_is_linear_in_the_inhibitory_activity(m):
    rule = ThresholdDisInhibitory(eta=0.01, m=m, w_min=-9.0, w_max=9.0, tau=1.0)
    bound = rule.bind(1, torch.float64)
    at = math.log(math.expm1(m))
    slope = (math.log(math.expm1(m + 1e-6)) - math.log(math.expm1(m - 1e-6))) / 2e-6
    for u_I in (-1.0, at, 1.5, 4.0):
        threshold = at + slope * (phi(u_I) - m)
        assert float(bound.inhibition(torch.tensor(u_I, dtype=torch.float64))) == pytest.approx(threshold, abs=1e-8)
        if threshold > 0.0:
            u = math.log(math.expm1(threshold))
            assert held(rule, u + 0.1, u_I) > 0.5 > held(rule, u - 0.1, u_I)


def test_the_bounds_are_kept():
    assert held(DisInhibitory(eta=10.0), 2.0, 0.0) == 1.0
    assert held(DisInhibitory(eta=10.0), 0.0, 5.0) == 0.0


def test_in_simulation_the_sign_and_the_size_follow_the_feedback():
    """In the mean the change is eta times spikes times feedback times phi'(u); without feedback it vanishes."""
    change, spikes, gain = learned(FEEDBACK, DisInhibitory(eta=2e-5, tau=50.0, w_min=-1.0))
    mean, some = change.sum(0) / spikes.sum() / 2e-5, FEEDBACK != 0
    assert (np.sign(change[:, some]) == np.sign(FEEDBACK[some])).all()
    assert abs(mean[~some]) < 0.02 * mean[-1]
    np.testing.assert_allclose(mean[some], (FEEDBACK * gain)[some], rtol=0.1)


def test_engines_agree():
    rule = ThresholdDisInhibitory(eta=1e-3, tau=20.0, m=2.0, w_min=-1.0)
    one, other = (learned(FEEDBACK, rule, engine, duration=60.0, n=20)[0]
                  for engine in (snn.Reference(), snn.EventDriven(threads=1)))
    assert np.array_equal(one, other) and (one != 0.0).any()


def test_the_local_rule_has_a_threshold_of_excitation():
    """Under weak dis-inhibition little drive depresses and more drive potentiates."""
    rule = ThresholdDisInhibitory(eta=1e-5, tau=50.0, m=3.0, w_min=-1.0)
    few, many = (learned([0.3], rule, duration=1000.0, n=20, drive=drive)[0] for drive in (0.0, 5.0))
    assert (few < 0.0).all() and (many > 0.0).all()


@pytest.mark.parametrize("field, value", [("eta", -0.1), ("tau", 0.0), ("w_min", 1.0), ("w_max", math.nan)])
def test_impossible_parameters(field, value):
    with pytest.raises(ModelError, match=rf"DisInhibitory\.{field}: "):
        DisInhibitory(**{field: value})


def test_the_usual_inhibition_must_be_positive():
    with pytest.raises(ModelError, match=r"ThresholdDisInhibitory\.m: is 0 mV\. It must be above 0"):
        ThresholdDisInhibitory(m=0.0)


def test_needs_a_postsynaptic_pair():
    net = snn.Network("wrong")
    pre, cells = net.add("pre", PoissonSource(), 2), net.add("cells", LIF(), 1)
    with pytest.raises((NetworkError, ModelError, RunError), match="u"):
        net.connect(pre, cells, snn.AllToAll(), port="delta", weight=0.1, delay=1.0, plasticity=DisInhibitory())
        snn.simulate(net, 1.0, dt=0.1, seed=1, engine=snn.Reference())


def test_steps_too_coarse_for_the_inhibitory_neuron():
    net = snn.Network("coarse")
    net.add("cells", EIPair(), 1)
    with pytest.raises(snn.SnnError, match=r"2\.5"):
        snn.simulate(net, 12.0, dt=3.0, seed=1)

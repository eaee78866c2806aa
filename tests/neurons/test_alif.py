"""ALIF alone."""
import numpy as np
from neuron_runs import filled, run, times

from snn.neurons import ALIF, LIF


def next_spike(model, v_inf, a, dt):
    """First grid time after a spike at which the closed forms of potential and threshold meet."""
    t = dt * np.arange(1, 5000)
    since = np.maximum(t - model.t_ref, 0.0)
    v = v_inf + (model.V_reset - v_inf) * np.exp(-since / model.tau_m)
    return t[np.argmax(v >= model.V_th + model.beta * a * np.exp(-t / model.tau_a))]


def test_spikes_where_the_closed_forms_say():
    dt, model, current = 0.1, ALIF(beta=4.0, tau_a=150.0), 400.0
    spikes = times(run(model, 6000, dt, {"current": current})[1], dt)
    v_inf, a = model.E_L + current * model.tau_m / model.C_m, 1.0
    assert len(spikes) > 8
    for interval in np.diff(spikes):
        expected = next_spike(model, v_inf, a, dt)
        assert abs(interval - expected) < 1e-6
        a = a * np.exp(-expected / model.tau_a) + 1.0


def test_without_adaptation_it_is_a_lif():
    inputs = {"current": np.random.default_rng(0).normal(300.0, 200.0, 2000)}
    plain, adaptive = run(LIF(), 2000, 0.1, inputs), run(ALIF(beta=0.0), 2000, 0.1, inputs)
    assert plain[1].sum() > 3
    assert (plain[0] == adaptive[0]).all() and (plain[1] == adaptive[1]).all()


def test_intervals_grow():
    intervals = np.diff(times(run(ALIF(), 4000, 0.1, {"current": 400.0})[1], 0.1))
    assert (np.diff(intervals[:5]) > 0).all()


def test_quiet_only_where_the_threshold_falls_no_faster_than_the_potential():
    assert ALIF(tau_a=20.0).quiet() == 2.0
    assert ALIF(tau_a=19.0).quiet() is None
    assert ALIF(E_L=-50.0, V_reset=-60.0).quiet() is None
    fast = ALIF(tau_a=1.0, beta=20.0, t_ref=0.0)
    state = fast.State(*(np.array([x]) for x in (-50.0, -1.0, 1.0, 0.0)))
    assert run(fast, 100, 0.1, state=filled(state, 1))[1].any()

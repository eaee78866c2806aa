"""Answers known from elsewhere: closed forms, an accurate ODE solver, firing classes (of NEST: ``tests/neurons``)."""
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neuron_runs import isi, run, times
from scipy.integrate import solve_ivp

from snn.neurons import LIF, AdEx, CobaLIF, CubaLIF, Izhikevich

# Closed forms


@settings(max_examples=15)
@given(excess=st.floats(0.5, 40.0), t_ref=st.integers(0, 50), tau_m=st.floats(5.0, 30.0))
def test_lif_rate_against_current(excess, t_ref, tau_m):
    """Interval t_ref + tau ln((R I + E_L - V_reset) / (R I + E_L - V_th)), up to the next grid point."""
    dt, model = 0.1, LIF(tau_m=tau_m, t_ref=0.1 * t_ref, V_reset=-68.0)
    v_inf = model.V_th + excess
    current = (v_inf - model.E_L) * model.C_m / tau_m
    expected = model.t_ref + tau_m * np.log((v_inf - model.V_reset) / (v_inf - model.V_th))
    found = isi(run(model, int(3.2 * (expected + tau_m) / dt), dt, {"current": current})[1], dt)
    assert len(found) >= 2
    assert (found > expected - 1e-6).all() and (found < expected + dt + 1e-6).all()


@settings(max_examples=20)
@given(tau_m=st.floats(2.0, 40.0), tau_exc=st.floats(0.5, 40.0), dt=st.sampled_from([0.05, 0.1, 0.5]))
def test_cuba_lif_psp_shape(tau_m, tau_exc, dt):
    model = CubaLIF(tau_m=tau_m, tau_exc=tau_exc, E_L=0.0, V_th=100.0, V_reset=0.0)
    v = run(model, 400, dt, {"exc": 80.0 * (np.arange(400) == 0)})[0][:, 0]
    t = np.arange(400) * dt
    # The difference quotient loses digits where the time constants are close; expm1 keeps them.
    rate = 1.0 / tau_exc - 1.0 / tau_m
    shape = t if rate == 0 else -np.expm1(-t * rate) / rate
    np.testing.assert_allclose(v, 80.0 / model.C_m * np.exp(-t / tau_m) * shape, atol=1e-12)


def test_cuba_lif_psp_peak():
    """Peak at ln(tau_m / tau_s) / (1 / tau_s - 1 / tau_m); its value is ``peak``."""
    dt, tau_m, tau_s, w = 0.01, 20.0, 5.0, 100.0
    model = CubaLIF(tau_m=tau_m, tau_exc=tau_s, E_L=0.0, V_th=100.0, V_reset=0.0)
    v = run(model, 1200, dt, {"exc": w * (np.arange(1200) == 0)})[0][:, 0]
    assert np.argmax(v) * dt == pytest.approx(np.log(tau_m / tau_s) / (1 / tau_s - 1 / tau_m), abs=dt)
    peak = w * tau_s / model.C_m * (tau_s / tau_m) ** (tau_s / (tau_m - tau_s))
    assert v.max() == pytest.approx(peak, rel=1e-6)


# Convergence to an accurate solution


def orders(model, truth, synaptic, current):
    """Errors of the potential after 16 ms for four values of dt, each half of the one before, and log2 of their ratios.

    The inputs arrive at the end of the first step: ``synaptic`` once, ``current`` to stay.
    """
    errors = []
    for dt in (0.8, 0.4, 0.2, 0.1):
        first = np.arange(round(16.0 / dt) + 1) == 0
        inputs = {port: weight * first for port, weight in synaptic.items()} | {"current": current}
        errors.append(abs(run(model, len(first), dt, inputs)[0][-1, 0] - truth))
    return np.array(errors), np.log2(np.array(errors)[:-1] / np.array(errors)[1:])


def test_coba_lif_is_of_second_order():
    m = CobaLIF(V_th=0.0)

    def slope(t, v):
        g_e, g_i = 12.0 * np.exp(-t / m.tau_exc), 15.0 * np.exp(-t / m.tau_inh)
        return (-m.g_L * (v - m.E_L) - g_e * (v - m.E_exc) - g_i * (v - m.E_inh) + 150.0) / m.C_m

    truth = solve_ivp(slope, (0, 16.0), [m.E_L], rtol=1e-12, atol=1e-12).y[0, -1]
    errors, order = orders(m, truth, {"exc": 12.0, "inh": 15.0}, 150.0)
    assert (abs(order - 2.0) < 0.1).all()
    assert errors[-1] < 1e-4


def test_adex_is_of_second_order_below_the_upstroke():
    m = AdEx()

    def slope(t, y):
        i = 300.0 * np.exp(-t / m.tau_exc) - 200.0 * np.exp(-t / m.tau_inh) + 400.0
        onset = m.g_L * m.Delta_T * np.exp((y[0] - m.V_T) / m.Delta_T)
        return [(-m.g_L * (y[0] - m.E_L) + onset - y[1] + i) / m.C_m, (m.a * (y[0] - m.E_L) - y[1]) / m.tau_w]

    truth = solve_ivp(slope, (0, 16.0), [m.E_L, 0.0], rtol=1e-12, atol=1e-12).y[0, -1]
    errors, order = orders(m, truth, {"exc": 300.0, "inh": -200.0}, 400.0)
    assert (abs(order - 2.0) < 0.15).all()
    assert errors[-1] < 1e-3


# Firing classes

CLASSES = ("regular_spiking", "intrinsically_bursting", "chattering", "fast_spiking", "low_threshold",
           "thalamo_cortical", "resonator")
NAUD = {"tonic": (20, 0, 30, 60, -55), "adapting": (20, 0, 100, 5, -55), "initial burst": (5, 0.5, 100, 7, -51),
        "bursting": (5, -0.5, 100, 7, -46), "delayed": (5, -1, 100, 10, -60)}
"""tau_m, a, tau_w, b, V_reset as in Neuronal Dynamics, table 6.1 (R = 500 MOhm), after Naud et al. (2008)."""


@pytest.fixture(scope="module")
def izhikevich():
    """All classes side by side, one per neuron: function of a current that gives {class: (v, spike times)}."""
    cells = [getattr(Izhikevich, name)() for name in CLASSES]
    model = Izhikevich(**{k: np.array([getattr(c, k) for c in cells]) for k in ("a", "b", "c", "d")})

    @functools.cache
    def respond(current):
        steps = np.arange(1600)
        v, fired, _ = run(model, 1600, 0.25, {"current": current * ((steps >= 200) & (steps < 1400))}, n=len(CLASSES))
        return {name: (v[:, [j]], times(fired[:, [j]], 0.25)) for j, name in enumerate(CLASSES)}

    return respond


@pytest.fixture(scope="module")
def adex():
    """{class: spike times} of all classes side by side."""
    tau_m, a, tau_w, b, V_reset = np.array(list(NAUD.values()), dtype=float).T
    model = AdEx(g_L=2.0, C_m=2.0 * tau_m, E_L=-70.0, V_T=-50.0, Delta_T=2.0, V_peak=-30.0, V_reset=V_reset, a=a, b=b,
                 tau_w=tau_w)
    current = np.where(np.array(list(NAUD)) == "delayed", 25.0, 65.0)
    fired = run(model, 5000, 0.1, {"current": np.broadcast_to(current, (5000, len(NAUD)))}, n=len(NAUD))[1]
    return {name: times(fired[:, [j]], 0.1) for j, name in enumerate(NAUD)}


def test_izhikevich_regular_spiking_slows_down_once(izhikevich):
    t = np.diff(izhikevich(10.0)["regular_spiking"][1])
    assert t[0] < 0.6 * t[1] and np.ptp(t[1:]) < 2.0 and 30 < t[-1] < 60


def test_izhikevich_intrinsic_bursting_begins_with_a_burst(izhikevich):
    t = np.diff(izhikevich(10.0)["intrinsically_bursting"][1])
    assert (t[:2] < 6).all() and (t[2:] > 25).all()


def test_izhikevich_chattering_repeats_bursts(izhikevich):
    t = np.diff(izhikevich(10.0)["chattering"][1])
    long = t > 15
    assert long.sum() >= 4 and (t[~long] < 5).all() and (t[long] > 30).all()
    assert np.diff(np.flatnonzero(long)).min() >= 3


def test_izhikevich_fast_spiking_is_fast_and_regular(izhikevich):
    t = np.diff(izhikevich(10.0)["fast_spiking"][1])
    assert t[3:].max() < 12 and t[3:].std() / t[3:].mean() < 0.1


def test_izhikevich_low_threshold_adapts(izhikevich):
    t = np.diff(izhikevich(10.0)["low_threshold"][1])
    assert (np.diff(t[:6]) > 0).all() and t[8:].mean() > 3 * t[0]
    weak = izhikevich(1.0)
    assert len(weak["low_threshold"][1]) > 0 and len(weak["fast_spiking"][1]) == 0


def test_izhikevich_thalamo_cortical_fires_on_release_from_inhibition(izhikevich):
    inhibited = izhikevich(-10.0)
    rebound = inhibited["thalamo_cortical"][1]
    assert len(rebound) >= 2 and rebound[0] > 350 and np.diff(rebound)[0] < 15
    assert len(inhibited["regular_spiking"][1]) == 0
    tonic = np.diff(izhikevich(1.0)["thalamo_cortical"][1])
    assert len(tonic) >= 5 and tonic.min() > 5


def test_izhikevich_resonator_rings_below_threshold(izhikevich):
    v, spikes = izhikevich(0.1)["resonator"]
    ringing = v[200:1400, 0] - v[1399, 0]
    assert len(spikes) == 0 and len(np.flatnonzero(np.diff(np.sign(ringing)))) >= 6


def test_adex_tonic_is_regular(adex):
    t = np.diff(adex["tonic"])
    assert len(t) >= 5 and np.ptp(t[1:]) < 0.5


def test_adex_adapting_slows_down_gradually(adex):
    t = np.diff(adex["adapting"])
    assert (np.diff(t[:8]) > 0).all() and t[-1] > 1.6 * t[0] and np.ptp(t[-4:]) < 0.2


def test_adex_initial_burst(adex):
    t = np.diff(adex["initial burst"])
    assert (t[:3] < 10).all() and (t[4:] > 30).all() and np.ptp(t[5:]) < 0.5


def test_adex_bursting_repeats(adex):
    t = np.diff(adex["bursting"])
    long = np.flatnonzero(t > 30)
    assert len(long) >= 4 and np.ptp(np.diff(long)[1:]) == 0 and (np.delete(t, long) < 4).all()


def test_adex_delayed_fires_late(adex):
    assert 100 < adex["delayed"][0] < 200

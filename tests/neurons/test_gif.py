"""GIF alone."""
import numpy as np
import pytest
import torch
from neuron_runs import run

from snn.neurons import GIF

DT, N = 0.1, 400
FLAT = {"q_stc_1": 0.0, "q_stc_2": 0.0, "q_sfa_1": 0.0, "q_sfa_2": 0.0}


def uniform(seed, steps, n=N):
    return 1.0 - np.random.default_rng(seed).random((steps, n))


@pytest.mark.parametrize("t_ref", [0.0, 4.0])
@pytest.mark.parametrize("above", [4.0, 8.0])
def test_rate_at_constant_potential(above, t_ref):
    """Without adaptation and with V_reset = E_L the hazard is constant: intervals are t_ref plus a geometric number.

    From a spike at the start (the number is then 0), the mean of the first interval is held + 1 / p steps.
    """
    level, n = -39.6 + above, 2000
    model = GIF(E_L=level, V_reset=level, t_ref=t_ref, lambda_0=100.0, **FLAT)
    steps = 300 if above == 8.0 else 1000
    u = uniform(1, steps, n)
    u[0] = 1e-300
    fired = run(model, steps, DT, {"noise": u}, n=n)[1]
    p, held = 1.0 - np.exp(-100.0 * np.exp(above / 1.4) * DT / 1000.0), round(t_ref / DT)
    assert fired[0].all() and not fired[1:held + 1].any()
    first = np.argmax(fired[1:], axis=0)[fired[1:].any(0)] + 1
    assert len(first) > 0.999 * n * (1.0 - (1.0 - p) ** (steps - held - 1))
    assert abs(first.mean() - (held + 1.0 / p)) < 4.0 * np.sqrt((1.0 - p) / n) / p + 1e-3


def test_survival_follows_the_integrated_hazard():
    """Fraction not fired yet under a current step against exp(-integral of lambda) along the deterministic V."""
    model, current, steps = GIF(), 130.0, 800
    u = uniform(2, steps)
    v = run(model, steps, DT, {"noise": 1.0, "current": current})[0][:, 0]
    fired = run(model, steps, DT, {"noise": u, "current": current}, n=N)[1]
    survived = np.exp(-np.cumsum(np.exp((v + 39.6) / 1.4)) * DT / 1000.0)
    for k in np.searchsorted(-survived, [-0.8, -0.5, -0.2]):
        s, measured = survived[k], 1.0 - fired[:k + 1].any(0).mean()
        assert abs(measured - s) < 4.0 * np.sqrt(s * (1.0 - s) / N)


def test_the_number_decides_and_a_spike_moves_threshold_and_current():
    u = np.where(np.arange(100) == 10, 1e-300, 1.0)
    traces = {x: run(GIF(E_L=-50.0, V_reset=-45.0), 100, DT, {"noise": u}, record=x)[0][:, 0]
              for x in ("v", "stc_1", "stc_2", "sfa_1", "sfa_2")}
    fired = run(GIF(E_L=-50.0, V_reset=-45.0), 100, DT, {"noise": u})[1]
    assert np.flatnonzero(fired[:, 0]).tolist() == [10]
    time = DT * np.arange(90)
    for name, size, tau in (("stc_1", 56.7, 57.8), ("stc_2", -6.9, 218.2), ("sfa_1", 11.7, 53.8),
                            ("sfa_2", 1.8, 640.0)):
        np.testing.assert_allclose(traces[name][10:], size * np.exp(-time / tau), rtol=1e-12)
        assert not traces[name][:10].any()
    assert (traces["v"][10:51] == -45.0).all() and traces["v"][51] != -45.0


def test_spike_triggered_currents_act_exactly():
    """V after the held time: E_L plus the response to a falling exponential, in closed form."""
    model = GIF(E_L=-50.0, V_reset=-50.0, q_stc_2=0.0)
    u = np.where(np.arange(500) == 0, 1e-300, 1.0)
    v = run(model, 500, DT, {"noise": u})[0][:, 0]
    t, tau, free = DT * np.arange(460), 83.1 / 3.7, 56.7 * np.exp(-4.0 / 57.8)
    response = free / 83.1 * (np.exp(-t / 57.8) - np.exp(-t / tau)) / (1.0 / tau - 1.0 / 57.8)
    np.testing.assert_allclose(v[40:], -50.0 - response, rtol=1e-12)


def test_a_sharp_threshold_is_a_threshold():
    model = GIF(Delta_V=1e-6, **FLAT)
    v, fired, _ = run(model, 800, DT, {"current": 150.0, "noise": uniform(3, 800, 20)}, n=20)
    first = np.argmax(fired[:, 0])
    assert fired.any() and (fired == fired[:, :1]).all() and v[first - 1, 0] < -39.6
    rise = 83.1 / 3.7 * np.log((150.0 / 3.7) / (150.0 / 3.7 - 27.4))
    assert first * DT == pytest.approx(rise, abs=DT)


def test_nothing_overflows_far_above_threshold():
    for dtype in (torch.float32, torch.float64):
        s = GIF().rest()._replace(v=0.0)
        s = GIF.State(*(torch.tensor([x], dtype=dtype) for x in s))
        leaf = s.v.clone().requires_grad_()
        p = GIF(Delta_V=1e-3).bind(1, dtype).flow(s._replace(v=leaf), DT).p
        p.backward()
        assert p.item() == 1.0 and torch.isfinite(leaf.grad).all()

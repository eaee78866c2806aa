"""Gain control on a ring: its objective, what adaptation to one orientation does, and the ring as a network."""
import functools

import numpy as np
import pytest

import snn
from snn.circuits import GainControl
from snn.errors import DataError, NetworkError, RunError

RING, FLAT = GainControl(), GainControl(excitation=0.0, inhibition=0.0)
ADAPTER = RING.n // 2
# Angle from the adapter, in (-pi / 2, pi / 2].
AWAY = (RING.angles - RING.angles[ADAPTER] + np.pi / 2) % np.pi - np.pi / 2


@functools.cache
def adapted(ring, weight):
    gains = ring.adapt(ring.ensemble(weight=weight))
    return gains, ring.responses(gains)


def repulsion(ring):
    """How far each peak has moved from the adapter, rad."""
    moved = ring.peaks(adapted(ring, 0.5)[1]) - ring.peaks(adapted(ring, 0.0)[1])
    return np.sign(AWAY) * ((moved + np.pi / 2) % np.pi - np.pi / 2)


def mean_correlation(ring, weight):
    found = ring.correlation(adapted(ring, weight)[1], ring.ensemble(weight=0.5))
    return np.abs(found[~np.eye(ring.n, dtype=bool)]).mean()


def test_the_gradient_is_that_of_the_objective():
    from scipy.optimize import approx_fprime
    ring = GainControl(n=12)
    gains, p = np.random.default_rng(1).uniform(0.2, 0.9, 12), ring.ensemble(weight=0.3)
    np.testing.assert_allclose(ring.objective(gains, p)[1],
                               approx_fprime(gains, lambda g: ring.objective(g, p)[0], 1e-7), rtol=1e-4, atol=1e-5)


def test_responses_solve_the_equation_of_rest():
    gains = np.random.default_rng(2).uniform(0.0, 1.0, RING.n)
    r = RING.responses(gains)
    np.testing.assert_allclose(gains * (RING.feedforward + r @ RING.recurrent.T), r, atol=1e-12)


def test_adaptation_finds_a_least():
    gains, p = adapted(RING, 0.5)[0], RING.ensemble(weight=0.5)
    value, gradient = RING.objective(gains, p)
    assert np.abs(gradient[gains > 1e-6]).max() < 1e-5
    rng = np.random.default_rng(3)
    for _ in range(20):
        assert RING.objective(np.abs(gains + 0.01 * rng.standard_normal(RING.n)), p)[0] > value
    # All stimuli alike: all gains alike.
    assert np.ptp(adapted(RING, 0.0)[0]) < 1e-5


def test_gains_and_peak_fall_at_the_adapter():
    before, after = adapted(RING, 0.0), adapted(RING, 0.5)
    assert after[0][ADAPTER] < 0.9 * before[0][ADAPTER] and after[0].argmin() == ADAPTER
    assert after[0][0] > before[0][0]
    assert after[1][ADAPTER, ADAPTER] < 0.8 * before[1][ADAPTER, ADAPTER]


def test_tuning_is_repelled_from_the_adapter_by_recurrence_alone():
    near = (np.abs(AWAY) > 0.01) & (np.abs(AWAY) < np.pi / 4)
    assert np.degrees(repulsion(RING)[near].mean()) > 0.5 and (repulsion(RING)[near] > 0.0).all()
    assert np.abs(repulsion(FLAT)).max() < 1e-9
    # Without recurrence the gains fall too, so that these do not repel.
    gains = adapted(FLAT, 0.5)[0]
    assert gains[ADAPTER] < 0.95 * adapted(FLAT, 0.0)[0][ADAPTER]


def test_responses_to_the_adapting_ensemble_are_less_correlated():
    """A little; without recurrence not at all."""
    before, after = mean_correlation(RING, 0.0), mean_correlation(RING, 0.5)
    assert before - after > 0.003
    assert mean_correlation(FLAT, 0.0) == pytest.approx(mean_correlation(FLAT, 0.5), abs=1e-9)


def test_the_network_comes_to_rest_at_the_response():
    gains, r = adapted(RING, 0.5)
    found = snn.simulate(RING.network(7, gains), 800.0, dt=2.0, seed=1, engine=snn.EventDriven(threads=1),
                         progress=False, record=[snn.RecordState("ring", "r")]).traces["ring", "r"].data[-1]
    np.testing.assert_allclose(found, r[7], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("error", "message", "action"), [
    (NetworkError, "GainControl.n: is 2", lambda: GainControl(n=2)),
    (NetworkError, "GainControl.stay: is -1", lambda: GainControl(stay=-1.0)),
    (NetworkError, "GainControl.excitation: is 3; the largest eigenvalue of W", lambda: GainControl(excitation=3.0)),
    (RunError, "ensemble.weight: is 1.5", lambda: RING.ensemble(weight=1.5)),
    (RunError, "ensemble.adapter: is 60", lambda: RING.ensemble(adapter=60)),
    (DataError, "GainControl.ensemble: has shape", lambda: RING.adapt(np.ones(RING.n))),
    (DataError, "GainControl.gains: has shape", lambda: RING.responses(-np.ones(RING.n))),
    (DataError, "peaks.responses: has shape", lambda: RING.peaks(np.ones(3))),
    (RunError, "network.stimulus: is 60", lambda: RING.network(60, np.ones(RING.n))),
])
def test_bad_input(error, message, action):
    with pytest.raises(error, match=message):
        action()

"""Adaptive whitening: the closed form, the circuit's way to rest, and gains adapted online."""
import numpy as np
import pytest

import snn
from snn.circuits import AdaptiveWhitening, random_frame, regular_frame, whitening_gains
from snn.errors import DataError, NetworkError, RunError

PLANE = regular_frame()
# Gains for an input of that covariance and alpha 0, from other code.
MEASURED = [([[2.0, 0.8], [0.8, 1.0]], (1.058, 0.225, 1.025)), ([[1.0, -0.6], [-0.6, 3.0]], (0.402, 1.402, 0.888))]


def covariance(n, seed, low=0.2, high=4.0):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return (q * np.geomspace(low, high, n)) @ q.T


@pytest.mark.parametrize(("c", "gains"), MEASURED)
def test_gains_in_the_plane(c, gains):
    found = whitening_gains(np.array(c), PLANE, alpha=0.0)
    np.testing.assert_allclose(found, gains, atol=6e-4)
    assert AdaptiveWhitening(PLANE, alpha=0.0, gains=found).error(c) < 1e-14


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("n", [2, 3, 5, 8, 12])
def test_the_closed_form_whitens_exactly(n, alpha):
    for seed in range(5):
        w, c = random_frame(n, seed=seed), covariance(n, seed + 100)
        gains = whitening_gains(c, w, alpha=alpha)
        assert AdaptiveWhitening(w, alpha=alpha, gains=gains).error(c) < 1e-10
        # The formula as it is published; its matrix is the square of ours, and loses more digits.
        values, vectors = np.linalg.eigh(c)
        root = (vectors * np.sqrt(values)) @ vectors.T - alpha * np.eye(n)
        published = np.linalg.solve((w.T @ w) ** 2, np.diag(w.T @ root @ w))
        np.testing.assert_allclose(gains, published, rtol=1e-4, atol=1e-6)


def test_more_columns_than_needed_whiten_and_fewer_do_not():
    c = covariance(4, 3)
    errors = {}
    for k in (4, 9, 10, 14):
        w = random_frame(4, k, seed=2)
        gains = whitening_gains(c, w)
        residual = (w * gains) @ w.T + np.eye(4)
        errors[k] = np.abs(np.linalg.eigvalsh(residual @ residual - c)).max()
    assert errors[10] < 1e-10 and errors[14] < 1e-10 and errors[9] > 0.01 and errors[4] > errors[9]


def test_the_circuit_comes_to_rest_where_the_matrix_says():
    c = covariance(3, 1)
    w = random_frame(3, seed=1)
    circuit = AdaptiveWhitening(w, alpha=0.5, gains=whitening_gains(c, w, alpha=0.5))
    x = np.array([1.0, -2.0, 0.5])
    path = circuit.simulate(x, 60.0, dt=0.05)
    np.testing.assert_allclose(path[-1], circuit.respond(x), rtol=1e-9)
    matrix = 0.5 * np.eye(3) + (w * circuit.gains) @ w.T
    np.testing.assert_allclose(matrix @ circuit.respond(x), x, rtol=1e-12)
    # First order in dt: at 1 ms half the step leaves half the error.
    values, vectors = np.linalg.eigh(matrix)
    true = vectors @ (-np.expm1(-values) / values * (vectors.T @ x))
    errors = [np.abs(circuit.simulate(x, 1.0, dt=dt)[-1] - true).max() for dt in (0.02, 0.01, 0.005)]
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2.0, rtol=0.05)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1)], ids=["reference", "event"])
def test_populations_of_gain_modulated_units_do_the_same(engine, alpha):
    """Principal neurons and interneurons, coupled through what they show, in an engine."""
    c, x = np.array([[2.0, 0.8], [0.8, 1.0]]), np.array([1.0, -2.0])
    circuit = AdaptiveWhitening(PLANE, alpha=alpha, gains=whitening_gains(c, PLANE, alpha=alpha))
    y = snn.simulate(circuit.network(x), 40.0, dt=0.2, seed=1, engine=engine, progress=False,
                     record=[snn.RecordState("principal", "r")]).traces["principal", "r"].data[-1]
    np.testing.assert_allclose(y, circuit.respond(x), rtol=1e-6)


def test_interneurons_adapt_in_an_engine_as_they_do_by_hand():
    c, hold, n = np.array([[2.0, 0.8], [0.8, 1.0]]), 10.0, 400
    x = np.random.default_rng(1).multivariate_normal([0.0, 0.0], c, n)
    circuit = AdaptiveWhitening(PLANE)
    net = circuit.network(x, tau=0.1, eta=5e-4, hold=hold)
    g = snn.simulate(net, n * hold, dt=0.05, seed=1, engine=snn.EventDriven(threads=1), progress=False,
                     record=[snn.RecordState("interneurons", "g", every=200)]).traces["interneurons", "g"].data
    before = circuit.error(c)
    circuit.adapt(x, eta=5e-4 * hold)
    np.testing.assert_allclose(g[-1], circuit.gains, rtol=0.02, atol=0.01)
    assert circuit.error(c) < 0.5 * before


def test_gains_adapt_to_the_closed_form():
    c = np.array([[2.0, 0.8], [0.8, 1.0]])
    target, ends, errors = whitening_gains(c, PLANE, alpha=0.0), [], []
    for seed in range(4):
        circuit = AdaptiveWhitening(PLANE, alpha=0.0, gains=1.0)
        before = circuit.error(c)
        x = np.random.default_rng(seed).multivariate_normal([0.0, 0.0], c, 6000)
        circuit.adapt(x[:3000], eta=2e-3)
        circuit.adapt(x[3000:], eta=5e-4)
        ends.append(circuit.gains)
        errors.append(circuit.error(c))
    assert before > 0.3 and np.mean(errors) < 0.12
    np.testing.assert_allclose(np.mean(ends, axis=0), target, atol=0.06)


def test_one_step_of_adaptation_by_hand():
    circuit, x = AdaptiveWhitening(PLANE), np.array([3.0, 0.0])
    assert np.array_equal(circuit.adapt(x, eta=0.1), [x])       # without gains, alpha 1 hands the input on
    np.testing.assert_allclose(circuit.gains, 0.1 * np.array([8.0, 1.25, 1.25]), rtol=1e-12)


def test_gains_that_may_not_be_negative():
    """An ill-conditioned input: partial whitening, stable; exact whitening needs gains below 0."""
    c = np.diag([6.0, 0.01])
    assert whitening_gains(c, PLANE).min() < 0.0
    circuit = AdaptiveWhitening(PLANE)
    x = np.random.default_rng(1).multivariate_normal([0.0, 0.0], c, 4000)
    before = circuit.error(c)
    y = circuit.adapt(x, eta=5e-3, non_negative=True)
    assert circuit.gains.min() >= 0.0 and (circuit.gains == 0.0).any() and before > 4.9
    # The strong direction is brought to variance 1, the weak one cannot be amplified.
    assert y[2000:].var(axis=0)[0] == pytest.approx(1.0, abs=0.15) and circuit.covariance(c)[1, 1] < 0.02


def test_frames():
    assert random_frame(5).shape == (5, 15) and random_frame(5, 7, seed=3).shape == (5, 7)
    np.testing.assert_allclose(np.linalg.norm(random_frame(6), axis=0), 1.0)
    np.testing.assert_allclose(PLANE @ PLANE.T, 1.5 * np.eye(2), atol=1e-12)
    assert np.array_equal(random_frame(3, seed=4), random_frame(3, seed=4))


@pytest.mark.parametrize(("error", "message", "action"), [
    (NetworkError, "random_frame.n: is 0", lambda: random_frame(0)),
    (NetworkError, "regular_frame.k: is 1", lambda: regular_frame(1)),
    (NetworkError, "AdaptiveWhitening.frame: has shape", lambda: AdaptiveWhitening(np.ones((2, 3)))),
    (NetworkError, "AdaptiveWhitening.alpha: is -1", lambda: AdaptiveWhitening(PLANE, alpha=-1.0)),
    (DataError, "AdaptiveWhitening.gains: has shape", lambda: AdaptiveWhitening(PLANE, gains=[1.0, 2.0])),
    (RunError, "gains: alpha I .* not positive definite", lambda: AdaptiveWhitening(PLANE, alpha=0.0)),
    (RunError, "adapt.eta: .* after 1 samples", lambda: AdaptiveWhitening(PLANE).adapt(np.zeros((3, 2)), eta=5.0)),
    (DataError, r"respond.x: has shape \(3,\)", lambda: AdaptiveWhitening(PLANE).respond(np.ones(3))),
    (DataError, "adapt.x: has shape", lambda: AdaptiveWhitening(PLANE).adapt([[np.nan, 0.0]])),
    (DataError, "adapt.x: is a str", lambda: AdaptiveWhitening(PLANE).adapt("noise")),
    (RunError, "simulate.dt: is 5", lambda: AdaptiveWhitening(PLANE, gains=1.0).simulate([1.0, 0.0], 10.0, dt=5.0)),
    (DataError, "network.x: has shape", lambda: AdaptiveWhitening(PLANE).network(np.ones((2, 2, 2)))),
    (RunError, "network.eta: is -1", lambda: AdaptiveWhitening(PLANE).network([1.0, 0.0], eta=-1.0)),
    (DataError, r"error.*covariance.*has shape|covariance: has shape",
     lambda: AdaptiveWhitening(PLANE).error(np.eye(3))),
    (DataError, "whitening_gains.covariance: has a negative", lambda: whitening_gains(np.diag([1.0, -1.0]), PLANE)),
])
def test_bad_input(error, message, action):
    with pytest.raises(error, match=message):
        action()

"""Networks of excitatory-inhibitory pairs: closed forms, feedback against autograd, learning, refusals."""
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from snn.circuits.disinhibitory import DisInhibitoryNet, ExactInverse, LinearInverse, MicroCircuit, error
from snn.datasets import mnist
from snn.errors import DataError, ModelError, RunError

LONG = MicroCircuit(open_time=2000.0, closed_time=6000.0, tolerance=1e-13)
TWO = (5, 6, 4, 3)


def net(sizes=TWO, seed=1, **how):
    return DisInhibitoryNet(sizes, seed=seed, dtype=torch.float64, **how)


def samples(n=8, inputs=5, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return torch.as_tensor(rng.normal(0.0, 1.0, (n, inputs))), torch.as_tensor(rng.integers(0, classes, n))


def xor(n, seed):
    """Four clouds, opposite ones of one class: no linear readout of the input can separate them."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 2, (n, 2))
    return 2.0 * (2 * corner - 1) + rng.normal(0.0, 0.3, (n, 2)), corner.sum(1) % 2


# One pair


def test_a_settled_pair_has_the_activity_of_the_closed_form():
    """With y = e^r: y = 1 + e^a / (1 + e^-fb y), a quadratic equation; without feedback r = log(1 + e^a) / 2."""
    a, fb = np.meshgrid(np.linspace(-4.0, 8.0, 25), np.linspace(-0.5, 0.5, 11), indexing="ij")
    a, fb = torch.as_tensor(a), torch.as_tensor(fb)
    u, u_I = MicroCircuit(closed_time=1200.0).pair(a, fb)
    g = torch.exp(-fb)
    y = (g - 1.0 + torch.sqrt((1.0 - g) ** 2 + 4.0 * g * (1.0 + torch.exp(a)))) / (2.0 * g)
    np.testing.assert_allclose(softplus(u), torch.log(y), rtol=1e-10)
    np.testing.assert_allclose(u_I, torch.log(y) - fb, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(softplus(u)[:, 5], softplus(a[:, 5]) / 2.0, rtol=1e-10)


@pytest.mark.parametrize("a", [-2.0, 0.0, 1.0, 5.0])
def test_the_sign_of_the_change_is_that_of_the_feedback(a):
    fb = torch.linspace(-0.5, 0.5, 21, dtype=torch.float64)
    u, u_I = MicroCircuit().pair(a, fb)
    e = error(u, u_I)
    assert torch.equal(torch.sign(e[fb.abs() > 1e-9]), torch.sign(fb[fb.abs() > 1e-9])) and (e.diff() > 0).all()
    assert abs(float(e[10])) < 1e-12
    np.testing.assert_allclose(e, fb * torch.sigmoid(u), atol=1e-12)


def test_with_growing_drive_depression_turns_into_potentiation_at_a_threshold_that_slides():
    """Local rule under one fixed feedback: the crossing moves up with the usual inhibition, as in the BCM rule."""
    a, crossings = torch.linspace(-2.0, 6.0, 161, dtype=torch.float64), []
    for mean in (2.0, 3.0, 4.0):
        u, u_I = MicroCircuit().pair(a, 0.2)
        positive = error(u, u_I, LinearInverse(), torch.tensor(mean, dtype=torch.float64)) > 0
        crossings.append(float(softplus(u)[positive.int().argmax()]))
        assert not positive[0] and positive[-1] and int(positive.diff().sum()) == 1
    assert 0.2 < crossings[0] < crossings[1] < crossings[2] < 3.0
    assert (error(u, u_I) > 0).all()          # the exact rule knows no such threshold


def test_under_fixed_inhibition_the_threshold_is_the_inhibition_as_it_is_seen():
    u, mean = torch.linspace(-3.0, 6.0, 901, dtype=torch.float64), torch.tensor(1.5, dtype=torch.float64)
    for u_I in (0.5, 1.0, 3.0):
        seen = LinearInverse().potential(torch.tensor(u_I, dtype=torch.float64), mean)
        e = error(u, torch.tensor(u_I, dtype=torch.float64), LinearInverse(), mean)
        assert torch.equal(e > 0, softplus(u) > seen) and (e > 0).any() and (e < 0).any()


@pytest.mark.parametrize("mean", [0.3, 0.8, 4.0])
def test_the_local_rule_takes_the_tangent_of_the_inverse(mean):
    r = torch.tensor(mean, dtype=torch.float64, requires_grad=True)
    inverse = torch.log(torch.expm1(r))
    slope, = torch.autograd.grad(inverse, r)
    u_I = torch.tensor([-1.0, 0.5, 3.0], dtype=torch.float64)
    expected = inverse + slope * (softplus(u_I) - r)
    np.testing.assert_allclose(LinearInverse().potential(u_I, r.detach()), expected.detach(), rtol=1e-12)
    assert (LinearInverse().potential(u_I, r.detach()) >= ExactInverse().potential(u_I, r) - 1e-12).all()


# The network


def test_without_feedback_the_circuit_is_a_feedforward_network_of_half_softplus_units():
    x, _ = samples()
    circuit = net(circuit=LONG)
    circuit.biases = [torch.linspace(-1.0, 1.0, len(b), dtype=torch.float64) for b in circuit.biases]
    h, s = x, circuit.settle(x)
    for w, b, u, u_I in zip(circuit.weights, circuit.biases, s.u, s.u_I, strict=False):
        h = softplus(h @ w.T + b) / 2.0
        np.testing.assert_allclose(softplus(u), h, rtol=1e-10)
        np.testing.assert_allclose(u_I, h, rtol=1e-10)
    np.testing.assert_allclose(s.o, h @ circuit.weights[-1].T, rtol=1e-9, atol=1e-11)
    assert torch.equal(circuit.predict(x), s.o.argmax(1))


def test_feedback_is_the_jacobian_of_the_output_scaled_to_one():
    x, _ = samples(3)
    circuit = net()
    s = circuit.settle(x)
    w, found = circuit.weights, circuit.feedback(s)
    for k in range(3):
        u = [t[k] for t in s.u]

        def second(step, u=u):
            return w[2] @ softplus(u[1] + step)

        def first(step, u=u, second=second):
            return second(w[1] @ (softplus(u[0] + step) - softplus(u[0])))

        for layer, output in enumerate((first, second)):
            jacobian = torch.autograd.functional.jacobian(output, torch.zeros_like(u[layer]))
            jacobian = jacobian * torch.sigmoid(s.u_I[layer][k])
            np.testing.assert_allclose(found[layer][k], jacobian / jacobian.norm(), rtol=1e-10)
    mean = net(average_feedback=True).feedback(s)[0]
    assert torch.equal(mean[0], mean[2]) and not torch.equal(found[0][0], found[0][2])


def test_feedback_brings_the_output_to_the_target_and_the_settled_state_obeys_the_equations():
    x, labels = samples()
    circuit = net(circuit=LONG)
    opened, s = circuit.control(x, labels)
    right = torch.arange(len(x)), labels
    assert (torch.softmax(s.o, 1)[right] > torch.softmax(opened.o, 1)[right]).all()
    e = -torch.softmax(s.o, 1) + 0.005
    e[right] += 0.99 - 0.005
    c = 0.2 * e + 0.4 * s.z
    np.testing.assert_allclose(s.z, e, atol=1e-9)
    np.testing.assert_allclose(s.o, softplus(s.u[1]) @ circuit.weights[2].T + c, atol=1e-9)
    for u, u_I, b in zip(s.u, s.u_I, circuit.feedback(opened), strict=True):
        np.testing.assert_allclose(softplus(u) - u_I, torch.einsum("bc,bcn->bn", c, b), atol=1e-9)
    weights, biases, _ = circuit.descent(x, labels)
    np.testing.assert_allclose(weights[2], -(c.T @ softplus(s.u[1])) / len(x), atol=1e-9)
    expected = -torch.einsum("bn,bm->nm", (softplus(s.u[0]) - s.u_I[0]) * torch.sigmoid(s.u[0]), x) / len(x)
    np.testing.assert_allclose(weights[0], expected, atol=1e-12)
    np.testing.assert_allclose(biases[1], -((softplus(s.u[1]) - s.u_I[1]) * torch.sigmoid(s.u[1])).mean(0), atol=1e-12)


def test_without_a_controller_nothing_is_learnt():
    silent = net(circuit=MicroCircuit(k_p=0.0, k_i=0.0, open_time=1000.0, tolerance=1e-12))
    weights, biases, _ = silent.descent(*samples())
    assert max(float(t.abs().max()) for t in (*weights, *biases)) < 1e-9


def test_the_direction_agrees_with_that_of_backpropagation():
    x, labels = samples(50, seed=3)
    circuit = net((5, 8, 3))
    moved, _, _ = circuit.descent(x, labels)
    w = [t.clone().requires_grad_() for t in circuit.weights]
    loss = torch.nn.functional.cross_entropy((softplus(x @ w[0].T) / 2.0) @ w[1].T, labels)
    gradients = torch.autograd.grad(loss, w)
    assert all(torch.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.9
               for a, b in zip(moved, gradients, strict=True))


def test_learns_what_a_fixed_hidden_layer_cannot():
    x, labels = xor(100, 0)
    test, expected = xor(200, 1)
    right, circuit = {}, MicroCircuit(closed_time=200.0, tolerance=1e-4)
    for rule, hidden in ((ExactInverse(), True), (LinearInverse(), True), (ExactInverse(), False)):
        learner = DisInhibitoryNet((2, 6, 2), seed=1, rule=rule, circuit=circuit)
        assert len(learner.fit(x, labels, epochs=12, batch=25, rate=0.1, hidden=hidden)) == 12
        right[type(rule), hidden] = float((learner.predict(test).numpy() == expected).mean())
    assert right[ExactInverse, True] > 0.95 and right[LinearInverse, True] > 0.95
    assert right[ExactInverse, False] < 0.9


def test_frozen_hidden_layers_stay_and_a_seed_decides_everything():
    x, labels = samples(30)
    first, again, other = net(seed=5), net(seed=5), net(seed=6)
    before = [w.clone() for w in first.weights]
    assert first.fit(x, labels, epochs=2, batch=7) == again.fit(x, labels, epochs=2, batch=7)
    assert all(map(torch.equal, first.weights, again.weights)) and not torch.equal(first.weights[0], other.weights[0])
    assert not any(map(torch.equal, before, first.weights))
    before = [w.clone() for w in first.weights]
    first.fit(x, labels, epochs=1, hidden=False)
    assert [torch.equal(a, b) for a, b in zip(before, first.weights, strict=True)] == [True, True, False]


# Refusals


@pytest.mark.parametrize("field, value, message", [
    ("tau_I", 0.0, "is 0.0. It must be a finite number above 0"),
    ("tau_E", -1.0, "is -1.0"),
    ("tau_z", math.nan, "is nan"),
    ("k_i", -0.1, "at least 0"),
    ("closed_time", "long", "is 'long'"),
    ("target", 1.0, "is 1. A probability below 1"),
    ("dt", 2.6, r"2.6 ms is too coarse for tau_I \(5 ms\). At most 2.5 ms"),
])
def test_impossible_circuits(field, value, message):
    with pytest.raises(ModelError, match=rf"MicroCircuit\.{field}: {message if 'is' in message else '.*' + message}"):
        MicroCircuit(**{field: value})


@pytest.mark.parametrize("sizes", [(4, 2), (4, 0, 2), (4, 3, 1), (4, 2.5, 2), (4, "many", 2)])
def test_impossible_sizes(sizes):
    with pytest.raises(ModelError, match=r"DisInhibitoryNet\.sizes"):
        DisInhibitoryNet(sizes, seed=1)
    with pytest.raises(ModelError, match=r"DisInhibitoryNet\.seed: is None"):
        DisInhibitoryNet(TWO, seed=None)


X, Y = samples()


@pytest.mark.parametrize("x, labels, message", [
    (X[:, :4], Y, r"x has shape \(8, 4\)\. Right would be \[samples, 5\]"),
    (X[:0], Y[:0], "x has shape .* at least one sample"),
    (X.log(), Y, "x has values that are not finite"),
    ("pictures", Y, "x is no array of numbers"),
    (X, Y[:7], r"labels are torch.int64 of shape \(7,\)"),
    (X, Y.double(), "labels are torch.float64"),
    (X, Y + 1, r"labels are in 1\.\.3\. Right would be 0\.\.2"),
    (X, Y - 1, r"labels are in -1\.\."),
])
def test_data_that_do_not_fit(x, labels, message):
    with pytest.raises(DataError, match=rf"DisInhibitoryNet\.fit: {message}"):
        net().fit(x, labels, epochs=1)


@pytest.mark.parametrize("how", [{"epochs": 0}, {"epochs": 1, "batch": 0}, {"epochs": 1, "rate": -1.0},
                                 {"epochs": 1.5}, {"epochs": "many"}])
def test_impossible_schedules(how):
    with pytest.raises(RunError, match=r"DisInhibitoryNet\.fit: epochs, batch and rate are"):
        net().fit(X, Y, **how)


def test_numbers_that_explode_are_found_in_their_layer_and_step():
    circuit = DisInhibitoryNet(TWO, seed=1)
    circuit.biases[1] += math.inf
    with pytest.raises(RunError, match=r"hidden layer 1 is not finite after step 1 without feedback\. The weights"):
        circuit.fit(X, Y, epochs=1)
    circuit = DisInhibitoryNet(TWO, seed=1)
    circuit.weights[2] *= 3e38
    with pytest.raises(RunError, match=r"output is not finite after step \d+ without feedback"):
        circuit.predict(1e3 * X)
    with pytest.raises(RunError, match=r"MicroCircuit\.pair: a pair is not finite after step 1"):
        MicroCircuit().pair(math.inf, 0.0)


def test_a_silent_layer_gets_no_feedback():
    circuit = DisInhibitoryNet(TWO, seed=1)
    circuit.biases[0] -= 1e4
    assert all(torch.isfinite(t).all() for t in circuit.descent(X, Y)[0])


@pytest.mark.slow
def test_learns_digits_where_a_frozen_hidden_layer_does_not(data_dir):
    """1000 MNIST images of 7 x 7 pixels, 16 hidden pairs; half a minute."""
    train, test = mnist.load(folder=data_dir / "mnist")
    x, new = (torch.as_tensor(part.images[:1000] / 127.5).reshape(-1, 7, 4, 7, 4).mean((2, 4)).flatten(1)
              for part in (train, test))
    right = {}
    for rule, hidden in ((ExactInverse(), True), (LinearInverse(), True), (ExactInverse(), False)):
        learner = DisInhibitoryNet((49, 16, 10), seed=1, rule=rule, circuit=MicroCircuit(tolerance=1e-4))
        learner.fit(x, train.labels[:1000], epochs=12, batch=25, rate=3e-3, hidden=hidden)
        right[type(rule), hidden] = float((learner.predict(new).numpy() == test.labels[:1000]).mean())
    assert right[ExactInverse, True] > 0.75 and right[LinearInverse, True] > 0.7
    assert right[ExactInverse, False] < 0.55

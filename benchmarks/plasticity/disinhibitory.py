"""The dis-inhibitory circuit rule: the sign of plasticity, and what is learnt with it beside backpropagation.

What is measured
    pair        change at one excitatory-inhibitory pair over the feedback: sign and value at 0
    threshold   local rule at one feedback: excitatory activity at which depression turns into potentiation
    spikes      the same sign in a simulation with Poisson spikes, beside the mean-field value eta fb phi'(u) per spike
    digits      MNIST averaged to 7 x 7 pixels, each pixel standardised, 2000 training and 1000 test images: part right
                of the exact and the local rule, of frozen hidden layers, and of backpropagation through the same
                function (units log(1 + e^a) / 2, the same first weights) and through rectified units

This is not the setting of the paper (28 x 28 pixels, all images, layers of 256, 50 epochs): layers of 16 show quickly
whether hidden layers learn at all, since frozen ones of this size cannot do the task.

Run: python -m benchmarks.plasticity.disinhibitory [--quick] [--json]
"""
import argparse
import json
import statistics
import time

import numpy as np
import torch
from torch.nn.functional import cross_entropy, relu, softplus

import snn
from snn.circuits.disinhibitory import DisInhibitoryNet, ExactInverse, LinearInverse, MicroCircuit, error
from snn.datasets import mnist
from snn.errors import MissingFile
from snn.neurons import EIPair, PoissonSource
from snn.plasticity import DisInhibitory

COLUMNS = ("what", "case", "value", "lowest", "highest", "runs", "seconds")


def measure(*, seeds=3, quick=False):
    """Rows (dicts of text, numbers); ``quick``: a tenth of the data, batches of 20, 5 epochs, one seed and layer."""
    rows = [*pair(), *threshold(), *spikes(500.0 if quick else 10000.0)]
    try:
        data = digits(200 if quick else 2000, 100 if quick else 1000)
    except MissingFile as missing:
        return [*rows, {"what": "digits", "skipped": str(missing)}]
    for hidden in ((16,),) if quick else ((16,), (16, 16)):
        rows += learning(data, hidden, seeds=1 if quick else seeds, epochs=5 if quick else 25,
                         batch=20 if quick else 100)
    return rows


def pair():
    """Relative change of a weight onto one pair, over feedback from -0.5 to 0.5, at three drives."""
    fb = torch.arange(-10, 11, dtype=torch.float64) / 20
    for drive in (-1.0, 1.0, 4.0):
        e = error(*MicroCircuit().pair(drive, fb))
        if not torch.equal(torch.sign(torch.round(e, decimals=9)), torch.sign(fb)):
            yield {"what": "pair", "case": f"drive {drive:g}", "red": "a sign differs from that of the feedback"}
            continue
        for k in (0, 5, 10, 15, 20):
            yield {"what": "pair", "case": f"drive {drive:g}, feedback {float(fb[k]):g}", "value": float(e[k])}


def threshold():
    """Activity phi(u) at which the local rule turns from depression to potentiation under the feedback 0.2."""
    drive = torch.linspace(-2.0, 6.0, 801, dtype=torch.float64)
    u, u_I = MicroCircuit().pair(drive, 0.2)
    for mean in (0.8, 2.0, 3.0, 4.0):
        grows = error(u, u_I, LinearInverse(), torch.tensor(mean, dtype=torch.float64)) > 0
        turn = torch.nonzero(grows[1:] & ~grows[:-1]).flatten()
        case = f"usual inhibition {mean:g}" + ("" if len(turn) else ": potentiation first, no such threshold")
        yield {"what": "threshold", "case": case, "value": float(softplus(u[turn[0] + 1])) if len(turn) else None}


def spikes(duration, *, eta=1e-5, n=100):
    """Mean change per presynaptic spike over eta, beside feedback times mean phi'(u)."""
    fb = np.array([-0.4, -0.2, 0.0, 0.2, 0.4])
    net = snn.Network("pairs")
    pre, cells = net.add("pre", PoissonSource(rate=50.0), n), net.add("cells", EIPair(), len(fb))
    net.connect(pre, cells, snn.AllToAll(), port="delta", weight=0.01, delay=1.0, name="plastic",
                plasticity=DisInhibitory(eta=eta, tau=50.0, w_min=-1.0))
    net.drive(cells, snn.CurrentInput(np.full(len(fb), 1.0)), port="drive")
    net.drive(cells, snn.CurrentInput(fb), port="feedback")
    record = [snn.RecordSpikes("pre"), snn.RecordWeights("plastic"), snn.RecordState("cells", "u")]
    result = snn.simulate(net, duration, dt=1.0, seed=1, record=record, progress=False)
    change = result.weights["plastic"].data[-1].reshape(n, len(fb)) - 0.01
    per_spike = change.sum(0) / len(result.spikes["pre"]) / eta
    expected = fb * (1.0 / (1.0 + np.exp(-result.traces["cells", "u"].data))).mean(0)
    for f, value, e in zip(fb, per_spike, expected, strict=True):
        yield {"what": "spikes", "case": f"feedback {f:g}, expected {e:.4f}", "value": float(value)}


def digits(n_train, n_test):
    """``(x, labels, test x, test labels)``: 49 standardised pixels (by the training images alone)."""
    sets = [part.take(slice(0, n)) for part, n in zip(mnist.load(), (n_train, n_test), strict=True)]
    x, test = (torch.as_tensor(s.images / 255.0).reshape(-1, 7, 4, 7, 4).mean((2, 4)).flatten(1) for s in sets)
    mean, spread = x.mean(0), x.std(0) + 0.05     # the border is empty: 0.05 keeps it from being blown up
    return ((x - mean) / spread).float(), sets[0].labels, ((test - mean) / spread).float(), sets[1].labels


def learning(data, hidden, *, seeds, epochs, batch):
    """A row per method: median, lowest and highest part right of the test images, median seconds of a run."""
    schedule = {"epochs": epochs, "batch": batch, "rate": 3e-3}
    methods = {
        "exact rule": lambda net, x, y: net.fit(x, y, **schedule),
        "local rule": lambda net, x, y: net.fit(x, y, **schedule),
        "frozen hidden layers": lambda net, x, y: net.fit(x, y, hidden=False, **schedule),
        "backpropagation, same function": lambda net, x, y: backprop(net, x, y, lambda a: softplus(a) / 2, **schedule),
        "backpropagation, rectified": lambda net, x, y: backprop(net, x, y, relu, **schedule),
    }
    x, labels, test, expected = data
    for name, train in methods.items():
        right, seconds = [], []
        for seed in range(1, seeds + 1):
            rule = LinearInverse() if name == "local rule" else ExactInverse()
            net = DisInhibitoryNet((x.shape[1], *hidden, 10), seed=seed, rule=rule)
            begin = time.perf_counter()
            predict = train(net, x, labels)
            seconds.append(time.perf_counter() - begin)
            answers = predict(test) if callable(predict) else net.predict(test)
            right.append(float((answers.numpy() == expected).mean()))
        widths = "-".join(map(str, hidden))
        yield {"what": "digits", "case": f"{widths} {name}", "value": statistics.median(right), "lowest": min(right),
               "highest": max(right), "runs": seeds, "seconds": round(statistics.median(seconds), 2)}


def backprop(net, x, labels, unit, *, epochs, batch, rate):
    """Train a feedforward network from the first weights of ``net``; returns its ``predict``."""
    weights, biases = ([t.clone().requires_grad_() for t in ts] for ts in (net.weights, net.biases))

    def output(x):
        for w, b in zip(weights, biases, strict=False):
            x = unit(torch.addmm(b, x, w.T))
        return x @ weights[-1].T

    labels, draw = torch.as_tensor(labels), torch.Generator().manual_seed(1)
    low = (1 - net.circuit.target) / (net.sizes[-1] - 1)
    targets = low + (net.circuit.target - low) * torch.nn.functional.one_hot(labels, net.sizes[-1])
    optimiser = torch.optim.Adam([*weights, *biases], lr=rate)
    for _ in range(epochs):
        for part in torch.randperm(len(x), generator=draw).split(batch):
            optimiser.zero_grad()
            cross_entropy(output(x[part]), targets[part]).backward()
            optimiser.step()
    return lambda x: output(x).detach().argmax(1)


def table(rows):
    """The rows as an aligned text table."""
    from benchmarks.output import table as aligned

    return aligned(rows, COLUMNS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about ten seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(quick=options.quick)
    print("\n".join(json.dumps(row) for row in found) if options.json else table(found))

"""Units with company beside their theory: whitening, active dendrites, homeostasis, astrocytes.

``python -m benchmarks company [--part NAME,...]``. Nothing here is a time; every figure depends on the seeds alone. A
row has ``measured`` (mean), ``sd`` over seeds, and ``theory`` where there is one.
"""
import statistics

import numpy as np

from benchmarks.output import Report
from benchmarks.parts import add_part_arguments, chosen_parts

COLUMNS = ("part", "setting", "quantity", "measured", "sd", "theory", "seeds", "note")
PARTS = {}


def part(measure):
    """Registers ``measure(seeds, quick)``, which gives rows, under its name."""
    PARTS[measure.__name__] = measure
    return measure


def add_arguments(parser):
    add_part_arguments(parser, PARTS)
    parser.add_argument("--seeds", type=int, default=3, help="runs per row")


def main(options):
    """Returns 0."""
    if options.seeds < 1:
        raise ValueError(f"company.seeds: is {options.seeds}. At least 1 is expected.")
    names = chosen_parts(options.parts, PARTS, "company")
    with Report(COLUMNS, as_json=options.json, save=options.out) as report:
        for name in names:
            for found in PARTS[name](1 if options.quick else options.seeds, options.quick):
                mark = {"preliminary": True} if options.quick else {}
                report.add([{"part": name, **found, **mark}])
    return report.status


def row(setting, quantity, values, theory=None):
    """A row of figures over seeds."""
    values = [float(v) for v in np.atleast_1d(values)]
    sd = statistics.stdev(values) if len(values) > 1 else None
    kept = {"measured": statistics.mean(values), "sd": sd, "theory": None if theory is None else float(theory)}
    return {"setting": setting, "quantity": quantity, **{k: v if v is None else float(f"{v:.6g}")
                                                         for k, v in kept.items()}, "seeds": len(values)}


@part
def homeostasis(seeds, quick):
    """Online accuracy on MNIST while labels swap meanings, for three regulators of the learning rate.

    All 60,000 training images in 10 epochs (the source: 50); accuracy is taken before each batch is learnt, mean over
    epochs. Takes about 20 minutes.
    """
    from snn.circuits.homeostatic import Constant, Homeostatic, HomeostaticNet, LabelShift, RandomTake
    from snn.datasets import mnist
    from snn.errors import MissingFile
    try:
        train, _ = mnist.load()
    except MissingFile as missing:
        yield {"skipped": str(missing)}
        return
    n, epochs = (1000, 1) if quick else (60_000, 10)
    x, labels = train.images[:n].reshape(n, -1) / np.float32(255.0), train.labels[:n]
    for eta in (0.001, 0.01):
        for swaps in (0, 1, 4, 16):
            for regulator in (Constant(), RandomTake(), Homeostatic()):
                means, last, etas = [], [], []
                for seed in range(1, seeds + 1):
                    net, shift = HomeostaticNet(seed=seed, eta=eta, regulator=regulator), LabelShift(
                        swaps, classes=10, seed=seed)
                    right = [net.fit(x, shift(labels)).mean() for _ in range(epochs)]
                    means.append(np.mean(right))
                    last.append(right[-1])
                    etas.append(net.eta)
                setting = f"eta_0={eta:g} swaps={swaps} {type(regulator).__name__}"
                yield row(setting, "online accuracy", means)
                yield row(setting, "online accuracy, last epoch", last)
                yield row(setting, "learning rate at the end", etas)


@part
def whitening(seeds, quick):
    """Covariance error, the largest absolute eigenvalue of C_yy - I: closed form, gains adapted online, simulated."""
    from snn.circuits import AdaptiveWhitening, random_frame, regular_frame, whitening_gains
    samples = 1500 if quick else 30_000
    for n in (2, 4) if quick else (2, 4, 8, 16):
        exact, before, online = [], [], []
        for seed in range(1, seeds + 1):
            rng = np.random.default_rng(seed)
            q = np.linalg.qr(rng.normal(size=(n, n)))[0]
            c = (q * np.geomspace(0.4, 2.5, n)) @ q.T
            frame = regular_frame() if n == 2 else random_frame(n, seed=seed)
            exact.append(AdaptiveWhitening(frame, gains=whitening_gains(c, frame)).error(c))
            circuit = AdaptiveWhitening(frame)
            before.append(circuit.error(c))
            x = rng.multivariate_normal(np.zeros(n), c, samples).reshape(3, -1, n)
            for eta, some in zip((1e-2, 2e-3, 4e-4), x, strict=True):
                circuit.adapt(some, eta=eta)
            online.append(circuit.error(c))
        setting = f"n={n} interneurons={n * (n + 1) // 2}"
        yield row(setting, "covariance error before", before)
        yield row(setting, "covariance error, closed form", exact, 0.0)
        yield row(setting, f"covariance error, {samples} samples online", online, 0.0)
    yield row("n=2, dt 0.1 ms, 100 ms", "distance of the simulated network from rest", _simulated(), 0.0)


def _simulated():
    import snn
    from snn.circuits import AdaptiveWhitening, regular_frame, whitening_gains
    c, x = np.array([[2.0, 0.8], [0.8, 1.0]]), np.array([1.0, -2.0])
    circuit = AdaptiveWhitening(regular_frame(), gains=whitening_gains(c, regular_frame()))
    y = snn.simulate(circuit.network(x), 100.0, dt=0.1, seed=1, progress=False,
                     record=[snn.RecordState("principal", "r")]).traces["principal", "r"].data[-1]
    return np.abs(y - circuit.respond(x)).max()


@part
def gain_control(seeds, quick):
    """A ring that adapts to one orientation, with recurrent synapses and without."""
    from snn.circuits import GainControl
    for name, ring in (("recurrent", GainControl()), ("without recurrence", GainControl(excitation=0.0,
                                                                                      inhibition=0.0))):
        k, shown = ring.n // 2, ring.ensemble(weight=0.5)
        gains = [ring.adapt(ring.ensemble(weight=w)) for w in (0.0, 0.5)]
        r = [ring.responses(g) for g in gains]
        away = (ring.angles - ring.angles[k] + np.pi / 2) % np.pi - np.pi / 2
        moved = (ring.peaks(r[1]) - ring.peaks(r[0]) + np.pi / 2) % np.pi - np.pi / 2
        near = (np.abs(away) > 0.01) & (np.abs(away) < np.pi / 4)
        others = ~np.eye(ring.n, dtype=bool)
        for label, g, one in zip(("before", "adapted"), gains, r, strict=True):
            yield row(name, f"gain at the adapter, {label}", g[k])
            yield row(name, f"response to the adapter, {label}", one[k, k])
            yield row(name, f"mean |correlation|, {label}", np.abs(ring.correlation(one, shown)[others]).mean())
        yield row(name, "repulsion within 45 degrees, degrees", np.degrees((np.sign(away) * moved)[near]).mean())


@part
def dendrites(seeds, quick):
    """False matches: the formula over n, active, synapses and threshold, drawn, and simulated; missed patterns."""
    from snn.circuits import false_match, missed_match
    for n, active, synapses in ((2048, 40, 20), (4000, 128, 24), (6000, 128, 30), (16000, 512, 24)):
        for theta in (4, 8, 10, 12, 16):
            yield row(f"n={n} active={active} synapses={synapses} theta={theta}", "false match (formula)",
                      false_match(n, active, synapses, theta))
            yield row(f"active={active} synapses={synapses} theta={theta}", "missed, half of the pattern lost",
                      missed_match(active, synapses, theta, lost=active // 2))
    trials = 20_000 if quick else 200_000
    overlaps = [_drawn_overlaps(seed, trials) for seed in range(1, seeds + 1)]
    for theta in (1, 2, 3, 4, 5, 6):
        yield row(f"n=300 active=30 synapses=10 theta={theta}, {trials} draws", "false match",
                  [(one >= theta).mean() for one in overlaps], false_match(300, 30, 10, theta))
    for theta in (2, 3, 4, 5):
        found = [_simulated_matches(theta, seed, 20 if quick else 400) for seed in range(1, seeds + 1)]
        yield row(f"n=300 active=30 synapses=10 theta={theta}, simulated", "false match", found,
                  false_match(300, 30, 10, theta))


def _drawn_overlaps(seed, trials):
    """How many of 10 synapses are among 30 active of 300 cells, in random patterns."""
    draw = np.random.default_rng(seed)
    return np.concatenate([(draw.random((2000, 300)).argpartition(30, axis=1)[:, :30] < 10).sum(1)
                           for _ in range(trials // 2000)])


def _simulated_matches(theta, seed, trials):
    import snn
    from snn.circuits import SegmentBank, random_patterns
    from snn.neurons import DendriticSegment
    bank = SegmentBank(300, cells=10, threshold=theta)
    bank.store(random_patterns(100, 300, 10, seed=seed), owner=np.arange(100) % 10, synapses=10)
    net = bank.network(random_patterns(trials, 300, 30, seed=1000 + seed), every=10.0,
                       segment=DendriticSegment(theta=theta, t_nmda=5.0, tau_s=1.0))
    spikes = snn.simulate(net, 10.0 * trials, dt=1.0, seed=1, progress=False,
                          record=[snn.RecordSpikes("segments")]).spikes["segments"]
    return len(spikes) / (100 * trials)


@part
def astrocyte(seeds, quick):
    """copy(delay) with units that have an astrocyte (AM-SU) and without, at equal numbers of parameters."""
    from benchmarks.astrocyte_tasks import DELAYS, copy, kinds
    for delay in DELAYS[:1] if quick else DELAYS:
        for kind in kinds(1):
            found = [copy(kind, delay, seed, 5 if quick else 600) for seed in range(1, seeds + 1)]
            yield row(f"delay={delay} {kind}, {found[0][1]} parameters", "bits right", [right for right, _ in found])


@part
def characters(seeds, quick):
    """The next character of a text, by the same units. Takes several minutes."""
    from benchmarks.astrocyte_tasks import characters as learn
    from benchmarks.astrocyte_tasks import kinds
    from snn.errors import MissingFile
    for kind in kinds(1):
        try:
            found = [learn(kind, seed, 2 if quick else 600) for seed in range(1, seeds + 1)]
        except MissingFile as missing:
            yield {"skipped": str(missing)}
            return
        yield row(f"{kind}, {found[0][1]} parameters", "bits per character", [bits for bits, _ in found])

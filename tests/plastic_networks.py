"""Small plastic networks that every engine must run alike, and how they are run and compared."""
import numpy as np
from networks import assert_same, spread
from rule_runs import trains
from rule_values import with_fields

import snn
from snn import plasticity
from snn.neurons import LIF, ClopathAdEx, EIPair, SpikeSource
from snn.rule import rules_of
from snn.rule_graph import trace_rule

DT = 0.5
DURATION = 12.0
DELAYS = snn.Choice((1.0, 2.5))
LAST_PLACE = {"PowerLawSTDP", "DisInhibitory", "ThresholdDisInhibitory"}
"""Rules that use pow or log, which come from the C library: equal but for the last places."""
FIELDS = {
    "SynapticScaling": {"tau": 200.0, "tau_rate": 50.0},
    "StructuralPlasticity": {"threshold": 0.3, "w_new": 0.6},
    "WeightNormalisation": {"target": 4.0},
    "SubtractiveNormalisation": {"target": 4.0},
}
ENGINES = {
    "reference": snn.Reference(),
    "event1": snn.EventDriven(threads=1),
    "event2": snn.EventDriven(threads=2),
    "event3": snn.EventDriven(threads=3),
    "event1 float32": snn.EventDriven(threads=1, dtype="float32"),
    "event2 float32": snn.EventDriven(threads=2, dtype="float32"),
    "clocked": snn.Clocked(dtype="float64"),
    "clocked float32": snn.Clocked(dtype="float32"),
}


def quick(name, **fields):
    """A rule of the catalogue with values that make it act within some 10 ms."""
    return with_fields(getattr(plasticity, name), **{"every": 6.0, **FIELDS.get(name, {}), **fields})


def several(*names):
    return [quick(name) for name in names]


def modulated(rules):
    return any(trace_rule(r, DT).uses_modulator for r in rules_of(rules, "rules"))


def plastic(rules, dendritic=None, modulator=None):
    """The rules with a modulator where they need one."""
    if modulator is None and modulated(rules):
        modulator = snn.Modulator(0.02)
    return snn.Plastic(rules, dendritic=dendritic, modulator=modulator)


def weights_for(rules):
    """First weights over the whole range of the bounds that all rules share."""
    bounds = [r.bounds() for r in rules_of(rules, "rules")]
    low = max([b for b, _ in bounds if b is not None], default=0.0)
    high = min([b for _, b in bounds if b is not None], default=1.0)
    return snn.Uniform(low, min(high, low + 2.0))


def given_spikes(n=30, duration=DURATION, count=80, seed=7):
    """Spikes off the grid; neuron 2 has three in one step, neuron 3 two."""
    rng = np.random.default_rng(seed)
    times = np.concatenate([rng.uniform(0.0, duration, count), [0.0, 5.1, 5.2, 5.3, 5.1, 5.2, 9.1, 9.2]])
    ids = np.concatenate([rng.integers(0, n, count), [1, 2, 2, 2, 3, 3, 2, 2]])
    return SpikeSource(snn.Spikes(times, ids, n, duration))


def noisy_cells(net, rules, n):
    """A population that fires under noise, and whose states the rules can read."""
    wanted = {name for r in rules_of(rules, "rules") for name in r.Reads._fields}
    if "u_I" in wanted:
        a = net.add("a", EIPair(rate=60.0), n)
        net.drive(a, snn.CurrentInput(spread(n, 0.0, 3.0)), port="drive")
    elif "v" in wanted:
        a = net.add("a", ClopathAdEx(), n, init={"v": snn.Uniform(-70.0, -50.0)})
        net.drive(a, snn.CurrentInput(spread(n, 500.0, 2500.0)), port="current")
        net.drive(a, snn.PoissonInput(rate=800.0, weight=2.0), port="delta")
    else:
        a = net.add("a", LIF(V_th=-60.0), n, init={"v": snn.Uniform(-70.0, -60.0)})
        net.drive(a, snn.CurrentInput(spread(n, 60.0, 160.0)), port="current")
        net.drive(a, snn.PoissonInput(rate=1000.0, weight=1.0), port="delta")
    return a


def recurrent(rules, *, n=600, dendritic=None, modulator=None, delay=DELAYS):
    """Given spikes onto noisy neurons and a recurrent projection between slices that overlap, both plastic.

    The slices begin and end off the chunks that threads own; there are self connections and multiple edges.
    """
    net = snn.Network("recurrent")
    given = net.add("given", given_spikes(), 30)
    a = noisy_cells(net, rules, n)
    both = plastic(rules, dendritic, modulator)
    start = weights_for(rules)
    net.connect(given, a, snn.FixedOutDegree(n // 12), port="delta", weight=start, delay=1.0, name="in",
                plasticity=plastic(rules, modulator=both.modulator))
    net.connect(a[n // 16 : n // 2 + 37], a[n // 3 : n - 10], snn.FixedInDegree(8, multi_edges=True), port="delta",
                weight=start, delay=delay, name="rec", plasticity=both)
    return net


def teach(rules, *, n_pre=12, n_post=20, count=25, duration=200.0, seed=3, dendritic=None, delay=2.0, modulator=None,
          silent=(60.0, 150.0), dt=DT, w=None):
    """Given spikes on both sides of an all-to-all projection "plastic"; half of the rows pause in ``silent``."""
    rng, net = np.random.default_rng(seed), snn.Network("teach")

    def side(n, pauses):
        times = [np.unique(np.round(rng.uniform(2 * dt, duration - 10 * dt, count) / dt)) * dt for _ in range(n)]
        return [t[(t < silent[0]) | (t > silent[1])] if pauses and k % 2 else t for k, t in enumerate(times)]

    pre, post = side(n_pre, True), side(n_post, False)
    source = net.add("pre", SpikeSource(trains(pre, duration)), n_pre)
    teacher = net.add("teacher", SpikeSource(trains([t - dt for t in post], duration)), n_post)
    cells = net.add("post", LIF(V_th=5e5, V_reset=0.0, E_L=0.0, t_ref=0.0), n_post)
    net.connect(teacher, cells, snn.OneToOne(), port="delta", weight=1e6, delay=dt)
    net.connect(source, cells, snn.AllToAll(), port="delta", weight=weights_for(rules) if w is None else w,
                delay=delay, name="plastic", plasticity=plastic(rules, dendritic, modulator))
    return net, pre, post


def run(net, engine, duration=DURATION, *, every=6.0, dt=DT, projections=None, **options):
    """Simulate with all spikes and the weights of the plastic projections recorded."""
    names = projections or [name for name, q in net.projections.items() if q.plasticity is not None]
    record = [*(snn.RecordSpikes(p) for p in net.populations), *(snn.RecordWeights(p, every=every) for p in names)]
    options = {"record": record, "seed": 3, "progress": False, **options}
    return snn.simulate(net, duration, dt=dt, engine=engine, **options)


def assert_equal(a, b):
    """Spikes and recorded weights are equal bit for bit."""
    assert_same(a, b)
    assert set(a.weights) == set(b.weights)
    for name, mine in a.weights.items():
        other = b.weights[name]
        np.testing.assert_array_equal(mine.data, other.data, err_msg=name, strict=True)
        assert mine.data.tobytes() == other.data.tobytes(), f"sign of a zero in {name}"


def assert_near(a, b, **tolerance):
    """The same spikes, and weights within the tolerance."""
    assert_same(a, b, traces=False)
    for name, mine in a.weights.items():
        np.testing.assert_allclose(mine.data, b.weights[name].data, err_msg=name, **tolerance)


def assert_same_projections(a, b):
    """Everything that two checkpoints hold of their plastic projections is equal bit for bit."""
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].keys() == b[name].keys()
        for key, mine in a[name].items():
            np.testing.assert_array_equal(mine, b[name][key], err_msg=f"{name}/{key}")


def moved(result):
    """How far the weights moved from their first sample, per projection."""
    return {name: float(np.abs(w.data[-1] - w.data[0]).max()) for name, w in result.weights.items()}

"""What one pair of spikes does, rule by rule, in the compiled engine: against closed forms, experiments and NEST.

Rows
    window     largest deviation from the closed form over all lags, in units of the largest change; the lag is that of
               the arrivals at the synapse, wherever the delay lies. Spikes that meet in one step are among them.
    triplet    relative change after 60 pairs of the triplet rule with the parameters for visual cortex, beside the
               experiment and its standard error, at five rates and two lags; E: mean squared deviation in errors
    NEST       largest deviation of final weights from those of NEST 3.10 for the same spikes (``tests/fixtures/nest``)

Sources: P. J. Sjostrom, G. G. Turrigiano, S. B. Nelson (2001), Neuron 32:1149-1164 and the error E of fit as J.-P.
Pfister and W. Gerstner (2006), J. Neurosci. 26:9673-9682, give them.
"""
import numpy as np

from benchmarks import output

W0, WIDE = 0.5, {"w_min": -10.0, "w_max": 10.0}
RATES, LAGS = (0.1, 10.0, 20.0, 40.0, 50.0), (10.0, -10.0)
CORTEX = np.array([[-0.04, 0.14, 0.29, 0.53, 0.56], [-0.29, -0.41, -0.34, 0.56, 0.75]])
CORTEX_ERROR = np.array([[0.05, 0.10, 0.14, 0.11, 0.26], [0.08, 0.11, 0.10, 0.32, 0.19]])
PUBLISHED_E = {False: 0.33, True: 0.34}
TOLERANCE = 1e-11
COLUMNS = {"window": ("rule", "delay", "lags", "largest_change", "deviation"),
           "triplet": ("rule", "lag_ms", "rate_hz", "ours", "experiment", "error", "E", "E_published"),
           "NEST": ("rule", "synapses", "spikes", "largest_change", "deviation")}


def measure(*, seeds=3, quick=False):
    """Rows as above. ``seeds`` is not used: all spikes are given, NEST's with five seeds."""
    check_engine()
    for part in (windows, triplet, against_nest):
        for row in part(quick):
            yield {**row, **({"preliminary": True} if quick else {})}


def table(rows):
    parts = {what: [row for row in rows if row["what"] == what] for what in COLUMNS}
    return "\n\n".join(f"{what}\n{output.table(part, COLUMNS[what])}" for what, part in parts.items() if part)


def check_engine():
    """RuntimeError where the compiled engine does not give the reference's weights bit for bit."""
    import snn
    from snn.plasticity import PairSTDP, TripletSTDP
    pre, post = [[20.0, 31.0, 40.2]] * 2, [[22.0, 35.0], [18.0, 39.0, 39.2]]
    for rule in (PairSTDP(), TripletSTDP()):
        ours, truth = (weights_after(rule, pre, post, dt=0.2, engine=e) for e in (snn.EventDriven(), snn.Reference()))
        if not (np.array_equal(ours, truth) and np.ptp(ours)):
            raise RuntimeError(f"{type(rule).__name__}: the compiled engine gives {ours}, the reference {truth}")


def weights_after(plasticity, pre, post, *, dt, w=W0, delay=1.0, engine=None):
    """Weights [synapses] of one synapse per train of ``pre`` and ``post`` (spike times in ms of its two neurons)."""
    import snn
    from snn.neurons import LIF, SpikeSource
    n, strong = len(pre), 1e6
    last = max(t[-1] for t in (*pre, *post))
    duration = round((last + 2 * delay + 2 * dt) / dt) * dt
    net = snn.Network("pairs")
    source = net.add("pre", SpikeSource(as_spikes(pre, duration)), n)
    teacher = net.add("teacher", SpikeSource(as_spikes([np.asarray(t) - dt for t in post], duration)), n)
    cells = net.add("post", LIF(V_th=strong / 2, V_reset=0.0, E_L=0.0, t_ref=0.0), n)
    net.connect(teacher, cells, snn.OneToOne(), port="delta", weight=strong, delay=dt)
    net.connect(source, cells, snn.OneToOne(), port="delta", weight=w, delay=delay, name="plastic",
                plasticity=plasticity)
    result = snn.simulate(net, duration, dt=dt, engine=engine or snn.EventDriven(), progress=False,
                          record=[snn.RecordSpikes("post"), snn.RecordWeights("plastic")])
    if len(result.spikes["post"]) != sum(len(t) for t in post):
        raise RuntimeError(f"{len(result.spikes['post'])} postsynaptic spikes where {sum(map(len, post))} were forced")
    return result.weights["plastic"].data[-1]


def as_spikes(trains, duration):
    import snn
    times = np.concatenate([np.asarray(t, float) for t in trains])
    ids = np.repeat(np.arange(len(trains)), [len(t) for t in trains])
    order = np.argsort(times, kind="stable")
    return snn.Spikes(times[order], ids[order], len(trains), duration)


# -- windows
def exponential(amount, tau):
    return lambda lag: amount * np.exp(-np.abs(lag) / tau)


def closed_forms():
    """``{name: (rule, change where post is later, change where pre is later, change where they meet)}``."""
    from snn import plasticity as p
    a = {"A_plus": 0.01, "A_minus": 0.012, "tau_plus": 16.8, "tau_minus": 33.7}
    up, down = exponential(0.01, 16.8), exponential(-0.012, 33.7)
    soft = p.MultiplicativeSTDP(**a, mu_plus=0.4, mu_minus=0.4)
    bounded = exponential(0.01 * (1 - W0) ** 0.4, 16.8), exponential(-0.012 * W0**0.4, 33.7)
    power = exponential(0.01 * W0**0.4, 16.8), exponential(-0.012 * W0, 33.7)
    hat = lambda lag: exponential(0.02, 10.0)(lag) - exponential(0.012, 33.7)(lag)  # noqa: E731
    pairs = {"additive": p.PairSTDP(**a), "nearest, symmetric": p.NearestSTDP(**a),
             "nearest, presynaptic": p.PresynapticCentredSTDP(**a), "nearest, reduced": p.ReducedSymmetricSTDP(**a)}
    vogels = exponential(0.01, 20.0)
    return {
        **{name: (rule, up, down, down(0.0)) for name, rule in pairs.items()},
        "between additive and multiplicative": (soft, *bounded, bounded[1](0.0)),
        "power law": (p.PowerLawSTDP(**a), *power, power[1](0.0)),
        "triplet, of one pair": (p.TripletSTDP(A2_plus=0.01, A2_minus=0.012), up, down, down(0.0)),
        "anti-Hebbian": (p.AntiHebbianSTDP(**a), exponential(-0.012, 33.7), exponential(0.01, 16.8), 0.01),
        "symmetric": (p.SymmetricSTDP(A_plus=0.02, A_minus=0.012, tau_plus=10.0, tau_minus=33.7), hat, hat, hat(0.0)),
        "inhibitory": (p.VogelsSprekeler(eta=0.01, rho_0=5.0, tau=20.0), *(
            lambda lag: vogels(lag) - 0.01 * 0.2,) * 2, 0.01 * (1.0 - 0.2)),
    }


def windows(quick):
    import snn
    lags = np.array([*np.arange(-100.0, 100.5, 10.0 if quick else 1.0), 0.1, 0.5, -0.1, -0.5])
    for name, (rule, later, earlier, meeting) in closed_forms().items():
        want = np.where(np.abs(lags) < 0.05, meeting, np.where(lags > 0, later(lags), earlier(lags)))
        # The part behind the synapse delays what comes back from the soma, the part before it what goes there.
        for where, axonal, dendritic in (("dendritic", 0.0, 1.0), ("axonal and dendritic", 0.6, 0.4)):
            post = [[200.0 + axonal - dendritic + lag] for lag in lags]
            got = weights_after(snn.Plastic(rule, dendritic=dendritic), [[200.0]] * len(lags), post, dt=0.1) - W0
            largest = np.abs(want).max()
            yield green({"what": "window", "rule": name, "delay": where, "lags": len(lags), "largest_change": largest,
                         "deviation": np.abs(got - want).max() / largest})


def green(row):
    """The row with its figures as they are printed; RuntimeError where it deviates by more than float noise."""
    if row["deviation"] > TOLERANCE:
        raise RuntimeError(f"{row['what']} of {row['rule']}: deviates by {row['deviation']:.3g}")
    return {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in row.items()}


# -- triplet rule
def sixty_pairs(rate, lag):
    """``(pre, post)`` in ms: 60 pairs at ``rate`` Hz, the postsynaptic spike ``lag`` later at the synapse."""
    pre = 200.0 + np.arange(60) * 1000.0 / rate
    return pre, pre + lag - 1.0


def triplet(quick):
    from snn.plasticity import TripletSTDP
    pre, post = zip(*(sixty_pairs(rate, lag) for lag in LAGS for rate in RATES), strict=True)
    for minimal in (False, True):
        rule = TripletSTDP.visual_cortex(minimal=minimal, **WIDE)
        ours = weights_after(rule, pre, post, w=1.0, dt=0.5).reshape(CORTEX.shape) - 1.0
        name = "minimal" if minimal else "full"
        for at in np.ndindex(CORTEX.shape):
            yield {"what": "triplet", "rule": name, "lag_ms": LAGS[at[0]], "rate_hz": RATES[at[1]],
                   "ours": round(float(ours[at]), 3), "experiment": CORTEX[at], "error": CORTEX_ERROR[at]}
        fit = np.mean(((ours - CORTEX) / CORTEX_ERROR) ** 2)
        yield {"what": "triplet", "rule": name, "E": round(float(fit), 3), "E_published": PUBLISHED_E[minimal]}


# -- NEST
def against_nest(quick):
    from benchmarks.plasticity import nest_rules as nest
    groups = (nest.ONE_PAIR, nest.REGULAR, nest.POISSON, nest.MEETING)
    for name in nest.RULES:
        rule, meta, weights = nest.rule_of(name)
        found, changes, spikes, synapses = [], [], 0, 0
        # Spikes that meet are one pair for this rule, and none in NEST.
        chosen = groups[:3] if name == "vogels" else groups
        for delay in (10, 30):
            t = nest.trains(chosen, delay)
            dt, last = meta["dt"], np.flatnonzero(np.diff(t.column, append=-1))
            trains = ([np.flatnonzero(z) * dt for z in side.T] for side in (t.pre, t.post))
            got = weights_after(rule, *trains, dt=dt, w=meta["w"], delay=delay * dt)
            found.append(np.abs(got - weights[t.at][last]).max())
            changes.append(np.abs(weights[t.at][last] - meta["w"]).max())
            spikes, synapses = spikes + int(t.pre.sum() + t.post.sum()), synapses + len(last)
        yield green({"what": "NEST", "rule": name, "synapses": synapses, "spikes": spikes,
                     "largest_change": max(changes), "deviation": max(found) / max(changes)})

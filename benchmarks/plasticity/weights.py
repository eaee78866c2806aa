"""Weights of 1,000 plastic inputs of one neuron after 100 s of Poisson drive: ours against NEST's with the same rule.

Song, Miller and Abbott's (2000) setting with exponential synaptic currents: additive STDP drives the weights to the two
bounds, the multiplicative and the power-law rule leave one hump. NEST's distributions are recorded
(``tests/fixtures/nest/plasticity_weights``), five seeds per rule; spikes, seeds and first weights differ, so that
statistics are compared: mean, standard deviation, quantiles, share near the bounds and output rate as means over
seeds with their standard errors (``z``: difference in standard errors of the difference), and the Kolmogorov-Smirnov
distance of the pooled weights beside the distances between single seeds within NEST.
"""
import numpy as np

from benchmarks import output
from benchmarks.plasticity import nest_rules
from benchmarks.stats import Agreement

COLUMNS = ("rule", "statistic", "ours", "nest", "standard_error", "z", "seeds", "note")
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
LIMIT = 5.0
"""Standard errors beyond which a row is red; 30 statistics of about 11 degrees of freedom: 1 % by chance."""


def measure(*, seeds=3, quick=False):
    """A row per rule and statistic. ``seeds``: ours, at least 8 (a run takes seconds); ``quick``: 3, rows say so."""
    seeds = 3 if quick else max(seeds, 8)
    meta, nest = recorded()
    for name in nest:
        ours = [simulate(name, meta, seed) for seed in range(1, seeds + 1)]
        for row in compare(ours, nest[name]):
            yield {"rule": name, **row, "seeds": f"{seeds} + {len(nest[name])}",
                   **({"preliminary": True} if quick else {})}


def table(rows):
    return output.table(rows, COLUMNS)


def recorded():
    """``(meta, {rule: [(sorted weights in pA, rate in Hz), ...]})`` of NEST, one per seed."""
    meta, arrays = nest_rules.read("weights", "plasticity_weights")
    runs = {}
    for name in ("additive", "multiplicative", "power_law"):
        rates = arrays[f"{name}_n"][:, 1] / (meta["duration"] / 2000.0)
        runs[name] = list(zip(arrays[name] * meta[name]["unit"], rates, strict=True))
    return meta, runs


def learner(name, meta, seed):
    """The network of the recorded runs: Poisson sources onto one neuron with inhibition."""
    import snn
    from snn.neurons import CubaLIF, PoissonSource
    p, drive, rule = meta["neuron"], meta["drive"], meta[name]
    n, low_high = drive["inputs"], rule["first"]
    cell = CubaLIF(tau_exc=p["tau_syn_ex"], tau_inh=p["tau_syn_in"],
                   **{k: p[k] for k in ("C_m", "tau_m", "E_L", "V_th", "V_reset", "t_ref")})
    net = snn.Network("weights")
    inputs = net.add("inputs", PoissonSource(rate=drive["rate"]), n)
    cells = net.add("cell", cell, 1)
    first = np.random.default_rng(1000 + seed).uniform(*low_high, n)
    net.connect(inputs, cells, snn.AllToAll(), port="exc", weight=first, delay=meta["delay"], name="plastic",
                plasticity=nest_rules.RULES[name](rule["synapse"], {"tau_minus": p["tau_minus"]}))
    inhibition = snn.PoissonInput(rate=drive["inhibitory"] * drive["inhibitory_rate"],
                                  weight=drive["inhibitory_weight"])
    net.drive(cells, inhibition, port="inh")
    return net


def simulate(name, meta, seed):
    """``(sorted weights, rate in the second half in Hz)`` of one run."""
    import snn
    duration = meta["duration"]
    result = snn.simulate(learner(name, meta, seed), duration, dt=meta["dt"], seed=seed, engine=snn.EventDriven(),
                          record=[snn.RecordSpikes("cell"), snn.RecordWeights("plastic")], progress=False)
    late = np.count_nonzero(result.spikes["cell"].times > duration / 2)
    return np.sort(result.weights["plastic"].data[-1]), late / (duration / 2000.0)


def statistics(run, low, high):
    """``{name: value}`` of one run; ``low`` and ``high``: within this distance of the ends of the range is near."""
    w, rate = run
    return {"mean": w.mean(), "standard deviation": w.std(), "rate [Hz]": rate,
            "share near 0": (w < low).mean(), "share near the top": (w > high).mean(),
            **{f"quantile {q:g}": np.quantile(w, q) for q in QUANTILES}}


def compare(ours, nest):
    """Rows of statistics, ours and NEST's, with standard errors; ``ours``, ``nest``: lists of runs."""
    top = max(w[-1] for w, _ in nest)
    each = [[statistics(run, 0.1 * top, 0.9 * top) for run in runs] for runs in (ours, nest)]
    for key in each[0][0]:
        a = Agreement.of(*([s[key] for s in side] for side in each))
        z = a.difference / a.standard_error if a.standard_error else 0.0
        row = {"statistic": key, "ours": a.ours, "nest": a.theirs, "standard_error": a.standard_error, "z": z}
        yield {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in row.items()} | (
            {"red": f"{z:.1f} standard errors apart"} if z > LIMIT else {})
    yield ks_row(ours, nest)


def ks_row(ours, nest):
    """Kolmogorov-Smirnov distances, means over pairs: of a seed of ours from one of NEST's, and of two of NEST's."""
    between = [distance(a, b) for a, _ in ours for b, _ in nest]
    within = [distance(a, b) for k, (a, _) in enumerate(nest) for b, _ in nest[:k]]
    row = {"statistic": "KS distance of two seeds", "ours": np.mean(between), "nest": np.mean(within),
           "standard_error": np.std(within) / np.sqrt(len(nest))}
    return {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in row.items()}


def distance(a, b):
    """Kolmogorov-Smirnov distance of two samples: the largest difference of their distribution functions."""
    at = np.concatenate([a, b])
    shares = [np.searchsorted(np.sort(x), at, side="right") / len(x) for x in (a, b)]
    return float(np.abs(shares[0] - shares[1]).max())

"""Time of Brunel's network with STDP on all synapses among excitatory neurons, beside NEST, Brian2 and no learning.

12,500 neurons, in-degree 1,250, one thread, dt 0.1 ms, 100 ms untimed (but learning) and 200 ms timed. Every side makes
a network per seed; the sides take their runs in turns. First our spikes and weights must equal the reference's; then
rate, CV of ISI, mean and standard deviation of the weights must agree with those of the side compared with.
"""
import contextlib
import statistics
import sys

from benchmarks import output
from benchmarks.environments import missing, peers_dir
from benchmarks.physics import PHYSICS
from benchmarks.plasticity.equality import disagreements, reference_difference
from benchmarks.plasticity.sides import ONE_EACH, STATIC, PlasticSide, sides_of
from benchmarks.registry import OURS, chosen_peers
from benchmarks.runner import Sitting, Worker
from benchmarks.simulation import MORE_SEEDS, median_or_none

RULES = {"additive": 15.0, "multiplicative": 3.0}
"""Rule -> how many times faster than the faster peer we want to be. The second does not allow the lazy form."""
STATIC_GOAL = 2.5
FULL = {"n": 12500, "warm": 100.0, "duration": 200.0}
QUICK = {"n": 1000, "warm": 50.0, "duration": 100.0}
ENOUGH_RUNS = 5
MEANS = ("cv_isi", "w_mean", "w_sd", "w_change")
COLUMNS = ("rule", "what", "peer", "delay", "precision", "run_s", "build_s", "compile_s", "rate_hz", "cv_isi", "w_mean",
           "w_sd", "ratio", "ratio_float32", "range", "goal", "met", "note")


def measure(*, seeds=3, quick=False, runs=5, peers="nest,brian2-cpp", peers_dir=None):
    """Rows of all sides of both rules, and behind them those of the goals. ``seeds`` is not used: a run is a seed."""
    for rule in RULES:
        check(f"brunel-{rule}")
    job = {**(QUICK if quick else FULL), "dt": 0.1, "threads": 1, "runs": runs}
    for rule in RULES:
        yield from measure_rule(rule, [] if quick else chosen_peers(peers), job, peers_dir)


def check(model):
    """RuntimeError where our engine in double precision is not the reference, bit for bit."""
    import snn
    for dendritic in (None, 0.0):
        if (red := reference_difference(model, engine=snn.EventDriven(threads=1), dendritic=dendritic)) is not None:
            raise RuntimeError(f"{model}, dendritic delay {dendritic}: {red}")


def measure_rule(rule, peers, job, folder):
    folder = peers_dir(folder)
    absent = {peer: reason for peer in peers if (reason := missing(peer.environment, folder))}
    sides = sides_of(rule, [peer for peer in peers if peer not in absent])
    with contextlib.ExitStack() as stack:
        workers = {side: stack.enter_context(Worker(side, {**job, "model": side.model}, folder)) for side in sides}
        sitting = Sitting(workers, say=lambda text: print(text, file=sys.stderr, flush=True))
        sitting.collect(sides, job["runs"])
        red = verdicts(sitting, job)
    rows = {side: row_of(side, rule, sitting, red, job) for side in sides}
    yield from rows.values()
    yield from ({"rule": rule, "peer": peer.name, "skipped": reason} for peer, reason in absent.items())
    yield from goals(rule, {side: sitting.runs[side] for side, row in rows.items() if "run_s" in row})


def verdicts(sitting, job):
    """Side -> what differs from the side it is compared with; while something does, more seeds are run on both."""
    for rounds in range(1, MORE_SEEDS + 1):
        red = {}
        for side in sitting.workers:
            other = side.compared_with
            if other is not None and side not in sitting.failed and other not in sitting.failed:
                found = disagreements(sitting.runs[other], sitting.runs[side], job["n"], job["duration"])
                red.update({side: found} if found else {})
        if not red or rounds == MORE_SEEDS:
            return red
        for side in red:
            sitting.say(f"{side}: {'; '.join(red[side])}; running more seeds")
        sitting.collect(list({*red, *(side.compared_with for side in red)}), (rounds + 1) * job["runs"])


def row_of(side, rule, sitting, red, job):
    """One row: medians over the runs, or why there are none."""
    what = {STATIC: "static, one weight", ONE_EACH: "static, a weight per synapse"}.get(side.model, "STDP")
    row = {"rule": rule, "what": what, "peer": side.simulator.name, "delay": side.delay, "precision": side.precision,
           "n": job["n"], "threads": job["threads"]}
    doubt = [other for other in (side, side.compared_with) if other in red or other in sitting.failed]
    if side in sitting.failed:
        return {**row, "failed": sitting.failed[side]}
    if doubt:
        return {**row, "red": "; ".join(red.get(side) or [f"{doubt[0]} has no figures, with which it is compared"])}
    runs, n = sitting.runs[side], job["n"]
    row |= {"version": runs[0]["version"]} | {
        key: figure(statistics.median(run[key] for run in runs))
        for key in ("run_s", "build_s", "compile_s", "peak_rss_mb")}
    row |= {key: figure(statistics.mean(run[key] for run in runs)) for key in MEANS if key in runs[0]}
    row |= ratios(side, sitting)
    return row | {
        "rate_hz": round(statistics.mean(run["spikes"] for run in runs) / n / job["duration"] * 1000.0, 3),
        "run_s_min": min(run["run_s"] for run in runs), "run_s_max": max(run["run_s"] for run in runs),
        "runs": len(runs), "silent_runs": sitting.silent[side], "n_synapses": PHYSICS[side.model](n).n_synapses,
        "duration_ms": job["duration"], "warm_ms": job["warm"], "dt_ms": job["dt"],
        "other_cpu": median_or_none([run["other_cpu"] for run in runs]),
        **({"preliminary": True} if job["runs"] < ENOUGH_RUNS or job["n"] < FULL["n"] else {})}


def ratios(side, sitting):
    """How many times longer a side takes than ours with the delay in the same place: in its precision, in single."""
    if not side.learns:
        return {}
    mine = {"ratio": side.ours(side.precision), "ratio_float32": side.ours("float32")}
    return {key: ratio_of(sitting.runs[side], sitting.runs[ours])[0] for key, ours in mine.items()}


def ratio_of(upper, lower):
    """Ratio of the median run times, and the least and largest ratio of runs taken in one round."""
    ratio = statistics.median(run["run_s"] for run in upper) / statistics.median(run["run_s"] for run in lower)
    rounds = [a["run_s"] / b["run_s"] for a, b in zip(upper, lower, strict=False)]
    return figure(ratio), f"{min(rounds):.3g}-{max(rounds):.3g}"


def goals(rule, runs):
    """Rows that hold what was asked for beside what was found; ``runs``: of all sides that have figures."""
    for precision in OURS.precisions:
        found = [(*ratio_of(runs[side], runs[ours]), side) for side in runs
                 if not side.is_ours and (ours := side.ours(precision)) in runs and precision in (
                     side.precision, "float32")]
        if found:
            ratio, span, side = min(found, key=lambda entry: entry[0])
            yield {"rule": rule, "what": "faster peer over ours", "peer": side.simulator.name, "precision": precision,
                   "ratio": ratio, "range": span, "goal": RULES[rule], "met": ratio >= RULES[rule]}
    mine = [side for side in runs if side.is_ours and side.learns and side.simulator is OURS]
    for side in mine:
        for model, what in ((STATIC, "ours over static, one weight"), (ONE_EACH, "ours over static, a weight each")):
            static = PlasticSide(OURS, side.precision, model)
            if static in runs:
                ratio, span = ratio_of(runs[side], runs[static])
                goal = {"goal": STATIC_GOAL, "met": ratio <= STATIC_GOAL} if model == STATIC else {}
                yield {"rule": rule, "what": what, "precision": side.precision, "ratio": ratio, "range": span, **goal}


def figure(value):
    return float(f"{value:.4g}")


def table(rows):
    return output.table(rows, COLUMNS)

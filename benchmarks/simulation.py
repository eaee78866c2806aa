"""``python -m benchmarks simulation``: networks of the field, ours beside NEST, Brian2 and BrainPy.

Every simulator makes a new network per seed, runs 100 ms untimed and then the timed part; one run of each in turn,
medians over the seeds. Before a figure is shown, our spikes must equal the reference's, and the rates and CVs of the
peers must agree with ours (:mod:`benchmarks.equality`); the verdict red is final after four times as many seeds.
"""
import contextlib
import os
import statistics
import sys

from benchmarks import equality
from benchmarks.environments import missing, peers_dir
from benchmarks.output import Report
from benchmarks.physics import PHYSICS
from benchmarks.registry import MODELS, OURS, PEERS, Side, chosen_peers
from benchmarks.runner import Sitting, Worker

WARM_MS, DT_MS = 100.0, 0.1
MORE_SEEDS = 4
MEDIANS = ("run_s", "build_s", "compile_s", "peak_rss_mb")
OURS_SINGLE, OURS_DOUBLE = (Side(OURS, precision) for precision in ("float32", "float64"))
COLUMNS = ("model", "n", "threads", "peer", "precision", "run_s", "build_s", "compile_s", "rate_hz", "cv_isi",
           "events_per_s", "ratio_to_ours", "ratio_to_ours_float32", "note")


def add_arguments(parser):
    parser.add_argument("--only", choices=sorted(MODELS), help="one network")
    parser.add_argument("--n", type=int, help="one size instead of the listed ones")
    parser.add_argument("--threads", type=int, default=1, help="0: as many as the engine picks (peers: all processors)")
    parser.add_argument("--repeat", type=int, default=5, help="runs per simulator, at least 3")
    parser.add_argument("--duration", type=float, help="timed ms instead of the listed ones")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated; none for ours alone")
    parser.add_argument("--peers-dir", help="folder of the environments (default: SNN_PEERS or ~/.cache/snn/peers)")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--save", metavar="FILE", help="append the rows and a description of the machine to a file")


def main(options):
    """Returns 0, or 1 where something was red or failed."""
    if options.repeat < 3:
        raise ValueError(f"simulation.repeat: {options.repeat} runs have no spread to speak of. Use at least 3.")
    chosen_peers(options.peers)
    with Report(COLUMNS, as_json=options.json, save=options.save) as report:
        for model in [options.only] if options.only else MODELS:
            if (red := reference_check(model, options.threads)) is not None:
                red = f"spikes differ from the reference: {red}"
                report.add([{"peer": OURS.name, "model": model, "red": red}])
                continue
            for n in [options.n] if options.n else MODELS[model].sizes:
                report.add(measure(model, n, options))
    return report.status


def reference_check(model, threads):
    import snn
    return equality.reference_difference(model, engine=snn.EventDriven(threads=threads or None))


def measure(model, n, options):
    """All rows of one network at one size."""
    folder, peers = peers_dir(options.peers_dir), chosen_peers(options.peers)
    duration = options.duration or MODELS[model].duration(n)
    job = {"model": model, "n": n, "warm": WARM_MS, "dt": DT_MS, "duration": duration}
    absent = {peer: reason for peer in peers if (reason := missing(peer.environment, folder))}
    sides = [OURS_SINGLE, OURS_DOUBLE, *(Side(peer, precision) for peer in peers if peer not in absent
                                         for precision in peer.precisions)]
    with contextlib.ExitStack() as stack:
        workers = {side: stack.enter_context(Worker(side, {**job, "threads": threads_of(side, options)}, folder))
                   for side in sides}
        sitting = Sitting(workers, say=lambda text: print(f"{model} {n}: {text}", file=sys.stderr, flush=True))
        sitting.collect(sides, options.repeat)
        red = verdicts(sitting, job, options.repeat)
    rows = [row_of(side, sitting, red, job, threads_of(side, options)) for side in sides]
    rows += [{"peer": peer.name, "model": model, "n": n, "skipped": reason} for peer, reason in absent.items()]
    return with_ratios(rows)


def threads_of(side, options):
    """0 lets our engine choose; a peer is then given all processors."""
    return options.threads or (0 if side.simulator is OURS else os.cpu_count())


def counterpart(side):
    """Ours that a side is compared with: the same precision; single is held against our own double."""
    return OURS_DOUBLE if side in (OURS_SINGLE, OURS_DOUBLE) or side.precision == "float64" else OURS_SINGLE


def verdicts(sitting, job, repeat):
    """Side -> what differs from ours. While something does, more seeds are run on both sides, up to four times as
    many.
    """
    for rounds in range(1, MORE_SEEDS + 1):
        red = {}
        for side in sitting.workers:
            ours = counterpart(side)
            if side is not ours and side not in sitting.failed and ours not in sitting.failed:
                red[side] = equality.disagreements(sitting.runs[ours], sitting.runs[side], job["n"], job["duration"])
        red = {side: found for side, found in red.items() if found}
        if not red or rounds == MORE_SEEDS:
            return red
        for side in red:
            sitting.say(f"{side}: {'; '.join(red[side])}; running more seeds")
        sitting.collect(list({*red, *map(counterpart, red)}), (rounds + 1) * repeat)


def row_of(side, sitting, red, job, threads):
    """One row: medians over the runs, or why there are none."""
    head = {"peer": side.simulator.name, "model": job["model"], "n": job["n"], "threads": threads,
            "precision": side.precision}
    if side in sitting.failed:
        return {**head, "failed": sitting.failed[side]}
    if side in red:
        return {**head, "red": "; ".join(red[side])}
    if OURS_SINGLE in red or OURS_DOUBLE in sitting.failed:
        return {**head, "red": "our own figures are red"}
    runs, physics, duration = sitting.runs[side], PHYSICS[job["model"]](job["n"]), job["duration"]
    median = {key: statistics.median(run[key] for run in runs) for key in MEDIANS}
    spikes = statistics.mean(run["spikes"] for run in runs)
    run_s = median["run_s"]
    return {**head, "version": runs[0]["version"], **{key: float(f"{value:.4g}") for key, value in median.items()},
            "run_s_min": min(run["run_s"] for run in runs), "run_s_max": max(run["run_s"] for run in runs),
            "rate_hz": round(spikes / job["n"] / duration * 1000.0, 3),
            "cv_isi": round(statistics.mean(run["cv_isi"] for run in runs), 4),
            "events_per_s": float(f"{spikes * physics.in_degree / run_s:.4g}"),
            "updates_per_s": float(f"{job['n'] * duration / job['dt'] / run_s:.4g}"),
            "runs": len(runs), "silent_runs": sitting.silent[side], "n_synapses": physics.n_synapses,
            "duration_ms": duration, "warm_ms": job["warm"], "dt_ms": job["dt"],
            "threads_used": runs[0].get("threads_used", threads),
            "other_cpu": median_or_none([run["other_cpu"] for run in runs])}


def median_or_none(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def with_ratios(rows):
    """Add how many times longer a peer takes than we do, in the same precision and against our single precision."""
    ours = {row["precision"]: row["run_s"] for row in rows if row["peer"] == OURS.name and "run_s" in row}
    for row in rows:
        if "run_s" in row and row["precision"] in ours:
            row["ratio_to_ours"] = float(f"{row['run_s'] / ours[row['precision']]:.3g}")
        if "run_s" in row and "float32" in ours:
            row["ratio_to_ours_float32"] = float(f"{row['run_s'] / ours['float32']:.3g}")
    return rows

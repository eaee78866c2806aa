"""Rows of figures: medians over the runs of one sitting, ratios to ours, and the goals beside them."""
import statistics

from benchmarks.training.tasks import OURS, SIDES

FEWEST_RUNS = 5
COLUMNS = ("task", "side", "malloc", "ms", "ratio", "ratio_range", "goal", "met", "peak_mb", "peak_all_mb",
           "memory_ratio", "memory_met", "gflops", "gemm_gflops", "step_over_products", "step_over_gemm", "growth",
           "error_64", "error_32", "equations", "runs", "note")
NO_MORE_MEMORY = "spikingjelly"
"""The side whose peak memory ours must not exceed."""


def rows_of(task, sides, verdicts, runs, failed, malloc, threads):
    """One row per side: figures, or why there are none."""
    ours = runs.get(OURS) if OURS not in failed and verdicts[OURS].red is None else None
    return [row_of(task, side, verdicts[side], runs.get(side), failed.get(side), ours,
                   {"malloc": malloc, "threads": threads}) for side in sides]


def row_of(task, side, verdict, runs, failure, ours, how):
    head = {"task": task.name, "side": side.name, **how}
    if failure:
        return {**head, "failed": failure}
    if verdict.red:
        return {**head, "red": verdict.red}
    if ours is None:
        return {**head, "red": "our own figures are red or missing"}
    row = {**head, **figures(task, runs), **equality(side, verdict)}
    if side is SIDES["products"]:
        return {**row, **yardstick(runs, ours)}
    return {**row, **comparison(task, side, runs, ours)}


def figures(task, runs):
    """Medians and ranges of one side."""
    times = [run["ms"] for run in runs]
    ms = statistics.median(times)
    others = [run["other_cpu"] for run in runs if run["other_cpu"] is not None]
    return {"ms": rounded(ms), "ms_min": rounded(min(times)), "ms_max": rounded(max(times)), "runs": len(runs),
            "steps_per_run": runs[0]["group"], "samples_per_s": rounded(task.shape.batch / ms * 1e3),
            "load_ms": runs[0]["load_ms"], "first_ms": runs[0]["first_ms"], "peak_mb": peak(runs),
            "peak_all_mb": peak(runs, "peak_all_mb"), "version": runs[0]["version"], "torch": runs[0].get("torch"),
            "other_cpu": statistics.median(others) if others else None,
            **({"preliminary": f"fewer than {FEWEST_RUNS} runs"} if len(runs) < FEWEST_RUNS else {})}


def peak(runs, name="peak_mb"):
    """Most memory over what was resident before the first step, in MB."""
    known = [run[name] for run in runs if run[name] is not None]
    return max(known) if known else None


def equality(side, verdict):
    """What was compared: the largest relative differences, the rates of our layers, and what is not equal by nature."""
    return {"equations": side.equations, "error_64": verdict.errors.get("float64"),
            "error_32": verdict.errors.get("float32"), **({"rates": verdict.rates} if verdict.rates else {}),
            **({"single_on": verdict.fewer} if verdict.fewer else {})}


def comparison(task, side, runs, ours):
    """How many times longer a side takes than ours; each round gives a ratio too, since both ran in it."""
    ratio = statistics.median(run["ms"] for run in runs) / statistics.median(run["ms"] for run in ours)
    rounds = [a["ms"] / b["ms"] for a, b in zip(runs, ours, strict=True)]
    found = {"ratio": rounded(ratio), "ratio_range": f"{min(rounds):.3g}-{max(rounds):.3g}"}
    if side.name in task.goals:
        goal = task.goals[side.name]
        found.update(goal=goal, met="yes" if ratio >= goal else "no")
    if peak(runs) and peak(ours):
        found["memory_ratio"] = rounded(peak(runs) / peak(ours))
        if side.name == NO_MORE_MEMORY:
            found["memory_met"] = "yes" if peak(ours) <= peak(runs) else "no"
    return found


def yardstick(runs, ours):
    """Our whole step over its products alone, and over their time at the rate of a large product."""
    products = statistics.median(run["ms"] for run in runs)
    whole = statistics.median(run["ms"] for run in ours)
    gflop, rate = runs[0]["gflop"], runs[0]["gemm_gflops"]
    return {"gflop": gflop, "gflops": rounded(gflop / products * 1e3), "gemm_gflops": rate,
            "step_over_products": rounded(whole / products), "step_over_gemm": rounded(whole / (gflop / rate * 1e3))}


def memory_growth(rows):
    """Rows that say how the peak memory of delay layers grows from the fewest taps to the most, per side and kernel."""
    found = {}
    for row in rows:
        family, _, taps = row["task"].rpartition("-")
        if family in ("delay", "delay-gaussian") and row.get("peak_mb"):
            found.setdefault((family, row["side"], row["malloc"]), {})[int(taps)] = row["peak_mb"]
    return [{"task": f"{family}-memory", "side": side, "malloc": malloc, "peak_mb_by_taps": peaks,
             "growth": rounded(peaks[max(peaks)] / peaks[min(peaks)])}
            for (family, side, malloc), peaks in found.items() if len(peaks) > 1 and peaks[min(peaks)] > 0]


def rounded(value):
    return float(f"{value:.4g}")

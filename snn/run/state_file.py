"""Reading a checkpoint: whoever wrote it, the state that comes out fits the run that its summary describes.

Kernels use numbers of neurons as they are, without a look at their range, so a wrong one must be found here.
"""
import math
import operator

from snn.export.checked import (
    check_range,
    dataset,
    group,
    has,
    json_of,
    names,
    number,
    numbers,
    refused,
    tables,
    text,
    whole,
)
from snn.run.ir import CHUNK
from snn.run.state import PopulationState, RunState

DAMAGED = "The file is damaged; use an intact copy."


def read(file, format, version):
    """The RunState in an open HDF5 file of this format, up to this version; DataError otherwise."""
    found = text(file, "format", default="nothing")
    if found != format:
        raise refused(file, "@format", f"is {found[:40]!r}, no state of a run", "Give a file written by snn.save.")
    newer = number(file, "version", whole=True, low=1)
    if newer > version:
        raise refused(
            file, "@version", f"is version {newer}; this library reads up to {version}", "Update the library."
        )
    summary, step = json_of(file, "summary"), number(file, "step", whole=True, low=0)
    sizes = _sizes(file, summary)
    if sorted(_groups(file, "populations")) != sorted(sizes):
        raise refused(file, "populations", "holds others than the summary names", DAMAGED)
    return RunState(
        step,
        summary,
        {name: _population(g, sizes[name], step) for name, g in _groups(file, "populations").items()},
        {
            name: _projection(g, summary["projections"].get(name, {}), sizes)
            for name, g in _groups(file, "projections").items()
        },
    )


def _groups(file, path):
    return {name: group(file, f"{path}/{name}") for name in names(group(file, path))} if has(file, path) else {}


def _sizes(file, summary):
    """{population: number of neurons}; DataError for a summary without what a run is compared with."""
    try:
        sizes = {name: operator.index(p["n"]) for name, p in summary["populations"].items()}
        good = math.isfinite(summary["dt"]) and summary["dt"] > 0 and isinstance(summary["name"], str)
        good = good and min(sizes.values(), default=0) >= 0
        good = good and all(isinstance(p, dict) for p in summary["projections"].values())
    except (AttributeError, KeyError, TypeError):
        good = False
    if not good:
        raise refused(file, "@summary", "is that of no run", DAMAGED)
    return sizes


def _population(g, n, step):
    steps = numbers(dataset(g, "spike_steps", kinds="i"), below=max(step, 1))
    ids = numbers(dataset(g, "spike_ids", kinds="i", length=len(steps)), below=n)
    silent = [numbers(dataset(g, name, kinds="i"), low=low) for name, low in (("elapsed", 0), ("busy", -1))]
    chunks = -(-n // CHUNK)
    if len(silent[0]) != len(silent[1]) or len(silent[0]) not in (0, chunks):
        raise refused(g, "elapsed", f"has {len(silent[0])} entries", f"It must have {chunks}, or none.")
    return PopulationState(
        _rows(g, "state", (n,)), _rows(g, "inputs", (None, n)), steps, ids, *silent, _rows(g, "shown", (None, n))
    )


def _rows(g, path, shape):
    """{name: array} of a group, of a shape whose first length is open where it says None."""
    found = {}
    for name in names(group(g, path)) if has(g, path) else ():
        x = found[name] = whole(dataset(g, f"{path}/{name}", kinds="fib", ndim=len(shape)))
        if x.shape[-1] != shape[-1]:
            raise refused(g, f"{path}/{name}", f"has shape {x.shape}", f"It must have {shape[-1]} columns.")
    return found


def _projection(g, described, sizes):
    """{path: array} of all tables of a projection; those that say where its synapses lead fit the summary."""
    stored = {path: dataset(g, path, kinds="fib", ndim=tuple(range(6))) for path in tables(g)}
    found = {path: whole(data) for path, data in stored.items()}
    if "targets" in found:
        n, synapses = sizes.get(described.get("post"), 0), described.get("synapses")
        for path, below in (("targets", n), ("group", None)):
            check_range(dataset(g, path, kinds="i", length=synapses), found[path], below=below)
    return found

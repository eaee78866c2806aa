"""The interchange matrix: every format, written by us and read by its official reader, and the reverse.

``python -m benchmarks interchange [--part results,networks]``. Each row is done when the command runs: ``outcome`` is
"exact" where every number comes back as it was, bit for bit; otherwise the largest relative difference. A row whose
difference exceeds what its format can be held to (``allowed``) is red; a tool that is not installed is skipped by name.
"""
import importlib
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.output import Report
from benchmarks.parts import add_part_arguments, chosen_parts

COLUMNS = ("part", "format", "direction", "tool", "subject", "outcome", "note")
PARTS = ("results", "networks")
ALLOWED = {"SONATA report": 6e-8, "NWB": 4e-16, "Neo objects": 1e-14}
"""Largest relative difference: float32 in SONATA reports, seconds for ms in NWB, sums in another order in Elephant.
Everything else is exact."""


def add_arguments(parser):
    add_part_arguments(parser, PARTS)
    parser.add_argument("--peers-dir", help="folder of the environments (default: SNN_PEERS or ~/.cache/snn/peers)")


def main(options):
    """Returns 1 where a row is red."""
    with Report(COLUMNS, as_json=options.json, save=options.out) as report:
        for name in chosen_parts(options.parts, PARTS, "interchange"):
            rows = importlib.import_module(f"benchmarks.interchange.{name}").rows(options)
            report.add({"part": name, **row} for row in rows)
    return report.status


def outcome(written, read, allowed=0.0):
    """``{"outcome": ...}``, or ``{"red": ...}`` where more is lost than is allowed."""
    if len(written) != len(read):
        return {"red": f"{len(read)} tables for {len(written)}"}
    worst = 0.0
    for a, b in zip(written, read, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            return {"red": f"shape {b.shape} for {a.shape}"}
        if not np.array_equal(a, b):
            scale = np.maximum(np.abs(a.astype(float)), np.finfo(float).tiny)
            worst = max(worst, float((np.abs(a.astype(float) - b.astype(float)) / scale).max()))
    if worst > allowed:
        return {"red": f"differs by {worst:.2g}, allowed are {allowed:.2g}"}
    return {"outcome": "exact" if worst == 0.0 else f"to {worst:.1g}"}


def done(heading, function, *arguments, allowed=0.0):
    """The row of one case: what it found, or why it could not be done."""
    row = dict(zip(("format", "direction", "tool", "subject"), heading, strict=True))
    try:
        with tempfile.TemporaryDirectory() as folder:
            return row | outcome(*function(*arguments, Path(folder)), allowed)
    except ModuleNotFoundError as missing:
        return row | {"skipped": f"{missing.name} is not installed"}
    except Exception as err:
        return row | {"red": f"{type(err).__name__}: {err}".splitlines()[0][:200]}

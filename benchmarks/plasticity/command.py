"""``python -m benchmarks plasticity``: learning networks, ours beside NEST and Brian2, and what they learn.

A part is a module of this folder with ``measure(*, seeds, quick)``, which gives rows (dicts), and ``table(rows)``. Its
own equality comes first: where that is red, ``measure`` raises RuntimeError and the part has no figures.
"""
import importlib
import sys

from benchmarks.output import Report

PARTS = ("speed", "memory", "windows", "weights", "dense", "digits", "cam", "memories", "disinhibitory")


def add_arguments(parser):
    parser.add_argument("--part", dest="parts", default=",".join(PARTS), metavar="NAME",
                        help=f"comma-separated, of: {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=5, help="timed runs per side (speed); below 5 the rows say so")
    parser.add_argument("--seeds", type=int, default=3, help="networks per row (the other parts)")
    parser.add_argument("--peers", default="nest,brian2-cpp", help="comma-separated (speed); none for ours alone")
    parser.add_argument("--peers-dir", help="folder of the environments (default: SNN_PEERS or ~/.cache/snn/peers)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all works; rows say so")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--out", metavar="FILE", help="append the rows and a description of the machine to a file")


def main(options):
    """Returns 0, or 1 where something was red or failed."""
    for name, least in (("runs", 3), ("seeds", 1)):
        if getattr(options, name) < least:
            raise ValueError(f"plasticity.{name}: is {getattr(options, name)}. At least {least} is expected.")
    with Tables(as_json=options.json, save=options.out) as report:
        for part in chosen_parts(options.parts):
            run_part(part, options, report)
    return report.status


def chosen_parts(text):
    parts = [name for name in text.split(",") if name]
    for name in parts:
        if name not in PARTS:
            raise ValueError(f"plasticity.part: there is no part {name!r}. There are: {', '.join(PARTS)}.")
    return parts


def run_part(part, options, report):
    """Measure one part; rows are handed on as they come, so that a sitting that is cut off keeps what it had."""
    module = importlib.import_module(f"benchmarks.plasticity.{part}")
    how = {"seeds": options.seeds, "quick": options.quick}
    if part == "speed":
        how.update(runs=options.runs, peers=options.peers, peers_dir=options.peers_dir)
    report.begin(part, module.table)
    try:
        for row in module.measure(**how):
            report.add([row])
    except RuntimeError as error:
        report.add([{"red": str(error)}])
    report.end()


class Tables(Report):
    """A report of several parts: one table each, or one JSON object per row, which then names its part."""

    def __init__(self, **how):
        super().__init__((), **how)
        self._part = self._table = None
        self._first = 0

    def __exit__(self, *exception):
        if self.saved:
            self.saved.close()

    def begin(self, part, table):
        self._part, self._table, self._first = part, table, len(self.rows)

    def add(self, rows):
        super().add([{"part": self._part, **row} for row in rows])

    def end(self):
        """Print the table of the part, and in any case on stderr what was red."""
        mine = self.rows[self._first:]
        shown = [row for row in mine if "red" not in row or len(row) > 2]
        if not self.as_json and shown:
            print(f"{self._part}\n{self._table(shown)}\n", file=self.file, flush=True)
        for row in mine:
            if "red" in row:
                print(f"{self._part}: {row['red']}", file=sys.stderr)

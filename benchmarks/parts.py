"""What benchmarks of several parts have in common: the choice of parts, and one report for all of them."""
import sys

from benchmarks.output import Report


def add_part_arguments(parser, parts):
    """The arguments that all such commands take: which parts, how big, and where the rows go."""
    parser.add_argument("--part", dest="parts", default=",".join(parts), metavar="NAME",
                        help=f"comma-separated, of: {', '.join(parts)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all works; rows say so")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--out", metavar="FILE", help="append the rows and a description of the machine to a file")


def chosen_parts(text, parts, where):
    """The names in ``text``; ValueError for one that ``parts`` has not."""
    chosen = [name for name in text.split(",") if name]
    for name in chosen:
        if name not in parts:
            raise ValueError(f"{where}.part: there is no part {name!r}. There are: {', '.join(parts)}.")
    return chosen


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

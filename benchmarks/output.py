"""Rows as JSON lines or as an aligned table, and the description of the machine that is saved with them."""
import datetime
import json
import os
import platform
import sys

REASONS = ("red", "failed", "skipped")


class Report:
    """Takes rows (dicts) as they are measured, so that a long sitting that is cut off keeps what it had.

    ``as_json``: one object per row at once, else a table of ``columns`` at the end; ``save``: a file that the
    description of the machine and every row are appended to at once.
    """

    def __init__(self, columns, *, as_json=False, save=None, file=None):
        self.columns, self.as_json, self.file, self.rows = columns, as_json, file or sys.stdout, []
        self.saved = open(save, "a") if save else None
        self._save(machine())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if not self.as_json and self.rows:
            print(table(self.rows, self.columns), file=self.file)
        if self.saved:
            self.saved.close()

    def add(self, rows):
        for row in rows:
            self.rows.append(row)
            self._save(row)
            if self.as_json:
                print(json.dumps(row), file=self.file, flush=True)

    def _save(self, row):
        if self.saved:
            print(json.dumps(row), file=self.saved, flush=True)

    @property
    def status(self):
        """Exit status: 1 where something was red or failed."""
        return int(any("red" in row or "failed" in row for row in self.rows))


def emit(rows, columns, **how):
    """Rows that are all there already, through a :class:`Report`; returns the exit status."""
    with Report(columns, **how) as report:
        report.add(rows)
    return report.status


def table(rows, columns):
    """An aligned text table; a row without figures has its reason in the column ``note``."""
    shown = [{**row, "note": next((f"{key}: {row[key]}" for key in REASONS if key in row), "")} for row in rows]
    columns = [c for c in columns if any(row.get(c) not in (None, "") for row in shown)]
    cells = [list(columns)] + [[_text(row.get(c)) for c in columns] for row in shown]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    return "\n".join("  ".join(_aligned(text, width) for text, width in zip(line, widths, strict=True)).rstrip()
                     for line in cells)


def _text(value):
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _aligned(text, width):
    return text.rjust(width) if text[:1].isdigit() else text.ljust(width)


def machine():
    """Processor, cores, system, date and load: without these a saved figure means nothing."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {"machine": _processor(), "cores": os.cpu_count(), "system": platform.platform(terse=True),
            "python": platform.python_version(), "load": load,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")}


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            facts = dict(line.split(":", 1) for line in file if ":" in line)
        name = next(value.strip() for key, value in facts.items() if key.strip() == "model name")
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
    return name

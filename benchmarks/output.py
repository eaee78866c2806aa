"""Rows as JSON lines or as an aligned table, and the description of the machine that is saved with them."""
import datetime
import json
import os
import platform
import sys

REASONS = ("red", "failed", "skipped")


def emit(rows, columns, *, as_json=False, save=None, file=None):
    """Print ``rows`` (dicts) to ``file`` (standard output), one JSON object per line or as a table of ``columns``."""
    file = file or sys.stdout
    if save:
        with open(save, "a") as saved:
            for row in [machine(), *rows]:
                saved.write(json.dumps(row) + "\n")
    if as_json:
        for row in rows:
            print(json.dumps(row), file=file, flush=True)
    else:
        print(table(rows, columns), file=file)


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

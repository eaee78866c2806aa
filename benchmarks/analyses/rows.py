"""Rows of the analyses: a quantity over seeds beside what the source or the specification expects."""
import operator
import statistics

import numpy as np

HOLDS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


def row(setting, quantity, values, expected=None):
    """``expected``: a pair such as (">", 0.9), which the mean over seeds meets or not; None: nothing is expected."""
    values = [float(v) for v in np.atleast_1d(values)]
    found = {"setting": setting, "quantity": quantity, "measured": _short(statistics.mean(values)),
             "sd": _short(statistics.stdev(values)) if len(values) > 1 else None, "seeds": len(values)}
    if expected is not None:
        sign, limit = expected
        found |= {"expected": f"{sign} {limit:g}", "met": bool(HOLDS[sign](statistics.mean(values), limit))}
    return found


def _short(value):
    return float(f"{value:.6g}")

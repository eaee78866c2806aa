"""A report of a run: one HTML page that needs nothing but itself.

    >>> import snn.report
    >>> snn.report.write("run.h5", "run.html")      # doctest: +SKIP

The page holds what is known of the network, rasters, rates over time, statistics of every population, order of phases,
traces, weights, settings, versions and the plan. It has no script, loads nothing, and asks the browser to allow neither
(Content-Security-Policy); it follows the reader's light or dark scheme and fits a phone as well as a wide screen.
"""
from snn.report.page import write

__all__ = ["write"]

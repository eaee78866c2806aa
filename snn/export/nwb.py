"""NWB files: spikes as Units, traces and weights as TimeSeries, for archives of data and the tools that read them.

Layout (NWB 2.9)
    /units                      one row per neuron, all populations one after another: ``id`` (the row), ``spike_times``
                                [s] with ``spike_times_index``, ``obs_intervals`` (begin and end of the recording [s]),
                                ``population`` (name) and ``neuron`` (number in it)
    /acquisition/<population>.<variable>    TimeSeries, ``data`` [T, k] in the unit of the trace (an SI word and a
                                conversion: mV are ``volts`` and 1e-3), with ``starting_time`` and ``rate`` where
                                the samples are evenly spaced, else with ``timestamps`` [s]
    /acquisition/weights.<projection>       TimeSeries of weights, likewise
    /processing/columns/<name of a series>  DynamicTable that says what its columns are: ``neuron``, or ``pre`` and
                                ``post``
    /general/notes              JSON: ``{"snn": {"layout", "meta", "populations", "series"}}``, the whole configuration

:func:`write` needs h5py only. Results of any size are written in bounded memory. :func:`read` takes files of any
program.

Exactness
    NWB counts in seconds. Times on the grid of ``meta["dt"]``, as those of a run are, come back bit for bit, and so do
    all data; other times come back within one rounding of a double, 2e-16 of their value. ``plan`` and ``state`` are
    not part of the file.

Source: NWB format specification 2.9 (Rübel et al. 2022, "The Neurodata Without Borders ecosystem for neurophysiological
data science", eLife 11:e78362).

Example
    >>> nwb.write(snn.open("run.h5"), "run.nwb")                    # doctest: +SKIP
    >>> nwb.read("run.nwb").spikes["exc"].mean_rate                 # doctest: +SKIP
"""
from snn.export.nwb_read import read
from snn.export.nwb_write import write

__all__ = ["read", "write"]

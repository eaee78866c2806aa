"""Neo objects, which Elephant and other Python tools for electrophysiology work on.

A Result becomes a Block with one Segment. Every neuron has a SpikeTrain (ms), annotated with ``population`` and
``neuron``; every trace is an AnalogSignal, or an IrregularlySampledSignal where its samples are not evenly spaced (or
fewer than two), annotated with ``population``, ``variable`` and ``unit``, and with the array annotation ``neuron``;
weights likewise, with ``projection`` and the array annotations ``pre`` and ``post``. ``block.annotations["meta"]`` is
``result.meta``.

Needs the package neo: ``pip install snn-sim[neo]``. Source: Garcia et al. 2014, "Neo: an object model for handling
electrophysiology data in multiple formats", Front Neuroinform 8:10.

Example
    >>> from elephant.statistics import mean_firing_rate                            # doctest: +SKIP
    >>> trains = to_neo(result, neurons={"exc": range(100)}).segments[0].spiketrains     # doctest: +SKIP
    >>> [mean_firing_rate(train).rescale("Hz") for train in trains]                 # doctest: +SKIP
"""
import os
from pathlib import Path

import numpy as np
from tqdm import tqdm

from snn.errors import DataError, OutputError, RunError, SnnError
from snn.export.grids import even_grid
from snn.export.steps import on_grid, snapped, step_of, valid_step
from snn.export.storage import check_output
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace, Weights

# Units that are handed over as they are; a name from a file never reaches the parser of units.
UNITS = ("mV", "uV", "V", "pA", "nA", "uA", "mA", "A", "nS", "uS", "S", "pF", "nF", "F", "ms", "s", "Hz", "kHz", "rad",
         "mM", "1/ms", "mV/ms", "rad/ms", "Hz/mV", "1/mV")
OURS = ("mV", "pA", "nS", "pF", "ms", "Hz", "rad")


def to_neo(result, *, neurons=None):
    """A ``neo.Block`` of everything in a :class:`~snn.result.Result`; all of it is then in memory.

    ``neurons`` maps population to the numbers of the neurons whose spike trains are wanted (default: all neurons of all
    populations, for each of which Neo needs some time). Units that are not known to Neo become dimensionless; the
    annotation ``unit`` keeps the name.

    Errors: RunError when neo is not installed; DataError for a population or neuron that does not exist.
    """
    neo = _neo("to_neo")
    network = result.meta.get("network")
    name = network.get("name") if isinstance(network, dict) else None
    block = neo.Block(name=name or "simulation", meta=result.meta)
    windows = {name: {"n": s.n, "start": s.start, "duration": s.duration} for name, s in result.spikes.items()}
    segment = neo.Segment(name="run", windows=windows)
    block.segments.append(segment)
    segment.spiketrains.extend(_trains(neo, result.spikes, neurons))
    dt = step_of(result)
    for (population, variable), trace in result.traces.items():
        _add_signal(neo, segment, trace, dt, f"{population}.{variable}", {"neuron": trace.ids},
                    population=population, variable=variable)
    for key, w in result.weights.items():
        _add_signal(neo, segment, w, dt, f"weights.{key}", {"pre": w.pre, "post": w.post},
                    projection=w.projection, variable=w.variable)
    return block


def from_neo(block, *, segment=None):
    """The :class:`~snn.result.Result` in a ``neo.Block`` (or Segment) of any origin.

    ``segment``: number of the segment, needed where there are several: they are trials, each with its own time. Spike
    trains without the annotation ``population`` are the population ``"units"``; those without ``neuron`` are numbered
    in their order. Signals are converted to mV, pA, nS, pF, ms or Hz where they have such a unit; one without our
    annotations becomes ``result.traces["signals", name]``.

    Errors: RunError when neo is not installed, or a segment must be named; DataError for data that contradict one
    another.
    """
    neo = _neo("from_neo")
    meta = block.annotations.get("meta", {}) if isinstance(block, neo.Block) else {}
    part = _segment(neo, block, segment)
    parts = {"spikes": {}, "traces": {}, "weights": {}}
    try:
        parts["spikes"] = _spikes(part)
        for signal in _signals(part):
            kind, key, table = _table(signal, f"signal {len(parts['traces'])}")
            if key in parts[kind]:
                raise DataError(f"from_neo: two signals are {key}. Names of signals must be distinct.")
            parts[kind][key] = table
    except SnnError:
        raise
    except (KeyError, TypeError, ValueError) as err:
        raise DataError(f"from_neo: the annotations of this block contradict one another ({err!r}). Remove those named "
                        "windows, population, neuron, projection, variable and unit.") from err
    return Result(**parts, meta=dict(meta) if isinstance(meta, dict) else {})


def write_neo(result, path, *, neurons=None, overwrite=False):
    """Write Neo objects to ``path``: ``.pkl`` is read by ``neo.io.PickleIO``, ``.mat`` by ``NeoMatlabIO`` and MATLAB.

    A pickle runs code when it is opened and is bound to the version of Neo: use NWB (:mod:`snn.export.nwb`), which Neo
    reads as well, for what is to be kept or passed on. Neo's own reader of ``.mat`` fails on signals of one sample,
    such as weights at the end of a run. Returns the path. Errors: RunError when neo is not installed, the file exists
    (unless ``overwrite``), or the ending is another one; OutputError when it cannot be written.
    """
    neo, path = _neo("write_neo"), check_output(path, overwrite=overwrite)
    writers = {".pkl": neo.io.PickleIO, ".mat": neo.io.NeoMatlabIO}
    if path.suffix not in writers:
        raise RunError(f"write_neo: '{path}' ends in {path.suffix!r}. It must end in .pkl or .mat.")
    new = path.with_name(f"{path.stem}.new{path.suffix}")
    try:
        block = to_neo(result, neurons=neurons)
        if path.suffix == ".mat":
            # This writer drops array annotations.
            for signal in _signals(block.segments[0]):
                signal.annotate(**signal.array_annotations)
        writers[path.suffix](str(new)).write_block(block)
        os.replace(new, path)
    except OSError as err:
        raise OutputError(f"write_neo: writing '{path}' failed ({err.strerror or err}). Choose another disk.") from err
    finally:
        new.unlink(missing_ok=True)
    return Path(path)


def _neo(where):
    try:
        import neo
    except ImportError as err:
        raise RunError(f"{where}: needs the package neo. Install it: pip install snn-sim[neo]") from err
    return neo


def _signals(segment):
    return (*segment.analogsignals, *segment.irregularlysampledsignals)


def _trains(neo, spikes, neurons):
    wanted = _wanted(spikes, neurons)
    found = []
    with tqdm(total=sum(map(len, wanted.values())), desc="to_neo", unit=" trains", disable=None, delay=2.0,
              leave=False) as bar:
        for name, ids in wanted.items():
            s = spikes[name]
            times, owners = s.raster()
            order = np.argsort(owners, kind="stable")
            ends = np.searchsorted(owners[order], np.arange(s.n + 1))
            # The end may lie a rounding before the last spike; Neo compares without any slack.
            stop, start = max(s.end, times.max(initial=s.end)), min(s.start, times.min(initial=s.start))
            for i in ids.tolist():
                mine = times[order[ends[i]:ends[i + 1]]]
                found.append(neo.SpikeTrain(mine, units="ms", t_start=start, t_stop=stop, name=f"{name} {i}",
                                            population=name, neuron=i))
                bar.update()
    return found


def _wanted(spikes, neurons):
    if neurons is None:
        return {name: np.arange(s.n) for name, s in spikes.items()}
    wanted = {}
    for name, ids in neurons.items():
        if name not in spikes:
            raise DataError(f"to_neo.neurons: there are no spikes of {name!r}. Populations are {list(spikes)}.")
        ids = np.asarray(ids)
        if ids.ndim != 1 or ids.size and (ids.dtype.kind not in "ui" or ids.min() < 0 or ids.max() >= spikes[name].n):
            raise DataError(f"to_neo.neurons: {ids} for {name!r}. Give neuron numbers in 0..{spikes[name].n - 1}.")
        wanted[name] = ids
    return wanted


def _add_signal(neo, segment, table, dt, name, columns, **annotations):
    import quantities as pq
    times, data = table.times, table.data
    unit = pq.CompoundUnit(table.unit) if "/" in table.unit else table.unit
    options = {"units": unit if table.unit in UNITS else pq.dimensionless, "name": name, "array_annotations": columns,
               **annotations, "unit": table.unit, "dt": dt if on_grid(times, dt) else None}
    try:
        start, step = even_grid(table, "to_neo") if len(times) > 1 else (None, None)
    except DataError:
        step = None
    if step is None:
        segment.irregularlysampledsignals.append(neo.IrregularlySampledSignal(times, data, time_units="ms", **options))
    else:
        segment.analogsignals.append(neo.AnalogSignal(data, t_start=start * pq.ms, sampling_period=step * pq.ms,
                                                      **options))


def _segment(neo, block, number):
    if isinstance(block, neo.Segment):
        return block
    if not isinstance(block, neo.Block):
        raise RunError(f"from_neo: got a {type(block).__name__}. Give a neo.Block or a neo.Segment.")
    count = len(block.segments)
    if number is None and count != 1:
        raise RunError(f"from_neo.segment: the block has {count} segments. Say which one: from_neo(block, segment=0).")
    if not 0 <= (number or 0) < count:
        raise RunError(f"from_neo.segment: is {number}. The block has the segments 0..{count - 1}.")
    return block.segments[number or 0]


def _spikes(segment):
    trains = {}
    for train in segment.spiketrains:
        trains.setdefault(str(train.annotations.get("population", "units")), []).append(train)
    windows = segment.annotations.get("windows", {})
    return {name: _joined(name, trains.get(name, []), windows.get(name)) for name in dict.fromkeys([*windows, *trains])}


def _joined(name, trains, window):
    ids = [int(train.annotations.get("neuron", i)) for i, train in enumerate(trains)]
    if len(set(ids)) < len(ids):
        raise DataError(f"from_neo: population {name!r} has several spike trains of one neuron. Annotations 'neuron' "
                        "must be distinct.")
    times = [np.asarray(train.rescale("ms").magnitude, np.float64) for train in trains]
    if window is None:
        starts, stops = ([float(getattr(t, end).rescale("ms")) for t in trains] for end in ("t_start", "t_stop"))
        window = {"n": max(ids, default=-1) + 1, "start": min(starts), "duration": max(stops) - min(starts)}
    owners = np.repeat(np.array(ids, np.int64), list(map(len, times)))
    return Spikes(np.concatenate([*times, np.empty(0)]), owners, **window)


def _table(signal, name):
    """``(part of the result, key, Trace or Weights)`` of a signal."""
    notes = signal.annotations
    columns = {name: np.atleast_1d({**notes, **signal.array_annotations}[name]) for name in ("neuron", "pre", "post")
               if name in notes or name in signal.array_annotations}
    times = np.asarray(signal.times.rescale("ms").magnitude, np.float64)
    times = snapped(times, valid_step(notes.get("dt")))
    data, unit = _values(signal, notes.get("unit"))
    if "projection" in notes:
        w = Weights(notes["projection"], columns["pre"], columns["post"], times, data, unit, notes.get("variable", ""))
        return "weights", f"{w.projection}.{w.variable}" if w.variable else w.projection, w
    key = notes.get("population", "signals"), notes.get("variable", signal.name or name)
    return "traces", key, Trace(times, columns.get("neuron", np.arange(data.shape[1])), data, unit, *key)


def _values(signal, unit):
    """``(data, unit)`` in the annotated unit, else in one of ours, else as it is."""
    unit = unit if isinstance(unit, str) else None
    if signal.dimensionality.string == "dimensionless":
        return signal.magnitude, unit or ""
    for wanted in ((unit,) if unit in UNITS else OURS):
        try:
            return signal.rescale(wanted).magnitude, wanted
        except ValueError:
            continue
    return signal.magnitude, signal.dimensionality.string

"""Checkpoints: everything that a run needs to go on as if it had never stopped.

What it holds
    The step (which is also the position of every random stream), the states of all neurons, what is on its way to them,
    the spikes that are still to be delivered, and for chunks that are passed over how long they have been silent.
    run(a) then run(b) from the state equals run(a + b) bit for bit, also from a file and in another process.

File layout (HDF5): attributes ``format``, ``version``, ``summary`` (JSON); ``/populations/<name>/state/<variable>``,
``.../inputs/<port>``, ``.../shown/<name>``, ``.../spike_steps``, ``.../spike_ids``, ``.../elapsed``, ``.../busy``;
``/projections/<name>/<array>``. Behind the HDF5 data
stands a checksum of it, which HDF5 readers do not see.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field, replace

import numpy as np

from snn.errors import DataError, MissingFile, OutputError, RunError

FORMAT, VERSION = "snn-state", 1


@dataclass(frozen=True, eq=False)
class PopulationState:
    """``values`` {state: (n,)}; ``inputs`` {port: (depth, n)}, row r arrives r steps from now; ``spike_steps``,
    ``spike_ids``:
    recent spikes, in order; ``elapsed``, ``busy``: per chunk of neurons, steps passed over and step until which it is
    held; ``shown`` {name: (depth, n)}: graded values, row r was shown r + 1 steps ago."""

    values: dict
    inputs: dict
    spike_steps: np.ndarray
    spike_ids: np.ndarray
    elapsed: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    busy: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    shown: dict = field(default_factory=dict)

    def awake(self, model, n, dt):
        """This state with the silence that was passed over made up for, for an engine that steps the population."""
        if not self.elapsed.any():
            return self
        import torch

        from snn.exact import exact_math
        from snn.run.ir import CHUNK

        bound, silent = (
            model.bind(n, torch.float64),
            torch.from_numpy(np.repeat(self.elapsed, CHUNK)[:n].astype(np.float64)),
        )
        known = {k: torch.from_numpy(np.asarray(v, np.float64)) for k, v in self.values.items()}
        before = type(bound.rest())(
            *(torch.as_tensor(known.get(k, v), dtype=torch.float64) for k, v in bound.rest()._asdict().items())
        )
        with exact_math(), torch.no_grad():
            after = bound.flow(before, torch.where(silent > 0, silent, 1.0) * dt)
        values = {k: torch.where(silent > 0, getattr(after, k), getattr(before, k)).numpy() for k in self.values}
        return replace(self, values=values, elapsed=np.zeros_like(self.elapsed))


def in_flight(recent, step, depth):
    """``(spike_steps, spike_ids)`` of the spikes that may still be delivered at ``step``: {step: ids} of late steps."""
    late = [(k, np.asarray(ids, np.int64)) for k, ids in sorted(recent.items()) if step - depth < k < step]
    steps = [np.full(len(ids), k, np.int64) for k, ids in late]
    return tuple(np.concatenate([np.zeros(0, np.int64), *parts]) for parts in (steps, [ids for _, ids in late]))


@dataclass(frozen=True, eq=False)
class RunState:
    """State of a whole run before step ``step``; ``summary`` is that of the plan it belongs to; ``projections`` {name:
    {array name: array}} holds weights, traces and modulators of the plastic ones."""

    step: int
    summary: dict
    populations: dict
    projections: dict = field(default_factory=dict)

    @property
    def time(self):
        """Model time in ms."""
        return self.step * self.summary["dt"]

    def __repr__(self):
        return f"RunState({self.summary['name']!r} at {self.time:g} ms)"

    def check(self, plan):
        """Raise :class:`RunError` where this state does not belong to ``plan``."""
        mine, other = self.summary, plan.summary()
        self._check_rules(mine["projections"], other["projections"])
        for key in ("dt", "seed", "dtype", "populations"):
            if mine.get(key) != other[key]:
                raise RunError(f"simulate.state: its {key} is {mine.get(key)!r}, that of this run {other[key]!r}. "
                               "Continue with the same network, dt, seed and precision.")
        for name in {**mine["projections"], **other["projections"]}:
            a, b = (of.get(name, "missing") for of in (mine["projections"], other["projections"]))
            if a != b:
                raise RunError(f"simulate.state: its projection {name!r} is {a}, that of this run {b}. Continue with "
                               "the same connections; their weights may change.")

    def _check_rules(self, mine, other):
        for name in mine.keys() & other.keys():
            a, b = mine[name].get("plasticity"), other[name].get("plasticity")
            if a != b:
                raise RunError(
                    f"simulate.state: projection {name!r} learned by {_described(a)} and now has {_described(b)}. Go "
                    "on with the same rules, or take only the weights over (weight=state.projections[...])."
                )


def _described(plasticity):
    """Rules with their parameters in one line."""
    if plasticity is None:
        return "no rule"
    rules = [
        f"{r['rule']}({', '.join(f'{k}={v:g}' for k, v in r.items() if k != 'rule')})" for r in plasticity["rules"]
    ]
    shortest, longest = plasticity["dendritic"]
    return " and ".join(rules) + f" (dendritic delay of {shortest}{f' to {longest}' * (shortest != longest)} steps)"


def save(state, path, *, overwrite=False):
    """Write a :class:`RunState` to an HDF5 file, which gets its name only when it is complete.

    Errors: RunError if the file exists or ``state`` is something else, OutputError if writing fails.
    """
    path = os.fspath(path)
    if not isinstance(state, RunState):
        raise RunError(
            f"save.state: is a {type(state).__name__}. Give the state of a result: save(result.state, path)."
        )
    if os.path.exists(path) and not overwrite:
        raise RunError(f"save.path: {path} exists. Choose another name or allow overwrite=True.")
    image, beside = _image(state), path + ".part"
    try:
        with open(beside, "wb") as f:
            f.write(image)
            f.write(_seal(hashlib.sha256(image)))
        os.replace(beside, path)
    except OSError as err:
        if os.path.exists(beside):
            os.remove(beside)
        raise OutputError(f"save.path: cannot write {path} ({err}). Free some space or choose another place.") from err


def load(path):
    """Read a :class:`RunState` written by :func:`save`. Errors: MissingFile; DataError for damaged or foreign files."""
    from snn.export.storage import reading
    from snn.run.state_file import read

    path = os.fspath(path)
    if not os.path.exists(path):
        raise MissingFile(f"load.path: {path} does not exist. Give a file written by snn.save.")
    try:
        intact = os.path.isfile(path) and _sealed(path)
    except OSError as err:
        raise DataError(f"load.path: cannot read {path} ({err}). Give a file written by snn.save.") from err
    if not intact:
        raise DataError(
            f"load.path: {path} is no state of a run, or it is damaged or cut off. Give an intact file written by "
            "snn.save."
        )
    with reading(path) as file:
        return read(file, FORMAT, VERSION)


def _seal(digest):
    """What stands behind the HDF5 data: a mark and a checksum. The HDF5 library may crash on a damaged file, so that
    damage must be found before it reads."""
    return b"snnstate" + digest.digest()


def _sealed(path):
    """Whether a file ends with the checksum of everything before."""
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        left = os.fstat(f.fileno()).st_size - len(_seal(digest))
        while left > 0 and (block := f.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
        return left == 0 and f.read() == _seal(digest)


def _image(state):
    """The state as the bytes of an HDF5 file."""
    import h5py

    with h5py.File("state", "w", driver="core", backing_store=False) as f:
        f.attrs.update(format=FORMAT, version=VERSION, step=state.step, summary=json.dumps(state.summary))
        for name, p in state.populations.items():
            g = f.create_group(f"populations/{name}")
            for group, arrays in (("state", p.values), ("inputs", p.inputs), ("shown", p.shown)):
                g.create_group(group)
                for key, x in arrays.items():
                    g[group][key] = x
            for key in ("spike_steps", "spike_ids", "elapsed", "busy"):
                g[key] = getattr(p, key)
        for name, arrays in state.projections.items():
            for key, x in arrays.items():
                f[f"projections/{name}/{key}"] = x
        f.flush()
        return f.id.get_file_image()

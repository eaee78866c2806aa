"""Where a run goes: its sinks, its checkpoint file, and what is written about it."""
import os
import platform
from dataclasses import fields, is_dataclass

import numpy as np

from snn.errors import RunError
from snn.record import MemorySink


def sinks_of(to, overwrite, append, seeds, state):
    """One sink per run of the engine."""
    if append and (to is None or overwrite):
        raise RunError("simulate.append: goes on in the file `to`, which must be given, without overwrite=True.")
    if append and state is None and os.path.exists(to):
        raise RunError("simulate.append: the file holds a run that ended in some state. Give that state too, "
                       "state=snn.load(...), or overwrite=True to begin anew.")
    if to is None:
        return [MemorySink() for _ in seeds or (0,)]
    if seeds is not None:
        raise RunError(
            "simulate.to: several runs at once cannot be streamed to one file. Leave it out, or run the seeds one "
            "by one."
        )
    if not isinstance(to, str | os.PathLike):
        raise RunError(f"simulate.to: is {to!r}. Give the name of a file, or None to keep the recording in memory.")
    from snn.export.archive import ArchiveSink

    return [ArchiveSink(to, append=True) if append else ArchiveSink(to, overwrite=overwrite)]


def checkpoint_path(path, to, *, seeds, fresh):
    """The path of a checkpoint that a run keeps, checked before it begins; a ``fresh`` run replaces no file."""
    if path is None:
        return None
    if seeds is not None or not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise RunError(f"simulate.checkpoint: is {path!r}{' with several seeds' if seeds else ''}. "
                       "Give the name of a file for a single run.")
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))) or os.path.isdir(path):
        raise RunError(f"simulate.checkpoint: {os.fspath(path)!r} lies in no existing folder, or is one. "
                       "Name a file in a folder that exists.")
    if isinstance(to, str | os.PathLike) and os.path.realpath(to) == os.path.realpath(path):
        raise RunError(f"simulate.checkpoint: {os.fspath(path)!r} is the file of the recording. Choose another name.")
    if fresh and os.path.exists(path):
        raise RunError(f"simulate.checkpoint: {os.fspath(path)!r} exists. Go on from it, state=snn.load(...), choose "
                       "another name, or say overwrite=True.")
    return path


def _request(r):
    """A request as plain data: its kind, and what differs from the default."""
    kept = {f.name: getattr(r, f.name) for f in fields(r)}
    plain = {k: f"{len(v)} of them" if isinstance(v, np.ndarray) else repr(v) if is_dataclass(v) else v
             for k, v in kept.items() if v is not None}
    return {"kind": type(r).__name__, **plain}


def _drive(source):
    """A drive in words: its kind, and its values where they are single numbers."""
    values = [f"{f.name}={v:g}" for f in fields(source) if isinstance(v := getattr(source, f.name), int | float)]
    return f"{type(source).__name__}({', '.join(values)})"


def meta_of(plan, engine, duration, first, session, asked):
    import torch

    from snn import __version__

    return {
        "dt": plan.dt,
        "seed": plan.seed,
        "dtype": plan.dtype,
        "duration": float(duration),
        "start": first * plan.dt,
        "engine": repr(engine),
        "threads": getattr(session, "threads", 1),
        "network": plan.summary(),
        "plan": repr(plan),
        "drives": [{"population": p.name, "port": port, "input": _drive(source)}
                   for p in plan.populations for port, source in p.drives],
        "record": [_request(r) for r in asked],
        "versions": {
            "snn": __version__,
            "numpy": np.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }

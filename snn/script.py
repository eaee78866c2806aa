"""Scripts of users: run as they are, or loaded for the network that they leave under the name ``net``."""
import runpy
import sys
from contextlib import contextmanager
from pathlib import Path

import snn
from snn.errors import RunError
from snn.resumed import resumed


def run_script(path, arguments=(), *, duration=None, seed=None, out=None, checkpoint=None, resume=False, **options):
    """Run a script.

    Without any of the options it runs as the main program and None is returned. With one of them it is loaded under
    another name, and the Network that it leaves under the name ``net`` is simulated; returns the Result. ``resume`` as
    in :func:`run_file`.
    """
    given = {"duration": duration, "seed": seed, "to": out, "checkpoint": checkpoint}
    given = {key: value for key, value in given.items() if value is not None}
    with _script(path, arguments) as run:
        if not given:
            run("__main__")
            return None
        net = _left(run("experiment"), path)
        if duration is None:
            raise RunError(f"{path}: the script's network has no duration. Give --duration.")
        return snn.simulate(net, **resumed(given, resume), **options)


@contextmanager
def _script(path, arguments):
    """A function that runs a script under a name, with its arguments and its folder in place."""
    before = sys.argv, sys.path[:]
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        yield lambda name: runpy.run_path(str(path), run_name=name)
    finally:
        sys.argv, sys.path[:] = before


def _left(names, path):
    """The Network that a script has left."""
    net = names.get("net")
    if not isinstance(net, snn.Network):
        raise RunError(f"{path}: leaves no snn.Network under the name `net` ({type(net).__name__}). "
                       "Name it so, or run the script without options.")
    return net


def network_of(path):
    """The Network that an experiment file describes, or that a script leaves under the name ``net``."""
    path = Path(path)
    if path.suffix == ".toml":
        from snn.experiment import load
        return load(path)[0]
    with _script(path, ()) as run:
        return _left(run("experiment"), path)

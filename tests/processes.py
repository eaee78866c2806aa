"""Functions in processes of their own, which begin with the libraries loaded: a new interpreter takes seconds."""
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

LOADED = ["torch", "scipy.sparse", "h5py", "numba", "pytest",
          "snn.neurons", "snn.run.simulate", "snn.run.event", "snn.export.archive"]


def in_new_process(function, *args, cwd=None, **environment):
    """``function(*args)`` in a new process, in folder ``cwd`` and with the environment variables given.

    ``function`` is one of a module. BrokenProcessPool where the process is killed.
    """
    context = multiprocessing.get_context("spawn" if os.name == "nt" else "forkserver")
    if os.name != "nt":
        context.set_forkserver_preload(LOADED)
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_call, function, args, cwd, environment).result(timeout=120)


def _call(function, args, cwd, environment):
    os.environ.update(environment)
    if cwd is not None:
        os.chdir(cwd)
    return function(*args)

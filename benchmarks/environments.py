"""The peers' environments: where they are, and how they are made.

Each peer lives in a virtual environment of its own, ``DIR/nest``, ``DIR/snntorch`` and so on, so that their
dependencies meet neither each other nor ours. DIR is ``--peers-dir``, else the environment variable SNN_PEERS, else
``~/.cache/snn/peers``. Brian2 needs a C++ compiler and ``make`` besides.
"""
import os
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.registry import ENVIRONMENTS as SIMULATORS
from benchmarks.registry import ROOT
from benchmarks.training.tasks import TRAINING_ENVIRONMENTS

ENVIRONMENTS = {**SIMULATORS, **TRAINING_ENVIRONMENTS}


def peers_dir(given=None):
    """The folder that holds the environments."""
    return Path(given or os.environ.get("SNN_PEERS") or Path.home() / ".cache" / "snn" / "peers")


def python_of(environment, folder):
    """The interpreter of an environment; ours for None."""
    if environment is None:
        return Path(sys.executable)
    return folder / environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def missing(environment, folder):
    """Why an environment cannot be used, or None where it can."""
    if python_of(environment, folder).exists():
        return None
    return (f"no environment at {folder / environment}. "
            f"Make it with: python -m benchmarks peers --install {environment} --into {folder}")


def install(environment, folder):
    """Make an environment with the pinned versions; one that exists is brought to them."""
    place = folder / environment
    if not python_of(environment, folder).exists():
        venv.create(place, with_pip=True)
    command = [python_of(environment, folder), "-m", "pip", "install", "--quiet", *ENVIRONMENTS[environment]]
    if environment in TRAINING_ENVIRONMENTS:      # else pip may replace a CPU build of torch by a CUDA build
        command += ["--constraint", ROOT / "constraints.txt"]
    if subprocess.run(command).returncode:
        raise RuntimeError(f"peers.{environment}: pip failed, see above ({place}). Check the network and try again.")
    return place


def add_arguments(parser):
    parser.add_argument("--install", nargs="+", choices=sorted(ENVIRONMENTS), default=[], metavar="PEER",
                        help=f"make these environments ({', '.join(ENVIRONMENTS)})")
    parser.add_argument("--into", "--peers-dir", dest="peers_dir", help="folder of the environments")


def main(options):
    """``python -m benchmarks peers``: install what is asked for, then say what is there."""
    folder = peers_dir(options.peers_dir)
    for environment in options.install:
        print(f"{environment}: {install(environment, folder)}", file=sys.stderr)
    for environment, pins in ENVIRONMENTS.items():
        print(f"{environment:8}  {missing(environment, folder) or python_of(environment, folder)}  ({', '.join(pins)})")
    return 0

"""Shared by all tests: hypothesis profile, devices, data found outside the repository."""
import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]

# The first example of a property may compile a kernel, so a deadline per example says nothing.
hypothesis.settings.register_profile("snn", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("snn")


def pytest_collection_modifyitems(items):
    """Skip what needs a CUDA device where torch sees none; torch is imported only if such a test was collected."""
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if not marked:
        return
    import torch
    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def root():
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir():
    """The folder of the larger data sets, or skip: ``SNN_DATA``, else ``../shared/data`` beside the checkout."""
    for folder in (os.environ.get("SNN_DATA"), ROOT.parent / "shared" / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    pytest.skip("no larger data sets: SNN_DATA is not set and there is no ../shared/data")


@pytest.fixture
def python(root, tmp_path):
    """Run ``python *args`` in a subprocess that imports the checkout; gives the CompletedProcess with text output."""
    def run(*args, cwd=tmp_path, check=True, timeout=120, **env):
        everything = {**os.environ, "PYTHONPATH": str(root), "MPLBACKEND": "Agg", **env}
        done = subprocess.run([sys.executable, *map(str, args)], cwd=cwd, env=everything, timeout=timeout,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if check and done.returncode:
            raise AssertionError(f"python {args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done
    return run

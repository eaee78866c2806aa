"""The wheel, and the checkout without one."""
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("snn", "neurons", "plasticity", "datasets")

SIMULATE = """
import json, datasets, snn, snn.cli, snn.datasets, snn.neurons
from snn.neurons import LIF
net = snn.Network("n")
cell = net.add("cell", LIF(), 3)
net.connect(cell, cell, snn.AllToAll(self_connections=False), port="delta", weight=0.1, delay=1.0)
net.drive(cell, snn.PoissonInput(rate=10000.0, weight=1.0), port="delta")
spikes = len(snn.simulate(net, 100.0, dt=0.1, seed=1, progress=False).spikes["cell"])
files = [m.__file__ for m in (snn, snn.neurons, snn.datasets, datasets)]
print(json.dumps({"spikes": spikes, "mark": datasets.MARK, "files": files, "path": list(snn.__path__)}))
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel of a copy of the checkout (setuptools leaves its build folder in the source tree)."""
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    source.mkdir()
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-c", f"import setuptools.build_meta as b; print(b.build_wheel({str(work)!r}))"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return next(work.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """A folder that holds the wheel and, beside it, a foreign top-level package ``datasets``."""
    site = tmp_path_factory.mktemp("site")
    (site / "datasets").mkdir()
    (site / "datasets" / "__init__.py").write_text("MARK = 'foreign'\n")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(code, *, cwd, path):
    env = {**os.environ, "PYTHONPATH": str(path), "MPLBACKEND": "Agg"}
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_only_snn(wheel):
    tops = {name.split("/")[0] for name in files_of(wheel)}
    assert tops == {"snn", next(top for top in tops if top.endswith(".dist-info"))}


def test_wheel_holds_every_module(wheel):
    modules = [f.relative_to(ROOT).as_posix() for folder in FOLDERS for f in (ROOT / folder).rglob("*.py")]
    expected = {"snn/py.typed", *(name if name.startswith("snn/") else f"snn/{name}" for name in modules)}
    assert expected <= files_of(wheel)


def test_wheel_holds_the_data(wheel):
    data = {f"snn/datasets/{f.name}" for pattern in ("*.h5", "*.h5.xz", "*.npz", "*.json", "*.txt")
            for f in (ROOT / "datasets").glob(pattern)}
    assert data <= files_of(wheel)


def test_wheel_metadata(wheel):
    import snn
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
        entry = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert f"Version: {snn.__version__}\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "snn = snn.cli:main" in entry


@pytest.fixture(scope="module")
def elsewhere(installed, tmp_path_factory):
    """What a process in another folder finds, with the wheel alone in its path."""
    return json.loads(run(SIMULATE, cwd=tmp_path_factory.mktemp("elsewhere"), path=installed).splitlines()[-1])


def test_wheel_works_in_another_folder(installed, elsewhere):
    expected = [str(installed / "snn" / part / "__init__.py") for part in ("", "neurons", "datasets")]
    assert elsewhere["files"][:3] == expected
    assert elsewhere["path"] == [str(installed / "snn")]


def test_wheel_simulates_beside_a_foreign_datasets(installed, elsewhere):
    assert elsewhere["spikes"] > 0
    assert elsewhere["mark"] == "foreign" and elsewhere["files"][3] == str(installed / "datasets" / "__init__.py")


def test_checkout_works_uninstalled():
    # -S leaves site-packages out, so that an installed copy cannot stand in for the checkout.
    code = ("import snn, importlib.util as u; "
            "print(snn.__file__, u.find_spec('snn.plasticity').origin)")
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    expected = [ROOT / "snn" / "__init__.py", ROOT / "plasticity" / "__init__.py"]
    assert done.stdout.split() == list(map(str, expected)), done.stderr

"""Rules that no single part can see: who imports whom, what is packaged, how big files grow, how fast it starts."""
import ast
import functools
import json
import re
import statistics
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CATALOGUES = ("neurons", "plasticity", "datasets")
CODE = [*(ROOT / "snn").rglob("*.py"), *(f for folder in CATALOGUES for f in (ROOT / folder).rglob("*.py"))]
OTHERS = ("tests", "examples", "benchmarks", "docs")
EVERYTHING = [*CODE, *(f for folder in OTHERS for f in (ROOT / folder).rglob("*.py"))]

# Lower floors first. A module may import its own floor and those below, and nobody else.
FLOORS = [
    "snn.errors snn.interrupt snn.random",
    "snn.contract snn.spikes",
    "snn.network snn.connect snn.csr snn.distance snn.build snn.build_distance snn.distributions snn.exact snn.graph "
    "snn.operations snn.silence snn.delays snn.drives snn.rule snn.rule_graph snn.plastic snn.wiring snn.gaussian "
    "snn.network_checks snn.doors snn.coupling snn.composed snn.composition snn.kinetics "
    "snn.operations snn.silence snn.encoding snn.neurons snn.plasticity snn.datasets",
    "snn.plan snn.plan_coupling snn.plan_plastic snn.plan_population",
    "snn.run snn.train snn.record snn.result snn.traces snn.sink snn.stored snn.export snn.plot snn.readout snn.report "
    "snn.animate snn.film",
    "snn.circuits snn.cli snn.demo snn.doctor snn.exchange snn.experiment snn.items snn.info snn.files snn.resumed "
    "snn.script snn.models snn.train_file snn.train_file_data",
]
# Imports upward that are there for the sake of the caller, inside the function that needs them.
DOORS = {("snn.doors", f"snn.{home}") for home in (
    "train.deploy", "exchange.sonata_write", "exchange.sonata_read", "exchange.nir_write", "exchange.nir_read")}
DOORS |= {("snn.train.deploy", "snn.exchange.spikingjelly")}
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names.split()}
TOP = len(FLOORS) - 1
LAZY = {"torch", "numba", "matplotlib", "h5py", "scipy", "spikingjelly", "pydantic"}


def module_of(path):
    """Dotted name of a file: ``neurons/lif.py`` is ``snn.neurons.lif``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "snn" else ("snn", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module):
    """The part of the house a module belongs to: ``snn.run.graph`` belongs to ``snn.run``."""
    return ".".join(module.split(".")[:2])


@functools.cache
def tree(path):
    return ast.parse(path.read_text())


def imports(path):
    """``(line, module)`` of every import of a file, also inside functions; ``from snn import x`` is ``snn.x``."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            if node.module == "snn":
                yield from ((node.lineno, f"snn.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_floor(path):
    module = module_of(path)
    if module == "snn":
        return
    here = part_of(module)
    assert here in FLOOR, f"{here} has no floor: add it to FLOORS in this file and to CONTRIBUTING.md"
    for line, other in imports(path):
        there = part_of(other)
        if (module, other) in DOORS:
            continue
        if there in FLOOR:
            assert FLOOR[there] <= FLOOR[here], f"{path}:{line}: {here} imports {other}, which stands on a higher floor"
        elif other.startswith("snn."):
            assert FLOOR[here] == TOP or other == "snn.__version__", f"{path}:{line}: {other} is not defined there"


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_core_does_not_import_the_catalogues(path):
    here = part_of(module_of(path))
    if module_of(path) == "snn" or FLOOR.get(here) == TOP:
        return
    for line, other in imports(path):
        there = part_of(other)
        if there.removeprefix("snn.") in CATALOGUES:
            assert there == here, f"{path}:{line}: {here} imports {other}"


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_imports_are_allowed(path):
    for line, other in imports(path):
        top = other.split(".")[0]
        assert top not in CATALOGUES, f"{path}:{line}: bare import of {other}; write snn.{other}"
        assert top not in ("torchvision", "torchaudio") and not other.startswith("spikingjelly.datasets"), \
            f"{path}:{line}: {other} fails to import beside a CPU build of torch"


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_files_and_functions_stay_small(path):
    text = path.read_text()
    lines = len(text.splitlines())
    assert lines < 300
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node) is not None
            first = node.body[1].lineno if documented and len(node.body) > 1 else node.lineno
            length = node.end_lineno - first + 1
            assert length <= 40, f"{path}:{node.lineno}: {node.name} has {length} lines without its docstring"


def test_packages_in_pyproject_are_those_on_disk():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = [init.parent for top in ("snn", *CATALOGUES) for init in (ROOT / top).rglob("__init__.py")]
    assert sorted(setuptools["packages"]) == sorted(map(module_of, (f / "__init__.py" for f in folders)))
    bare = {f.parent for f in CODE} - set(folders)
    assert not bare, f"folders with Python files but without __init__.py: {bare}"
    for package, folder in setuptools["package-dir"].items():
        assert (ROOT / folder / "__init__.py").is_file(), package


def test_every_example_is_in_the_docs():
    listed = re.findall(r"examples/(\w+\.py)", (ROOT / "docs" / "examples.md").read_text())
    there = sorted(f.name for f in (ROOT / "examples").glob("[0-9]*.py"))
    assert sorted(set(listed)) == there
    numbers = [name[:2] for name in there]
    assert len(set(numbers)) == len(numbers), "two examples share a number"


def test_public_names_resolve(python):
    done = python("-c", "import json, snn; print(json.dumps([n for n in dir(snn) if getattr(snn, n, None) is None]))")
    assert json.loads(done.stdout) == []


def test_public_names(python):
    import snn
    assert {"Network", "simulate", "open", "SnnError", "__version__"} <= set(dir(snn))
    assert "open" not in snn.__all__
    with pytest.raises(AttributeError, match="module 'snn' has no attribute 'Netwrok'"):
        _ = snn.Netwrok


@pytest.mark.parametrize("code", ["import snn", "import snn.cli; snn.cli.parser().format_help()"])
def test_start_loads_nothing_heavy(python, code):
    loaded = set(ast.literal_eval(python("-c", f"{code}; import sys; print(sorted(sys.modules))").stdout))
    assert "snn.errors" in loaded
    assert not LAZY & loaded


@pytest.mark.parametrize(("args", "limit"), [(["-c", "import snn"], 0.1), (["-m", "snn.cli", "--help"], 0.3)],
                         ids=["import", "help"])
def test_start_is_fast(python, args, limit):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        python(*args)
        times.append(time.perf_counter() - start)
    # The limits hold on an idle machine; a loaded one gets three times as long.
    assert statistics.median(times) < 3 * limit


def test_catalogue_pages_show_every_entry(python, tmp_path):
    pages = python(ROOT / "docs" / "make_catalogue.py", tmp_path / "pages").stdout.split()
    import snn.neurons
    import snn.plasticity
    text = {Path(page).stem: Path(page).read_text() for page in pages}
    for name in snn.neurons.__all__:
        assert f"## {name}\n" in text["neurons"]
    for name in snn.plasticity.__all__:
        assert f"## {name}\n" in text["plasticity"]
    assert "| `tau_m` | 20.0 | ms |" in text["neurons"]
    assert "## FixedInDegree\n" in text["connect"] and "## EventDriven\n" in text["run"]


def test_no_module_hides_a_public_name_of_its_package():
    import snn
    import snn.train
    for package in (snn, snn.train):
        folder = Path(package.__file__).parent
        modules = {f.stem for f in folder.glob("*.py")}
        assert not modules & (set(package.__all__) - set(getattr(package, "_MODULES", ())))

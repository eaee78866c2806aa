"""NIR files that other tools wrote (tests/fixtures/nir/make.py): read without the tools, with the spikes they gave."""
import lzma
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.interchange.nir_peers import DT, compared, frames_for
from snn.exchange.nir_file import read_nir, write_nir
from snn.exchange.nir_graph import flat
from snn.exchange.nir_nodes import parameters
from snn.exchange.nir_read import from_nir, network_from_nir

nir = pytest.importorskip("nir")

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "nir"
FILES = sorted(f.name.removesuffix(".nir.xz") for f in FOLDER.glob("*.nir.xz"))
STEP = {"snntorch": DT["snnTorch"], "spikingjelly": DT["SpikingJelly"], "norse": DT["Norse"]}
STEPS = {"norse_if": 1000.0}   # Norse's IF counts time in steps


@pytest.fixture(scope="module", params=FILES)
def foreign(request, tmp_path_factory):
    """``(path of the file, frames, what its tool gave, dt)``."""
    path = tmp_path_factory.mktemp("foreign") / f"{request.param}.nir"
    path.write_bytes(lzma.decompress((FOLDER / f"{request.param}.nir.xz").read_bytes()))
    tool, case = request.param.split("_", 1)
    expected = np.load(FOLDER / f"{request.param}.npz")["out"].astype(np.float32)
    return path, frames_for(case), expected, STEPS.get(request.param, STEP[tool])


def test_there_are_files_of_all_three():
    assert {name.split("_")[0] for name in FILES} == set(STEP) and len(FILES) > 8


def test_torch_gives_what_its_tool_gave(foreign):
    path, frames, expected, dt = foreign
    with torch.no_grad():
        got = from_nir(path, dt=dt).eval()(torch.from_numpy(frames)).numpy()
    assert compared(got, expected).verdict == "same", compared(got, expected)


def test_the_engine_gives_what_its_tool_gave(foreign):
    path, frames, expected, dt = foreign
    got = network_from_nir(path, dt=dt).run(frames).output.numpy()
    assert compared(got, expected).verdict == "same", compared(got, expected)


def test_our_reader_reads_what_nirs_reads(foreign, tmp_path):
    """The same nodes, edges and arrays; and what we write of it, nir reads again."""
    path = foreign[0]
    theirs, ours = nir.read(path), read_nir(path)
    write_nir(ours, tmp_path / "again.nir")
    for other in (ours, nir.read(tmp_path / "again.nir")):
        assert sorted(other.edges) == sorted(theirs.edges)
        assert {k: type(v) for k, v in other.nodes.items()} == {k: type(v) for k, v in theirs.nodes.items()}
        for name, node in flat(theirs, "test").nodes.items():
            same = flat(other, "test").nodes[name]
            assert np.array_equal(same.output_type["output"], node.output_type["output"])
            for key, value in {**parameters(node), "weight": getattr(node, "weight", 0)}.items():
                assert np.array_equal(getattr(same, key, 0), value)

"""Checkpoint files of training: what reads them, and what is said of damaged ones and those of another run."""
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import in_new_process
from test_resume import EPOCHS, Stop, Stopping, fail, train
from torch import nn
from toy import Toy, bits, make_net

from snn.errors import DataError, MissingFile, OutputError, RunError
from snn.train import checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")


def test_plain_torch_reads_it(tmp_path):
    net, history = train(tmp_path)
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    other = make_net(seed=9)
    other.load_state_dict(content["net"])
    assert bits(other) == bits(net) and content["history"]["records"] == history.records
    other.load_state_dict(checkpoint.load(tmp_path / "best.pt"))
    assert content["epoch"] == EPOCHS


def test_a_run_is_not_overwritten(tmp_path):
    train(tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(RunError, match=r"fit\.out: .*checkpoint\.pt exists.*resume=True"):
        train(tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert sorted(f.name for f in tmp_path.iterdir()) == ["best.pt", "checkpoint.pt", "log.jsonl"]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "c.pt"
    net = nn.Linear(3, 2)
    checkpoint.save(checkpoint.collect(net, torch.optim.SGD(net.parameters(), 0.1), [], {"epoch": 0}), path)
    return path.read_bytes()


@settings(max_examples=40)
@given(data=st.data())
def test_damaged_files(data, image, tmp_path_factory):
    """Cut off or changed anywhere: one clear error."""
    path = tmp_path_factory.mktemp("damaged") / "c.pt"
    place = data.draw(st.integers(0, len(image) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(image[:place])
    else:
        path.write_bytes(image[:place] + bytes([image[place] ^ data.draw(st.integers(1, 255))]) + image[place + 1:])
    with pytest.raises(DataError, match=r"load\.path: .*damaged.*intact"):
        checkpoint.load_run(path)


def test_other_files(tmp_path, monkeypatch):
    train(tmp_path / "run")
    with pytest.raises(MissingFile, match="does not exist"):
        checkpoint.load(tmp_path / "none.pt")
    with pytest.raises(DataError, match="is no checkpoint of a training run"):
        checkpoint.load_run(tmp_path / "run" / "best.pt")
    monkeypatch.setattr(checkpoint, "VERSION", 0)
    with pytest.raises(DataError, match="version 1; this library reads up to 0. Update"):
        checkpoint.load_run(tmp_path / "run" / "checkpoint.pt")


def wider():
    net = make_net()
    net[3] = nn.Linear(10, 3, bias=False)
    return net


@pytest.mark.parametrize("change, pattern", [
    ({"net": wider()}, r"fit\.net: '3\.bias' is nothing here and \(3,\) torch\.float32 in the checkpoint"),
    ({"net": make_net().double()}, r"fit\.net: '0\.weight' is .* torch\.float64 here and .* torch\.float32 in"),
    ({"make": torch.optim.SGD}, r"fit\.optimiser: the optimiser here: SGD; in the checkpoint: Adam"),
    ({"data": Toy(7)}, r"fit\.data: has 7 batches per epoch, in the checkpoint 5"),
], ids=["net", "dtype", "optimiser", "data"])
def test_a_checkpoint_of_something_else(tmp_path, change, pattern):
    with pytest.raises(Stop):
        train(tmp_path, Stopping((1, 3), fail))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    net = change.get("net", make_net())
    weights = bits(net)
    with pytest.raises(RunError, match=pattern):
        train(tmp_path, resume=True, **{"net": net} | change)
    assert bits(net) == weights and (tmp_path / "checkpoint.pt").read_bytes() == before


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"fit\.out: cannot make the folder"):
        train(tmp_path / "file" / "run")


def save_on_a_full_disk():
    import resource
    checkpoint.save({"a": torch.zeros(10)}, "c.pt")
    with open("c.pt", "rb") as file:
        before = file.read()
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    with pytest.raises(OutputError, match=r"fit\.out: cannot write c\.pt"):
        checkpoint.save({"a": torch.zeros(10_000)}, "c.pt")
    with open("c.pt", "rb") as file:
        return file.read() == before, os.listdir()


def test_disk_full(tmp_path):
    """Nothing half-written stays behind, and the older checkpoint is kept."""
    pytest.importorskip("resource")
    assert in_new_process(save_on_a_full_disk, cwd=tmp_path) == (True, ["c.pt"])

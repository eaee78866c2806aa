"""Compiled code is kept on disk: the second process compiles nothing; a bad cache costs time, never a result."""

import os

from processes import in_new_process

import snn
from snn.neurons import LIF
from snn.run import native


def simulated():
    """In a new process: how many kernels it compiles, and its spikes."""
    compiled, original = [], native._optimised
    native._optimised = lambda text: compiled.append(text) or original(text)
    net = snn.Network()
    a = net.add("a", LIF(), 300)
    net.connect(a, a, snn.FixedInDegree(5), port="delta", weight=1.0, delay=1.0)
    net.drive(a, snn.PoissonInput(rate=9000.0, weight=0.3), port="delta")
    return len(compiled), snn.simulate(net, 20.0, seed=1, progress=False).spikes["a"].ids.tobytes(), len(compiled)


def compilations(folder):
    before, spikes, after = in_new_process(simulated, SNN_CACHE_DIR=str(folder))
    assert before == 0 and len(spikes) > 100
    return after, spikes


def test_the_second_process_compiles_nothing_and_damaged_files_are_compiled_anew(tmp_path):
    folder = tmp_path / "cache"
    first, spikes = compilations(folder)
    files = sorted(f for f in folder.rglob("*") if f.is_file())
    assert first == len(files) >= 4 and all(f.suffix == ".o" for f in files)
    assert compilations(folder) == (0, spikes)
    assert sorted(f for f in folder.rglob("*") if f.is_file()) == files
    damages = [lambda x: b"", lambda x: x[:40], lambda x: x[:-1] + bytes([x[-1] ^ 1]), lambda x: bytes(32) + x[32:]]
    whole = {file: file.read_bytes() for file in files}
    for k, file in enumerate(files):
        file.write_bytes(damages[k % len(damages)](whole[file]))
    assert compilations(folder) == (first, spikes)
    assert {file: file.read_bytes() for file in files} == whole


def test_a_folder_that_cannot_be_written(tmp_path):
    """Neither a file in its place nor, unless root writes everywhere, a read-only folder stops a run."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    first, _ = compilations(blocked)
    assert first >= 4 and blocked.read_text() == ""
    if os.name == "posix" and os.geteuid() != 0:
        readonly = tmp_path / "readonly"
        readonly.mkdir(mode=0o500)
        assert compilations(readonly)[0] == first and not list(readonly.iterdir())

"""Runs of experiment files that keep a checkpoint and are gone on with in the same file."""
import pytest

import snn
from snn import experiment
from snn.errors import RunError

SMALL = """
[populations.in]
model = { name = "SpikeSource", spikes = { name = "Spikes", times = [1.0, 2.5], ids = [0, 1], n = 2, duration = 10.0 } }
n = 2
[populations.cell]
model = { name = "LIF", t_ref = 2.0 }
n = 4
init = { v = { name = "Uniform", low = -65.0, high = -60.0 } }
[projections.in_cell]
pre = "in"
post = "cell[:2]"
rule = "AllToAll"
port = "delta"
weight = 30.0
delay = { name = "Uniform", low = 0.5, high = 2.0, grid = 0.5 }
[[drives]]
population = "cell"
input = { name = "CurrentInput", value = [0.0, 0.0, 0.0, 500.0] }
port = "current"
[[record]]
name = "RecordSpikes"
population = "cell"
[[record]]
name = "RecordState"
population = "cell"
variable = "v"
ids = [3]
every = 5
[run]
duration = 10
seed = 3
engine = "Reference"
"""


def test_recorders_with_windows_and_a_checkpoint(tmp_path):
    path = tmp_path / "windows.toml"
    path.write_text("""
[populations.cell]
model = "LIF"
n = 2
[[drives]]
population = "cell"
input = { name = "CurrentInput", value = 500.0 }
port = "current"
[[record]]
name = "RecordState"
population = "cell"
variable = "v"
when = { name = "Windows", windows = [[10.0, 10.5]] }
[run]
duration = 20.0
out = "run.h5"
checkpoint = "state.h5"
""")
    result = experiment.run_file(path)
    assert len(result.traces["cell", "v"]) == 5 and snn.load(tmp_path / "state.h5").time == 20.0


def test_resuming_goes_on_in_the_same_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    out, state = tmp_path / "run.h5", tmp_path / "state.h5"
    whole = experiment.run_file(path, duration=8.0)
    experiment.run_file(path, duration=3.0, out=out, checkpoint=state)
    with pytest.raises(RunError, match="checkpoint.*exists"):
        experiment.run_file(path, duration=8.0, out=tmp_path / "other.h5", checkpoint=state)
    with pytest.raises(RunError, match="all of its 3 ms"):
        experiment.run_file(path, duration=3.0, out=out, checkpoint=state, resume=True)
    experiment.run_file(path, duration=8.0, out=out, checkpoint=state, resume=True)
    assert dict(snn.open(out).spikes) == dict(whole.spikes) and snn.load(state).time == 8.0

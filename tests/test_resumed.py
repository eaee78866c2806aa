"""Runs of experiment files that keep a checkpoint and are gone on with in the same file."""
import pytest
from test_experiment import SMALL

import snn
from snn import experiment
from snn.errors import RunError


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

"""The benchmark of recording: small versions of its parts, and no figure while something is wrong."""
import json

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.recording import kills, overhead, slice
from snn.export import archive
from snn.spikes import Spikes


def rows(capsys, *arguments):
    status = main(["recording", "--quick", "--json", *arguments])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_killed_writers(capsys, tmp_path):
    status, found = rows(capsys, "--part", "kills", "--folder", str(tmp_path))
    assert status == 0 and [row["what"] for row in found] == ["new", "gone on with"]
    for row in found:
        assert row["opened"] == row["kills"] == 4 and row["wrong"] == 0 and row["most_blocks_lost"] <= 1
        assert row["committed_blocks"] > 0
    assert not list(tmp_path.iterdir())


def test_what_counts_as_lost_and_wrong(tmp_path):
    """The judge itself: a file of 700 steps, and what its writer may have told."""
    path = str(tmp_path / "run.h5")
    sink, channels = archive.ArchiveSink(path), kills.make_channels(0)
    sink.open({"dt": kills.DT}, channels)
    kills.give(sink, channels, 0, 700, 0)
    sink.commit(700)
    sink.close()
    told = [("open", 0), ("given", 700), ("committed", 700), ("given", 900)]
    assert kills.judged(path, told, 0) == {"opened": True, "lost": 1, "wrong": False, "cutting": False, "blocks": 1}
    assert kills.judged(path, [*told, ("given", 1100)], 0)["lost"] == 2
    assert kills.judged(path, [("committed", 701)], 0)["wrong"] and kills.judged(path, [], 701)["wrong"]
    assert not kills.right(archive.open(path), 699) and kills.right(archive.open(path), 700)
    assert kills.judged(path, [("open", 300)], 700) == {"opened": True, "lost": 0, "wrong": False, "cutting": True,
                                                        "blocks": 0}
    assert kills.judged(str(tmp_path / "no.h5"), told, 0)["opened"] is False


def test_slices_and_rates(capsys, tmp_path):
    status, found = rows(capsys, "--part", "slice,rate", "--folder", str(tmp_path))
    assert status == 0
    slices = [row for row in found if row["part"] == "slice"]
    assert [row["neurons"] for row in slices] == [1000, 10_000, 100_000] * 2
    assert all(0 < row["warm_ms"] <= row["max_ms"] and row["data_gb"] == pytest.approx(0.004, rel=0.01)
               for row in slices)
    assert [row["what"] for row in found if row["part"] == "rate"] == ["spikes", "trace, noise", "trace, 0.1 mV"]
    assert all(row["values_per_s"] > 1e4 and row["disk_mb_per_s"] > 0 for row in found if row["part"] == "rate")


def test_a_slice_that_differs_is_no_figure(tmp_path, monkeypatch):
    values = np.ones((37, 100))
    slice.build(tmp_path / "a.h5", values, 50)
    with pytest.raises(RuntimeError, match="is not what was written"):
        slice.read(tmp_path / "a.h5", values + 1, 50, 1)


def test_overhead_needs_equal_spikes(capsys, tmp_path):
    status, found = rows(capsys, "--part", "overhead", "--folder", str(tmp_path))
    assert status == 0 and [row["what"] for row in found] == ["not recorded", "memory", "file"] * 2
    assert found[0]["times"] == 1.0 and all(row["spikes"] > 100 and row["run_s"] > 0 for row in found)
    some = {name: type("R", (), {"spikes": {"cells": Spikes([k], [0], 1, 5.0)}})
            for k, name in enumerate(("memory", "file"))}
    with pytest.raises(RuntimeError, match="others than"):
        overhead.check(some)


@pytest.mark.slow  # 6 s: four processes that import torch
def test_memory(capsys, tmp_path):
    status, found = rows(capsys, "--part", "memory", "--folder", str(tmp_path))
    assert status == 0 and [row["model_ms"] for row in found] == [50.0, 500.0] * 2
    assert found[1]["spikes"] > found[0]["spikes"] == found[2]["spikes"]
    assert found[1]["peak_mb"] < 1.2 * found[0]["peak_mb"]


def test_bad_arguments(capsys):
    assert main(["recording", "--part", "speed"]) == 2
    assert "there is no part 'speed'" in capsys.readouterr().err
    assert main(["recording", "--kills", "0"]) == 2
    assert "recording.kills: is 0" in capsys.readouterr().err

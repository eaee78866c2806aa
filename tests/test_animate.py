"""Films: right size, length and speed; neurons light up when they fire; read back by ffprobe and Pillow."""
import json
import shutil
import subprocess
import tracemalloc

import numpy as np
import pytest
from report_results import poisson

from snn import animate as module
from snn import film
from snn.animate import Cursor, Glow, animate
from snn.errors import DataError, MissingFile, OutputError, RunError
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the program ffmpeg is not there")


@pytest.fixture(scope="module")
def result():
    times = np.arange(1, 101) * 1.0
    trace = Trace(times, [0, 3, 5], np.stack([times, -times, 0 * times], axis=1), "mV", "a", "v")
    return Result({"a": poisson(36, 50.0, 100.0), "b": poisson(9, 50.0, 100.0)}, {("a", "v"): trace}, {})


def frames(path):
    from PIL import Image
    with Image.open(path) as image:
        found = []
        for k in range(image.n_frames):
            image.seek(k)
            found.append((np.asarray(image.convert("RGB")), image.info["duration"]))
        return found


def test_gif_has_its_frames_and_their_delay(result, tmp_path):
    path = animate(result, tmp_path / "a.gif", speed=0.5, fps=20, stop=60.0)
    found = frames(path)
    # A frame is 25 ms of model time: the last one is the end of the window.
    assert len(found) == 3 and {delay for _, delay in found} == {50}
    assert path.read_bytes()[:6] == b"GIF89a" and b"NETSCAPE2.0" in path.read_bytes()[:900]
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]


def test_frames_of_a_gif_are_those_that_were_drawn(result, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(film.Gif, "add", lambda self, frame, add=film.Gif.add: (drawn.append(frame.copy()),
                                                                               add(self, frame)))
    found = frames(animate(result, tmp_path / "a.gif", speed=0.25, fps=20, stop=50.0))
    assert len(found) == len(drawn) == 4
    for (seen, _), frame in zip(found, drawn, strict=True):
        assert seen.shape == frame[..., :3].shape
        difference = np.abs(seen.astype(int) - frame[..., :3]).max(axis=-1)
        assert np.quantile(difference, 0.99) <= 12, "256 colours come near to those that were drawn"


@needs_ffmpeg
def test_mp4_is_what_ffprobe_says(result, tmp_path):
    path = animate(result, tmp_path / "a.mp4", speed=0.2, fps=25, start=20.0)
    probe = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", path], capture_output=True,
                           check=True)
    stream, = json.loads(probe.stdout)["streams"]
    assert stream["nb_frames"] == "10" and stream["r_frame_rate"] == "25/1"
    assert stream["width"] == 800 and stream["height"] % 2 == 0
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         capture_output=True, check=True).stdout
    pictures = np.frombuffer(raw, np.uint8).reshape(10, stream["height"], 800, 3)
    assert (np.abs(np.diff(pictures.astype(int), axis=0)).max(axis=(1, 2, 3)) > 50).all(), "every frame moves"


def test_neurons_glow_when_they_fire():
    s = Spikes([1.0, 2.0, 2.0, 9.0], [0, 1, 2, 0], 4, 10.0)
    glow = Glow("a", s, 0.0, 10.0, 2.0)
    np.testing.assert_allclose(glow.at(2.0), [np.exp(-0.5), 1.0, 1.0, 0.0])
    np.testing.assert_allclose(glow.at(9.0), [1.0, np.exp(-3.5), np.exp(-3.5), 0.0])


def test_a_neuron_that_fires_is_bright_where_it_is(tmp_path):
    """One of four neurons fires: the quarter of the panel that is its own becomes bright, the others do not."""
    result = Result({"a": Spikes([10.0], [3], 4, 20.0)}, {}, {})
    seen, _ = frames(animate(result, tmp_path / "a.gif", speed=0.5, fps=50))[0]
    height, width = seen.shape[:2]
    stage = seen[90:height - 200, 45:width - 45].mean(axis=-1)
    rows, columns = np.array_split(stage, 2, axis=0), 2
    bright = [[part.mean() for part in np.array_split(row, columns, axis=1)] for row in rows]
    assert bright[1][1] > 150 and max(bright[0] + bright[1][:1]) < 60


def test_cursor_gives_everything_once_and_in_order():
    s = poisson(20, 50.0, 100.0)
    cursor = Cursor(s.blocks(7))
    got = [list(cursor.until(t)) for t in np.linspace(0, 100.0, 13)]
    assert all(times.max() <= t + 1e-9 for t, parts in zip(np.linspace(0, 100.0, 13), got, strict=True)
               for times, _ in parts)
    parts = [part for parts in got for part in parts]
    np.testing.assert_array_equal(np.concatenate([ids for _, ids in parts]), s.ids)


def test_traces_and_positions_can_be_shown(result, tmp_path):
    where = np.random.default_rng(0).normal(size=(36, 3))
    for options in ({"trace": ("a", "v")}, {"trace": ("a", "v"), "positions": {"a": where}, "limits": (-5, 5)},
                    {"positions": {"a": where}}):
        path = animate(result, tmp_path / "a.gif", speed=1.0, fps=20, overwrite=True, **options)
        found = frames(path)
        assert len(found) == 2 and (found[0][0] != found[1][0]).any()
    only = Result({}, result.traces, {})
    assert len(frames(animate(only, tmp_path / "b.gif", trace=("a", "v"), speed=1.0, fps=20))) == 2


def test_memory_does_not_grow_with_the_film(tmp_path):
    result, peaks = Result({"a": poisson(100, 20.0, 50.0)}, {}, {}), []
    for fps in (20, 60):
        tracemalloc.start()
        animate(result, tmp_path / "a.gif", speed=0.2, fps=fps, overwrite=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 1e6


def test_bad_arguments_are_refused_before_a_file_is_there(result, tmp_path):
    (tmp_path / "there.gif").write_bytes(b"x")
    cases = [(RunError, "Films are", {"path": tmp_path / "a.avi"}),
             (RunError, "exists", {"path": tmp_path / "there.gif"}),
             (MissingFile, "folder", {"path": tmp_path / "no" / "a.gif"}), (RunError, "fps", {"fps": 0}),
             (RunError, "speed", {"speed": -1.0}), (RunError, "tau", {"tau": np.nan}),
             (RunError, "no part", {"start": 50.0, "stop": 40.0}), (RunError, "no part", {"stop": 1e9}),
             (RunError, "no trace", {"trace": ("a", "w")}),
             (RunError, "positions", {"positions": {"a": np.ones((3, 2))}})]
    for kind, text, options in cases:
        with pytest.raises(kind, match=text):
            animate(result, **{"path": tmp_path / "a.gif", **options})
    for empty in (Result({}, {}, {}), Result({"a": Spikes([], [], 0, 10.0)}, {}, {})):
        with pytest.raises(DataError, match="no spikes"):
            animate(empty, tmp_path / "a.gif")
    assert [p.name for p in tmp_path.iterdir()] == ["there.gif"]


def test_missing_programs_are_named(result, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RunError, match="needs the program ffmpeg.*Install it, or write a .gif"):
        animate(result, tmp_path / "a.mp4")
    monkeypatch.setitem(__import__("sys").modules, "PIL.GifImagePlugin", None)
    with pytest.raises(RunError, match="needs the package Pillow"):
        animate(result, tmp_path / "a.gif")


@needs_ffmpeg
def test_a_failure_of_ffmpeg_is_an_error_of_ours_and_leaves_nothing(result, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_checked", lambda path, overwrite: tmp_path / "no" / "a.mp4")
    with pytest.raises(OutputError, match="ffmpeg could not write"):
        animate(result, "a.mp4", speed=1.0)
    assert list(tmp_path.iterdir()) == []

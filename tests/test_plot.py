"""Pictures: they show what was recorded, into the axes given, without a screen."""
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from snn import plot
from snn.errors import DataError
from snn.record import Result, Trace
from snn.spikes import Spikes


def poisson(n, rate=20.0, duration=200.0):
    rng = np.random.default_rng(n)
    count = int(n * rate * duration / 1000)
    return Spikes(rng.uniform(0, duration, count), rng.integers(0, n, count), n, duration)


@pytest.fixture
def result():
    times = np.arange(1, 201) * 1.0
    data = np.random.default_rng(0).normal(-60, 1, (200, 8))
    trace = Trace(times, range(8), data, "mV", "exc", "v")
    return Result({"exc": poisson(400), "inh": poisson(100)}, {("exc", "v"): trace}, {}, meta={"dt": 0.1})


def dots(ax):
    return sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == ".")


def test_every_spike_is_a_dot_in_the_axes_given(result):
    ax = plot._axes(4, 3)
    assert plot.raster(result, ax) is ax
    assert dots(ax) == sum(map(len, result.spikes.values()))
    assert ax.get_xlim() == (0.0, 200.0) and ax.get_xlabel() == "time [ms]"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["exc", "inh"]


def test_many_neurons_are_thinned_in_proportion_and_said_so(result):
    ax = plot.raster(result, max_neurons=50)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["exc\n40 of 400", "inh\n10 of 100"]
    assert ax.get_ylim() == (-0.5, 49.5)
    assert dots(ax) < sum(map(len, result.spikes.values()))


def test_one_population_shows_neuron_numbers():
    s = poisson(10)
    ax = plot.raster(s)
    assert ax.get_ylabel() == "neuron"
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), s.ids)
    assert plot.raster({"a": s}).get_ylabel() == "neuron of a"


def test_rates_are_the_population_rates(result):
    ax = plot.rates(result.spikes, bin_ms=30.0)
    for patch, s in zip(ax.patches, result.spikes.values(), strict=True):
        values, edges, _ = patch.get_data()
        np.testing.assert_array_equal(values, s.population_rate(30.0)[1])
        assert edges.tolist() == [0, 30, 60, 90, 120, 150, 180, 200]
    assert ax.get_ylabel() == "rate [Hz]" and ax.get_legend() is not None


def test_traces_have_units_and_a_limit(result):
    trace = result.traces["exc", "v"]
    ax = plot.traces(trace, max_traces=3)
    assert ax.get_ylabel() == "exc.v [mV]" and len(ax.lines) == 3
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), trace.data[:, 1])
    assert ax.get_legend().get_texts()[-1].get_text() == "2  (3 of 8)"


def test_overview_is_a_picture_file(result, tmp_path):
    figure = plot.overview(result)
    assert len(figure.axes) == 3
    figure.savefig(tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert len(plot.overview(Result({}, result.traces, {})).axes) == 1


def test_nothing_to_draw_is_an_error(result):
    for draw in (lambda: plot.overview(Result({}, {}, {})), lambda: plot.raster({}),
                 lambda: plot.raster(result, max_neurons=0)):
        with pytest.raises(DataError):
            draw()


def test_silent_and_empty_populations_are_drawn():
    silent = {"a": Spikes([], [], 5, 10.0), "b": Spikes([1.0], [0], 1, 10.0)}
    assert dots(plot.raster(silent)) == 1
    assert plot.rates(silent).get_ylim()[0] == 0


def test_no_screen_no_pyplot_and_late_import():
    code = ("import sys, snn.plot; assert 'matplotlib' not in sys.modules; from snn.spikes import Spikes; "
            "snn.plot.raster(Spikes([1.0], [0], 1, 2.0)); assert 'matplotlib.pyplot' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
                          cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr


class Blocks(Spikes):
    """Spikes that may be read in blocks only, as those of a large file."""

    def blocks(self, count=50):
        return super().blocks(count)

    def of(self, ids, **_):
        raise AssertionError("everything was loaded")


def test_spikes_of_a_file_are_read_in_blocks():
    s = poisson(40)
    stored = Blocks(s.times, s.ids, s.n, s.duration)
    np.testing.assert_array_equal(plot.raster(stored).lines[0].get_ydata(), s.ids)
    values, edges, _ = plot.rates(stored, bin_ms=7.0).patches[0].get_data()
    np.testing.assert_allclose(values, s.population_rate(7.0)[1], rtol=1e-12)
    assert edges[-1] == 200.0


def test_very_many_spikes_mean_fewer_neurons(monkeypatch):
    monkeypatch.setattr(plot, "DOTS", 100)
    ax = plot.raster({"a": poisson(100), "b": poisson(300)})
    assert 40 < dots(ax) < 160
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a\n6 of 100", "b\n19 of 300"]


def test_intervals_and_their_variation_are_those_of_spikes(result):
    ax = plot.isi(result)
    for patch, s in zip(ax.patches[::2], result.spikes.values(), strict=True):
        heights, edges, _ = patch.get_data()
        assert (heights * np.diff(np.log10(edges))).sum() == pytest.approx(sum(map(len, s.isi())))
    assert ax.get_xscale() == "log" and "mean" in ax.get_legend().get_texts()[0].get_text()
    ax = plot.cv(result.spikes["exc"])
    assert ax.patches[0].get_data()[0].sum() == np.isfinite(result.spikes["exc"].cv()).sum()


def test_a_mean_is_called_a_mean_and_gaps_are_not_bridged():
    times = np.concatenate([np.arange(1, 11), np.arange(51, 61)]) * 0.1
    mean = Trace(times, [0], times[:, None], "mV", "a", "mean.v")
    ax = plot.traces(mean)
    assert ax.get_legend().get_texts()[0].get_text() == "mean"
    y = ax.lines[0].get_ydata()
    assert len(y) == 21 and np.flatnonzero(np.isnan(y)).tolist() == [10]


def test_long_traces_keep_their_extremes(monkeypatch):
    monkeypatch.setattr(plot, "SAMPLES", 5000)
    data = np.sin(np.arange(20_000) / 300.0)[:, None].repeat(2, axis=1)
    data[7777] = 5.0
    ax = plot.traces(Trace(np.arange(20_000) * 0.1, [3, 3], data, "mV", "a", "v"))
    y = ax.lines[1].get_ydata()
    assert len(y) <= 4096 and np.nanmax(y) == 5.0 and np.nanmin(y) == data.min()


def test_order_of_phases_is_drawn(result):
    times, phases = np.arange(1.0, 51.0), np.random.default_rng(0).uniform(0, 6, (50, 20))
    theta = Trace(times, range(20), phases, "rad", "units", "theta")
    ax = plot.order({("units", "theta"): theta})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.abs(np.exp(1j * phases).mean(axis=1)))
    with pytest.raises(DataError, match="no phases"):
        plot.order(result)

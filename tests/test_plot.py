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

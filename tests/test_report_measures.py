"""Measures of the report, made in one pass over blocks, beside independent computations of the same numbers."""
import tracemalloc

import numpy as np
import pytest
import scipy.signal
from report_results import example, poisson

from snn.report.histograms import cv_bins, isi_bins, over_time, rate_bins, spectrum
from snn.report.series import Course, gaps, order_from_means, order_from_phases, weight_course, with_gaps
from snn.report.spikes import measure, pick
from snn.spikes import Spikes
from snn.traces import Weights


class Small(Spikes):
    """Spikes that come in many blocks."""

    def blocks(self, count=97):
        return super().blocks(count)


def small(s):
    return Small(s.times, s.ids, s.n, s.duration, s.start)


@pytest.fixture(scope="module")
def spikes():
    return small(poisson(120, 25.0, 1000.0))


@pytest.fixture(scope="module")
def measured(spikes):
    return measure(spikes, dt=0.1)


def test_measures_in_blocks_are_those_of_spikes(spikes, measured):
    np.testing.assert_array_equal(measured.count, spikes.count())
    np.testing.assert_allclose(measured.rate, spikes.rate())
    np.testing.assert_allclose(measured.cv, spikes.cv(), rtol=1e-9)
    intervals = np.concatenate(spikes.isi())
    assert measured.isi_count == len(intervals) == measured.isi.sum()
    assert measured.isi_mean == pytest.approx(intervals.mean(), rel=1e-12)
    np.testing.assert_array_equal(measured.isi[:1000], np.bincount(np.round(intervals / 0.1).astype(int))[1:1001])
    np.testing.assert_allclose(measured.binned * 1000.0 / (120 * measured.bin_ms), spikes.population_rate(1.0)[1])
    assert (measured.first, measured.last) == (spikes.times[0], spikes.times[-1])


def test_fano_factor_and_correlation_are_those_of_dense_counts(spikes, measured):
    counts = spikes.to_dense(5.0, dtype=np.uint8).astype(float)
    total = counts.sum(axis=1)
    assert measured.fano == pytest.approx(total.var() / total.mean(), rel=1e-12)
    kept = np.unique(np.linspace(0, 119, 100).round().astype(int))
    cov = np.cov(counts[:, kept].T, bias=True)
    sd = np.sqrt(np.diag(cov))
    expected = (cov.sum() - np.trace(cov)) / (np.outer(sd, sd).sum() - np.trace(cov))
    assert measured.paired == 100 and measured.correlation == pytest.approx(expected, rel=1e-9)


def test_equal_neurons_have_correlation_one_and_clocks_a_cv_of_zero():
    times = np.repeat(np.arange(1, 41) * 25.0, 8)
    m = measure(small(Spikes(times, np.tile(np.arange(8), 40), 8, 1000.0)), dt=0.1)
    assert m.correlation == pytest.approx(1.0) and m.isi_quantile(0.5) == pytest.approx(25.0)
    np.testing.assert_allclose(m.cv, 0.0, atol=1e-6)


def test_spectrum_is_that_of_scipy_and_poisson_neurons_have_a_flat_one():
    s = poisson(100, 30.0, 8000.0)
    m = measure(s, dt=0.1)
    f, power = spectrum(m.binned, m.bin_ms, m.n)
    signal = m.binned * 1000.0 / (m.n * m.bin_ms)
    wanted = scipy.signal.welch(signal, 1000.0 / m.bin_ms, "hann", 1024, 512, detrend="constant")
    np.testing.assert_allclose(f, wanted[0])
    np.testing.assert_allclose(power, wanted[1], rtol=1e-9, atol=1e-15)
    assert power[5:-5].mean() == pytest.approx(2.0 * s.mean_rate / s.n, rel=0.1)
    assert spectrum(m.binned[:40], 1.0, 10) is None


def test_histograms_hold_everything(spikes, measured):
    edges, counts = isi_bins(measured)
    assert (counts * np.diff(np.log10(edges))).sum() == pytest.approx(measured.isi_count)
    edges, neurons = rate_bins(measured)
    assert neurons.sum() == 120 and edges[0] <= spikes.rate().min() and spikes.rate().max() <= edges[-1]
    assert cv_bins(measured.cv)[1].sum() == np.isfinite(measured.cv).sum()
    width, edges, rate = over_time(measured)
    assert (rate * np.diff(edges)).sum() / 1000.0 * 120 == pytest.approx(len(spikes)) and width == 5.0
    assert isi_bins(measure(Spikes([], [], 3, 10.0))) is None


def test_rasters_draw_a_bounded_part_and_say_which():
    populations = {"a": poisson(900, 50.0, 1000.0), "b": poisson(100, 50.0, 1000.0)}
    measures = {name: measure(s) for name, s in populations.items()}
    everything = pick(populations, measures, most_rows=2000, most_spikes=10 ** 9)
    assert [len(everything[name].times) for name in "ab"] == [len(populations[name]) for name in "ab"]
    few = pick(populations, measures, most_spikes=1500)
    assert [p.shown for p in few.values()] == [90, 12] and few["a"].window == few["b"].window
    assert 500 < sum(len(p.times) for p in few.values()) < 2000
    start, end = few["a"].window
    assert 0 < start < end and ((few["a"].times > start) & (few["a"].times <= end)).all()


def test_courses_keep_extremes_and_gaps_in_bounded_memory():
    times = np.arange(1, 200_001) * 0.1
    data = np.sin(times / 50.0)[:, None] * [1.0, 2.0]
    data[123_456, 1] = 9.0
    course = Course(len(times), 2)
    keep = (times < 5000.0) | (times > 9000.0)
    for part in np.array_split(np.flatnonzero(keep), 70):
        course.add(times[part], data[part])
    at, drawn = course.points()
    assert len(at) <= 4096 and drawn.shape == (len(at), 2)
    np.testing.assert_allclose(np.nanmax(drawn, axis=0), data[keep].max(axis=0))
    assert np.isnan(drawn[(at > 5020) & (at < 8980)]).all()
    assert not np.isnan(drawn[(at < 4980) | (at > 9020)]).any()
    few = with_gaps(np.array([1.0, 2.0, 3.0, 7.0, 8.0]), np.arange(5.0)[:, None])
    assert np.isnan(few[1][3, 0]) and few[0][3] == 5.0 and len(gaps(np.arange(9.0))) == 0


def test_order_parameters_are_those_of_complex_means():
    traces = example().traces
    theta = traces["other", "theta"]
    r = np.abs(np.exp(1j * theta.data).mean(axis=1))
    for course, mean in (order_from_phases(theta),
                         order_from_means(traces["osc", "mean.sin"], traces["osc", "mean.cos"])):
        np.testing.assert_allclose(course.points()[1][:, 0], r, rtol=1e-12)
        assert mean == pytest.approx(r.mean())


def test_weights_are_described_by_their_quantiles():
    w = example().weights["exc_inh"]
    found = weight_course(w)
    np.testing.assert_allclose(found.mean, w.data.mean(axis=1))
    np.testing.assert_allclose(found.low, np.quantile(w.data, 0.05, axis=1))
    np.testing.assert_array_equal(found.last, w.data[-1])
    assert weight_course(Weights("p", [], [], [1.0], np.zeros((1, 0)))) is None


def test_memory_does_not_grow_with_the_spikes():
    class Endless:
        n, start = 1000, 0.0

        def __init__(self, blocks):
            self.many, self.duration, self.end = blocks, blocks * 100.0, blocks * 100.0

        def __len__(self):
            return self.many * 20_000

        def blocks(self):
            rng = np.random.default_rng(0)
            for k in range(self.many):
                yield np.sort(rng.uniform(100.0 * k, 100.0 * (k + 1), 20_000)), rng.integers(0, 1000, 20_000)

    peaks = []
    for blocks in (3, 30):
        tracemalloc.start()
        assert measure(Endless(blocks), dt=0.1).spikes == blocks * 20_000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 2e6

"""Active dendrites: the exact formulas against published values and draws, and simulated segments against both."""
import math

import numpy as np
import pytest

import snn
from snn.circuits import (
    SegmentBank,
    false_match,
    false_match_any,
    missed_match,
    random_patterns,
    union_false_match,
)
from snn.errors import DataError, NetworkError, RunError
from snn.neurons import DendriticLIF, DendriticSegment

# (n, active, synapses, threshold): probability, from other code.
KNOWN = {(2048, 40, 20, 10): 3.9e-13, (4000, 128, 24, 12): 1.34e-12, (6000, 128, 30, 8): 1.36e-7,
         (6000, 128, 30, 12): 3.3e-13, (6000, 128, 30, 16): 8.0e-20, (16000, 512, 24, 12): 1.9e-12,
         (1024, 8, 4, 2): 3.18e-4, (300, 30, 10, 3): 0.0670}
# 500 stored patterns of 7 of 100 cells: chance that random cells match any, simulated by the authors of the source.
SIMULATED = {3: 0.965, 4: 0.1346, 5: 0.00285}


@pytest.mark.parametrize("case", KNOWN)
def test_published_values(case):
    assert false_match(*case) == pytest.approx(KNOWN[case], rel=0.02)


def test_published_simulation():
    for threshold, p in SIMULATED.items():
        assert false_match_any(100, 7, 7, threshold, segments=500) == pytest.approx(p, rel=0.02)


def test_it_is_the_hypergeometric_tail():
    from scipy.stats import hypergeom
    for n, a, s, theta in ((50, 10, 8, 3), (200, 30, 20, 5), (40, 40, 7, 7), (40, 10, 7, 8)):
        assert false_match(n, a, s, theta) == pytest.approx(hypergeom.sf(theta - 1, n, a, s), rel=1e-9, abs=1e-300)
    assert false_match(30, 5, 5, 0) == 1.0


def draws(n, active, trials, seed):
    """Random patterns, bool [trials, n], all at once."""
    order = np.random.default_rng(seed).random((trials, n)).argpartition(active, axis=1)[:, :active]
    found = np.zeros((trials, n), bool)
    np.put_along_axis(found, order, True, axis=1)
    return found


@pytest.mark.parametrize("threshold", [1, 2, 3, 4])
def test_draws_agree_with_the_formula(threshold):
    """Within 5 % (or four sampling errors)."""
    p, trials = false_match(300, 30, 10, threshold), 30_000
    found = (draws(300, 30, trials, threshold)[:, :10].sum(1) >= threshold).mean()
    assert abs(found - p) < max(0.05 * p, 4.0 * math.sqrt(p * (1 - p) / trials))
    if threshold < 4:
        assert found == pytest.approx(p, rel=0.05)


def test_a_union_of_patterns():
    """Cells shared by patterns count once; more patterns, more false matches."""
    n, a, s, theta, trials = 200, 15, 8, 5, 20_000
    values = []
    for patterns in (1, 3, 8):
        union = np.any([draws(n, s, trials, 10 * patterns + k) for k in range(patterns)], axis=0)
        found = ((union & draws(n, a, trials, 99)).sum(1) >= theta).mean()
        values.append(union_false_match(n, a, s, theta, patterns=patterns))
        assert abs(found - values[-1]) < max(0.05 * values[-1], 4.0 * math.sqrt(values[-1] / trials))
    assert values[0] == pytest.approx(false_match(n, a, s, theta), rel=1e-12) and values == sorted(values)
    assert union_false_match(2048, 40, 20, 10, patterns=10) < 0.003


def test_noise():
    """Half of a pattern of 128 lost: 24 synapses at threshold 12 see it in 3 of 5 cases, at threshold 8 nearly always.
    """
    expected = missed_match(128, 24, 12, lost=64)
    left = draws(128, 64, 20_000, 5)[:, :24].sum(1)
    assert expected == pytest.approx((left < 12).mean(), abs=0.015) and 0.3 < expected < 0.5
    assert missed_match(128, 24, 8, lost=64) < 0.03 and missed_match(128, 24, 12, lost=26) < 1e-3
    assert missed_match(40, 20, 10, lost=0) == 0.0 and missed_match(40, 20, 21, lost=0) == 1.0
    # The same threshold still tells it from random cells.
    assert false_match(4000, 128, 24, 8) < 1e-6


def test_scaling():
    """False matches fall with n as n^-threshold, and faster than exponentially with the threshold; sparsity alone says
    little: at a given share of active cells they hardly depend on n."""
    by_n = [false_match(n, 40, 20, 10) for n in (2000, 4000, 8000, 16000)]
    np.testing.assert_allclose(np.diff(np.log2(by_n)), -10.0, atol=0.3)
    by_size = [false_match(n, n // 50, 20, 10) for n in (4000, 8000, 16000)]
    np.testing.assert_allclose(by_size, by_size[-1], rtol=0.4)
    by_theta = [math.log(false_match(4000, 80, 20, t)) for t in range(2, 14)]
    assert (np.diff(by_theta) < -1.0).all() and (np.diff(by_theta, 2) < 0.0).all()


def test_a_bank_detects_what_it_stores_and_little_else():
    n, a = 600, 24
    stored = random_patterns(40, n, a, seed=1)
    bank = SegmentBank(n, cells=10, threshold=8).store(stored, owner=np.arange(40) % 10, synapses=12, seed=2)
    assert bank.detected(stored).diagonal().all() and all(len(one) == 12 for one in bank.synapses)
    predicted = bank.predicted(stored)
    assert predicted[np.arange(40), np.arange(40) % 10].all() and predicted.sum() == 40
    assert not bank.detected(random_patterns(500, n, a, seed=3)).any()


@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1)], ids=["reference", "event"])
def test_simulated_segments_are_the_arithmetic(engine):
    """Which segment fires for which pattern, one by one; and the rate is that of the formula, within its sampling."""
    n, a, s, theta, trials, segments = 120, 20, 10, 4, 40, 60
    bank = SegmentBank(n, cells=5, threshold=theta)
    bank.store(random_patterns(segments, n, s, seed=1), owner=np.arange(segments) % 5, synapses=s)
    shown = random_patterns(trials, n, a, seed=2)
    net = bank.network(shown, every=10.0, segment=DendriticSegment(theta=theta, t_nmda=5.0, tau_s=1.0))
    spikes = snn.simulate(net, 10.0 * trials, dt=1.0, seed=1, engine=engine, progress=False,
                          record=[snn.RecordSpikes("segments")]).spikes["segments"]
    found = np.zeros((trials, segments), bool)
    found[(spikes.times // 10.0).astype(int), spikes.ids] = True
    np.testing.assert_array_equal(found, bank.detected(shown))
    p = false_match(n, a, s, theta)
    assert abs(found.mean() - p) < 4.0 * math.sqrt(p * (1 - p) / found.size)


def test_predicted_cells_fire_first():
    """A context, 30 ms before an input to all cells: those whose segments know it fire first, and inhibit the rest."""
    n, cells, known = 500, 40, np.arange(4)
    patterns = random_patterns(cells, n, 20, seed=1)
    bank = SegmentBank(n, cells=cells, threshold=10).store(patterns, owner=np.arange(cells), synapses=15)
    context = np.any(patterns[known], axis=0)[None]
    assert (np.flatnonzero(bank.predicted(context)) == known).all()
    firsts = {}
    for inhibition in (0.0, -30.0):
        net = bank.network(context, every=20.0, cell=DendriticLIF(t_ref=5.0))
        gate = net.add("gate", snn.neurons.IF(V_th=0.5, E_L=0.0, V_reset=0.0), 1)
        cell = net.populations["cells"]
        net.connect(cell, gate, snn.AllToAll(), port="delta", weight=1.0, delay=0.5)
        net.connect(gate, cell, snn.AllToAll(), port="delta", weight=inhibition, delay=0.5)
        net.drive(cell, snn.CurrentInput([0.0, 0.0, 0.0, 0.0, 300.0], interval=10.0), port="current")
        spikes = snn.simulate(net, 70.0, dt=0.5, seed=1, engine=snn.Reference(), progress=False,
                              record=[snn.RecordSpikes("cells")]).spikes["cells"]
        firsts[inhibition] = {int(i): spikes.times[spikes.ids == i].min() for i in np.unique(spikes.ids)}
    free, gated = firsts.values()
    assert len(free) == cells and max(free[i] for i in known) < min(free[i] for i in range(4, cells))
    assert sorted(gated) == list(known)


@pytest.mark.parametrize(("error", "message", "action"), [
    (RunError, "false_match.n: is 0", lambda: false_match(0, 1, 1, 1)),
    (RunError, "false_match.active: is 11, more than the 10 cells", lambda: false_match(10, 11, 3, 2)),
    (RunError, "false_match.synapses: is 2.5", lambda: false_match(10, 3, 2.5, 2)),
    (RunError, "false_match_any.segments: is 0", lambda: false_match_any(10, 3, 2, 1, segments=0)),
    (RunError, "union_false_match.patterns: is 0", lambda: union_false_match(10, 3, 2, 1, patterns=0)),
    (RunError, "missed_match.lost: is 11", lambda: missed_match(10, 3, 2, lost=11)),
    (RunError, "random_patterns.active: is 9", lambda: random_patterns(3, 8, 9)),
    (NetworkError, "SegmentBank.threshold: is 0", lambda: SegmentBank(10, cells=1, threshold=0)),
    (DataError, "store.patterns: is int64 of shape", lambda: SegmentBank(3, cells=1, threshold=1).store(
        np.eye(3, dtype=int), owner=[0, 0, 0], synapses=1)),
    (DataError, "store.owner: has shape", lambda: SegmentBank(3, cells=1, threshold=1).store(
        np.eye(3, dtype=bool), owner=[0, 1, 0], synapses=1)),
    (RunError, "SegmentBank.network: there are no segments",
     lambda: SegmentBank(3, cells=1, threshold=1).network(np.eye(3, dtype=bool))),
])
def test_bad_input(error, message, action):
    with pytest.raises(error, match=message):
        action()

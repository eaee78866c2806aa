"""Recording in windows of time: exactly the samples that a full recording has there, in every engine and block size."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snn
from snn.errors import RunError
from snn.neurons import IFCurrExp, PoissonSource
from snn.record import MemorySink, TraceChannel
from snn.run import simulate as module
from snn.run.gates import Gate

ENGINES = (snn.EventDriven(), snn.Reference(), snn.Clocked(dtype="float64"))
DT = 0.1


def network():
    net = snn.Network("gates")
    noise, cells = net.add("noise", PoissonSource(rate=400.0), 40), net.add("cells", IFCurrExp(), 12)
    net.connect(noise, cells, snn.FixedInDegree(20), port="exc", weight=400.0, delay=0.5)
    return net


def run(record, *, engine=ENGINES[0], duration=60.0, **options):
    return snn.simulate(network(), duration, dt=DT, seed=3, engine=engine, record=record, **options)


@pytest.fixture(scope="module")
def full():
    result = run([snn.RecordSpikes("cells"), snn.RecordState("cells", "v", every=2)])
    assert result.spikes["cells"].count().min() > 0
    return result


def inside(times, windows):
    return np.array([any(a + 1e-6 < t <= b + 1e-6 for a, b in windows) for t in times])


def same_rows(trace, whole, windows):
    keep = inside(whole.times, windows)
    assert 0 < keep.sum() < len(keep)
    np.testing.assert_array_equal(trace.times, whole.times[keep])
    np.testing.assert_array_equal(trace.data, whole.data[keep])


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: type(e).__name__)
def test_around_spikes_keeps_what_a_full_recording_has_there(engine, full):
    around = snn.Around("cells", ids=[3, 5], before=1.5, after=0.7)
    result = run([snn.RecordState("cells", "v", every=2, when=around)], engine=engine)
    spikes = full.spikes["cells"].of([3, 5]).times
    windows = [(t - 1.5, t + 0.7) for t in spikes]
    assert not result.spikes, "spikes of a trigger are recorded for the gate alone"
    keep = inside(full.traces["cells", "v"].times, windows)
    assert 0 < keep.sum() < len(keep)
    np.testing.assert_array_equal(result.traces["cells", "v"].times, full.traces["cells", "v"].times[keep])
    np.testing.assert_allclose(result.traces["cells", "v"].data, full.traces["cells", "v"].data[keep], rtol=1e-12)


def test_windows_of_time(full):
    windows = [(40.0, 45.0), (10.0, 12.0), (11.0, 14.05), (59.0, 500.0)]
    result = run([snn.RecordState("cells", "v", every=2, when=snn.Windows(windows))])
    same_rows(result.traces["cells", "v"], full.traces["cells", "v"], windows)


def test_no_result_depends_on_blocks(full, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_SECONDS", 1e-9)
    around = snn.Around("cells", ids=[3, 5], before=1.5, after=0.7)
    result = run([snn.RecordState("cells", "v", every=2, when=around), snn.RecordSpikes("cells", ids=[1, 2])])
    same_rows(result.traces["cells", "v"], full.traces["cells", "v"],
              [(t - 1.5, t + 0.7) for t in full.spikes["cells"].of([3, 5]).times])
    assert result.spikes["cells"] == full.spikes["cells"].of([1, 2])


def test_to_a_file(full, tmp_path):
    around = snn.Around("cells", before=0.4, after=0.0)
    record = [snn.RecordState("cells", "v", ids=[0], when=around), snn.RecordSpikes("cells")]
    kept, streamed = run(record), run(record, to=tmp_path / "run.h5")
    assert len(kept.traces["cells", "v"]) > 20
    np.testing.assert_array_equal(streamed.traces["cells", "v"].times, kept.traces["cells", "v"].times)
    np.testing.assert_array_equal(streamed.traces["cells", "v"].data, kept.traces["cells", "v"].data)
    assert streamed.spikes["cells"] == full.spikes["cells"]


def test_batches_of_seeds_have_their_own_windows():
    record = [snn.RecordState("cells", "v", when=snn.Around("cells", ids=[0], before=1.0, after=1.0))]
    both = run(record, engine=snn.Clocked(seeds=[3, 4]))
    assert len(both) == 2 and not np.array_equal(both[0].traces["cells", "v"].times, both[1].traces["cells", "v"].times)


def test_pieces_of_a_live_run(full):
    when = snn.Windows([(10.0, 12.0), (30.0, 33.0)])
    with snn.start(network(), dt=DT, seed=3, record=[snn.RecordState("cells", "v", every=2, when=when)]) as sim:
        pieces = [sim.run(11.0).traces["cells", "v"], sim.run(49.0).traces["cells", "v"]]
    keep = inside(full.traces["cells", "v"].times, [(10.0, 12.0), (30.0, 33.0)])
    np.testing.assert_array_equal(np.concatenate([p.times for p in pieces]), full.traces["cells", "v"].times[keep])


class Trigger:
    """A gate fed by hand with the spikes of one neuron."""

    def __init__(self, spikes, before, after):
        channel = TraceChannel("a", "v", "mV", np.arange(1), 1.0, gated=True)
        self.sink, self.spikes, self.channel = MemorySink(), spikes, channel
        self.sink.open({"dt": 1.0}, [channel])
        self.gate = Gate(self.sink, [(channel, snn.Around("a", before=before, after=after))], [channel])

    def run(self, blocks):
        start = 0
        for stop in np.cumsum(blocks):
            steps = np.array([s for s in self.spikes if start <= s < stop])
            self.gate.trace(self.channel, start, np.arange(start, stop, dtype=float)[:, None])
            self.gate.spikes("a", steps, np.zeros(len(steps), int))
            self.gate.commit(int(stop))
            start = stop
        self.gate.finish(int(start))
        self.sink.close()
        return self.sink.result().traces["a", "v"].data[:, 0]


@given(st.sets(st.integers(0, 59)), st.integers(0, 9), st.integers(1, 9), st.lists(st.integers(1, 12), min_size=1))
def test_every_cut_into_blocks_keeps_the_same(spikes, before, after, blocks):
    found = Trigger(sorted(spikes), float(before), float(after)).run([*blocks, max(60 - sum(blocks), 1)])
    steps = np.arange(max(60, sum(blocks) + 1))
    wanted = [k for k in steps if any(s - before < k <= s + after for s in spikes)]
    np.testing.assert_array_equal(found, [k for k in wanted if k < max(60, sum(blocks) + 1)])


@pytest.mark.parametrize("make, word", [
    (lambda: snn.Windows([(3.0, 2.0)]), "start below stop"),
    (lambda: snn.Windows(5.0), "pairs"),
    (lambda: snn.Windows([("a", 1)]), "pairs"),
    (lambda: snn.Around("a"), "above 0"),
    (lambda: snn.Around("a", before=-1.0), "0 or more"),
    (lambda: snn.Around("a", before=1.0, ids=[-1]), "0 or more"),
    (lambda: snn.RecordState("a", "v", when=(1, 2)), "Windows"),
    (lambda: run([snn.RecordState("cells", "v", when=snn.Around("cell", before=1.0))]), "cell"),
    (lambda: run([snn.RecordState("cells", "v", when=snn.Around("cells", ids=[12], before=1.0))]), "12 is not"),
])
def test_wrong_windows_are_one_error_of_ours(make, word):
    with pytest.raises(RunError, match=word):
        make()


def test_triggered_averages_of_a_gappy_and_of_a_whole_trace_agree(full):
    when = snn.Around("cells", ids=[3], before=1.0, after=1.0)
    gappy = run([snn.RecordState("cells", "v", every=2, when=when)]).traces["cells", "v"]
    events = full.spikes["cells"].train(3)
    mine, whole = (t.around(events, 1.0, 1.0) for t in (gappy, full.traces["cells", "v"]))
    assert whole.shape[1:] == (10, 12) and len(whole) >= len(events) - 1
    np.testing.assert_array_equal(mine, whole)
    assert not full.traces["cells", "v"].around([0.5, 59.9], 1.0, 1.0).size, "windows that were not recorded whole"


@pytest.mark.parametrize("options, word", [
    ({"record": 5}, "list of requests"),
    ({"record": [snn.RecordWeights("noise_cells", every=0.15)]}, "whole number of steps"),
    ({"checkpoint": "same.h5"}, "file of the recording"),
    ({"checkpoint": ""}, "name of a file"),
], ids=["number", "off the grid", "same file", "empty name"])
def test_bad_requests_touch_no_file(tmp_path, monkeypatch, options, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "same.h5").write_text("precious")
    options = {"record": [snn.RecordSpikes("cells")], **options}
    with pytest.raises(RunError, match=word):
        run(options.pop("record"), to="same.h5", overwrite=True, **options)
    assert (tmp_path / "same.h5").read_text() == "precious"


@pytest.mark.parametrize("make", [
    lambda: snn.RecordState("a", "v", every=2**63), lambda: snn.RecordState("a", "v", every=True),
    lambda: snn.RecordWeights("a", every=1e300), lambda: snn.RecordWeights("a", every="a"),
    lambda: snn.Around("a", before="x"), lambda: snn.RecordSpikes("a", ids=[[1], [1, 2]])],
    ids=["huge steps", "truth", "huge span", "text", "text before", "ragged"])
def test_odd_arguments_are_errors_of_ours(make):
    with pytest.raises(RunError):
        make()


def test_every_run_of_a_batch_says_its_seed():
    both = run([snn.RecordSpikes("cells")], engine=snn.Clocked(seeds=[3, 4]), duration=1.0)
    assert [r.meta["run_seed"] for r in both] == [3, 4]


def test_frequent_samples_of_weights_take_time_in_proportion(monkeypatch):
    """Looking for the next sample must not walk over all that are still to come."""
    record = [snn.RecordWeights("noise_cells", synapses=[0], every=DT)]
    result = run(record, duration=30.0)
    assert len(result.weights["noise_cells"]) == 301
    sample = module.samples(record, [None], module.make_plan(network(), DT), 0, 10**12)[0]
    assert sample.next(5 * 10**11) == 5 * 10**11 + 1 and sample.due(10**12) and sample.next(10**12) == 10**12


def test_an_old_checkpoint_is_replaced_before_a_new_run_begins(tmp_path, monkeypatch):
    state = tmp_path / "state.h5"
    run([snn.RecordSpikes("cells")], checkpoint=state)
    assert snn.load(state).time == pytest.approx(60.0)
    monkeypatch.setattr(module.Prepared, "block", 1)
    monkeypatch.setattr(module._Run, "_next_due", lambda self: 1 / 0)        # dies in its first block
    with pytest.raises(ZeroDivisionError):
        run([snn.RecordSpikes("cells")], checkpoint=state, overwrite=True)
    assert snn.load(state).time == 0.0

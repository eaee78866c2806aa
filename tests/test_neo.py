"""Neo objects hold what was recorded, Elephant computes from them what we compute, and any block comes back."""
import sys

import numpy as np
import pytest
from analysis_results import assert_same, made_result

from snn.errors import DataError, RunError
from snn.export.neo import from_neo, to_neo, write_neo
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace

NEO_MISSING = "needs the package neo; pip install snn-sim[neo]"


@pytest.fixture(scope="module")
def neo():
    return pytest.importorskip("neo", reason=NEO_MISSING)


@pytest.fixture(scope="module")
def pq(neo):
    import quantities
    return quantities


@pytest.fixture(scope="module")
def elephant():
    return pytest.importorskip("elephant", reason="compares with Elephant; pip install elephant")


@pytest.fixture(scope="module")
def result():
    return made_result()


@pytest.fixture(scope="module")
def segment(neo, result):
    return to_neo(result).segments[0]


def test_every_neuron_is_a_spike_train(result, segment):
    assert len(segment.spiketrains) == 43
    for i, train in enumerate(segment.spiketrains[:40]):
        assert train.annotations == {"population": "exc", "neuron": i} and train.name == f"exc {i}"
        np.testing.assert_array_equal(train.rescale("ms").magnitude, result.spikes["exc"].train(i))
        assert (float(train.t_start.rescale("ms")), float(train.t_stop.rescale("ms"))) == (700.0, 1100.0)
    assert [len(train) for train in segment.spiketrains[40:]] == [0, 0, 0]


def test_traces_are_signals_with_units(result, segment):
    signals = {s.name: s for s in (*segment.analogsignals, *segment.irregularlysampledsignals)}
    v, g = signals["exc.v"], signals["exc.g"]
    assert len(segment.analogsignals) == 2 and len(signals) == 6, "exc.v and the three samples of a trace are even"
    np.testing.assert_array_equal(v.magnitude, result.traces["exc", "v"].data)
    np.testing.assert_allclose(v.times.rescale("ms").magnitude, result.traces["exc", "v"].times, rtol=1e-12)
    assert v.array_annotations["neuron"].tolist() == [5, 2, 39] and v.dimensionality.string == "mV"
    np.testing.assert_array_equal(g.times.rescale("ms").magnitude, result.traces["exc", "g"].times)
    assert g.dtype == np.float32 and g.dimensionality.string == "nS"
    assert signals["exc.mean.rate"].dimensionality.simplified.string == "1/s"
    assert signals["weights.e_e"].array_annotations["post"].tolist() == [1, 2, 0]


def test_what_goes_out_comes_back_bit_for_bit(neo, result, tmp_path):
    assert_same(result, from_neo(to_neo(result)))
    path = write_neo(result, tmp_path / "run.pkl")
    assert_same(result, from_neo(neo.io.PickleIO(str(path)).read_block()))
    assert [p.name for p in tmp_path.iterdir()] == ["run.pkl"]


def test_matlab_files(neo, result, tmp_path):
    """As SciPy opens them, and as Neo does: all but signals of one sample, which its reader cannot take."""
    part = Result(spikes=result.spikes, traces={k: result.traces[k] for k in (("exc", "v"), ("exc", "g"))},
                  weights={"e_e.trace": result.weights["e_e.trace"]}, meta=result.meta)
    path = write_neo(part, tmp_path / "run.mat")
    assert_same(part, from_neo(neo.io.NeoMatlabIO(str(path)).read_block()))
    from scipy.io import loadmat
    segment = loadmat(path, simplify_cells=True)["block"]["segments"]
    np.testing.assert_array_equal(segment["spiketrains"][7]["times"], result.spikes["exc"].train(7))
    signal = segment["analogsignals"][0]
    np.testing.assert_array_equal(signal["signal"], result.traces["exc", "v"].data)
    assert signal["signal_units"] == "mV" and signal["annotations"]["neuron"].tolist() == [5, 2, 39]


def test_some_neurons_only(result, neo):
    block = to_neo(result, neurons={"exc": [3, 1]})
    assert [t.annotations["neuron"] for t in block.segments[0].spiketrains] == [3, 1]
    back = from_neo(block).spikes
    assert back["exc"] == result.spikes["exc"].of([1, 3]) and len(back["inh"]) == 0
    with pytest.raises(DataError, match="no spikes of 'other'"):
        to_neo(result, neurons={"other": [0]})
    for ids in ([40], [-1], [0.5], 3):
        with pytest.raises(DataError, match=r"0\.\.39"):
            to_neo(result, neurons={"exc": ids})


def test_blocks_of_others_are_read(neo, pq):
    segment = neo.Segment()
    segment.spiketrains.extend([neo.SpikeTrain([0.5, 0.2], units="s", t_stop=1.0),
                                neo.SpikeTrain([300.0], units="ms", t_start=100.0, t_stop=2000.0)])
    segment.analogsignals.append(neo.AnalogSignal([[-0.07], [-0.06]], units="V", sampling_rate=2 * pq.kHz, name="soma"))
    segment.irregularlysampledsignals.append(neo.IrregularlySampledSignal([1.0, 5.0], [[1.0], [2.0]], units="kg",
                                                                          time_units="ms"))
    result = from_neo(segment)
    assert result.spikes["units"] == Spikes([200.0, 500.0, 300.0], [0, 0, 1], 2, 2000.0)
    soma = result.traces["signals", "soma"]
    np.testing.assert_allclose(soma.data, [[-70.0], [-60.0]])
    np.testing.assert_allclose(soma.times, [0.0, 0.5])
    assert soma.unit == "mV" and result.traces["signals", "signal 1"].unit == "kg"


def test_blocks_that_cannot_be_read_are_refused(neo, pq, result):
    block = neo.Block()
    with pytest.raises(RunError, match="0 segments"):
        from_neo(block)
    block.segments.extend([neo.Segment(), neo.Segment()])
    with pytest.raises(RunError, match="segment=0"):
        from_neo(block)
    with pytest.raises(RunError, match=r"0\.\.1"):
        from_neo(block, segment=2)
    assert from_neo(block, segment=1).spikes == {}
    with pytest.raises(RunError, match="neo.Block"):
        from_neo([1, 2])
    for _ in range(2):
        block.segments[0].spiketrains.append(neo.SpikeTrain([1.0], units="ms", t_stop=2.0, neuron=4))
        signal = neo.AnalogSignal([1.0, 2.0], units="mV", sampling_rate=1 * pq.Hz, name="a")
        block.segments[1].analogsignals.append(signal)
    with pytest.raises(DataError, match="distinct"):
        from_neo(block, segment=0)
    with pytest.raises(DataError, match="two signals"):
        from_neo(block, segment=1)
    wrong = to_neo(result)
    wrong.segments[0].annotations["windows"]["exc"] = {"n": "many"}
    with pytest.raises(DataError, match="windows"):
        from_neo(wrong)


def test_units_never_reach_a_parser(neo):
    """Quantities evaluates names of units as Python, and a unit may come from a file."""
    trap = "__import__('builtins').print('reached')"
    trace = Trace([1.0], [0], [[1.0]], trap, "a", "v")
    (signal,) = to_neo(Result(spikes={}, traces={("a", "v"): trace}, weights={})).segments[0].irregularlysampledsignals
    assert signal.dimensionality.string == "dimensionless" and signal.annotations["unit"] == trap


def test_wrong_files_and_a_missing_package(result, tmp_path, monkeypatch, neo):
    with pytest.raises(RunError, match=r"\.pkl or \.mat"):
        write_neo(result, tmp_path / "run.nix")
    (tmp_path / "a.pkl").touch()
    with pytest.raises(RunError, match="exists"):
        write_neo(result, tmp_path / "a.pkl")
    monkeypatch.setitem(sys.modules, "neo", None)
    for call in (lambda: to_neo(result), lambda: from_neo(None), lambda: write_neo(result, tmp_path / "b.pkl")):
        with pytest.raises(RunError, match=r"needs the package neo. Install it: pip install snn-sim\[neo\]"):
            call()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_elephant_finds_our_statistics(elephant, pq, result, segment):
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient
    from elephant.statistics import cv, isi, mean_firing_rate
    exc, trains = result.spikes["exc"], segment.spiketrains[:40]
    np.testing.assert_allclose([float(mean_firing_rate(t).rescale("Hz")) for t in trains], exc.rate(), rtol=1e-12)
    ours = exc.isi()
    for mine, train in zip(ours, trains, strict=True):
        np.testing.assert_allclose(isi(train).rescale("ms").magnitude, mine, rtol=1e-12)
    np.testing.assert_allclose([cv(isi(t)) for t in trains], exc.cv(), rtol=1e-10)
    # Bins of Elephant are closed on the left, ours on the right: half a step earlier, no spike lies on an edge.
    earlier = Spikes(exc.times - 0.05, exc.ids, 40, exc.duration, exc.start)
    trains = to_neo(Result(spikes={"exc": earlier}, traces={}, weights={})).segments[0].spiketrains
    binned, counts = BinnedSpikeTrain(list(trains), bin_size=5 * pq.ms), earlier.to_dense(5.0, dtype=np.int64)
    np.testing.assert_array_equal(binned.to_array().T, counts)
    np.testing.assert_allclose(correlation_coefficient(binned), np.corrcoef(counts.T), atol=1e-12)

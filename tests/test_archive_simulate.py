"""Runs that go on in their own file, from the network to the archive: the same as one run in memory."""
import numpy as np
import pytest

import snn
from snn.errors import RunError
from snn.neurons import LIF
from snn.plasticity import PairSTDP


def network():
    net = snn.Network("learner")
    cells = net.add("cells", LIF(), 30, init={"v": snn.Uniform(-70.0, -50.0)})
    net.drive(cells, snn.PoissonInput(rate=4000.0, weight=1.5), port="delta")
    net.connect(cells, cells, snn.FixedInDegree(6), port="delta", weight=snn.Uniform(0.1, 0.3), delay=1.0, name="cc",
                plasticity=PairSTDP(A_plus=0.01, A_minus=0.012, w_max=1.0))
    return net


RECORD = [snn.RecordSpikes("cells"), snn.RecordState("cells", "v", ids=[3, 1], every=7),
          snn.RecordState("cells", "v", when=snn.Windows([(15.0, 22.0), (55.0, 58.0)])),
          snn.RecordWeights("cc", every=10.0)]


def run(duration, *, record, **how):
    return snn.simulate(network(), duration, dt=0.1, seed=3, record=record, **how)


@pytest.mark.parametrize("trace", [1, 2])
def test_pieces_in_one_file_are_one_run(tmp_path, trace):
    record, path = [RECORD[0], RECORD[trace], RECORD[3]], tmp_path / "run.h5"
    whole = run(90.0, record=record)
    first = run(30.0, record=record, to=path)
    second = run(30.0, record=record, to=path, append=True, state=first.state)
    run(20.0, record=record, to=path, append=True, state=second.state)
    # From the second state once more: what the third piece wrote is dropped.
    run(30.0, record=record, to=path, append=True, state=second.state)
    found = snn.open(path)
    assert len(whole.spikes["cells"]) > 50 and found.spikes["cells"] == whole.spikes["cells"]
    for mine, other in ((found.traces["cells", "v"], whole.traces["cells", "v"]),
                        (found.weights["cc"], whole.weights["cc"])):
        assert mine.times.tobytes() == other.times.tobytes() and mine.data.tobytes() == other.data.tobytes()
    assert len(np.unique(found.weights["cc"].data[-1])) > 5
    same = ("dt", "seed", "duration", "start", "network", "complete", "interrupted")
    assert {k: found.meta[k] for k in same} == {k: whole.meta[k] for k in same}


def test_another_network_is_refused(tmp_path):
    path = tmp_path / "run.h5"
    first = run(5.0, record=None, to=path)
    other = network()
    other.add("more", LIF(), 2)
    with pytest.raises(RunError):
        snn.simulate(other, 5.0, dt=0.1, seed=3, to=path, append=True, state=first.state)
    with pytest.raises(RunError, match="Record the same things"):
        run(5.0, record=[RECORD[0], RECORD[3]], to=path, append=True, state=first.state)
    assert snn.open(path).spikes["cells"] == first.spikes["cells"]

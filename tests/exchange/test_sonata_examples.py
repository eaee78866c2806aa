"""Networks that others wrote: the two examples of point neurons that come with the SONATA format.

300_intfire has the spikes of NEURON (BMTK) beside it; for 300_pointneurons those of NEST 3.10 were recorded
(``fixtures/sonata/make.py``).
"""
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import snn
from snn.errors import NetworkError
from snn.exchange.sonata_read import read_network, read_simulation
from snn.export.sonata import read_spikes

FIXTURES = Path(__file__).parents[1] / "fixtures" / "sonata"
sys.path.insert(0, str(FIXTURES))
from make import unpack  # noqa: E402


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return unpack(tmp_path_factory.mktemp("sonata"))


@pytest.fixture(scope="module")
def point(examples):
    """The first example, its spike trains on the clock of NEST, which counts in 0.001 ms."""
    with h5py.File(examples / "300_pointneurons" / "inputs" / "external_spike_trains.h5", "r+") as file:
        file["spikes/timestamps"][:] = np.round(file["spikes/timestamps"][:], 3)
    return read_simulation(examples / "300_pointneurons" / "config.json")


def test_every_spike_of_nest(point):
    """300 iaf_psc_alpha neurons of five kinds, 27,588 recurrent and 20,844 external synapses, in steps of 0.01 ms."""
    assert (point.dt, point.duration, point.notes) == (0.01, 1500.0, ())
    spikes = snn.simulate(point.network, point.duration, dt=point.dt, progress=False).spikes["internal"]
    with np.load(FIXTURES / "nest.npz") as nest:
        assert len(nest["point_ids"]) == 18_828
        np.testing.assert_array_equal(np.rint(spikes.times / point.dt), nest["point_steps"])
        np.testing.assert_array_equal(spikes.ids, nest["point_ids"])


def test_what_the_first_example_says(point):
    net = point.network
    assert {name: p.n for name, p in net.populations.items()} == {"internal": 300, "external": 100}
    model = net.populations["internal"].model
    kinds = [(44.9, 239.0, -78.0, -43.0), (11.5, 53.0, -72.0, -25.0), (22.1, 117.0, -78.0, -47.0),
             (22.2, 180.0, -82.0, -35.0), (12.5, 78.0, -73.0, -37.0)]
    columns = np.stack([model.tau_m, model.C_m, model.E_L, model.V_th], 1)
    np.testing.assert_array_equal(columns, np.repeat(kinds, [80, 80, 80, 30, 30], axis=0))
    # NEST begins at its own V_m whatever E_L is; the v_init of the conditions is for compartments.
    assert net.populations["internal"].init == {"v": -70.0} and model.t_ref == 3.0
    weights = {name: np.unique(p.weight).tolist() for name, p in net.projections.items()}
    assert weights == {"internal_to_internal": [2.5, 7.0], "internal_to_internal_inh": [-7.5, -3.0],
                       "external_to_internal": [50.0, 65.0]}
    assert sum(len(p.rule.pre) for p in net.projections.values()) == 27_588 + 20_844
    assert net.populations["internal"].positions.shape == (300, 3)
    population, ids = point.nodes["internal"]
    assert population == "internal" and ids.tolist() == list(range(300))


@pytest.mark.parametrize("duration, count", [(1000.0, 1_159), pytest.param(3000.0, 4_322, marks=pytest.mark.slow)])
def test_every_spike_of_neuron(examples, duration, count):
    """300 IntFire1 cells, which NEURON advances from event to event; times have three digits in the file.

    The whole takes 2.5 s.
    """
    s = read_simulation(examples / "300_intfire" / "config.json", dt=0.001)
    spikes = snn.simulate(s.network, duration, dt=0.001, progress=False).spikes["v1"]
    neuron = read_spikes(examples / "300_intfire" / "output" / "spikes.h5", n=300, duration=3000.0)["v1"]
    neuron = neuron.between(0.0, duration)
    assert len(neuron) == count
    np.testing.assert_allclose(spikes.times, neuron.times, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(spikes.ids, neuron.ids)


def test_weights_of_the_second_example(examples):
    """syn_weight x nsyns x sign: ten synapses to an edge, inhibition by the sign of the parameters."""
    s = read_simulation(examples / "300_intfire" / "config.json")
    assert s.dt == 0.1 and s.network.populations["v1"].model.tau_m[[0, 240]].tolist() == [24.0, 7.0]
    weights = {name: np.unique(p.weight).round(9).tolist() for name, p in s.network.projections.items()}
    assert weights == {"v1_to_v1": [-1.5, -0.1, 0.02, 3.0], "lgn_to_v1": [0.015, 0.045], "tw_to_v1": [0.05, 0.1]}


def test_a_step_that_does_not_fit(examples):
    config = examples / "300_intfire" / "config.json"
    with pytest.raises(NetworkError, match=r"delays such as 2 ms.*0\.3 ms.*allow=\('delay',\)"):
        read_network(config, dt=0.3)
    net = read_network(config, dt=0.3, allow="delay")
    assert all(p.round_delays for p in net.projections.values())

"""What the SONATA format allows, in circuits written table by table (``sonata_files.py``); and what is refused."""
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from nest_neurons import OURS, case, read
from sonata_files import config, edges, nodes, spikes

import snn
from snn.errors import DataError, MissingFile, NetworkError, RunError, SnnError
from snn.exchange.sonata_models import BY_NEST, SAME
from snn.exchange.sonata_read import read_network, read_simulation
from snn.neurons import LIF, CobaLIF, CubaLIF, SpikeSource

FIXTURES = Path(__file__).parents[1] / "fixtures"
DELTA = "node_type_id model_type model_template dynamics_params\n100 point_neuron nest:iaf_psc_delta a.json\n"
STATIC = "edge_type_id model_template syn_weight delay\n100 static_synapse 2.5 1.5\n"


def one(folder, parameters, template="nest:iaf_psc_delta", n=1):
    table = DELTA.replace("nest:iaf_psc_delta", template)
    return config(folder, [nodes(folder, "a", table, type_ids=[100] * n)], components={"a.json": parameters})


@pytest.mark.parametrize("name", sorted(set(OURS) & set(BY_NEST)))
def test_models_compared_with_nest(tmp_path, name):
    """NEST's own parameters of the recorded neurons give the model that fires as they did."""
    recorded = {"izhikevich": "izhikevich_euler"}.get(name, name)
    meta, _ = read(recorded)
    net = read_network(one(tmp_path, meta["params"], f"nest:{name}"))
    assert meta["model"] == name and net.populations["a"].model == case(recorded).model


def test_what_nest_takes_where_a_file_says_nothing():
    defaults = json.loads((FIXTURES / "sonata" / "defaults.json").read_text())
    assert len(SAME) == len(defaults) == 10
    for model in SAME:
        theirs = {k: v for k, v in defaults[model.nest].items() if k in model.defaults and v != []}
        mine = {k: v for k, v in model.defaults.items() if v != ()}
        assert mine == theirs, model.nest
        named = {t[0] if isinstance(t, tuple) else t for t in (*model.parameters.values(), *model.states.values())}
        assert named == set(model.defaults), model.nest


def test_current_acts_from_the_first_step(tmp_path):
    """I_e as in NEST: V after k steps is E_L + I tau_m / C_m (1 - exp(-k dt / tau_m))."""
    net = read_network(one(tmp_path, {"I_e": 100.0, "V_m": -70.0}))
    v = snn.simulate(net, 2.0, dt=0.1, record=[snn.RecordState("a", "v")], progress=False).traces["a", "v"].data[:, 0]
    elapsed = np.arange(1, 21) * 0.1
    np.testing.assert_allclose(v, -70.0 + 100.0 * 10.0 / 250.0 * (1 - np.exp(-elapsed / 10.0)), rtol=1e-12)


def test_types_groups_and_parameters(tmp_path):
    """Quoted fields, several spaces, NULL; parameters of a type, of its list, of a group, which comes first."""
    table = ('node_type_id  model_type   model_template  dynamics_params "a label"\n'
             '7 point_neuron nest:iaf_psc_exp  a.json "two words"\n3 point_process   nest:iaf_psc_exp NULL NULL\n')
    entry = nodes(tmp_path, "a", table, type_ids=[7, 3, 7, 3, 7], group_ids=[0, 1, 0, 1, 0], index=[2, 0, 1, 1, 0],
                  groups={0: {"dynamics_params/C_m": [100.0, 200.0, 300.0]}, 1: {"x": [1.0, 2.0]}})
    path = config(tmp_path, [entry], components={"a.json": {"E_L": -65.0, "V_th": [-50.0, -51.0, -52.0], "tau_m": 5}})
    p = read_network(path).populations["a"]
    assert isinstance(p.model, CubaLIF) and p.positions is None
    assert p.model.C_m.tolist() == [300.0, 250.0, 200.0, 250.0, 100.0]
    assert p.model.V_th.tolist() == [-50.0, -55.0, -51.0, -55.0, -52.0]
    assert p.model.E_L.tolist() == [-65.0, -70.0, -65.0, -70.0, -65.0] and p.model.tau_m.tolist() == [5, 10, 5, 10, 5]
    assert p.model.t_ref == 2.0 and p.init == {"v": -70.0}


def test_library_of_texts(tmp_path):
    """Texts as numbers into a library, and texts in the file itself, in place of the table of types."""
    entry = nodes(tmp_path, "a", "node_type_id model_type\n1 virtual\n", type_ids=[1, 1], groups={0: {
        "model_type": np.array([0, 0]), "@library/model_type": ["point_neuron"],
        "model_template": ["nest:iaf_psc_delta", "nest:iaf_cond_exp"]}})
    net = read_network(config(tmp_path, [entry]))
    assert {k: type(p.model) for k, p in net.populations.items()} == {"a_iaf_psc_delta": LIF, "a_iaf_cond_exp": CobaLIF}


def test_several_models_in_one_population(tmp_path):
    """Each model is a population; edges find their ends there, by node ids in any order."""
    table = ("node_type_id model_type model_template\n1 point_neuron nest:iaf_psc_delta\n"
             "2 point_neuron nest:iaf_cond_exp\n3 virtual NULL\n")
    a = nodes(tmp_path, "a", table, type_ids=[1, 2, 3, 2, 1, 3], ids=[10, 3, 8, 4, 7, 5])
    e = edges(tmp_path, "e", STATIC, pre=[8, 10, 7, 8, 5], post=[10, 3, 7, 4, 3], source="a", target="a",
              groups={0: {"syn_weight": [1.0, -2.0, 3.0, 4.0, -5.0]}})
    inputs = {"x": spikes(tmp_path / "s.h5", "a", [1.0, 2.0, 2.5], [8, 5, 8])}
    s = read_simulation(config(tmp_path, [a], [e], inputs=inputs))
    assert {k: v[1].tolist() for k, v in s.nodes.items()} == {
        "a_iaf_psc_delta": [10, 7], "a_iaf_cond_exp": [3, 4], "a_virtual": [8, 5]}
    got = {}
    for p in s.network.projections.values():
        ends = [s.nodes[view.population.name][1] for view in (p.pre, p.post)]
        each = np.broadcast_to(p.weight, len(p.rule.pre))
        for i, j, w in zip(ends[0][p.rule.pre], ends[1][p.rule.post], each, strict=True):
            got[int(i), int(j)] = (p.port, float(w), p.delay)
    # Inhibition of a conductance is its size on a port of its own.
    assert got == {(8, 10): ("delta", 1.0, 1.5), (10, 3): ("inh", 2.0, 1.5), (7, 7): ("delta", 3.0, 1.5),
                   (8, 4): ("exc", 4.0, 1.5), (5, 3): ("inh", 5.0, 1.5)}
    assert s.network.populations["a_virtual"].model.spikes.train(0).tolist() == [1.0, 2.5]


def test_edges_take_from_types_groups_and_parameters(tmp_path):
    types = ("edge_type_id model_template syn_weight delay dynamics_params nsyns weight_function\n"
             "1 static_synapse 2.0 1.0 NULL 3 wmax\n2 NULL NULL NULL e.json NULL NULL\n"
             "5 static_synapse NULL 4.0 NULL NULL NULL\n")
    a = nodes(tmp_path, "a", DELTA, type_ids=[100] * 3)
    e = edges(tmp_path, "e.1", types, pre=[0, 1, 2, 0], post=[1, 2, 0, 0], type_ids=[1, 2, 5, 1], source="a",
              target="a", group_ids=[0, 1, 1, 0], index=[1, 1, 0, 0],
              groups={0: {"delay": [0.5, 0.7]}, 1: {"syn_weight": [7.0, 8.0]}})
    path = config(tmp_path, [a], [e, {**e, "enabled": False}],
                  components={"a.json": {}, "e.json": {"weight": -1.0, "delay": 2.5, "receptor_type": 0}})
    (p,) = read_network(path).projections.values()
    assert p.name == "e_1" and p.weight.tolist() == [6.0, 8.0, 7.0, 6.0] and p.delay.tolist() == [0.7, 2.5, 4.0, 0.5]


def test_steps_of_current(tmp_path):
    """A clamp acts from its delay on; nA but for NEST; node sets by attribute, node id, and as a union of sets."""
    a = nodes(tmp_path, "a", DELTA.replace("\n1", " kind\n1").replace("a.json", "a.json x"), type_ids=[100] * 4)
    clamp = {"input_type": "current_clamp", "module": "IClamp"}
    inputs = {"one": {**clamp, "node_set": "both", "amp": 0.1, "delay": 1.0, "duration": 0.5},
              "two": {**clamp, "node_set": "last", "amp": [0.2, 0.3], "delay": [0.0, 2.0], "duration": [0.1, 0.2]}}
    sets = {"first": {"population": "a", "node_id": [0]}, "last": {"node_id": 3, "kind": ["x", "y"]},
            "both": ["first", "last"], "none": {"kind": "z"}}
    path = config(tmp_path, [a], components={"a.json": {}}, inputs=inputs, sets=sets, target="NEURON")
    net = read_network(path)
    i = snn.simulate(net, 3.0, dt=0.1, record=[snn.RecordState("a", "v")], progress=False).traces["a", "v"].data
    flow = np.exp(-0.1 / 10.0)
    current = np.vstack([np.zeros((1, 4)), (i[1:] + 70.0 - (i[:-1] + 70.0) * flow) / (1 - flow) * 250.0 / 10.0])
    expected = np.zeros((30, 4))
    expected[10:15, [0, 3]] = 100.0
    expected[20:22, 3] = 300.0
    np.testing.assert_allclose(current[1:], expected[1:], atol=1e-8)
    assert i[0, 3] > -70.0 and (i[0, :3] == -70.0).all()


def test_spikes_of_the_first_version_of_the_format(tmp_path):
    v = nodes(tmp_path, "v", "node_type_id model_type\n1 virtual\n", type_ids=[1, 1, 1])
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["spikes/timestamps"], file["spikes/gids"] = [3.0, 1.0, 70.0], np.array([2, 0, 1], np.uint64)
    inputs = {"x": {"input_type": "spikes", "module": "h5", "input_file": "s.h5", "node_set": "v"}}
    model = read_network(config(tmp_path, [v], inputs=inputs)).populations["v"].model
    assert model == SpikeSource(snn.Spikes([1.0, 3.0, 70.0], [0, 2, 1], n=3, duration=70.0))


def test_neuron_that_counts_in_seconds(tmp_path):
    """NEURON's IntFire1 has ms, the Allen Institute's parameter files seconds, which they mark."""
    for k, (given, tau, ref) in enumerate([({"tau": 24.0}, 24.0, 5.0), ({}, 10.0, 5.0),
                                           ({"tau": 0.024, "refrac": 0.003, "type": "NEURON_IntFire1"}, 24.0, 3.0)]):
        model = read_network(one(tmp_path / str(k), given, "nrn:IntFire1")).populations["a"].model
        assert (model.tau_m, model.t_ref, model.V_th, model.V_reset) == (tau, ref, 1.0, 0.0)


@pytest.mark.parametrize("parameters, template, message", [
    ({"V_min": -80.0}, "nest:iaf_psc_delta", r"'V_min'.*allow=\('V_min',\)"),
    ({"V_m": "x"}, "nest:iaf_psc_delta", "'V_m'.*'x'"),
    ({"V_m": [1.0, 2.0]}, "nest:iaf_psc_delta", "'V_m'"),
    ({"tau_m": -1.0}, "nest:iaf_psc_delta", "LIF.tau_m: is -1 ms"),
    ({}, "nest:iaf_tum_2000", "'nest:iaf_tum_2000'.*Known are nest:iaf_psc_delta"),
    ({}, "nrn:IntFire2", "'nrn:IntFire2'"), ({}, "snn:Nothing", "'snn:Nothing'"),
    ({}, "NULL", "without a model_template"),
    ({"depth": 1.0}, "snn:LIF", "'depth'.*LIF has"), ({"m": 1.0}, "nrn:IntFire1", "'m'.*tau and refrac"),
    ({"tau_sfa": [1, 2, 3], "q_sfa": [1, 2, 3]}, "nest:gif_psc_exp", "tau_sfa of 'a' has 3 entries"),
])
def test_models_that_are_refused(tmp_path, parameters, template, message):
    with pytest.raises(SnnError, match=message):
        read_network(one(tmp_path, parameters, template))


def test_losses_are_named(tmp_path):
    a = nodes(tmp_path, "a", DELTA, type_ids=[100] * 2)
    types = "edge_type_id model_template weight_function syn_weight delay\n100 stdp_synapse gaussianLL 1.0 0.25\n"
    e = edges(tmp_path, "e", types, pre=[0], post=[1], source="a", target="a")
    path = config(tmp_path, [a], [e], components={"a.json": {"V_min": -90.0}})
    names = ("V_min", "synapse_model", "weight_function", "delay")
    with pytest.raises(NetworkError) as err:
        read_network(path, allow=names[:1])
    assert str(err.value).endswith(f"allow={names[1:]!r}.") and "stdp_synapse" in str(err.value)
    s = read_simulation(path, allow=names)
    assert len(s.notes) == 4 and s.network.projections["e"].round_delays


def broken(folder, what):
    """A circuit with one thing wrong."""
    table = DELTA.replace("point_neuron", "biophysical") if what == "biophysical" else DELTA
    a = nodes(folder, "a", table, type_ids=[101 if what == "type" else 100] * 2,
              ids=[0, 0] if what == "twice" else None)
    e = edges(folder, "e", STATIC, pre=[0], post=[5 if what == "node" else 1], source="a",
              target="b" if what == "population" else "a")
    simulation = {"run": {"tstop": 10.0} if what == "dt" else None}
    inputs = {"x": {"input_type": "spikes", "module": "nwb", "input_file": "x.nwb", "node_set": "v"}}
    v = nodes(folder, "v", "node_type_id model_type\n1 virtual\n", type_ids=[1])
    path = config(folder, [a, v], [e], components={} if what == "missing" else {"a.json": {}},
                  inputs=inputs if what == "nwb" else None, **simulation)
    if what in ("json", "variable"):
        text = {"json": "{", "variable": '{"network": "$NOWHERE/x"}'}[what]
        path.write_text(text)
    if what == "csv":
        (folder / "a_node_types.csv").write_text(DELTA + "100 point_neuron\n")
    if what == "hdf5":
        (folder / "a_nodes.h5").write_bytes(b"no file")
    return path


@pytest.mark.parametrize("what, kind, message", [
    ("biophysical", NetworkError, "compartments"), ("type", DataError, "node type 101"), ("twice", DataError, "twice"),
    ("node", DataError, "no node 5 in population 'a'"), ("population", DataError, "'b'"),
    ("dt", RunError, "from_sonata.dt"),
    ("nwb", NetworkError, "'nwb'"), ("missing", MissingFile, "a.json"), ("json", DataError, "no JSON"),
    ("variable", DataError, "NOWHERE"), ("csv", DataError, "line 3: 2 fields for 4"), ("hdf5", DataError, "a_nodes.h5"),
])
def test_what_is_wrong_is_named(tmp_path, what, kind, message):
    with pytest.raises(kind, match=message):
        read_network(broken(tmp_path, what))


def test_variables_that_never_end(tmp_path):
    path = one(tmp_path, {})
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    wild = {f"${c}": f"${d}${d}${d}" for c, d in zip(letters, letters[1:] + "A", strict=True)}
    path.write_text(json.dumps({"manifest": wild, "network": "$A"}))
    with pytest.raises(DataError, match="a variable that the manifest does not explain"):
        read_network(path)

"""Experiment files: what they describe, and what is said about one that is wrong."""
import tomllib
from pathlib import Path

import numpy as np
import pytest

import snn
from snn import experiment
from snn.errors import DataError, MissingFile, ModelError, NetworkError, RunError, SnnError
from snn.neurons import CobaLIF

ROOT = Path(__file__).resolve().parents[1]

SMALL = """
[populations.in]
model = { name = "SpikeSource", spikes = { name = "Spikes", times = [1.0, 2.5], ids = [0, 1], n = 2, duration = 10.0 } }
n = 2
[populations.cell]
model = { name = "LIF", t_ref = 2.0 }
n = 4
init = { v = { name = "Uniform", low = -65.0, high = -60.0 } }
[projections.in_cell]
pre = "in"
post = "cell[:2]"
rule = "AllToAll"
port = "delta"
weight = 30.0
delay = { name = "Uniform", low = 0.5, high = 2.0, grid = 0.5 }
[[drives]]
population = "cell"
input = { name = "CurrentInput", value = [0.0, 0.0, 0.0, 500.0] }
port = "current"
[[record]]
name = "RecordSpikes"
population = "cell"
[[record]]
name = "RecordState"
population = "cell"
variable = "v"
ids = [3]
every = 5
[run]
duration = 10
seed = 3
engine = "Reference"
"""


def write(tmp_path, text, *changes):
    for old, new in changes:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    path = tmp_path / "small.toml"
    path.write_text(text)
    return path


def test_describes_the_same_as_python(tmp_path):
    net, arguments = experiment.load(write(tmp_path, SMALL))
    assert list(net.populations) == ["in", "cell"]
    cell = net.populations["cell"]
    assert (cell.n, cell.model.t_ref) == (4, 2.0)
    assert cell.init == {"v": snn.Uniform(-65.0, -60.0)}
    projection = net.projections["in_cell"]
    assert (projection.post.start, projection.post.stop) == (0, 2)
    assert projection.rule == snn.AllToAll()
    assert projection.delay == snn.Uniform(0.5, 2.0).grid(0.5)
    assert net.drives[0].population is cell
    np.testing.assert_array_equal(net.drives[0].source.value, [0, 0, 0, 500])
    assert (arguments["duration"], arguments["dt"], arguments["seed"]) == (10.0, 0.1, 3)
    assert isinstance(arguments["engine"], snn.Reference)
    assert [type(r).__name__ for r in arguments["record"]] == ["RecordSpikes", "RecordState"]
    assert net.populations["in"].model.spikes == snn.Spikes([1.0, 2.5], [0, 1], 2, 10.0)


def test_the_documented_file_is_valid():
    net, arguments = experiment.load(ROOT / "docs" / "coba.toml")
    assert isinstance(net.populations["exc"].model, CobaLIF)
    assert sum(p.n for p in net.populations.values()) == 4000
    assert arguments["duration"] == tomllib.loads((ROOT / "docs" / "coba.toml").read_text())["run"]["duration"]


@pytest.mark.parametrize(("old", "new", "error", "message"), [
    ('name = "LIF"', 'name = "LIFF"', DataError, "populations.cell.model: is unknown ('LIFF'). Did you mean 'LIF'?"),
    ("t_ref = 2.0", "tref = 2.0", DataError, "cell.model.tref: is no argument of LIF. Did you mean 't_ref'?"),
    ("t_ref = 2.0", "t_ref = -2.0", ModelError, "populations.cell.model: LIF.t_ref:"),
    ("n = 4", "n = 0", NetworkError, "populations.cell: Network.add:"),
    ("n = 4", "n = 4.5", DataError, "populations.cell.n: has the wrong type (4.5)."),
    ("n = 4", "size = 4", DataError, "populations.cell."),
    ("init = { v", "init = { u", NetworkError, "populations.cell: Network.add:"),
    ("low = -65.0, ", "", DataError, "populations.cell.init.v.low: is missing. Uniform needs it."),
    ('pre = "in"', 'pre = "inn"', NetworkError, "in_cell.pre: is no population ('inn'). Did you mean 'in'?"),
    ("cell[:2]", "cell[2]", DataError, "projections.in_cell.post: is no slice ('cell[2]')"),
    ("cell[:2]", "cell[9:]", NetworkError, "projections.in_cell.post: "),
    ('rule = "AllToAll"', 'rule = "AllToall"', DataError, "rule: is unknown ('AllToall'). Did you mean 'AllToAll'?"),
    ('rule = "AllToAll"', 'rule = { name = "FixedInDegree" }', DataError, "projections.in_cell.rule.k: is missing."),
    ('rule = "AllToAll"', 'rule = { name = "FixedInDegree", k = -1 }', NetworkError, "projections.in_cell.rule: "),
    ('port = "delta"', 'port = "exc"', NetworkError, "projections.in_cell: Network.connect:"),
    ('port = "delta"\n', "", DataError, "projections.in_cell.port: is missing."),
    ('port = "current"', 'port = "curent"', NetworkError, "drives[0]: Network.drive:"),
    ('name = "CurrentInput", ', "", DataError, "drives[0].input.name: is missing."),
    ("every = 5", "every = 0", RunError, "record[1]: RecordState.every:"),
    ("every = 5", "evry = 5", DataError, "record[1].evry: is no argument of RecordState. Did you mean 'every'?"),
    ("duration = 10\n", "", DataError, "run.duration: is missing."),
    ("duration = 10\n", "duration = '10'\n", DataError, "run.duration: has the wrong type ('10')."),
    ("seed = 3", "sead = 3", DataError, "run.sead: is unknown ('sead'). Did you mean 'seed'?"),
    ('engine = "Reference"', 'engine = "Fast"', DataError, "run.engine: is unknown ('Fast'). Known: EventDriven"),
    ("[run]", "[runn]", DataError, "runn: is unknown"),
    ("[run]", "[run", DataError, "small.toml: file: is no TOML ("),
    ("grid = 0.5", "grid = -1", NetworkError, "projections.in_cell.delay.grid: "),
    ('name = "Spikes", times', 'name = "SpikesFile", file = "no.h5", population = "in", times', DataError,
     "spikes.times: is no argument of SpikesFile."),
])
def test_what_is_wrong_is_said_with_its_place(tmp_path, old, new, error, message):
    path = write(tmp_path, SMALL, (old, new))
    with pytest.raises(error) as caught:
        experiment.load(path)
    assert isinstance(caught.value, SnnError)
    assert str(caught.value).startswith("small.toml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_spikes_file_is_looked_for_beside_the_experiment(tmp_path):
    inline = '{ name = "Spikes", times = [1.0, 2.5], ids = [0, 1], n = 2, duration = 10.0 }'
    path = write(tmp_path, SMALL, (inline, '{ name = "SpikesFile", file = "no.h5", population = "in" }'))
    with pytest.raises(MissingFile, match=r"populations\.in\.model\.spikes: file: is not there"):
        experiment.load(path)


def test_spikes_from_an_archive(tmp_path):
    spikes = snn.Spikes([1.0, 2.5], [0, 1], 2, 10.0)
    net = snn.Network("source")
    net.add("in", snn.neurons.SpikeSource(spikes), 2)
    snn.simulate(net, 10.0, dt=0.1, seed=1, engine=snn.Reference(), to=tmp_path / "in.h5")
    inline = '{ name = "Spikes", times = [1.0, 2.5], ids = [0, 1], n = 2, duration = 10.0 }'
    right = write(tmp_path, SMALL, (inline, '{ name = "SpikesFile", file = "in.h5", population = "in" }'))
    found, _ = experiment.load(right)
    np.testing.assert_array_equal(found.populations["in"].model.spikes.ids, [0, 1])
    wrong = write(tmp_path, SMALL, (inline, '{ name = "SpikesFile", file = "in.h5", population = "out" }'))
    with pytest.raises(DataError, match=r"population: is not in the file \('out'\)"):
        experiment.load(wrong)


def test_run_file_gives_what_python_gives(tmp_path):
    path = write(tmp_path, SMALL)
    net, arguments = experiment.load(path)
    expected = snn.simulate(net, **arguments)
    result = experiment.run_file(path)
    assert len(result.spikes["cell"]) > 0
    assert result.spikes["cell"] == expected.spikes["cell"]
    np.testing.assert_array_equal(result.traces["cell", "v"].ids, [3])


def test_arguments_replace_those_of_the_file(tmp_path):
    result = experiment.run_file(write(tmp_path, SMALL), duration=5.0, seed=4, out=tmp_path / "out.h5")
    assert result.spikes["cell"].duration == 5.0
    assert result.meta["seed"] == 4
    assert snn.open(tmp_path / "out.h5").spikes["cell"] == result.spikes["cell"]


def test_a_run_that_cannot_start_names_the_file(tmp_path):
    path = write(tmp_path, SMALL, ("grid = 0.5", "grid = 0.25"))
    with pytest.raises(NetworkError, match=r"^small\.toml: .*0\.1 ms"):
        experiment.run_file(path)


PLASTIC = """
[populations.a]
model = { name = "PoissonSource", rate = 50.0 }
n = 20
[populations.b]
model = "LIF"
n = 5
[projections.ab]
pre = "a"
post = "b"
rule = "AllToAll"
port = "delta"
weight = 3.0
delay = 1.0
plasticity = [{ name = "PairSTDP", A_plus = 0.1, w_max = 5.0 }, "TsodyksMarkram"]
dendritic = 0.4
[[record]]
name = "RecordWeights"
projection = "ab"
[run]
duration = 100.0
"""


def test_plasticity_of_a_file_is_that_of_python(tmp_path):
    from snn.neurons import LIF, PoissonSource
    from snn.plasticity import PairSTDP, TsodyksMarkram

    file = tmp_path / "plastic.toml"
    file.write_text(PLASTIC)
    net = snn.Network()
    a, b = net.add("a", PoissonSource(rate=50.0), 20), net.add("b", LIF(), 5)
    rules = [PairSTDP(A_plus=0.1, w_max=5.0), TsodyksMarkram()]
    net.connect(a, b, snn.AllToAll(), port="delta", weight=3.0, delay=1.0, name="ab",
                plasticity=snn.Plastic(rules, dendritic=0.4))
    expected = snn.simulate(net, 100.0, record=[snn.RecordWeights("ab")]).weights["ab"].data
    assert np.ptp(expected) > 0
    np.testing.assert_array_equal(experiment.run_file(file).weights["ab"].data, expected)


def test_an_unknown_rule_of_a_file_is_named_with_its_place(tmp_path):
    file = tmp_path / "plastic.toml"
    file.write_text(PLASTIC.replace("PairSTDP", "PairSTD"))
    with pytest.raises(snn.DataError, match=r"projections.ab.plasticity: is unknown \('PairSTD'\). Did you mean"):
        experiment.run_file(file)


GRADED = """
[populations.a]
model = { name = "Kuramoto", sigma = 0.01 }
n = 6
init = { theta = { name = "Uniform", low = 0.0, high = 6.0 } }
[populations.b]
model = "LIF"
n = 4
synapses = { ampa = { name = "Exponential", tau = 3.0 }, gap = "Gap" }
[projections.b_a]
pre = "a"
post = "b"
rule = "AllToAll"
port = "ampa"
weight = 50.0
delay = 1.0
[couplings.a_a]
pre = "a"
post = "a"
rule = "AllToAll"
weight = 0.02
[couplings.gap]
pre = "b"
post = "b[1:]"
rule = { name = "FixedInDegree", k = 2 }
weight = 1.5
values = { gap = "v" }
difference = true
[[drives]]
population = "b"
input = { name = "GaussianInput", mean = 300.0, sd = 20.0 }
port = "current"
[[record]]
name = "RecordMean"
population = "a"
value = "cos"
[run]
duration = 20.0
"""


def test_couplings_kinetics_noise_and_means(tmp_path):
    path = tmp_path / "graded.toml"
    path.write_text(GRADED)
    mine = experiment.run_file(path)

    net = snn.Network()
    a = net.add("a", snn.neurons.Kuramoto(sigma=0.01), 6, init={"theta": snn.Uniform(0.0, 6.0)})
    kinetics = snn.neurons.kinetics
    b = net.add("b", snn.compose(snn.neurons.LIF(), ampa=kinetics.Exponential(tau=3.0), gap=kinetics.Gap()), 4)
    net.connect(a, b, snn.AllToAll(), port="ampa", weight=50.0, delay=1.0, name="b_a")
    net.couple(a, a, snn.AllToAll(), weight=0.02, name="a_a")
    net.couple(b, b[1:], snn.FixedInDegree(2), weight=1.5, values={"gap": "v"}, difference=True, name="gap")
    net.drive(b, snn.GaussianInput(300.0, 20.0), port="current")
    same = snn.simulate(net, 20.0, record=[snn.RecordMean("a", "cos")])
    assert np.array_equal(mine.traces["a", "mean.cos"].data, same.traces["a", "mean.cos"].data)
    assert mine.plan.summary()["projections"] == same.plan.summary()["projections"]


@pytest.mark.parametrize("change, message", [
    (("[couplings.a_a]\npre = \"a\"", "[couplings.a_a]\npre = \"c\""), r"couplings\.a_a\.pre: is no population"),
    (("difference = true", "different = true"), r"couplings\.gap\.different: is unknown"),
    (("\"Gap\"", "\"Gop\""), r"populations\.b\.synapses\.gap: is unknown \('Gop'\)"),
    (("values = { gap = \"v\" }", "values = { gap = \"w\" }"), r"couplings\.gap: Network\.couple: .* shows no 'w'"),
])
def test_bad_couplings_name_their_place(tmp_path, change, message):
    path = tmp_path / "graded.toml"
    assert change[0] in GRADED
    path.write_text(GRADED.replace(*change))
    with pytest.raises(snn.SnnError, match=message):
        experiment.load(path)

"""Composition of neuron models with synaptic kinetics: what the result is, where it works, and what is refused."""
import copy
import dataclasses
import pickle
from typing import NamedTuple

import numpy as np
import pytest
import torch
from networks import assert_same
from neuron_runs import MODELS

import snn
import snn.neurons.kinetics
from snn import neurons
from snn.composed import Composed
from snn.composition import compose, held_ports
from snn.contract import Value, param
from snn.errors import ModelError, NetworkError, RunError
from snn.kinetics import Kinetics, weight
from snn.neurons import LIF, AdEx, EIPair, IFCurrExp, Izhikevich, LeakyReadout, PoissonSource, SpikeSource
from snn.neurons.kinetics import NMDA, Alpha, Delta, DualExponential, Exponential, ExponentialConductance
from snn.plasticity import PairSTDP, TsodyksMarkram
from snn.train import Layer, rectified


def cell(**options):
    return compose(LIF(**options), ampa=Exponential(tau=3.0), nmda=NMDA(Mg=2.0))


# What it is


def test_fields_states_ports_and_units():
    model = cell(tau_m=12.0)
    assert [f.name for f in dataclasses.fields(model)] == [
        "tau_m", "C_m", "E_L", "V_th", "V_reset", "t_ref", "ampa_tau", "nmda_tau_rise", "nmda_tau_decay", "nmda_E",
        "nmda_Mg"]
    assert (model.tau_m, model.ampa_tau, model.nmda_Mg) == (12.0, 3.0, 2.0)
    assert model.units(model.State) == {"v": "mV", "ref": "ms", "i": "pA", "ampa_g": "pA", "nmda_g": "nS",
                                        "nmda_h": "nS/ms"}
    assert model.units(model.Ports) == {"delta": "mV", "current": "pA", "ampa": "pA", "nmda": "nS"}
    field = type(model).__dataclass_fields__["ampa_tau"]
    assert field.metadata["unit"] == "ms" and field.metadata["doc"].endswith("(ampa)") and field.default == 2.0
    assert type(model).__name__ == "LIF_ampa_Exponential_nmda_NMDA"
    assert "ampa (Exponential on current), nmda (NMDA on current)" in type(model).__doc__
    assert (model.exact, model.quiet(), model.max_dt()) == (False, None, 2.0)
    assert snn.compose is compose and isinstance(model, Composed) and model.host == LIF(tau_m=12.0)
    assert model.kinetics["nmda"].kinetics == NMDA(Mg=2.0) and model.kinetics["nmda"].port == "current"


def test_units_follow_the_port():
    izhikevich = compose(Izhikevich(), a=Exponential(), b=ExponentialConductance(), d=Delta())
    assert izhikevich.units(izhikevich.Ports) == {"delta": "mV", "current": "1", "a": "1", "b": "1/mV", "d": "1 ms"}
    source = compose(PoissonSource(), shot=Alpha().on("rate"))
    assert source.units(source.State)["shot_h"] == "Hz/ms"
    assert type(source).__name__ == "PoissonSource_shot_Alpha_on_rate"


def test_one_class_for_equal_compositions():
    assert type(cell()) is type(cell(tau_m=5.0)) and cell() == cell() and cell() != cell(tau_m=5.0)
    swapped = compose(LIF(), nmda=NMDA(), ampa=Exponential())
    assert type(swapped) is not type(cell())
    assert type(compose(EIPair(), a=Alpha().on("drive"))) is not type(compose(EIPair(), a=Alpha().on("feedback")))


def test_copies_and_pickles_are_the_same_model():
    model = cell(tau_m=np.array([10.0, 20.0]))
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), dataclasses.replace(model)):
        assert other == model and type(other) is type(model)
    assert dataclasses.replace(model, nmda_Mg=0.5).kinetics["nmda"].kinetics.Mg == 0.5
    state = model.rest()
    assert pickle.loads(pickle.dumps(state))._asdict().keys() == state._asdict().keys()
    for given in (cell(), rectified(cell())):
        assert pickle.loads(pickle.dumps(Layer(given, 3, dt=0.1, learn="ampa_tau"))).model == cell()


def test_composing_again_attaches_more():
    twice = compose(compose(LIF(), ampa=Exponential(tau=3.0)), nmda=NMDA(Mg=2.0))
    assert twice == cell()
    with pytest.raises(ModelError, match=r"compose.ampa: is attached already \(Exponential\(tau=3.0\)\)"):
        compose(cell(), ampa=Alpha())


def test_kinetics_with_several_inputs_have_several_ports():
    @dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
    class TwoInputs(Kinetics):
        ratio: Value = param(0.5, doc="effect of the second input", at_least=0)

        class State(NamedTuple):
            g: weight

        class Ports(NamedTuple):
            near: weight
            far: weight

        def receive(self, s, x):
            return self.State(g=x.near + self.ratio * x.far)

        def mean(self, s, dt, v):
            return s.g

    model = compose(LIF(), in_=TwoInputs())
    assert model.Ports._fields == ("delta", "current", "in__near", "in__far")


def test_every_model_with_a_port_for_currents_holds_it():
    """IFCurrExp gives its currents to the potential on arrival, as its hardware does."""
    without = {M.__name__ for M in MODELS if "current" in M.Ports._fields and "current" not in held_ports(M())}
    assert without == {"IFCurrExp"}
    assert len([M for M in MODELS if "current" in held_ports(M())]) > 12


def test_a_graded_port_is_held_too():
    if not hasattr(neurons, "GainModulated"):
        pytest.skip("no model of the catalogue holds a graded port")
    model = compose(neurons.GainModulated(), slow=Alpha().on("input"))
    assert held_ports(neurons.GainModulated())["input"] and model.coupled == neurons.GainModulated.coupled


# In networks


def network(model, *, rule=None, n=40):
    net = snn.Network("composed")
    source = net.add("source", PoissonSource(rate=300.0), 30)
    a = net.add("a", model, n, init={"v": snn.Uniform(-70.0, -60.0)})
    net.connect(source, a, snn.FixedInDegree(10), port="ampa", weight=snn.Uniform(20.0, 80.0), plasticity=rule,
                delay=snn.Choice((0.5, 1.5)) if rule is None else 1.0)
    net.connect(a, a, snn.FixedInDegree(5), port="nmda", weight=0.5, delay=1.5)
    net.drive(a, snn.CurrentInput(100.0), port="current")
    return net


RECORD = [snn.RecordSpikes("a"), *(snn.RecordState("a", name) for name in ("v", "ampa_g", "nmda_g", "x.ampa"))]


def simulated(net, engine, duration=30.0, **options):
    return snn.simulate(net, duration, dt=0.1, seed=3, engine=engine, record=RECORD, progress=False, **options)


@pytest.mark.parametrize(("Host", "rule"), [
    pytest.param(LIF, None, id="LIF"), pytest.param(AdEx, None, id="AdEx", marks=pytest.mark.slow),
    pytest.param(LIF, TsodyksMarkram(U=0.4, tau_D=50.0), id="LIF-TM"),
    pytest.param(LIF, PairSTDP(w_max=200.0), id="LIF-STDP", marks=pytest.mark.slow),
    pytest.param(AdEx, [TsodyksMarkram(), PairSTDP(w_max=200.0)], id="AdEx-TM-STDP")])
def test_engines_agree_in_networks_with_any_rule_on_the_projection(Host, rule):
    model = compose(Host(), ampa=DualExponential(tau_rise=0.5, tau_decay=3.0), nmda=NMDA())
    reference = simulated(network(model, rule=rule, n=12), snn.Reference(), 8.0)
    assert_same(reference, simulated(network(model, rule=rule, n=12), snn.EventDriven(threads=1), 8.0))
    assert np.ptp(reference.traces["a", "ampa_g"].data) > 0.0


def test_a_run_in_two_pieces_is_one_run():
    whole = simulated(network(cell()), snn.EventDriven(threads=2))
    first = simulated(network(cell()), snn.EventDriven(), 13.0)
    second = simulated(network(cell()), snn.EventDriven(), 17.0, state=first.state)
    assert len(whole.spikes["a"]) > 10
    assert np.array_equal(np.concatenate([first.spikes["a"].times, second.spikes["a"].times]), whole.spikes["a"].times)


def test_clocked_engine_batches_it():
    """In float64 the potentials are those of the reference, up to the exponentials."""
    a, b = (simulated(network(cell(), n=5), e, 10.0) for e in (snn.Reference(), snn.Clocked(dtype="float64")))
    np.testing.assert_allclose(a.traces["a", "v"].data, b.traces["a", "v"].data, rtol=1e-10)


@pytest.mark.parametrize("kind", [Exponential(tau=2.0), Alpha(), DualExponential(), NMDA()], ids=repr)
@pytest.mark.parametrize("Host", [LIF, AdEx])
def test_short_term_plasticity_scales_the_kinetics_of_any_neuron(Host, kind):
    """Currents and conductances of a train are those of single spikes with the amplitudes w u_k R_k."""
    rule, times, w, dt = TsodyksMarkram(U=0.4, tau_D=80.0, tau_F=30.0), np.array([5.0, 12.0, 15.0, 31.0]), 2.0, 0.1

    def conductance(rule, amplitudes):
        net = snn.Network("train")
        a = net.add("a", compose(Host(), ampa=kind), 1)
        for k, amplitude in enumerate(amplitudes):
            given = times if len(amplitudes) == 1 else times[k:k + 1]
            source = SpikeSource(snn.Spikes(given - 0.5 * dt, np.zeros(len(given), int), 1, 50.0))
            net.connect(net.add(f"s{k}", source, 1), a, snn.AllToAll(), port="ampa", weight=amplitude, delay=1.0,
                        plasticity=rule)
        return snn.simulate(net, 50.0, dt=dt, record=[snn.RecordState("a", "ampa_g")]).traces["a", "ampa_g"].data

    u, R, amplitudes = 0.4, 1.0, []
    for k in range(4):
        amplitudes.append(w * u * R)
        if k < 3:
            gap = times[k + 1] - times[k]
            R = 1.0 + (R - u * R - 1.0) * np.exp(-gap / 80.0)
            u = 0.4 + u * (1.0 - 0.4) * np.exp(-gap / 30.0)
    np.testing.assert_allclose(conductance(rule, [w]), conductance(None, amplitudes), rtol=1e-9, atol=1e-12)


# In training


def test_a_layer_learns_a_time_constant_of_kinetics():
    torch.manual_seed(0)
    spikes = (torch.rand(150, 1, 1, dtype=torch.float64) < 0.05).double() * 200.0

    def layer(tau):
        host = LIF(V_th=1000.0, V_reset=-70.0)
        return Layer(compose(host, syn=Exponential(tau=tau)), 1, dt=0.5, learn="syn_tau", port="syn", emit="v").double()

    target, student = layer(6.0)(spikes).detach(), layer(3.0)
    optimiser = torch.optim.Adam(student.parameters(), lr=0.03)
    for _ in range(150):
        optimiser.zero_grad()
        loss = ((student.run(spikes).out - target) ** 2).mean()
        loss.backward()
        optimiser.step()
    assert student.model.syn_tau == pytest.approx(6.0, abs=0.1)


def test_compiled_and_eager_loops_agree():
    from snn.train.held import eager
    model = compose(LIF(E_L=-60.0), ampa=Alpha(), nmda=NMDA())
    layer = Layer(model, 3, dt=0.5, port="ampa", learn=("ampa_tau", "nmda_tau_decay"))
    x = {"ampa": 300.0 * (torch.rand(40, 2, 3) < 0.1), "nmda": 5.0 * (torch.rand(40, 2, 3) < 0.2)}
    x = {k: v.float().requires_grad_() for k, v in x.items()}

    def results():
        layer.zero_grad()
        out = layer.run(x, traces=("v",))
        (out.out.sum() + out.traces["v"].sum()).backward()
        grads = [x["ampa"].grad.clone(), x["nmda"].grad.clone(), *(p.grad.clone() for p in layer.parameters())]
        for t in x.values():
            t.grad = None
        return out, grads

    fast, fast_grads = results()
    assert layer.why_eager is None
    with eager():
        slow, slow_grads = results()
    assert torch.equal(fast.out, slow.out)
    torch.testing.assert_close(fast.traces["v"], slow.traces["v"])
    for a, b in zip(fast_grads, slow_grads, strict=True):
        torch.testing.assert_close(a, b, rtol=2e-3, atol=1e-4 * float(b.abs().max()))


# Bad input


REFUSED = [
    (lambda: compose(LIF, a=Exponential()), r"compose.model: is a LIF. A neuron model with its parameters"),
    (lambda: compose(SpikeSource(snn.Spikes([1.0], [0], 1, 2.0)), a=Exponential()), r"compose.model: is a SpikeSource"),
    (lambda: compose(rectified(LIF()), a=Exponential()), r"is a RectifiedLIF, which is for training alone"),
    (lambda: compose(LIF()), r"compose: nothing is attached to LIF. Give kinetics by name"),
    (lambda: compose(LIF(), a=3.0), r"compose.a: is 3.0. Synaptic kinetics are expected"),
    (lambda: compose(LIF(), a=Exponential), r"compose.a: is <class .*Exponential'>. Synaptic kinetics are expected"),
    (lambda: compose(LIF(), a=Exponential().on("exc")), r"LIF has no port 'exc'. Kinetics may act on: current"),
    (lambda: compose(LIF(), a=Exponential().on("delta")),
     r"compose.a: LIF does not hold its port 'delta' through a step, as kinetics need. They may act on: current"),
    (lambda: compose(IFCurrExp(), a=Exponential()), r"IFCurrExp does not hold its port 'current'.*none of its ports"),
    (lambda: compose(LeakyReadout(), a=Exponential()), r"LeakyReadout has no port 'current'.*none of its ports"),
    (lambda: compose(PoissonSource(), a=Exponential().on("noise")), r"does not hold its port 'noise'.*: rate"),
    (lambda: compose(EIPair(), a=NMDA().on("drive")), r"compose.a: EIPair has no state v in mV"),
    (lambda: compose(LIF(), current=Exponential()), r"its ports would have a name \('current'\) that LIF"),
    (lambda: compose(LIF(), rest=Exponential()), r"compose.rest: is not a name that a port can have"),
    (lambda: compose(LIF(), noise=Exponential()), r"compose.noise: is not a name that a port can have"),
    (lambda: compose(LIF(), **{"two words": Exponential()}), r"compose.two words: is not a name that a port can have"),
    (lambda: compose(LIF(), **{"lambda": Exponential()}), r"compose.lambda: is not a name that a port can have"),
    (lambda: compose(LIF(tau_m=np.ones(3)), a=Exponential(tau=np.ones(4))).bind(3), r"a_tau: has 4 values for 3"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(make, message):
    with pytest.raises(ModelError, match=message):
        make()


def test_names_that_two_attachments_would_share_are_refused():
    @dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
    class Named(Exponential):
        b_tau: Value = param(1.0, doc="a field whose name collides", above=0)

    with pytest.raises(ModelError, match=r"compose.a_b: its fields would have a name \('a_b_tau'\) that 'a' has"):
        compose(LIF(), a=Named(), a_b=Exponential())


def test_a_network_checks_steps_and_ports_of_it():
    net = snn.Network("wrong")
    a = net.add("a", compose(LIF(), fast=ExponentialConductance(tau=0.2)), 2)
    with pytest.raises(NetworkError, match="has no port 'slow'"):
        net.drive(a, snn.CurrentInput(1.0), port="slow")
    with pytest.raises(RunError, match=r"simulate.dt: 0.5 ms is too large for population 'a' .* at most 0.2 ms"):
        snn.simulate(net, 5.0, dt=0.5)

"""Wrong descriptions of plasticity: one clear error of ours, before anything runs."""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from refusals import refused

import snn
from snn.contract import Value, param, unitless
from snn.neurons import LeakyReadout
from snn.plasticity import (
    BCM,
    Clopath,
    DisInhibitory,
    ModulatedSTDP,
    PairSTDP,
    RewardSTDP,
    Sanger,
    StructuralPlasticity,
    SubtractiveNormalisation,
    SynapticScaling,
    TripletSTDP,
    TsodyksMarkram,
    WeightNormalisation,
)
from snn.rule import SynapticRule

DT = 0.1


def simulate(plasticity, *, post="a", port="delta", weight=0.5, delay=1.0, dt=DT, engine=None):
    """What ``refused`` runs: a projection with ``plasticity`` from the source to a population."""
    def action(net):
        net.add("out", LeakyReadout(), 4)
        given = plasticity(net) if callable(plasticity) and not isinstance(plasticity, type) else plasticity
        net.connect(net.populations["in"], net.populations[post], snn.AllToAll(), port=port, weight=weight,
                    delay=delay, name="p", plasticity=given)
        snn.simulate(net, 5.0, dt=dt, engine=engine, progress=False)

    return action


# Parameters


@pytest.mark.parametrize("pattern, make", [
    (r"^PairSTDP\.A_plus: is -0\.1 .*at least 0", lambda: PairSTDP(A_plus=-0.1)),
    (r"^PairSTDP\.tau_plus: is 0 ms\. It must be above 0", lambda: PairSTDP(tau_plus=0.0)),
    (r"^PairSTDP\.w_min: is 1, not below w_max \(1\)", lambda: PairSTDP(w_min=1.0)),
    (r"^PairSTDP\.A_plus: has 3 values\. A rule takes one number", lambda: PairSTDP(A_plus=np.ones(3))),
    (r"^PairSTDP\.A_plus: is not finite", lambda: PairSTDP(A_plus=np.nan)),
    (r"^PairSTDP\.A_plus: not a number", lambda: PairSTDP(A_plus="much")),
    (r"^TripletSTDP\.A3_plus: is -1 ", lambda: TripletSTDP(A3_plus=-1.0)),
    (r"^RewardSTDP\.tau_e: is -1 ms", lambda: RewardSTDP(tau_e=-1.0)),
    (r"^TsodyksMarkram\.U: is 1\.5 ", lambda: TsodyksMarkram(U=1.5)),
    (r"^BCM\.eta: is -1 ", lambda: BCM(eta=-1.0)),
    (r"^Sanger\.every: is 0 ms", lambda: Sanger(every=0.0)),
    (r"^SynapticScaling\.tau: is 0 ms", lambda: SynapticScaling(tau=0.0)),
    (r"^StructuralPlasticity\.w_new: .*must be at least", lambda: StructuralPlasticity(w_new=0.01)),
])
def test_parameters_of_rules(pattern, make):
    refused(snn.ModelError, pattern, lambda net: make())


# Objects


@pytest.mark.parametrize("given", [1.0, "PairSTDP", PairSTDP, [PairSTDP(), 3], snn.Plastic, snn.Modulator()], ids=str)
def test_what_is_no_rule(given):
    refused(snn.ModelError, r"is not a synaptic rule\. Give for example snn\.plasticity\.PairSTDP\(\)",
            lambda net: net.connect(net.populations["in"], net.populations["a"], snn.AllToAll(), port="delta",
                                    weight=0.5, delay=1.0, plasticity=given))


@pytest.mark.parametrize("error, pattern, make", [
    (snn.ModelError, r"^Plastic\.rules: is empty\. Give at least one rule", lambda net: snn.Plastic([])),
    (snn.NetworkError, r"^Plastic\.dendritic: is -1 ms", lambda net: snn.Plastic(PairSTDP(), dendritic=-1)),
    (snn.NetworkError, r"^Plastic\.dendritic: is nan ms", lambda net: snn.Plastic(PairSTDP(), dendritic=np.nan)),
    (snn.NetworkError, r"^Plastic\.dendritic: is True ms", lambda net: snn.Plastic(PairSTDP(), dendritic=True)),
    (snn.NetworkError, r"^Plastic\.dendritic: is 'all' ms", lambda net: snn.Plastic(PairSTDP(), dendritic="all")),
    (snn.NetworkError, r"^Plastic\.modulator: is 0\.5\. Give a snn\.Modulator",
     lambda net: snn.Plastic(RewardSTDP(), modulator=0.5)),
    (snn.NetworkError, r"^Modulator\.value: is not a number \('x'\)", lambda net: snn.Modulator("x")),
    (snn.NetworkError, r"^Modulator\.value: .*not finite", lambda net: snn.Modulator(np.inf)),
    (snn.NetworkError, r"^Modulator\.value: has shape \(1, 1\)", lambda net: snn.Modulator([[1.0]])),
    (snn.NetworkError, r"^PopulationModulator\.population: is 'a'\. Give a (whole )?population",
     lambda net: snn.PopulationModulator("a")),
    (snn.NetworkError, r"^PopulationModulator\.tau: is 0 ms\. It must be above 0",
     lambda net: snn.PopulationModulator(net.populations["a"], tau=0)),
    (snn.NetworkError, r"^PopulationModulator\.every: is -1 ms",
     lambda net: snn.PopulationModulator(net.populations["a"], every=-1)),
    (snn.NetworkError, r"^PopulationModulator\.gain: is not a number",
     lambda net: snn.PopulationModulator(net.populations["a"], gain="big")),
    (snn.NetworkError, r"^ControlledInput\.value: .*not finite", lambda net: snn.ControlledInput(np.nan)),
])
def test_objects(error, pattern, make):
    refused(error, pattern, make)


# Networks


def with_modulator(value, rule=None):
    return snn.Plastic(rule or ModulatedSTDP(), modulator=snn.Modulator(value))


@pytest.mark.parametrize("pattern, action", [
    (r"^Projection\.p\.plasticity: PairSTDP needs postsynaptic spikes and LeakyReadout has none\. Choose",
     simulate(PairSTDP(), post="out")),
    (r"PairSTDP needs postsynaptic spikes", simulate([TsodyksMarkram(), PairSTDP()], post="out")),
    (r"SynapticScaling needs postsynaptic spikes", simulate(SynapticScaling(), post="out")),
    (r"^Projection\.p\.weight: is 1\.5, above w_max of PairSTDP \(1\)\. Start", simulate(PairSTDP(), weight=1.5)),
    (r"^Projection\.p\.weight: is -0\.5, below w_min of PairSTDP \(0\)", simulate(PairSTDP(), weight=-0.5)),
    (r"is 1\.5, above w_max of SubtractiveNormalisation", simulate(
        [PairSTDP(w_max=2.0), SubtractiveNormalisation()], weight=1.5)),
    (r"^Projection\.p\.plasticity: RewardSTDP needs a modulator and there is none\. Give Plastic",
     simulate(RewardSTDP())),
    (r"^Projection\.p\.plasticity: a modulator is given, but PairSTDP does not use one\. Leave it out",
     simulate(snn.Plastic(PairSTDP(), modulator=snn.Modulator()))),
    (r"^Projection\.p: Modulator\.value: has shape \(3,\) .*neuron \(10\)", simulate(with_modulator(np.ones(3)))),
    (r"^Projection\.p: Plastic\.dendritic is \d+ steps, longer than a delay of 10 steps\.",
     simulate(snn.Plastic(PairSTDP(), dendritic=1.1))),
    (r"Plastic\.dendritic is \d+ steps, longer than a delay of 5 steps\.",
     simulate(snn.Plastic(PairSTDP(), dendritic=1.0), delay=snn.Choice((0.5, 1.5)))),
    (r"^Projection\.p: Plastic\.dendritic: 0\.25 ms is not a whole number of steps of 0\.1 ms",
     simulate(snn.Plastic(PairSTDP(), dendritic=0.25))),
    (r"^WeightNormalisation\.every of 'p': 0\.25 ms is not a whole number of steps",
     simulate(WeightNormalisation(every=0.25))),
    (r"^PopulationModulator\.every of 'p': 0\.25 ms is not a whole number of steps",
     simulate(lambda net: snn.Plastic(RewardSTDP(), modulator=snn.PopulationModulator(
         net.populations["a"], every=0.25)))),
    (r"^Projection\.p\.plasticity: DisInhibitory reads the state 'u'; LIF has none\. It has: v, ref, i\.",
     simulate(DisInhibitory())),
    (r"Clopath reads the state 'v'", simulate(Clopath(), post="e")),
    (r"no port 'exc'", simulate(PairSTDP(), port="exc")),
])
def test_networks(pattern, action):
    def with_pair(net):
        net.add("e", snn.neurons.EIPair(), 3)
        action(net)

    refused(snn.NetworkError, pattern, with_pair)


def test_a_modulator_of_another_network():
    other = snn.Network("other").add("x", snn.neurons.LIF(), 3)
    refused(snn.NetworkError, r"population of the modulator .*not a population \(or slice\) of network 'net'",
            simulate(snn.Plastic(RewardSTDP(), modulator=snn.PopulationModulator(other))))


@pytest.mark.parametrize("given", [
    WeightNormalisation(every=1e-9),
    lambda net: snn.Plastic(RewardSTDP(), modulator=snn.PopulationModulator(net.populations["a"], every=1e-9)),
], ids=["rule", "modulator"])
def test_much_less_than_a_step(given):
    refused(snn.NetworkError, r"every of 'p'", simulate(given))


# Batches


def weak_in_one_run(seeds):
    """In the run of one seed the cells fire and depress all synapses, in that of the other one they do not."""
    net = snn.Network("weak")
    given = net.add("in", snn.neurons.SpikeSource(snn.Spikes([10.0], [0], 1, 30.0)), 1)
    a = net.add("a", snn.neurons.LIF(), 8, init={"v": snn.Uniform(-80.0, -40.0)})
    net.connect(given, a[:4], snn.FixedOutDegree(2), port="delta", weight=0.4, delay=1.0, name="p",
                plasticity=[PairSTDP(A_minus=10.0), StructuralPlasticity(every=15.0, threshold=0.3, w_new=0.5)])
    return net


@pytest.mark.parametrize("seeds", [[1, 2], [2, 1], [3, 4]], ids=str)
def test_synapses_cannot_move_in_a_batch(seeds):
    """Refused before the run, whether or not something would move in it."""
    net = weak_in_one_run(seeds)
    refused((snn.NetworkError, snn.RunError), r"StructuralPlasticity.*batch|batch.*StructuralPlasticity",
            lambda _: snn.simulate(net, 30.0, engine=snn.Clocked(seeds=seeds), progress=False))


# Rules of a user


class Pre(NamedTuple):
    x: unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class User(SynapticRule):
    a: Value = param(0.1, doc="amount")
    Pre = Pre


def test_a_trace_that_depends_on_the_other_side():
    class Wrong(User):
        def spike(self, x, y):
            return self.Pre(x.x + y.y), y

        class Post(NamedTuple):
            y: unitless

    refused(snn.ModelError, r"^Wrong\.spike: depends on post values\. This method may use: pre\.", simulate(Wrong()))


def test_a_branch_on_a_value():
    class Wrong(User):
        def on_pre(self, s, x, y, mod):
            return s._replace(w=s.w * 2) if x.x > 0 else s

    refused(snn.ModelError, r"Wrong", simulate(Wrong()))


def test_a_function_that_is_not_compiled():
    class Wrong(User):
        def on_pre(self, s, x, y, mod):
            return s._replace(w=np.sin(s.w))

    refused(snn.ModelError, r"Wrong", simulate(Wrong()))

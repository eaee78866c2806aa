"""NaN in a run: who is named, whatever else happens in the block; what was recorded before it stays."""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch

import snn
from snn.contract import Neuron, Value, param, unitless
from snn.neurons import LIF

ENGINES = {"reference": snn.Reference(), "event": snn.EventDriven(threads=1), "two threads": snn.EventDriven(threads=2),
           "float32": snn.EventDriven(threads=1, dtype="float32"), "clocked": snn.Clocked(),
           "batch": snn.Clocked(seeds=[1, 2])}
every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
N = 300


@dataclass(frozen=True, kw_only=True, eq=False)
class Silent(Neuron):
    """``t`` is the time; ``w`` is NaN in the step that ends at ``when``, and only then. It never fires."""

    when: Value = param(100.0, unit="ms", doc="when w is no number")

    class State(NamedTuple):
        t: unitless
        w: unitless
        kept: unitless

    class Ports(NamedTuple):
        x: unitless

    def rest(self):
        return self.State(0.0, 0.0, 0.0)

    def flow(self, s, dt):
        return s._replace(t=s.t + dt, kept=0.5 * s.kept + s.w)

    def receive(self, s, x):
        infinite = torch.where(torch.abs(s.t - self.when) < 0.01, 1e38 * (1e38 * s.t) * 1e300, s.t)
        return s._replace(w=infinite - infinite)


class NeverNear(Silent):
    """Its margin is a parameter."""

    def margin(self, s):
        return self.when * 0.0 - 1.0


class FiresOfTimeAlone(Silent):
    """Its margin does not depend on what becomes NaN."""

    def margin(self, s):
        return s.t - 100.0


class FiresOfIt(Silent):
    def margin(self, s):
        return s.w - 1.0


@every_engine
@pytest.mark.parametrize("model", [Silent, NeverNear, FiresOfTimeAlone, FiresOfIt])
def test_the_first_neuron_of_the_first_step_is_named_wherever_the_state_is(model, engine):
    when = np.full(N, 100.0)
    when[[297, 41, 7, 266]] = 1.2, 1.0, 1.1, 1.0
    net = snn.Network()
    net.add("late", model(when=1.4), 9)
    net.add("a", model(when=when), N)
    with pytest.raises(snn.RunError, match=r"population 'a', neuron 41: a state is not a number \(NaN\) from step 9 "):
        snn.simulate(net, 2.0, engine=engine)


@dataclass(frozen=True, kw_only=True, eq=False)
class Divides(LIF):
    """A LIF that divides its current by a parameter: in lanes behind the last neuron 0 by 0."""

    by: Value = param(1.0, unit="1", doc="divisor")

    exact = False

    def flow(self, s, dt):
        return super().flow(s._replace(i=s.i / self.by), dt)


@every_engine
@pytest.mark.parametrize("n", [1, 9, 257])
def test_nothing_behind_the_last_neuron_counts(n, engine):
    net = snn.Network()
    a = net.add("a", Divides(by=np.full(n, 2.0)), n)
    net.couple(a, a, snn.AllToAll(), values={"current": "i"}, weight=0.1 / n, delay=0.1)
    net.couple(a, a, snn.OneToOne(), values={"current": "v"}, weight=0.1, delay=0.1, difference=True)
    net.drive(a, snn.CurrentInput(np.full(n, 800.0)), port="current")
    result = snn.simulate(net, 20.0, engine=engine, record=[snn.RecordSpikes("a"), snn.RecordMean("a", "v")])
    for one in result if isinstance(result, list) else [result]:
        assert len(one.spikes["a"]) == n and np.isfinite(one.traces["a", "mean.v"].data).all()


@pytest.mark.parametrize("engine", [snn.EventDriven(threads=1), snn.Clocked()], ids=["event", "clocked"])
def test_the_archive_of_such_a_run_can_be_read(engine, tmp_path):
    net = snn.Network()
    net.add("a", Silent(when=300.0), 3)
    with pytest.raises(snn.RunError, match="a state is not a number"):
        snn.simulate(net, 400.0, engine=engine, record=[snn.RecordMean("a", "t")], to=tmp_path / "run.h5")
    result = snn.open(tmp_path / "run.h5")
    mean = result.traces["a", "mean.t"]
    assert not result.meta["complete"] and 10 < len(mean.data) < 3000
    np.testing.assert_allclose(mean.data[:, 0], mean.times, rtol=1e-4)

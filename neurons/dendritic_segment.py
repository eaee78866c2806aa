"""Segment of a dendrite: fires an NMDA spike where enough of its synapses are active at once."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class DendriticSegment(Neuron):
    """Segment of a dendrite, a detector of coincidence: theta synapses that are active together make an NMDA spike.

    Formula
        tau_s dn/dt = -n,  solved exactly;  n += x.delta (1 per active synapse of weight 1);  spike where n >= theta,
        then n = 0, held for t_nmda, the time that the spike lasts (as the nearest whole number of steps; inputs that
        arrive meanwhile are lost).

    What it is for
        A segment is a unit of its own, so that a cell may have any number of them: sources project onto the port
        ``delta`` of segments, and these, with weight 1 and no matter how many, onto the port ``dendrite`` of
        :class:`DendriticLIF`. A cell detects a pattern where any of its segments does.

    Shapes and units
        State: ``n`` (synapses active of late), ``left`` ms (-1 when free). Port: ``delta``, synapses. Every field is a
        number or one value per segment.

    Errors: ModelError for tau_s, theta <= 0, t_nmda < 0.

    Source: J. Hawkins, S. Ahmad (2016), "Why neurons have thousands of synapses", Frontiers in Neural Circuits 10:23;
    S. Antic et al. (2010), J. Neurosci. Res. 88:2991-3001 (NMDA spikes). See :mod:`snn.circuits.dendrites`.

    Example: ``DendriticSegment(theta=12)``
    """

    tau_s: Value = param(5.0, unit="ms", doc="time within which synapses count as active together", above=0)
    theta: Value = param(10.0, doc="synapses that make an NMDA spike", above=0)
    t_nmda: Value = param(50.0, unit="ms", doc="how long an NMDA spike lasts", at_least=0)

    class State(NamedTuple):
        n: unitless
        left: ms

    class Ports(NamedTuple):
        delta: unitless

    def rest(self):
        return self.State(n=0.0, left=-1.0)

    def flow(self, s, dt):
        held = s.left > 0.5 * dt
        return self.State(n=s.n * torch.exp(-dt / self.tau_s), left=torch.where(held, s.left - dt, -1.0))

    def receive(self, s, x):
        return s._replace(n=torch.where(s.left < -0.5, s.n + x.delta, s.n))

    def margin(self, s):
        return (s.n - self.theta) / self.theta

    def reset(self, s, z):
        return self.State(n=choose(z, 0.0 * s.n, s.n), left=choose(z, self.t_nmda, s.left))

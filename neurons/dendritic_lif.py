"""Leaky integrate-and-fire neuron with active dendrites: an NMDA spike depolarises it for a while."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Value, choose, ms, mV, pA, param, unitless
from snn.neurons.lif import LIF


@dataclass(frozen=True, kw_only=True, eq=False)
class DendriticLIF(LIF):
    """Leaky integrate-and-fire neuron that a dendritic spike brings nearer to threshold: a prediction, not a spike.

    Formula
        tau_m dV/dt = -(V - E_L - V_nmda [plateau]) + (tau_m / C_m) I,  solved exactly over a step;  V += x.delta;
        spike where V >= V_th, then V = V_reset and V is held for t_ref.
        An input on ``dendrite``, whatever its size above 0, begins a plateau of t_nmda, or begins it anew; plateaus do
        not add up. t_ref and t_nmda act as the nearest whole numbers of steps. I is ``x.current`` of the step before.
        Without dendritic input it is :class:`LIF`. With V_nmda < V_th - E_L the plateau alone does not make it fire.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``left`` ms of the plateau (-1 without), ``i`` pA. Ports: ``delta``
        mV, ``current`` pA, ``dendrite`` unitless (spikes of :class:`DendriticSegment`). Every field is a number or one
        value per neuron.

    Errors: as :class:`LIF`; ModelError for t_nmda < 0.

    Source: J. Hawkins, S. Ahmad (2016), "Why neurons have thousands of synapses", Frontiers in Neural Circuits 10:23
    (predicted cells are depolarised and fire first); S. Antic et al. (2010), J. Neurosci. Res. 88:2991-3001.

    Example: ``DendriticLIF(V_nmda=8.0, t_nmda=50.0)``
    """

    V_nmda: Value = param(8.0, unit="mV", doc="depolarisation during a plateau")
    t_nmda: Value = param(50.0, unit="ms", doc="how long a plateau lasts", at_least=0)

    # A plateau ends within a flow.
    exact: ClassVar[bool] = False

    class State(NamedTuple):
        v: mV
        ref: ms
        left: ms
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA
        dendrite: unitless

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, left=-1.0, i=0.0)

    def flow(self, s, dt):
        held, plateau = s.ref > 0.5 * dt, s.left > 0.5 * dt
        v_inf = self.E_L + s.i * (self.tau_m / self.C_m) + torch.where(plateau, self.V_nmda, 0.0)
        v = torch.where(held, s.v, v_inf + (s.v - v_inf) * torch.exp(-dt / self.tau_m))
        return self.State(v=v, ref=torch.where(held, s.ref - dt, -1.0),
                          left=torch.where(plateau, s.left - dt, -1.0), i=s.i)

    def receive(self, s, x):
        return self.State(v=torch.where(s.ref < -0.5, s.v + x.delta, s.v), ref=s.ref,
                          left=torch.where(x.dendrite > 0, self.t_nmda, s.left), i=x.current)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref))

    def quiet(self):
        return None

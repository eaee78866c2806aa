"""Integrate-and-fire neuron with exponential currents, stepped as on SpiNNaker."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.lif import above_threshold


@dataclass(frozen=True, kw_only=True, eq=False)
class IFCurrExp(Neuron):
    """PyNN's ``IF_curr_exp`` in the arithmetic of SpiNNaker: within a step all currents are constant.

    Formula
        I_x <- I_x exp(-dt / tau_x) + x (tau_x / dt)(1 - exp(-dt / tau_x))  for x = exc, inh: a spike brings its weight,
        averaged over the step in which it arrives;  V_inf = E_L + (tau_m / C_m)(I_exc + I_inh + current);
        V <- V_inf + (V - V_inf) exp(-dt / tau_m), so an input acts on V in the step in which it arrives.
        V >= V_th: V = V_reset, held for t_ref; the currents go on. Weights onto ``inh`` are negative for inhibition.
        The result depends on dt, unlike that of :class:`CubaLIF`, which solves the same equations exactly.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``i_exc``, ``i_inh`` pA, ``dt`` ms (the step that passed last).
        Ports: ``exc``, ``inh``, ``current`` pA. Every field is a number or one value per neuron.
        PyNN counts in nF and nA: multiply both by 1000.

    Errors: ModelError for time constants or C_m <= 0, t_ref < 0, V_reset >= V_th.

    Source: Davison et al. (2009), Front. Neuroinform. 2:11 (the model); Rhodes et al. (2018), Front. Neurosci. 12:816
    (sPyNNaker). That the conventions are these was found by comparison with recorded rasters, see
    :mod:`snn.circuits.cam`.

    Example: ``IFCurrExp(tau_m=3.0, C_m=270.0, E_L=-60.0, V_reset=-60.0, V_th=-57.0, tau_exc=0.3, tau_inh=0.3)``
    """

    tau_m: Value = param(20.0, unit="ms", doc="membrane time constant", above=0)
    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-70.0, unit="mV", doc="resting potential")
    V_th: Value = param(-55.0, unit="mV", doc="threshold")
    V_reset: Value = param(-70.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(2.0, unit="ms", doc="refractory time", at_least=0)
    tau_exc: Value = param(5.0, unit="ms", doc="time constant of the excitatory current", above=0)
    tau_inh: Value = param(5.0, unit="ms", doc="time constant of the inhibitory current", above=0)

    exact: ClassVar[bool] = False

    class State(NamedTuple):
        v: mV
        ref: ms
        i_exc: pA
        i_inh: pA
        dt: ms

    class Ports(NamedTuple):
        exc: pA
        inh: pA
        current: pA

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, i_exc=0.0, i_inh=0.0, dt=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        i_exc, i_inh = s.i_exc * torch.exp(-dt / self.tau_exc), s.i_inh * torch.exp(-dt / self.tau_inh)
        v = self.E_L + (s.v - self.E_L) * torch.exp(-dt / self.tau_m) + (i_exc + i_inh) * self._mV_per_pA(dt)
        # The step is kept for receive, which weighs its inputs by it and is not told.
        return self.State(v=torch.where(held, s.v, v), ref=torch.where(held, s.ref - dt, -1.0),
                          i_exc=i_exc, i_inh=i_inh, dt=torch.zeros_like(s.dt) + dt)

    def receive(self, s, x):
        exc, inh = x.exc * mean_over(s.dt, self.tau_exc), x.inh * mean_over(s.dt, self.tau_inh)
        v = s.v + (exc + inh + x.current) * self._mV_per_pA(s.dt)
        return s._replace(v=torch.where(s.ref < -0.5, v, s.v), i_exc=s.i_exc + exc, i_inh=s.i_inh + inh)

    def margin(self, s):
        return (s.v - self.V_th) / (self.V_th - self.V_reset)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref))

    def _mV_per_pA(self, dt):
        """What a constant current adds to the potential in a step of ``dt`` ms."""
        return (1.0 - torch.exp(-dt / self.tau_m)) * (self.tau_m / self.C_m)


def mean_over(dt, tau):
    """Mean of exp(-t / tau) over the first ``dt`` ms."""
    return (1.0 - torch.exp(-dt / tau)) * (tau / dt)

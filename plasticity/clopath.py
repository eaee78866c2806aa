"""Voltage-based spike-timing-dependent plasticity."""
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import torch

from snn.contract import Value, mV, param
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class Clopath(SynapticRule):
    """Voltage-based STDP: depression at presynaptic spikes, potentiation while the postsynaptic cell is depolarised.

    Formula
        tau_minus du_minus/dt = -u_minus + u,  tau_plus du_plus/dt = -u_plus + u;  tau_x dx/dt = -x, x += 1 / tau_x at a
        presynaptic spike. At a presynaptic spike w -= A_LTD [u_minus - theta_minus]+, and in every step
        dw/dt = A_LTP x [u - theta_plus]+ [u_plus - theta_minus]+;  w is kept within w_min and w_max.
        u is the membrane potential, [.]+ the positive part. While u is above ``V_spike`` the potentiation goes on with
        the u_plus from before: a spike that has a width must not take itself for earlier depolarisation.

    Shapes and units
        Pre: ``x`` 1/ms. Post: ``u_minus``, ``u_plus``, ``u_before`` mV, ``ltp`` (A_LTP times the two factors times
        dt) ms. They begin at theta_minus, which should lie at the resting potential.
        Reads ``v`` of the postsynaptic model, in mV. It sees a spike only in a model whose ``v`` shows one at the ends
        of steps: :class:`snn.neurons.ClopathAdEx`.

    Errors: ModelError for a negative amplitude, a time constant <= 0, w_min not below w_max.

    Source: Clopath, Buesing, Vasilaki, Gerstner (2010), Nature Neuroscience 13:344-352, equations 1-3; the parameters
    are those of its Table 1 for visual cortex. The paper's own program delays u_minus and u_plus by some ms, which has
    the purpose of ``V_spike``.

    Example: ``net.connect(inputs, cells, weight=0.5, port="delta", plasticity=Clopath(w_max=3.0))``
    """

    A_LTD: Value = param(14e-5, unit="1/mV", doc="depression per presynaptic spike and mV", at_least=0)
    A_LTP: Value = param(8e-5, unit="1/mV^2", doc="potentiation", at_least=0)
    theta_minus: Value = param(-70.6, unit="mV", doc="threshold of the averaged potentials")
    theta_plus: Value = param(-45.3, unit="mV", doc="threshold of the potential for potentiation")
    tau_minus: Value = param(10.0, unit="ms", doc="time constant of the average for depression", above=0)
    tau_plus: Value = param(7.0, unit="ms", doc="time constant of the average for potentiation", above=0)
    tau_x: Value = param(15.0, unit="ms", doc="time constant of the presynaptic trace", above=0)
    V_spike: Value = param(20.0, unit="mV", doc="potential above which a spike is under way")
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")

    class Pre(NamedTuple):
        x: Annotated[Any, "1/ms"]

    class Post(NamedTuple):
        u_minus: mV
        u_plus: mV
        u_before: mV
        ltp: Annotated[Any, "ms"]

    class Reads(NamedTuple):
        v: mV

    additive: ClassVar[bool] = True

    def rest(self):
        u = self.theta_minus
        return self.Pre(x=0.0), self.Post(u_minus=u, u_plus=u, u_before=u, ltp=0.0)

    def decay(self, x, y, dt):
        return self.Pre(x.x * torch.exp(-dt / self.tau_x)), y

    def watch(self, y, u, dt):
        before = torch.where(u.v > self.V_spike, y.u_before, y.u_plus)
        ltp = (self.A_LTP * dt) * torch.relu(u.v - self.theta_plus) * torch.relu(before - self.theta_minus)
        return y._replace(u_minus=approach(y.u_minus, u.v, dt, self.tau_minus),
                          u_plus=approach(y.u_plus, u.v, dt, self.tau_plus), u_before=before, ltp=ltp)

    def acts(self, y):
        return y.ltp > 0.0

    def spike(self, x, y):
        return self.Pre(x.x + 1.0 / self.tau_x), y

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w - self.depression(y) * torch.relu(y.u_minus - self.theta_minus)))

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + y.ltp * x.x))

    def depression(self, y):
        """Amplitude of depression in 1/mV."""
        return self.A_LTD


@dataclass(frozen=True, kw_only=True, eq=False)
class HomeostaticClopath(Clopath):
    """Voltage-based STDP whose depression grows with the mean depolarisation of the neuron: competition among inputs.

    Formula
        As :class:`Clopath` with A_LTD u_mean^2 / u_ref^2 in the place of A_LTD;  u_mean is the depolarisation
        [u - theta_minus]+ averaged with time constant tau_mean. It begins at u_ref.

    Shapes and units
        Traces of :class:`Clopath`, and Post: ``u_mean`` mV. Reads ``v`` of the postsynaptic model, in mV.

    Errors: those of :class:`Clopath`; u_ref or tau_mean <= 0.

    Source: Clopath, Buesing, Vasilaki, Gerstner (2010), Nature Neuroscience 13:344-352 (u_ref^2 = 60 mV^2, 1 s).

    Example: ``net.connect(inputs, cells, weight=0.5, port="delta", plasticity=HomeostaticClopath(u_ref=8.0))``
    """

    u_ref: Value = param(60.0**0.5, unit="mV", doc="mean depolarisation at which depression is A_LTD", above=0)
    tau_mean: Value = param(1000.0, unit="ms", doc="time constant of the mean depolarisation", above=0)

    class Post(NamedTuple):
        u_minus: mV
        u_plus: mV
        u_before: mV
        ltp: Annotated[Any, "ms"]
        u_mean: mV

    def rest(self):
        u = self.theta_minus
        return self.Pre(x=0.0), self.Post(u_minus=u, u_plus=u, u_before=u, ltp=0.0, u_mean=self.u_ref)

    def watch(self, y, u, dt):
        depolarised = torch.relu(u.v - self.theta_minus)
        return super().watch(y, u, dt)._replace(u_mean=approach(y.u_mean, depolarised, dt, self.tau_mean))

    def depression(self, y):
        ratio = y.u_mean / self.u_ref
        return self.A_LTD * (ratio * ratio)


def approach(average, value, dt, tau):
    """A low-pass average after ``dt`` ms of a constant value."""
    return value + (average - value) * torch.exp(-dt / tau)

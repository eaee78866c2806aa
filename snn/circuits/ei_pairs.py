"""Pairs of an excitatory and an inhibitory neuron, and the plasticity that their difference decides.

What it is
    The excitatory neuron u follows its input; the inhibitory neuron u_I predicts it. What feedback takes away from the
    predicted inhibition decides the sign of plasticity at the synapses onto u: less inhibition than predicted
    potentiates, more depresses, and as much as predicted changes nothing.

Source: Rossbroich and Zenke (2023), "Dis-inhibitory neuronal circuits can control the sign of synaptic plasticity",
Advances in Neural Information Processing Systems 36, arXiv:2310.19614.
"""
import dataclasses
import math
from dataclasses import dataclass

import torch
from torch.nn.functional import softplus

from snn.errors import ModelError, RunError


@dataclass(frozen=True, kw_only=True)
class MicroCircuit:
    """Constants of an excitatory-inhibitory pair, of the controller of the output, and of their integration.

    Formula (phi = softplus)
        pair         tau_E du/dt = -u + a - phi(u_I);  tau_I du_I/dt = -u_I + phi(u) - fb
        output       tau_E do/dt = -o + W h + c
        controller   tau_z dz/dt = e - z;  c = k_p e + k_i z;  e = target - softmax(o)
        by Euler steps of ``dt``; a circuit has settled when no state changes by more than ``tolerance`` per ms.

    Units: times in ms, everything else without unit. ``target``: probability wanted of the right class.

    Errors: ModelError for a time that is not positive, a negative gain, dt > tau_I / 2, target outside (0, 1).

    Example: ``MicroCircuit(tau_I=10.0, dt=1.0)``
    """

    tau_E: float = 20.0
    tau_I: float = 5.0
    tau_z: float = 100.0
    k_p: float = 0.2
    k_i: float = 0.4
    target: float = 0.99
    dt: float = 2.0
    open_time: float = 120.0
    closed_time: float = 500.0
    tolerance: float = 1e-5

    def __post_init__(self):
        for f in dataclasses.fields(self):
            value, gain = getattr(self, f.name), f.name in ("k_p", "k_i")
            if not (is_number(value) and (value > 0 or (gain and value == 0))):
                raise ModelError(f"MicroCircuit.{f.name}: is {value!r}. It must be a finite number "
                                 f"{'of at least' if gain else 'above'} 0.")
        if self.target >= 1:
            raise ModelError(f"MicroCircuit.target: is {self.target:g}. A probability below 1 can be reached.")
        if self.dt > self.tau_I / 2:
            raise ModelError(f"MicroCircuit.dt: {self.dt:g} ms is too coarse for tau_I ({self.tau_I:g} ms). "
                             f"At most {self.tau_I / 2:g} ms follows the inhibitory neurons.")

    def change(self, u, u_I, r, a, fb):
        """``(u, u_I)`` of pairs one step later; ``r`` = phi(u), ``a`` input, ``fb`` feedback, tensors of one shape."""
        return torch.lerp(u, a - softplus(u_I), self.dt / self.tau_E), torch.lerp(u_I, r - fb, self.dt / self.tau_I)

    def pair(self, a, fb):
        """``(u, u_I)`` of unconnected pairs, settled from 0 for ``closed_time`` ms; ``a``, ``fb`` tensors or numbers.

        Errors: RunError where a state is no longer finite.
        """
        a, fb = torch.broadcast_tensors(*(torch.as_tensor(t, dtype=torch.float64) for t in (a, fb)))
        u = u_I = torch.zeros_like(a)
        for k in range(round(self.closed_time / self.dt)):
            u, u_I = self.change(u, u_I, softplus(u), a, fb)
            if not (torch.isfinite(u).all() and torch.isfinite(u_I).all()):
                raise RunError(f"MicroCircuit.pair: a pair is not finite after step {k + 1}. "
                               "Give finite inputs and feedback of moderate size.")
        return u, u_I


@dataclass(frozen=True)
class ExactInverse:
    """The inhibitory potential itself is compared with the predicted one: needs the inverse of phi at the synapse."""

    def potential(self, u_I, mean):
        """What the synapse takes for the potential of the inhibitory neuron; ``mean``: usual phi(u_I)."""
        return u_I


@dataclass(frozen=True)
class LinearInverse:
    """The synapse sees the inhibitory rate r_I = phi(u_I) and takes the tangent of the inverse of phi at its mean m.

    Formula: log(e^m - 1) + (r_I - m) / (1 - e^-m). The excitatory rate at which plasticity changes sign is then linear
    in r_I: a threshold that local inhibition moves.
    """

    def potential(self, u_I, mean):
        """As :meth:`ExactInverse.potential`."""
        return mean + torch.log(-torch.expm1(-mean)) - (softplus(u_I) - mean) / torch.expm1(-mean)


def error(u, u_I, rule=None, mean=None):
    """``(phi(u) - v) phi'(u)`` with v the inhibitory potential as ``rule`` sees it (default exact).

    The weight from a presynaptic unit of activity h changes in proportion to this times h.
    """
    return (softplus(u) - (rule or ExactInverse()).potential(u_I, mean)) * torch.sigmoid(u)


def is_number(value):
    """Whether ``value`` is one finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

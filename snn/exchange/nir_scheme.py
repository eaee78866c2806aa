"""How a step of a NIR neuron is taken, and what a conversion may lose.

NIR states differential equations and no steps. Two schemes are in use for ``tau dv/dt = (v_leak - v) + r I`` with an I
that is constant during a step; both move v by a share of the way to ``v_leak + r I``::

    Euler         share = dt / tau                 snnTorch, SpikingJelly, Norse
    Exponential   share = 1 - exp(-dt / tau)       the exact solution, and our own

A spike is an I of weight w during one step. Our LIF takes the share ``1 - exp(-dt / tau_m)`` and adds w itself. So tau
is written as the one with which the chosen scheme takes the same share, and r as one over the share: the tool that
steps by this scheme then makes the same numbers.
"""
from dataclasses import dataclass

import numpy as np

from snn.errors import RunError

LOSSES = {
    "refractory": "the refractory time: neurons take inputs and fire right after a spike",
    "reset": "the reset by subtraction: the potential becomes v_reset",
    "adaptation": "adaptation: the threshold stays as it is at rest",
    "latency": "that an input acts one step later than in NIR: it acts at once",
    "start": "initial values other than rest",
    "drive": "inputs other than spikes: they are left out",
    "onset": "that a constant input is there from the first step on: it begins when the first spikes can arrive",
    "readout": "what a readout makes of all steps: the potentials of every step are given",
    "plasticity": "plasticity: the weights stay as they are",
    "couplings": "graded couplings: they are left out",
}


@dataclass(frozen=True)
class Euler:
    """Steps by Euler's method: ``v += (dt / tau) (v_leak - v + r I)``. The scheme of snnTorch, SpikingJelly and Norse.

    Example: ``to_nir(net, scheme=Euler())``, the default.
    """

    def share(self, tau, dt):
        """The part of the way to its end that v makes in a step; ``tau`` and ``dt`` in one unit."""
        return dt / tau

    def tau(self, share, dt):
        """The time constant with which v makes ``share`` of the way in a step."""
        return dt / share


@dataclass(frozen=True)
class Exponential:
    """Exact steps: ``v`` goes the share ``1 - exp(-dt / tau)`` of the way to ``v_leak + r I``.

    The time constants in the graph are then those of the model. Example: ``to_nir(net, scheme=Exponential())``.
    """

    def share(self, tau, dt):
        """The part of the way to its end that v makes in a step; ``tau`` and ``dt`` in one unit."""
        return -np.expm1(-dt / tau)

    def tau(self, share, dt):
        """The time constant with which v makes ``share`` of the way in a step."""
        return -dt / np.log1p(-share)


class Losses:
    """What a conversion loses, gathered to be refused at once; ``allow``: names of what may be lost."""

    def __init__(self, where, allow):
        self.where, self.found = where, []
        self.allow = (allow,) if isinstance(allow, str) else tuple(allow)
        for name in self.allow:
            if name not in LOSSES:
                raise RunError(f"{where}.allow: {name!r} is no loss. There are: {', '.join(LOSSES)}.")

    def add(self, name, place):
        self.found.append((name, place))

    def check(self):
        """Errors: RunError with every loss that was not allowed, its place and its name."""
        left = [(name, place) for name, place in self.found if name not in self.allow]
        if left:
            text = "; ".join(f"{place} ({name}: {LOSSES[name]})" for name, place in left[:8])
            more = f"; and {len(left) - 8} more" if len(left) > 8 else ""
            names = ", ".join(repr(n) for n in dict.fromkeys(name for name, _ in left))
            raise RunError(f"{self.where}: NIR cannot express all of this: {text}{more}. Allow the loss by naming it: "
                           f"allow=({names},).")

"""The contract of synaptic kinetics: what an arriving spike does to a neuron over time.

What it is
    Kinetics are a frozen dataclass of parameters with a few pure, elementwise methods written in torch operations
    (those of :mod:`snn.contract`). They know nothing of the neuron: they turn what arrives on their own port into a
    current, or into a conductance through which a current flows. :func:`snn.compose` attaches them to a port of any
    neuron model; one file of kinetics serves them all.

Example::

    @dataclass(frozen=True, kw_only=True, eq=False)
    class Exponential(Kinetics):
        tau: Value = param(2.0, unit="ms", doc="time constant", above=0)

        class State(NamedTuple):
            g: weight

        class Ports(NamedTuple):
            x: weight

        def flow(self, s, dt):
            return self.State(g=s.g * torch.exp(-dt / self.tau))

        def receive(self, s, x):
            return self.State(g=s.g + x.x)

        def mean(self, s, dt, v):
            return s.g * (-torch.expm1(-dt / self.tau) * (self.tau / dt))

Source: communication, dynamics and output of a synapse as separate parts: C. Wang et al. (2023), eLife 12:e86365.
"""
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

from snn.contract import Parameters, Value, param

weight = Annotated[Any, "weight"]
"""Unit of a state or port of kinetics: that of the host's port; for conductances nS where that is pA."""


class Kinetics(Parameters):
    """Base of all synaptic kinetics. Subclass it as a frozen, keyword-only dataclass.

    A subclass states
        ``State``   a NamedTuple of its state variables, annotated with their units (``weight``: see there)
        ``Ports``   a NamedTuple of its inputs; one input is ``x``, and has the name of the attachment after composition
        ``coupled`` names of the ports that ``couple`` reads (graded inputs)
        ``conductance``  whether ``mean`` is a conductance; then there is a field ``E`` (see :class:`Conductance`)
        methods ``receive``, ``flow`` and ``mean`` with the operations that neuron models may use, and ``max_dt``

    Errors: :class:`ModelError` for a parameter that is not finite, outside its domain, or neither scalar nor 1-D.
    """

    class State(NamedTuple):
        pass

    class Ports(NamedTuple):
        pass

    coupled: ClassVar[tuple] = ()
    conductance: ClassVar[bool] = False

    def rest(self):
        """The state before anything arrives; all zero unless a subclass says otherwise."""
        return self.State(*(0.0 for _ in self.State._fields))

    def couple(self, s, x):
        """The state that feels the graded inputs ``x`` (those named in ``coupled``) during the coming step."""
        return s

    def flow(self, s, dt):
        """The state after ``dt`` ms in which nothing arrives."""
        return s

    def receive(self, s, x):
        """The state after the inputs ``x`` (a ``Ports``) of this step arrived."""
        return s

    def mean(self, s, dt, v):
        """Mean output over the coming ``dt`` ms in which nothing arrives: a current, or a conductance.

        ``v``: potential of the host in mV for conductances, else None.
        """
        raise NotImplementedError(f"{type(self).__name__} has no mean.")

    def max_dt(self):
        """The longest meaningful step in ms, or None. Currents with an exact mean need no limit."""
        return None

    def on(self, port):
        """These kinetics for another port of the host than ``current``."""
        return Attached(self, port)


@dataclass(frozen=True, kw_only=True, eq=False)
class Conductance(Kinetics):
    """Mix-in that makes the output of kinetics a conductance with a reversal potential: I = g (E - v)."""

    E: Value = param(0.0, unit="mV", doc="reversal potential")

    conductance: ClassVar[bool] = True


@dataclass(frozen=True)
class Attached:
    """``kinetics`` and the ``port`` of the host on which they act."""

    kinetics: Kinetics
    port: str = "current"

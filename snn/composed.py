"""A neuron model with synaptic kinetics: what a step of it does.

Order of a step
    couple    the host and the kinetics read their graded ports
    flow      the host flows over dt with the mean of the currents over that dt; then the kinetics flow
    receive, margin, reset    the host as ever; each kinetics receives its own port
    A spike that arrives in a step therefore acts on the potential from the next step on.

Formula
    Currents: the mean over dt is exact where the kinetics is linear; the host sees it as constant. Error: dt^2.
    Conductances: I = sum g_k (E_k - v), with the mean of g over dt, and v at theta between the two ends of the step,
        v_theta = v + theta (v_closed + R I - v),  theta = (3 + q) / (6 + q),  q = R sum g_k,
        where v_closed is what the host alone flows to and R what a unit current adds to it. Linear in I, hence solved.
    theta is 1/2 for small q, second order in dt, and goes to 1 for large q: a purely capacitive host then relaxes by
    (6 - 2q) / (6 + 4q + q^2), the Pade approximant of exp(-q), and no conductance is too large for the step.
    The host flows three times a step; what does not depend on the current is computed once by the compiled engines.

Source: exact mean of linear kinetics: as in Rotter and Diesmann (1999), Biol. Cybern. 81:381; approximant: E. Hairer,
G. Wanner, Solving Ordinary Differential Equations II (1996), section IV.3.
"""
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from snn.contract import Neuron
from snn.kinetics import Attached


@dataclass(frozen=True)
class Part:
    """The host, or one kinetics, within a composed model.

    ``name`` of the attachment (None: the host); ``kind``: its class; by their names in the composed model ``fields``
    {name: name in ``kind``}, ``states`` and ``ports`` {name: unit}; ``port`` of the host on which kinetics act, and the
    state ``held`` in which the host has what arrives there.
    """

    name: str | None
    kind: type
    fields: dict
    states: dict
    ports: dict
    port: str | None = None
    held: str | None = None

    @property
    def coupled(self):
        return tuple(flat for flat, own in zip(self.ports, self.kind.Ports._fields, strict=True)
                     if own in self.kind.coupled)


class Composed(Neuron):
    """A neuron model with synaptic kinetics on its ports; :func:`compose` makes subclasses of it.

    ``host``: the neuron model with its parameters; ``kinetics``: {name: :class:`Attached`}.
    """

    parts: ClassVar[tuple] = ()

    @property
    def host(self):
        own = self.parts[0]
        return own.kind(**{name: getattr(self, name) for name in own.fields})

    @property
    def kinetics(self):
        return {p.name: Attached(p.kind(**{own: getattr(self, flat) for flat, own in p.fields.items()}), p.port)
                for p in self.parts[1:]}

    def _models(self):
        """The host and the kinetics, with the values (tensors, symbols) that the fields have now."""
        found = []
        for part in self.parts:
            model = object.__new__(part.kind)
            vars(model).update((own, getattr(self, flat)) for flat, own in part.fields.items())
            found.append(model)
        return found

    def _states(self, s):
        values = iter(s)
        return [part.kind.State(*islice(values, len(part.states))) for part in self.parts]

    def _together(self, states):
        return self.State(*(value for state in states for value in state))

    def _each(self, method, s, x):
        return self._together(
            getattr(model, method)(own, part.kind.Ports(*(getattr(x, port) for port in part.ports)))
            for part, model, own in zip(self.parts, self._models(), self._states(s), strict=True))

    def check(self):
        for model in self._models():
            model.check()

    def rest(self):
        return self._together(model.rest() for model in self._models())

    def couple(self, s, x):
        return self._each("couple", s, x)

    def flow(self, s, dt):
        (host, *kinetics), (h, *states) = self._models(), self._states(s)
        channels = []
        for part, k, own in zip(self.parts[1:], kinetics, states, strict=True):
            if k.conductance:
                channels.append((k, own))
                held = part.held
            else:
                h = added(h, part.held, k.mean(own, dt, None))
        if channels:
            h = added(h, held, mean_current(host, h, held, channels, dt))
        return self._together([host.flow(h, dt), *(k.flow(own, dt) for k, own in zip(kinetics, states, strict=True))])

    def receive(self, s, x):
        return self._each("receive", s, x)

    def margin(self, s):
        return self._models()[0].margin(self._states(s)[0])

    def reset(self, s, z):
        h, *states = self._states(s)
        return self._together([self._models()[0].reset(h, z), *states])

    def emit(self, s):
        return self._models()[0].emit(self._states(s)[0])

    def max_dt(self):
        limits = [limit for model in self._models() if (limit := model.max_dt()) is not None]
        return min(limits) if limits else None


def added(state, name, amount):
    """``state`` with ``amount`` added to the variable ``name``."""
    return state._replace(**{name: getattr(state, name) + amount})


def mean_current(host, h, held, channels, dt):
    """Mean over ``dt`` of the current through ``channels`` [(kinetics, state)], as the module says."""
    def through(v):
        g = [k.mean(s, dt, v) for k, s in channels]
        return sum(g), sum(one * (k.E - v) for one, (k, _) in zip(g, channels, strict=True))

    g, i = through(h.v)
    closed = host.flow(h, dt).v
    per_unit = host.flow(added(h, held, 1.0), dt).v - closed
    q = g * per_unit
    theta = (3.0 + q) / (6.0 + q)
    damped = 1.0 / (1.0 + theta * q)
    change = theta * (closed - h.v)
    trial = (i - g * change) * damped
    # For conductances that do not depend on v the trial is the answer; others are taken once more, where v will be.
    return (through(h.v + change + theta * per_unit * trial)[1] + theta * q * trial) * damped

"""Description of a network: populations, projections and inputs. Nothing here runs or allocates synapses.

What it is
    A :class:`Network` is a list of named :class:`Population` objects (a model, a size, initial values),
    :class:`Projection` objects (who connects to whom by which rule, with which weights and delays, onto which port)
    and drives (inputs that are not spikes of a population). ``snn.plan`` checks it and turns it into arrays.

Units: weights are in the unit of the port they arrive at; delays in ms; rates in Hz.
"""

import operator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snn.coupling import Coupling, checked_values
from snn.doors import Doors
from snn.drives import ControlledInput, CurrentInput, GaussianInput, PoissonInput
from snn.errors import NetworkError
from snn.network_checks import check_drive, check_model, check_name
from snn.plastic import PopulationModulator, plastic_of


@dataclass(frozen=True, eq=False)
class Population:
    """``n`` neurons of one model. Made by :meth:`Network.add`; ``population[a:b]`` is a :class:`View` of a range."""

    name: str
    model: Any
    n: int
    init: dict = field(default_factory=dict)
    positions: Any = None

    def __getitem__(self, key):
        try:
            if not isinstance(key, slice):
                key = slice(operator.index(key), operator.index(key) + 1)
            start, stop, stride = key.indices(self.n)
        except TypeError:
            raise NetworkError(
                f"Population.{self.name}: {key!r} is no range. Take a slice such as [0:80], or one neuron."
            ) from None
        if stride != 1 or stop <= start:
            raise NetworkError(
                f"Population.{self.name}: slice [{key.start}:{key.stop}:{key.step}] is empty or has a stride. "
                "Take a contiguous range of at least one neuron."
            )
        return View(self, start, stop)

    def __len__(self):
        return self.n

    @property
    def whole(self):
        return View(self, 0, self.n)


@dataclass(frozen=True)
class View:
    """The neurons ``start`` to ``stop`` (exclusive) of a population, as source or target of a projection."""

    population: Population
    start: int
    stop: int

    def __len__(self):
        return self.stop - self.start

    @property
    def whole(self):
        return self


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from ``pre`` to ``post`` (views) onto ``port``; made by :meth:`Network.connect`."""

    name: str
    pre: View
    post: View
    rule: Any
    port: str
    weight: Any
    delay: Any
    round_delays: bool
    plasticity: Any = None


@dataclass(frozen=True, eq=False)
class Drive:
    """An input object attached to a port of a population; made by :meth:`Network.drive`."""

    population: Population
    source: Any
    port: str


class Network(Doors):
    """A network under description.

    Example
        >>> net = Network("pair")
        >>> a = net.add("a", LIF(), 100)
        >>> net.connect(a, a, Probability(0.1), port="delta", weight=0.5, delay=1.0)
        >>> net.drive(a, CurrentInput(400.0), port="current")

    Errors: :class:`NetworkError` at the call that is wrong.
    """

    def __init__(self, name="network"):
        self.name = name
        self.populations = {}
        self.projections = {}
        self.couplings = {}
        self.drives = []

    def add(self, name, model, n, *, init=None, positions=None):
        """Add a population.

        Parameters: ``name`` unique, letters, digits and ``_ -``; ``model`` a Neuron or a SpikeSource; ``n`` >= 1;
        ``init`` {state: number, array (n,) or distribution}; ``positions`` array (n, d) for rules that need distances.
        Returns: the :class:`Population`.
        """
        check_name("Network.add", name)
        if name in self.populations:
            raise NetworkError(f"Network.add: a population named {name!r} exists already. Names must be unique.")
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n < 2**31:
            raise NetworkError(
                f"Network.add: population {name!r} has n = {n!r}. A whole number of at least 1 is needed."
            )
        check_model(name, model, n)
        init = dict(init or {})
        states = model.State._fields if hasattr(model, "State") else ()
        for state in init:
            if state not in states:
                raise NetworkError(
                    f"Network.add: population {name!r} has no state {state!r} to initialise. "
                    f"{type(model).__name__} has: {', '.join(states) or 'none'}."
                )
        if positions is not None:
            positions = np.asarray(positions, dtype=np.float64)
            if positions.ndim != 2 or len(positions) != n or not np.isfinite(positions).all():
                raise NetworkError(
                    f"Network.add: positions of {name!r} have shape {positions.shape}. (n, d) = ({n}, d) is needed."
                )
        self.populations[name] = Population(name, model, int(n), init, positions)
        return self.populations[name]

    def connect(self, pre, post, rule, *, port, weight=None, delay, name=None, round_delays=False, plasticity=None):
        """Connect ``pre`` to ``post`` (populations or views) by ``rule``.

        Parameters
            port    name of an input of the post-synaptic model
            weight  number, array (one per synapse in the order of the rule), distribution; None if the rule carries
            weights
            delay   ms, likewise; at least dt, whole steps unless ``round_delays``
            name    default ``pre_post``, made unique with a number
            plasticity  a synaptic rule, a list of them, or a :class:`snn.Plastic`; default: the weights stay
        Returns: the :class:`Projection`.
        """
        pre, post = self._view(pre, "connect: pre"), self._view(post, "connect: post")
        ports = getattr(post.population.model, "Ports", None)
        ports = ports._fields if ports is not None else ()
        if port not in ports:
            raise NetworkError(
                f"Network.connect: {type(post.population.model).__name__} of population {post.population.name!r} "
                "has no "
                f"port {port!r}. It has: {', '.join(ports) or 'none'}."
            )
        name = self._named("connect", pre, post, rule, name)
        plasticity = plastic_of(plasticity)
        if plasticity is not None and isinstance(plasticity.modulator, PopulationModulator):
            view = self._view(plasticity.modulator.population, "connect: population of the modulator")
            if len(view) != view.population.n:
                raise NetworkError(
                    f"Network.connect: a slice of {view.population.name!r} was given as modulator. Give all of it."
                )
        self.projections[name] = Projection(name, pre, post, rule, port, weight, delay, round_delays, plasticity)
        return self.projections[name]

    def _named(self, where, pre, post, rule, name):
        """The checked name of new connections by ``rule``; a free one where none is given."""
        if not hasattr(rule, "build"):
            raise NetworkError(
                f"Network.{where}: {rule!r} is not a connection rule. Use for example FixedInDegree(80) or AllToAll()."
            )
        taken = {*self.projections, *self.couplings}
        if name is None:
            base = name = f"{pre.population.name}_{post.population.name}"
            k = 2
            while name in taken:
                name, k = f"{base}_{k}", k + 1
        check_name(f"Network.{where}", name)
        if name in taken:
            raise NetworkError(f"Network.{where}: a projection named {name!r} exists already. Names must be unique.")
        return name

    def couple(self, pre, post, rule, *, weight=None, delay=0.0, values=None, difference=False, name=None,
               round_delays=False):
        """Let ``post`` feel at all times what ``pre`` shows (:mod:`snn.coupling`): oscillators, gap junctions, rates.

        Parameters: ``pre``, ``post``, ``rule``, ``weight``, ``name``, ``round_delays`` as of :meth:`connect`
            values      {port of post: output or state of pre}; default: the outputs named as a coupled port of post
            delay       ms; 0 is allowed on coupled ports, which feel the values at the beginning of a step; other
                        ports need at least dt
            difference  feel the difference to one's own value of the same name instead of the value
        Returns: the :class:`snn.coupling.Coupling`.

        Example: ``net.couple(a, a, AllToAll(), weight=K / len(a))`` for oscillators of strength K.
        """
        pre, post = self._view(pre, "couple: pre"), self._view(post, "couple: post")
        name = self._named("couple", pre, post, rule, name)
        values = checked_values(pre, post, values, difference)
        self.couplings[name] = Coupling(name, pre, post, rule, values, weight, delay, bool(difference), round_delays)
        return self.couplings[name]

    def drive(self, population, source, *, port):
        """Attach an input (PoissonInput, CurrentInput, GaussianInput, ControlledInput) to a port of a population."""
        view = self._view(population, "drive: population")
        if len(view) != view.population.n:
            raise NetworkError(
                f"Network.drive: a slice of {view.population.name!r} was given. Drive the whole population and give "
                "one value per neuron (0 for those without input)."
            )
        ports = getattr(view.population.model, "Ports", None)
        if ports is None or port not in ports._fields:
            raise NetworkError(
                f"Network.drive: population {view.population.name!r} has no port {port!r}. "
                f"It has: {', '.join(ports._fields) if ports else 'none'}."
            )
        if not isinstance(source, PoissonInput | CurrentInput | GaussianInput | ControlledInput):
            raise NetworkError(
                f"Network.drive: {source!r} is not an input. Use PoissonInput, CurrentInput, GaussianInput or "
                "ControlledInput."
            )
        check_drive(view.population, source)
        self.drives.append(Drive(view.population, source, port))
        return self.drives[-1]

    def _view(self, where, what):
        view = getattr(where, "whole", None)
        if not isinstance(view, View) or self.populations.get(view.population.name) is not view.population:
            raise NetworkError(
                f"Network.{what} = {where!r} is not a population (or slice) of network {self.name!r}. "
                "Use what add() returned."
            )
        return view

    def __repr__(self):
        n = sum(p.n for p in self.populations.values())
        counts = f"{len(self.populations)} populations, {n} neurons, {len(self.projections)} projections"
        return f"Network({self.name!r}: {counts})"

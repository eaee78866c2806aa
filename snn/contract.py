"""The neuron contract: one text per model, read by every engine.

What it is
    A neuron model is a frozen dataclass of parameters with a few pure, elementwise methods written in torch operations.
    Time always passes in one order, :func:`step`::

        s = couple(s, x)       # what is felt throughout the step: states of other units as it begins
        s = flow(s, dt)        # time passes and nothing arrives
        s = receive(s, x)      # what arrived in this step, one field of x per port
        z = fire(margin(s))    # Heaviside when simulating, a surrogate when training
        s = reset(s, z)        # what a spike does to its own neuron

    Loops, devices, recording, batches, delays and connections live elsewhere. The reference engine and the trainer call
    these methods; the event-driven engine calls them once on symbols and compiles what they did (``snn.graph``).

Graded values
    ``emit`` names values that a unit shows to others at all times (the sine of a phase, a calcium level); any state may
    be shown too. ``Network.couple`` carries them, weighted, to ports. A port named in ``coupled`` is read by
    ``couple``: it holds what the others showed when the step began, without any delay unless one is given. Any other
    port is read by ``receive``, as spikes are, at the earliest one step after.

Allowed operations
    Arithmetic, comparisons, ``& | ~``, and the functions in ``snn.run.graph.FUNCTIONS`` (``torch.exp``,
    ``torch.where``, ``torch.minimum`` and the like). No Python branch on a state, no in-place change, no reduction over
    neurons.

Units
    ms, mV, pA, nS, pF, Hz. ``margin`` has no unit: 0 at threshold, about -1 after a reset.

Source: the decomposition into flow, input and reset maps is that of hybrid dynamical systems; see docs/design.md.
"""
import dataclasses
import math
from typing import Annotated, Any, ClassVar, NamedTuple, get_args, get_type_hints

import numpy as np

from snn.errors import ModelError

Value = Any
"""A parameter: float, array or tensor of shape (n,), or ``torch.nn.Parameter``."""

mV = Annotated[Any, "mV"]
pA = Annotated[Any, "pA"]
nS = Annotated[Any, "nS"]
ms = Annotated[Any, "ms"]
unitless = Annotated[Any, "1"]


def param(default, *, unit="1", doc, above=None, at_least=None, below=None, at_most=None):
    """A field of a model with unit, meaning and domain.

    Parameters: ``default`` number; ``unit`` text; ``doc`` one phrase; the bounds are exclusive (``above``, ``below``)
    or inclusive (``at_least``, ``at_most``).
    """
    bounds = {"above": above, "at_least": at_least, "below": below, "at_most": at_most}
    return dataclasses.field(default=default, metadata={"unit": unit, "doc": doc, "bounds": bounds})


_TESTS = {"above": np.greater, "at_least": np.greater_equal, "below": np.less, "at_most": np.less_equal}


def numbers(value):
    """The parameter as a numpy array, whatever it was given as (tensors are detached)."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=np.float64)


class Parameters:
    """Base of neuron models and synaptic rules: fields made by :func:`param`, checked, bound to tensors, compared.

    Errors: :class:`ModelError` for a parameter that is not finite, outside its domain, or neither scalar nor 1-D.
    """

    def __post_init__(self):
        for f in dataclasses.fields(self):
            self._check_field(f)
        self.check()

    def _check_field(self, f):
        where, value = f"{type(self).__name__}.{f.name}", getattr(self, f.name)
        try:
            x = numbers(value)
        except (TypeError, ValueError):
            raise ModelError(f"{where}: not a number ({value!r}). A float, a 1-D array or a tensor is.") from None
        if x.ndim > 1:
            raise ModelError(f"{where}: has shape {x.shape}. A scalar or one value per neuron, shape (n,), is allowed.")
        if not np.isfinite(x).all():
            raise ModelError(f"{where}: is not finite ({x[~np.isfinite(x)].flat[0]}). Every value must be finite.")
        for name, bound in f.metadata.get("bounds", {}).items():
            if bound is not None and not _TESTS[name](x, bound).all():
                bad = np.atleast_1d(x)[~_TESTS[name](np.atleast_1d(x), bound)][0]
                raise ModelError(f"{where}: is {bad:g} {f.metadata['unit']}. "
                                 f"It must be {name.replace('_', ' ')} {bound:g}.")

    def check(self):
        """Relations between parameters; a model overrides it and raises :class:`ModelError`."""

    def bind(self, n, dtype=None, device="cpu"):
        """A copy whose fields are tensors of ``dtype``: 0-D for scalars, (n,) for per-neuron values.

        ``nn.Parameter`` fields keep their graph. Errors: :class:`ModelError` where a length is not n.
        """
        import torch
        bound = object.__new__(type(self))
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            # A Python number must not pass through torch's default float32.
            t = value if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value, dtype=np.float64))
            t = t.to(device=device, dtype=dtype)
            if t.ndim == 1 and t.shape[0] != n:
                raise ModelError(f"{type(self).__name__}.{f.name}: has {t.shape[0]} values for {n} neurons. "
                                 "Give one number, or one value per neuron.")
            object.__setattr__(bound, f.name, t)
        return bound

    @classmethod
    def units(cls, kind):
        """``{name: unit}`` of ``kind`` = ``cls.State`` or ``cls.Ports``."""
        hints = get_type_hints(kind, include_extras=True)
        return {name: (get_args(hints[name]) + ("1",))[1] for name in kind._fields}

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return all(np.array_equal(numbers(getattr(self, f.name)), numbers(getattr(other, f.name)))
                   for f in dataclasses.fields(self))

    __hash__ = object.__hash__


class Neuron(Parameters):
    """Base of all neuron models. Subclass it as a frozen, keyword-only dataclass.

    A subclass states
        ``State``   a NamedTuple of the state variables, annotated with their units
        ``Ports``   a NamedTuple of the inputs it understands, annotated with their units
        ``Outputs`` a NamedTuple of the graded values it shows, where it shows any but its states
        ``coupled`` names of the ports that ``couple`` reads
        ``exact``   claim: ``flow(a)`` then ``flow(b)`` equals ``flow(a + b)``
        methods ``rest``, ``flow``, ``receive``, ``margin``, ``reset`` and, where there is something to do, ``couple``,
        ``emit`` and ``quiet``

    Errors: :class:`ModelError` for a parameter that is not finite, outside its domain, or neither scalar nor 1-D.
    """

    class State(NamedTuple):
        pass

    class Ports(NamedTuple):
        pass

    class Outputs(NamedTuple):
        pass

    exact: ClassVar[bool] = False
    coupled: ClassVar[tuple] = ()

    def rest(self):
        """The state before anything happens, a ``State``."""
        return self.State()

    def couple(self, s, x):
        """The state that feels the inputs ``x`` (those named in ``coupled``) during the coming step."""
        return s

    def flow(self, s, dt):
        """The state after ``dt`` ms in which nothing arrives."""
        return s

    def receive(self, s, x):
        """The state after the inputs ``x`` (a ``Ports``) of this step arrived."""
        return s

    def margin(self, s):
        """Signed distance to threshold without unit; a neuron fires where it is >= 0. None: it never fires."""
        return None

    def reset(self, s, z):
        """The state after the neuron's own spike ``z`` (use :func:`choose`, which also lets gradients pass)."""
        return s

    def emit(self, s):
        """The graded values shown to others in state ``s``, an ``Outputs``."""
        return self.Outputs()

    def quiet(self):
        """Claim: without input the margin cannot rise through 0 and the flow is exact, from this many ms after a spike.

        Returns a float, or None where the claim does not hold for these parameters. An engine may skip silent time only
        if the model is both ``exact`` and quiet.
        """
        return None

    def max_dt(self):
        """The longest step in ms with which the flow is stable and meaningful, or None where any step is.

        The plan refuses a longer one. A model with a closed-form flow needs no limit.
        """
        return None


def step(model, s, x, dt, fire, through=None):
    """One time step, the only order there is. Returns the new state and what ``fire`` made of the margin (or None).

    ``through``: what the reset sees of the spike, where that is not the spike itself (training: its detached copy).
    """
    s = model.receive(model.flow(model.couple(s, x), dt), x)
    margin = model.margin(s)
    if margin is None:
        return s, None
    z = fire(margin)
    return model.reset(s, z if through is None else through(z)), z


def values_of(model, s, names):
    """{name: graded value} in state ``s``; an output where there is one of that name, else the state."""
    outputs = model.emit(s)
    return {name: getattr(outputs if name in outputs._fields else s, name) for name in names}


def heaviside(margin):
    """The ``fire`` of a simulation: a spike where the margin is not negative."""
    return margin >= 0


def choose(z, new, old):
    """``new`` where the neuron fired, ``old`` elsewhere.

    With a boolean ``z`` (simulation) it selects; with a real ``z`` in {0, 1} (training) it is ``(1 - z) old + z new``,
    which has the same value and lets the gradient of a surrogate pass.
    """
    import torch
    if getattr(z, "is_boolean", False) or getattr(z, "dtype", None) is torch.bool:
        return torch.where(z, new, old)
    return (1 - z) * old + z * new


def steps_of(ms_value, dt, where, *, rounding=False, allow=""):
    """Whole steps of a time in ms (scalar or array); raises where it is off the grid of ``dt`` unless ``rounding``.

    ``where`` and ``allow`` go into the message: what has the value, and what would allow it.
    """
    from snn.errors import NetworkError
    exact = np.asarray(ms_value, dtype=np.float64) / dt
    whole = np.rint(exact)
    off = np.abs(exact - whole) > 1e-6 * np.maximum(1.0, np.abs(exact))
    if off.any() and not rounding:
        bad = float(np.atleast_1d(np.asarray(ms_value, dtype=np.float64))[np.atleast_1d(off)][0])
        near = sorted({max(1, math.floor(bad / dt)), max(1, math.ceil(bad / dt))})
        better = " or ".join(f"{k * dt:g}" for k in near)
        raise NetworkError(f"{where}: {bad:g} ms is not a whole number of steps of {dt:g} ms. Use {better} ms{allow}.")
    return whole.astype(np.int64)

"""Neuron models and NIR nodes: which is which, with which parameters.

Every unit that NIR has is, in discrete steps, one of these, with ``share`` as in :mod:`snn.exchange.nir_scheme`, g what
an input of 1 adds to v, and [...] only where the unit has it::

    [i <- i (1 - share_syn) + x]    v <- v + share (leak - v) + g x  (or g i)    fires at v_th, then v = v_reset

:class:`Unit` holds these numbers. A model becomes a Unit, a Unit becomes a node, and the other way round.

================  =====================  ================================================================
NIR               model                  g
================  =====================  ================================================================
LIF               LIF                    1
LIF, r = 1 and    ParametricLIF          share
v_leak = v_reset
LIF, tau = dt     EulerLIF               1
IF                IF                     1
CubaLIF           IFCurrExp              what C_m says; the port is ``exc``
LI, I, CubaLI     LeakyReadout or the    1
                  units of nir_units
Threshold         nir_units.Threshold    1
================  =====================  ================================================================

EulerLIF is written as LIF or IF. Written with a loss that must be named are CubaLIF, whose current acts one step later,
and, as LIF, SoftLIF and ALIF.
"""
import dataclasses
from dataclasses import dataclass

import numpy as np

from snn.contract import numbers
from snn.errors import ModelError, RunError
from snn.exchange import nir_units
from snn.neurons import ALIF, IF, LIF, CubaLIF, IFCurrExp, LeakyReadout, ParametricLIF, SoftLIF
from snn.neurons.euler_lif import EulerLIF

FIRING = ("LIF", "IF", "CubaLIF", "Threshold")
TIMES = ("tau_m", "tau", "tau_exc", "tau_inh", "tau_syn", "C_m", "t_ref")


@dataclass(frozen=True)
class Unit:
    """A unit of NIR in steps; ``kind`` is the name of its node, the others are numbers or arrays (n,) or None."""

    kind: str
    share: object = None
    share_syn: object = None
    leak: object = None
    v_th: object = None
    v_reset: object = None
    gain: object = 1.0


def _share(tau, dt):
    return -np.expm1(-dt / numbers(tau))


def _tau(share, dt):
    return -dt / np.log1p(-share)


def _lif(m, port, dt):
    share = _share(m.tau_m, dt)
    gain = 1.0 if port == "delta" else numbers(m.tau_m) / numbers(m.C_m) * share
    return Unit("LIF", share, None, numbers(m.E_L), numbers(m.V_th), numbers(m.V_reset), gain)


def _if(m, port, dt):
    gain = 1.0 if port == "delta" else dt / numbers(m.C_m)
    return Unit("IF", None, None, None, numbers(m.V_th), numbers(m.V_reset), gain)


def _plif(m, port, dt):
    share = 1.0 / (1.0 + np.exp(-numbers(m.w)))
    reset = numbers(m.V_reset)
    return Unit("LIF", share, None, reset, numbers(m.V_th), reset, share)


def _euler(m, port, dt):
    leak, decay = numbers(m.leak), numbers(m.decay_input)
    gain, reset = decay * leak + (1.0 - decay), numbers(m.V_reset)
    if not leak.any():
        return Unit("IF", None, None, None, numbers(m.V_th), reset, gain)
    return Unit("LIF", leak, None, reset, numbers(m.V_th), reset, gain)


def _synaptic(m, port, dt):
    """IFCurrExp and CubaLIF."""
    tau, share = numbers(m.tau_m), _share(m.tau_m, dt)
    full = share * tau / numbers(m.C_m)
    numbers_of = {"leak": numbers(m.E_L), "v_th": numbers(m.V_th), "v_reset": numbers(m.V_reset)}
    if port == "current":
        return Unit("LIF", share, gain=full, **numbers_of)
    syn = numbers(m.tau_exc if port == "exc" else m.tau_inh)
    share_syn = _share(syn, dt)
    gain = syn / dt * share_syn * full
    if isinstance(m, CubaLIF):
        gain = _psp(dt, tau, syn) / numbers(m.C_m)
    return Unit("CubaLIF", share, share_syn, gain=gain, **numbers_of)


def _psp(dt, tau_m, tau_syn):
    """Potential times capacitance after ``dt`` per unit of an exponential current, ms."""
    rate = 1.0 / tau_syn - 1.0 / tau_m
    near = np.abs(rate * dt) < 1e-9
    slow = np.exp(-dt / tau_m)
    return np.where(near, dt * slow, -np.expm1(-dt * rate) * slow / np.where(near, 1.0, rate))


def _of_li(m, port, dt):
    leak = numbers(getattr(m, "E_L", 0.0))
    return Unit("LI", _share(m.tau, dt), leak=leak)


_WRITTEN = {
    LIF: _lif, SoftLIF: _lif, ALIF: _lif, IF: _if, ParametricLIF: _plif, EulerLIF: _euler, IFCurrExp: _synaptic,
    CubaLIF: _synaptic,
    LeakyReadout: _of_li, nir_units.LeakyIntegrator: _of_li, nir_units.Integrator: lambda m, port, dt: Unit("I"),
    nir_units.CurrentIntegrator: lambda m, port, dt: Unit(
        "CubaLI", _share(m.tau_m, dt), _share(m.tau_syn, dt), numbers(m.E_L)),
    nir_units.Threshold: lambda m, port, dt: Unit("Threshold", v_th=numbers(m.V_th)),
}


def unit_of(model, port, dt, place, losses):
    """``(Unit, model without what is lost)`` of a neuron model; what NIR cannot express goes to ``losses``.

    Errors: RunError for a model without a counterpart.
    """
    if type(model) not in _WRITTEN:
        names = ", ".join(sorted(kind.__name__ for kind in _WRITTEN))
        raise RunError(f"{place}: a {type(model).__name__} has no counterpart in NIR. Those that have one: {names}.")
    if np.any(numbers(getattr(model, "t_ref", 0.0)) > 0.5 * dt):
        losses.add("refractory", place)
    if isinstance(model, SoftLIF) or np.any(numbers(getattr(model, "keep", 0.0))):
        losses.add("reset", place)
    if isinstance(model, ALIF) and np.any(numbers(model.beta) != 0.0):
        losses.add("adaptation", place)
    late = type(model) is CubaLIF or port == "current" and not isinstance(model, IFCurrExp)
    if late:
        losses.add("latency", place)
    if isinstance(model, IF) and np.any(numbers(model.E_L) != numbers(model.V_reset)):
        losses.add("start", place)
    if isinstance(model, EulerLIF):
        if np.any(numbers(model.leak) == 0.0) and np.any(numbers(model.leak)):
            raise RunError(f"{place}.leak: is 0 for some neurons and not for others. NIR has one kind of neuron for "
                           "each: make two populations.")
        model = dataclasses.replace(model, keep=0.0)
    if isinstance(model, SoftLIF | ALIF):
        model = LIF(**{f.name: getattr(model, f.name) for f in dataclasses.fields(LIF)})
    if hasattr(model, "t_ref"):
        model = dataclasses.replace(model, t_ref=0.0)
    return _WRITTEN[type(model)](model, port, dt), None if late else model


def in_time(model, ratio):
    """The model with all times multiplied by ``ratio``, so that steps of another length make the same numbers."""
    if ratio == 1.0:
        return model
    scaled = {name: numbers(getattr(model, name)) * ratio for name in TIMES if hasattr(model, name)}
    return dataclasses.replace(model, **{k: float(v) if v.ndim == 0 else v for k, v in scaled.items()})


def model_of(unit, dt):
    """``(model, g)``: the model that steps like the unit if the weights that lead to it are multiplied by g."""
    v = {"V_th": plain(unit.v_th), "V_reset": plain(unit.v_reset)}
    if unit.kind == "IF":
        return IF(E_L=v["V_reset"], t_ref=0.0, **v), unit.gain
    if unit.kind == "Threshold":
        return nir_units.Threshold(V_th=v["V_th"]), 1.0
    if unit.kind == "I":
        return nir_units.Integrator(), unit.gain
    if unit.kind == "LIF" and np.any(np.asarray(unit.share) == 1.0):
        return _at_once(unit, v)
    tau, leak = plain(_tau(unit.share, dt)), plain(unit.leak)
    if unit.kind == "LI":
        still = not np.any(unit.leak)
        return (LeakyReadout(tau=tau) if still else nir_units.LeakyIntegrator(tau=tau, E_L=leak)), unit.gain
    if unit.kind == "LIF":
        if np.array_equal(unit.leak, unit.v_reset) and np.array_equal(unit.gain, unit.share):
            return ParametricLIF(w=plain(np.log(unit.share / (1.0 - unit.share))), **v), 1.0
        return LIF(tau_m=tau, E_L=leak, t_ref=0.0, **v), unit.gain
    tau_syn = _tau(unit.share_syn, dt)
    if unit.kind == "CubaLI":
        return nir_units.CurrentIntegrator(tau_m=tau, tau_syn=plain(tau_syn), E_L=leak), unit.gain
    positive = np.where(np.asarray(unit.gain) > 0, unit.gain, 1.0)
    C_m = plain(tau_syn / dt * unit.share_syn * unit.share * _tau(unit.share, dt) / positive)
    return (IFCurrExp(tau_m=tau, C_m=C_m, E_L=leak, t_ref=0.0, tau_exc=plain(tau_syn), tau_inh=plain(tau_syn), **v),
            np.where(np.asarray(unit.gain) > 0, 1.0, unit.gain))


def _at_once(unit, thresholds):
    """A LIF that forgets everything in a step (tau = dt in Euler's steps)."""
    if not np.array_equal(unit.leak, unit.v_reset):
        raise ModelError("a time constant of one step and v_leak other than v_reset")
    return EulerLIF(leak=plain(unit.share), **thresholds), unit.gain


def plain(values):
    """One float where all values are equal, else the values as an array (n,)."""
    if values is None:
        return None
    flat = np.asarray(values, np.float64).ravel()
    return float(flat[0]) if (flat == flat[0]).all() else flat


HINTED = {kind.__name__: kind for kind in _WRITTEN if kind not in (SoftLIF, ALIF, CubaLIF)}


def hint_of(model):
    """What to keep in a node's metadata so that the model comes back bit for bit: nothing needs it to be there."""
    if model is None or type(model) not in HINTED.values():
        return {}
    fields = {f.name: numbers(getattr(model, f.name)) for f in dataclasses.fields(model)}
    # nir.write cannot write arrays without dimensions.
    return {"snn_model": type(model).__name__, **{k: v if v.ndim else float(v) for k, v in fields.items()}}


def model_of_hint(metadata):
    """The model that metadata tell of, or None where they tell of none."""
    kind = HINTED.get(metadata.get("snn_model")) if isinstance(metadata.get("snn_model"), str) else None
    names = [] if kind is None else [f.name for f in dataclasses.fields(kind)]
    if kind is None or not all(isinstance(metadata.get(n), float | np.ndarray | np.floating) for n in names):
        return None
    try:
        values = {n: np.asarray(metadata[n], np.float64) for n in names}
        return kind(**{n: float(x) if x.ndim == 0 else x for n, x in values.items()})
    except (ValueError, TypeError):
        return None

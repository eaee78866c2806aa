"""Units of :mod:`snn.exchange.nir_models` as neuron nodes of NIR, and such nodes as models."""
from dataclasses import dataclass, replace

import numpy as np

from snn.errors import DataError, ModelError
from snn.exchange.nir_models import FIRING, Unit, hint_of, model_of, model_of_hint, unit_of
from snn.exchange.nir_scheme import Losses

NEURONS = ("LIF", "IF", "CubaLIF", "LI", "I", "CubaLI", "Threshold")


@dataclass(frozen=True)
class Convention:
    """How numbers are written in a graph.

    ``dt``: ms of a step; ``scheme``: :class:`~snn.exchange.nir_scheme.Euler` or another; ``exact_threshold``: whether
    the threshold is the float below ours, because NIR fires above it and we fire at it; ``scale_weights``: whether r
    and w_in have their plain values and the weights make up for it; ``dtype`` of all arrays, of potentials on reading.
    """

    dt: float
    scheme: object
    exact_threshold: bool = True
    scale_weights: bool = False
    dtype: object = np.float64

    @property
    def seconds(self):
        return self.dt / 1000.0


def node_of(model, port, shape, convention, place, losses):
    """``(node, g)`` of a neuron model: the weights that lead to the node must be multiplied by g.

    ``shape``: of the population; ``losses``: a :class:`~snn.exchange.nir_scheme.Losses`.
    """
    unit, kept = unit_of(model, port, convention.dt, place, losses)
    node, gain = _node(unit, shape, convention)
    first = type(model).Ports._fields[0] == port
    node.metadata.update(hint_of(kept) if first and not convention.scale_weights else {})
    return node, gain


def _node(unit, shape, convention):
    import nir
    dt, scheme = convention.seconds, convention.scheme

    def full(value):
        flat = np.broadcast_to(np.asarray(value, np.float64).ravel(), (int(np.prod(shape)),))
        return flat.reshape(shape).astype(convention.dtype)

    fields, gain = {}, unit.gain
    if unit.kind in ("IF", "I"):
        fields["r"] = full((1.0 if convention.scale_weights else gain) / dt)
        gain = gain if convention.scale_weights else 1.0
    if unit.kind in ("LIF", "LI"):
        fields |= {"tau": full(scheme.tau(unit.share, dt)), "v_leak": full(unit.leak),
                   "r": full(1.0 if convention.scale_weights else gain / unit.share)}
        gain = gain / unit.share if convention.scale_weights else 1.0
    if unit.kind in ("CubaLIF", "CubaLI"):
        fields |= {"tau_mem": full(scheme.tau(unit.share, dt)), "tau_syn": full(scheme.tau(unit.share_syn, dt)),
                   "v_leak": full(unit.leak), "r": full(1.0 / unit.share),
                   "w_in": full((1.0 if convention.scale_weights else gain) / unit.share_syn)}
        gain = gain if convention.scale_weights else 1.0
    if unit.kind in FIRING:
        threshold = full(unit.v_th)
        if convention.exact_threshold:
            threshold = np.nextafter(threshold, np.array(-np.inf, threshold.dtype))
        fields["threshold" if unit.kind == "Threshold" else "v_threshold"] = threshold
    if unit.v_reset is not None:
        fields["v_reset"] = full(unit.v_reset)
    return getattr(nir, unit.kind)(**fields), gain


def read_node(node, convention, place):
    """``(model, g)`` of a neuron node: the weights that lead to the model must be multiplied by g, one per neuron.

    Errors: DataError for parameters that no model has, such as a time constant that is not above the step.
    """
    known = _hinted(node, convention)
    if known is not None:
        return known, 1.0
    values = _values(node, place)
    try:
        return model_of(_unit(type(node).__name__, values, convention, place), convention.dt)
    except ModelError as err:
        raise DataError(f"{place}: a NIR {type(node).__name__} with values that no neuron of ours has: {err}") from None


def _hinted(node, convention):
    """The model in the metadata, if the node is what would be written of it."""
    metadata = node.metadata if isinstance(node.metadata, dict) else {}
    model = model_of_hint(metadata)
    shape, parts = tuple(np.asarray(node.input_type["input"])), parameters(node)
    if model is None or any(np.size(v) not in (1, np.prod(shape)) for v in vars(model).values()):
        return None
    dtype = next(iter(parts.values())).dtype
    losses = Losses("from_nir", ())
    unit, _ = unit_of(model, type(model).Ports._fields[0], convention.dt, "", losses)
    if losses.found or unit.kind != type(node).__name__:
        return None
    written, _ = _node(unit, shape, replace(convention, dtype=dtype, scale_weights=False))
    return model if all(np.array_equal(parts[k], v) for k, v in parameters(written).items()) else None


def parameters(node):
    """{name: array} of a neuron node."""
    names = ("tau", "tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "w_in", "threshold")
    return {name: np.asarray(getattr(node, name)) for name in names if hasattr(node, name)}


def _values(node, place):
    found = parameters(node)
    for name, x in found.items():
        if x.dtype.kind not in "fiu" or not np.isfinite(x).all() or not x.size:
            raise DataError(f"{place}.{name}: is {x.dtype} of shape {x.shape} or not finite. "
                            "Finite numbers are needed.")
    return found


def _unit(kind, x, convention, place):
    """The Unit of a node with the parameters ``x``."""
    dt, scheme = convention.seconds, convention.scheme
    floats = {name: np.asarray(a, np.float64) for name, a in x.items()}
    eps = 16 * max(np.finfo(a.dtype).eps if a.dtype.kind == "f" else 0.0 for a in x.values())
    tau = floats.get("tau", floats.get("tau_mem"))
    share = None if tau is None else _checked_share(tau, scheme, dt, place, at_once=kind == "LIF")
    share_syn = _checked_share(floats["tau_syn"], scheme, dt, place) if "tau_syn" in x else None
    gain = floats["r"] * (dt if share is None else share) if "r" in x else 1.0
    gain = gain if share_syn is None else gain * floats["w_in"] * share_syn
    # r was rounded when it was written; what is 1 (or the share) up to that is meant to be so.
    for meant in [1.0] if share is None else [1.0, share]:
        gain = np.broadcast_to(meant, np.shape(gain)) if np.allclose(gain, meant, eps, 0.0) else gain
    threshold = x.get("v_threshold", x.get("threshold"))
    if threshold is not None and convention.exact_threshold:
        threshold = _next_above(threshold, convention.dtype)
    return Unit(kind, share, share_syn, floats.get("v_leak"), threshold, floats.get("v_reset"), gain)


def _next_above(threshold, dtype):
    """The smallest potential above a threshold, in the coarser of the types that it has and that potentials have."""
    single = np.float32 in (threshold.dtype, dtype)
    near = threshold.astype(np.float32 if single else np.float64)
    return np.where(near > threshold, near, np.nextafter(near, np.array(np.inf, near.dtype)))


def _checked_share(tau, scheme, dt, place, *, at_once=False):
    share = scheme.share(np.where(tau > 0, tau, np.nan), dt)
    bad = ~((share > 0) & ((share <= 1) if at_once else (share < 1)))
    if bad.any():
        raise DataError(f"{place}: has a time constant of {tau[bad].flat[0]:g} s. With {type(scheme).__name__} steps "
                        f"of {dt:g} s it must not be shorter than a step: give the dt (in ms) with which the graph "
                        "was made.")
    return share

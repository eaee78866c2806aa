"""The models that a network can be made of, and what each of them claims: the command ``snn models``.

What it is
    :func:`entries` reads the catalogues: neurons and oscillators (``snn.neurons``), synaptic kinetics
    (``snn.neurons.kinetics``) and layer models (modules of ``snn.train`` with ``layer_model = True``: their units need
    each other, or they are activations without time). Nothing is listed here by hand: a file that is added to a
    catalogue appears.

Claims
    ``exact``   its flow is the solution of its equations, for steps of any length
    ``quiet``   without input it does not fire, so that silence may be skipped (with the default parameters)
    ``graded``  it shows values to others at all times, beside its states, or feels those of others during a step
    ``silent``  it never fires
    ``noisy``   it draws random numbers
    ``layer``   it needs many units at once: a module of torch; the engines refuse it
"""
import inspect
from dataclasses import dataclass, fields

from snn.contract import Neuron
from snn.errors import RunError


@dataclass(frozen=True)
class Entry:
    """One model: its class, ``kind`` of catalogue, and claims."""

    model: type
    kind: str
    claims: tuple

    @property
    def name(self):
        return self.model.__name__

    @property
    def summary(self):
        return inspect.cleandoc(self.model.__doc__ or "").partition("\n")[0]


def claims(model):
    """The claims of a class of neurons, in the order of the table above."""
    if hasattr(model, "schedule"):
        return ()
    ports, never = set(model.Ports._fields), model.margin is Neuron.margin
    found = {
        "exact": model.exact,
        "quiet": model().quiet() is not None,
        "graded": bool(model.Outputs._fields or model.coupled),
        "silent": never,
        "noisy": bool(ports & {"noise", "normal"}),
    }
    return tuple(name for name, true in found.items() if true)


def entries():
    """All models, [Entry], neurons first."""
    import snn.neurons
    import snn.train
    from snn.neurons import kinetics
    found = [Entry(m, "neuron", claims(m) if issubclass(m, Neuron) else ()) for m in _classes(snn.neurons)]
    found += [Entry(m, "kinetics", ("exact",) if getattr(m, "exact", False) else ()) for m in _classes(kinetics)]
    layers = [m for m in _classes(snn.train) if getattr(m, "layer_model", False)]
    return found + [Entry(m, "layer", ("layer",)) for m in layers]


def _classes(module):
    return [getattr(module, name) for name in module.__all__ if inspect.isclass(getattr(module, name))]


def table(kind=None):
    """Lines of the table of all models, or of those of one kind."""
    chosen = [e for e in entries() if kind in (None, e.kind)]
    name, what = (max(len(getattr(e, key)) for e in chosen) for key in ("name", "kind"))
    said = max(len(", ".join(e.claims)) for e in chosen)
    return [f"{e.name:{name}}  {e.kind:{what}}  {', '.join(e.claims):{said}}  {e.summary}".rstrip() for e in chosen]


def description(name):
    """Lines about one model: what its documentation says, and its fields."""
    known = {e.name: e for e in entries()}
    if name not in known:
        from snn.items import meant
        raise RunError(f"NAME: is no model ({name!r}). {meant(name, list(known))}")
    e = known[name]
    lines = [f"{e.name} ({', '.join([e.kind, *e.claims])})", "", *inspect.cleandoc(e.model.__doc__ or "").splitlines()]
    if hasattr(e.model, "__dataclass_fields__"):
        lines += ["", "Fields"]
        lines += [f"    {f.name} = {f.default:g} {f.metadata['unit']}: {f.metadata['doc']}" for f in fields(e.model)
                  if "doc" in f.metadata]
    return lines

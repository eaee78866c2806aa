"""Whether a population may be passed over while nothing arrives.

Both claims of a model are needed, ``exact`` and ``quiet`` (with only the first, spikes that fall into the silence are
lost), and nothing may reach it in every step: no drive, no noise, no recorder of its states.
"""
import numpy as np
import torch

from snn.graph import Graph, symbolic, trace


def silence(p, dt, ports, drives, stepped, shows=()):
    """Whether silence may be skipped: ``(steps after a spike that must be stepped, phrase)``."""
    model, name = p.model, type(p.model).__name__
    if p.name in stepped:
        return None, "stepped: a state of it is recorded"
    if drives:
        return None, f"stepped: driven in every step by {type(drives[0][1]).__name__}"
    if shows:
        return None, f"stepped: shows {' and '.join(shows)} to others at all times"
    special = [state for state in p.init if state != "v"]
    if special:
        # The claims speak of what a neuron does after a spike; a refractory time set by hand may be longer.
        return None, f"stepped: starts with a {special[0]} of its own"
    if {"noise", "normal"} & {*model.Ports._fields}:
        return None, f"stepped: {name} draws random numbers in every step"
    if not model.exact:
        return None, f"stepped: the flow of {name} is not exact"
    hold = model.quiet()
    if hold is None:
        return None, f"stepped: {name} with these parameters may fire without input"
    traced = trace(model, p.n, dt, {q: (lambda g, q=q: g.leaf("port", (q,))) for q in ports}, initial=p.init)
    if not ignores_silence(model, p.n, traced.constant):
        return None, f"stepped: {name} changes when nothing arrives"
    if _has_lane_constants_of_dt(model, p.n):
        return None, "stepped: its time constants differ from neuron to neuron"
    return int(np.ceil(hold / dt - 1e-9)) + 1, "skipped over silence: advanced only when something arrives"


def _has_lane_constants_of_dt(model, n):
    """Whether a constant depends on both the neuron and dt, so that no small table of step lengths could hold it."""
    probe = trace(model, n, torch.tensor([[0.1], [0.2]], dtype=torch.float64), keep=model.State._fields)
    return any(
        node.value is not None and node.value.ndim == 2 and node.value.shape[-1] != 1 for node in probe.graph.nodes
    )


def ignores_silence(model, n, constant):
    """Whether receiving nothing leaves every state as it is (``constant``: states that need no look)."""
    graph = Graph(type(model).__name__)
    copy = symbolic(model, model.bind(n, torch.float64), graph)
    before = model.State(*(graph.leaf("state", (k,)) for k in model.State._fields))
    after = copy.receive(before, model.Ports(*(graph.node(0.0) for _ in model.Ports._fields)))
    return all(k in constant or a is b for k, a, b in zip(model.State._fields, after, before, strict=True))

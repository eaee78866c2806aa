"""What a plastic module knows about its rules, and what it holds between steps."""
from dataclasses import dataclass

import torch

from snn.contract import steps_of
from snn.rule_graph import trace_rule


@dataclass(frozen=True)
class Facts:
    """What the text of a rule says: which methods change anything, whether ``mod`` is used, ``every`` in steps;
    ``scales``: what is transmitted is the weight times a factor; ``seen``: ``(pre, post)`` traces that events read."""

    on_pre: bool
    on_post: bool
    flow: bool
    transmit: bool
    modulated: bool
    every: int | None
    scales: bool
    seen: dict

    @classmethod
    def of(cls, rule, dt):
        traced = trace_rule(rule, dt)
        changed = (traced.changes(method) for method in ("on_pre", "on_post", "flow", "transmit"))
        every = None if rule.every is None else int(steps_of(rule.every, dt, f"{type(rule).__name__}.every"))
        return cls(*changed, traced.uses_modulator, every, _scales(rule),
                   {event: (traced.uses(event, "pre"), traced.uses(event, "post")) for event in ("on_pre", "on_post")})


def _scales(rule):
    """Whether ``transmit`` is proportional to the weight, found by trying."""
    rule, w = rule.bind(1, torch.float64), torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)[:, None]
    x = rule.Pre(*torch.linspace(0.1, 0.9, 7 * len(rule.Pre._fields), dtype=torch.float64).view(-1, 7))
    return torch.allclose(rule.transmit(w, x), w * rule.transmit(torch.ones_like(w), x), rtol=1e-12, atol=1e-12)


@dataclass
class State:
    """``x`` a ``Pre`` of [B, n_pre] per rule, ``y`` a ``Post`` of [B, n_post], ``fields`` tuples of [B, n_post, n_pre];
    ``past`` {name: [B, dendritic, n_post]}: what is on its way back from the soma, earliest first; ``steps`` done."""

    x: list
    y: list
    fields: list
    past: dict
    steps: int = 0

    def tensors(self):
        """All of them in the order of :func:`names`."""
        return [*(t for part in (*self.x, *self.y, *self.fields) for t in part), *self.past.values()]


def names(rules, dendritic):
    """Names of what a :class:`State` holds."""
    parts = (("pre", "Pre", 0), ("post", "Post", 0), ("synapse", "Synapse", 1))
    held = [f"{name}_{r}_{k}" for name, kind, first in parts for r, rule in enumerate(rules)
            for k in getattr(rule, kind)._fields[first:]]
    return held + [f"past_{k}" for k in carried(rules, dendritic)]


def carried(rules, dendritic):
    """What travels back from the soma."""
    return ("spikes", *reads(rules)) if dendritic else ()


def reads(rules):
    """States of the postsynaptic neurons that the rules read."""
    return tuple(dict.fromkeys(k for rule in rules for k in rule.Reads._fields))

"""A rule's methods, called once on symbols: the elementwise graphs that compiled engines read (see ``snn.graph``).

Leaves are ``pre``, ``post``, ``synapse`` and ``read`` (attribute: the name of the field) and ``mod``. What depends on
parameters and the time alone is evaluated on the spot: for the presynaptic ``decay`` and for ``flow`` once per number
of steps, up to :data:`snn.rule.LONGEST`.
"""
from dataclasses import dataclass, fields

import torch

from snn.errors import ModelError
from snn.graph import Graph, reachable
from snn.rule import LONGEST


@dataclass(frozen=True)
class TracedRule:
    """``methods`` {name: {field: Node}}: decay_pre, decay_post, watch, acts, spike_pre, spike_post, flow, on_pre,
    on_post, transmit; each gives the values of what it changes."""

    rule: object
    methods: dict

    def changes(self, method):
        """Whether a method changes anything."""
        return any(node.op not in LEAVES or node.attr != (name,) for name, node in self.methods[method].items())

    def uses(self, method, leaf):
        """Names of the leaves of a kind (``pre``, ``post``, ``synapse``, ``mod``, ``read``) that a method reads."""
        return {n.attr[0] if n.attr else leaf for n in reachable(self.methods[method].values()) if n.op == leaf}

    @property
    def uses_modulator(self):
        return any(self.uses(m, "mod") for m in ("flow", "on_pre", "on_post"))

    @property
    def acts_on_post(self):
        """Whether the rule needs a postsynaptic neuron that fires."""
        own = self.methods["acts"] or type(self.rule).Reads._fields
        return not own and (self.changes("on_post") or self.changes("spike_post"))


LEAVES = ("pre", "post", "synapse", "mod", "read")


def trace_rule(rule, dt):
    """Trace all methods of ``rule`` for steps of ``dt`` ms. ModelError where one uses what is not allowed."""
    graph = Graph(type(rule).__name__)
    symbolic = object.__new__(type(rule))
    bound = rule.bind(1, torch.float64)
    for f in fields(rule):
        object.__setattr__(symbolic, f.name, graph.leaf("param", (f.name,), getattr(bound, f.name)))
    x, y, s, u = (
        kind(*(graph.leaf(leaf, (name,)) for name in kind._fields))
        for leaf, kind in (("pre", rule.Pre), ("post", rule.Post), ("synapse", rule.Synapse), ("read", rule.Reads))
    )
    mod = graph.leaf("mod")
    one = graph.leaf("dt", (), torch.tensor(dt, dtype=torch.float64))
    many = graph.leaf("dts", (), torch.arange(1, LONGEST + 1, dtype=torch.float64)[:, None] * dt)
    try:
        methods = {
            "decay_pre": symbolic.decay(x, y, many)[0],
            "decay_post": symbolic.decay(x, y, one)[1],
            "watch": symbolic.watch(y, u, one),
            "acts": {} if (acts := symbolic.acts(y)) is None else {"acts": acts},
            "spike_pre": symbolic.spike(x, y)[0],
            "spike_post": symbolic.spike(x, y)[1],
            "flow": symbolic.flow(s, mod, many),
            "on_pre": symbolic.on_pre(s, x, y, mod),
            "on_post": symbolic.on_post(s, x, y, mod),
            "transmit": {"w": symbolic.transmit(s.w, x)},
        }
    except (TypeError, AttributeError) as err:
        raise ModelError(
            f"{graph.owner}: an engine cannot compile this rule ({err}). "
            "Write it with arithmetic, comparisons and torch functions of its arguments."
        ) from err
    traced = TracedRule(rule, {name: _named(graph, result) for name, result in methods.items()})
    _check(traced)
    return traced


def _named(graph, result):
    items = result.items() if isinstance(result, dict) else result._asdict().items()
    return {name: graph.node(value) for name, value in items}


def _check(traced):
    """Traces belong to one neuron each, and only a synapse may depend on both."""
    allowed = {"decay_pre": ("pre",), "spike_pre": ("pre",), "decay_post": ("post",), "spike_post": ("post",),
               "watch": ("post", "read"), "acts": ("post",), "flow": ("synapse", "mod"), "transmit": ("synapse", "pre")}
    for method, kinds in allowed.items():
        for leaf in LEAVES:
            if leaf not in kinds and traced.uses(method, leaf):
                raise ModelError(
                    f"{type(traced.rule).__name__}.{method.split('_')[0]}: depends on {leaf} values. "
                    f"This method may use: {', '.join(kinds)}."
                )

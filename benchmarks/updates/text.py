"""A neuron model as statements of Brian2's language: what it computes in a step, its threshold, its reset.

The statements are those that the model's own methods make when they are called on symbols, with every quantity that
depends on parameters alone as a number. Brian2 so gets the same equations and the same integrator, in the fewest
operations that we know, whatever the model is.
"""

from collections import Counter
from dataclasses import dataclass

import torch

from snn.graph import Graph, symbolic, trace, without_scale

RANDOM = {"noise": "rand()", "normal": "randn()"}
INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==",
         "ne": "!=", "and": "and", "or": "or", "pow": "**"}  # fmt: skip
CALLS = {"minimum": "smaller_", "maximum": "larger_", "where": "choose_"}
PREFIX = {"neg": "-({})", "not": "not ({})", "sigmoid": "(1.0 / (1.0 + exp(-({}))))"}


@dataclass(frozen=True)
class Text:
    """``states`` {name: value at rest}; ``update``, ``reset``: statements, ``threshold``: a condition or None;
    ``drives``: names of the ports that hold a number per neuron. Variables are ``s_<state>`` and ``x_<port>``."""

    states: dict
    update: str
    threshold: str | None
    reset: str
    drives: tuple


def text_of(model, dt):
    """The :class:`Text` of a neuron model with scalar parameters and steps of ``dt`` ms."""
    ports = {port: RANDOM.get(port, f"x_{port}") for port in model.Ports._fields}
    inputs = {port: lambda graph, name=name: graph.leaf("input", (name,)) for port, name in ports.items()}
    traced = trace(model, 1, dt, inputs)
    graph = Graph(type(model).__name__)
    copy = symbolic(model, model.bind(1, torch.float64), graph)
    state = model.State(*(_leaf(graph, name, traced.constant) for name in model.State._fields))
    x = model.Ports(*(inputs[port](graph) for port in ports))
    step = graph.leaf("dt", (), torch.tensor(dt, dtype=torch.float64))
    after = copy.receive(copy.flow(copy.couple(state, x), step), x)
    margin = copy.margin(state)
    condition = [] if margin is None else [without_scale(margin) >= 0.0]
    again = copy.reset(state, graph.node(True))
    updated, renewed = ({k: graph.node(getattr(s, k)) for k in state._fields} for s in (after, again))
    needed = _needed({*traced.live, *_read(condition)}, updated, renewed)
    rest = model.rest()
    write = Writer()
    return Text(
        {k: float(getattr(rest, k)) for k in needed},
        write.statements({k: updated[k] for k in needed}),
        write.expression(condition[0]) if condition else None,
        write.statements({k: renewed[k] for k in needed}) if condition else "",
        tuple(port for port in ports if port not in RANDOM),
    )


def _leaf(graph, name, constant):
    return graph.leaf("constant", (name,), constant[name]) if name in constant else graph.leaf("state", (name,))


def _needed(needed, *maps):
    """The states that ``needed`` ones depend on, in the model's order."""
    while True:
        more = needed | {name for nodes in maps for k in needed for name in _read([nodes[k]])}
        if more == needed:
            return [k for k in maps[0] if k in needed]
        needed = more


def _read(roots):
    return {node.attr[0] for node in _order(roots) if node.op == "state"}


def _settled(node):
    """What a selection with a known condition selects."""
    while node.op == "where" and node.args[0].value is not None:
        node = node.args[1] if bool(node.args[0].value) else node.args[2]
    return node


def _order(roots):
    """Nodes that ``roots`` depend on, arguments first."""
    seen, order = set(), []

    def visit(node):
        node = _settled(node)
        if node.index not in seen:
            seen.add(node.index)
            if node.value is None:
                for a in node.args:
                    visit(a)
            order.append(node)

    for root in roots:
        visit(root)
    return order


class Writer:
    """Nodes as expressions; what is used more than once, or read after it was changed, gets a name of its own."""

    def statements(self, results):
        """Lines that assign every state its new value."""
        roots = {k: _settled(node) for k, node in results.items()}
        uses = Counter(_settled(a).index for n in _order(roots.values()) if n.value is None for a in n.args)
        uses.update(node.index for node in roots.values())
        names, lines, changed = {}, [], [k for k, node in roots.items() if not _is_state(node, k)]
        for node in _order(roots.values()):
            own = node.op == "state" and node.attr[0] in changed and node.index in [r.index for r in roots.values()]
            if node.value is None and (own or (node.args and uses[node.index] > 1)):
                lines.append(f"t{node.index} = {self.expression(node, names)}")
                names[node.index] = f"t{node.index}"
        # All new values first: a state that is assigned must not be read as an old one afterwards.
        for k in changed:
            if roots[k].value is None and roots[k].index not in names:
                lines.append(f"n{roots[k].index} = {self.expression(roots[k], names)}")
                names[roots[k].index] = f"n{roots[k].index}"
        return "\n".join(lines + [f"s_{k} = {self.expression(roots[k], names)}" for k in changed])

    def expression(self, node, names=None):
        """One expression for a node."""
        node = _settled(node)
        if names and node.index in names:
            return names[node.index]
        if node.value is not None:
            value = node.value.reshape(-1)[0].item()
            return str(value) if node.is_boolean or value >= 0 else f"({value!r})"
        if node.op in ("state", "input"):
            return f"s_{node.attr[0]}" if node.op == "state" else node.attr[0]
        a = [self.expression(arg, names) for arg in node.args]
        if node.op in INFIX:
            return f"({a[0]} {INFIX[node.op]} {a[1]})"
        if node.op in PREFIX:
            return PREFIX[node.op].format(*a)
        return f"{CALLS.get(node.op, node.op)}({', '.join(a)})"


def _is_state(node, name):
    return node.op == "state" and node.attr[0] == name

"""One training step of a model as a graph, and the graph of its vector-Jacobian product.

What it is
    :func:`forward_graph` traces ``snn.contract.step`` with symbols, as the event-driven engine does, but keeps what a
    gradient needs: learned parameters stay symbols, and the spike is a node of its own that remembers its margin.
    :func:`backward_graph` adds, to the same graph, the nodes that carry gradients from the outputs and the new state
    back to the inputs, the state before, and the learned values; ``snn.train.vjp`` holds the rule of each operation.

Gradient of a spike
    z = H(margin) has the derivative ``fire.derivative(margin)``. A state chosen by the spike,
    ``where(z, new, old)``, passes ``(new - old) g`` to z, as ``(1 - z) old + z new`` would; with a detached reset it
    passes nothing.
"""

import operator
from dataclasses import dataclass, fields

import torch

from snn.contract import step
from snn.errors import ModelError
from snn.graph import reachable, without_scale
from snn.operations import EVALUATE
from snn.train import vjp
from snn.train.ranges import EVERYTHING, TrainingGraph

_PLAIN = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg}
_PLAIN |= {name: getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")}


@dataclass(frozen=True)
class Step:
    """The graph of a step.

    ``after`` {state: Node}; ``spike``, ``margin`` Node or None; ``constant`` {state: value} of states that never
    change; ``moving`` the other states; ``read`` those of them that a step reads.
    """

    graph: TrainingGraph
    after: dict
    spike: object
    margin: object
    constant: dict
    moving: tuple
    read: tuple
    ports: tuple

    def node(self, output):
        """The node of an output: ``"z"``, ``"margin"`` or the name of a state."""
        return {"z": self.spike, "margin": self.margin, **self.after}[output]


def forward_graph(model, n, dt, *, ports, learned=(), detach_reset=False):
    """Trace a step of ``model``. ``ports``: names of the inputs that are given; the others receive 0."""
    if taken := {"z", "margin"} & set(model.State._fields):
        raise ModelError(f"{type(model).__name__}.State: has a state named {min(taken)!r}, which in training is the "
                         "spike (z) or its margin. Name it otherwise.")
    bound = model.bind(n, torch.float64)
    rest = {k: torch.as_tensor(v, dtype=torch.float64) for k, v in bound.rest()._asdict().items()}
    constant, assumed = dict(rest), {k: (float(v.min()), float(v.max())) for k, v in rest.items()}
    for attempt in range(50):
        found = _trace(model, bound, dt, ports, frozenset(learned), detach_reset, constant, assumed)
        same = {k: v for k, v in constant.items() if _stays(found, k, v)}
        wider = {k: _union(assumed[k], found.graph.ranges[found.after[k].index], attempt) for k in assumed}
        if len(same) == len(constant) and wider == assumed:
            if found.spike is not None and found.spike.op != "spike":
                raise ModelError(f"{type(model).__name__}: with the inputs that are given its margin never changes")
            return found
        constant, assumed = same, wider
    raise ModelError(f"{type(model).__name__}: the ranges of its states did not settle. Bounded states are expected.")


def _stays(found, name, value):
    after = found.after[name]
    return after.index not in found.graph.learned and after.value is not None and bool((after.value == value).all())


def _union(old, new, attempt):
    """The smallest interval around both; after a few attempts an end that still moves goes to infinity."""
    low, high = min(old[0], new[0]), max(old[1], new[1])
    if attempt > 3:
        low, high = (low if low == old[0] else EVERYTHING[0]), (high if high == old[1] else EVERYTHING[1])
    return low, high


def _trace(model, bound, dt, ports, learned, detach_reset, constant, assumed):
    graph = TrainingGraph(type(model).__name__, names=learned, assumed=assumed)
    symbolic = object.__new__(type(model))
    for name in (f.name for f in fields(model)):
        object.__setattr__(symbolic, name, graph.leaf("param", (name,), getattr(bound, name)))
    names, seen = model.State._fields, {}
    before = {k: graph.leaf("constant", (k,), constant[k]) if k in constant else graph.leaf("state", (k,))
              for k in names}
    x = model.Ports(**{p: graph.leaf("port", (p,)) if p in ports else graph.node(0.0) for p in model.Ports._fields})

    def fire(margin):
        seen["margin"] = m = graph.node(margin)
        scaled = m.op == "div" and m.args[1].index not in graph.learned
        crossed = graph.apply("ge", without_scale(m) if scaled else m, 0.0)
        if m.value is not None:
            seen["spike"] = crossed
            return crossed
        seen["spike"] = graph._intern("spike", (crossed, m), ("live",), None, True)
        return seen["spike"]

    def cut(spike):
        return graph._intern("spike", spike.args, ("cut",), None, True)

    try:
        after, _ = step(symbolic, model.State(**before), x, graph.leaf("dt", (dt,), torch.tensor(dt).double()), fire,
                        cut if detach_reset else None)
    except (TypeError, AttributeError) as err:
        raise ModelError(f"{graph.owner}: its text cannot be compiled ({err})") from err
    after = {k: graph.node(getattr(after, k)) for k in names}
    spike, moving = seen.get("spike"), tuple(k for k in names if k not in constant)
    roots = [*(after[k] for k in moving), *([spike] if spike is not None else [])]
    read = {n.attr[0] for n in reachable(roots) if n.op == "state"}
    return Step(graph, after, spike, seen.get("margin"), constant, moving, tuple(k for k in moving if k in read),
                tuple(ports))


@dataclass(frozen=True)
class Backward:
    """Gradient nodes: ``ports`` {port: Node}, ``states`` {state: Node}, ``values`` {index of a frontier node: Node}.

    The adjoints that come in are leaves ``grad``: ("out", name) and ("state", name).
    """

    ports: dict
    states: dict
    values: dict

    @property
    def roots(self):
        return [n for part in (self.ports, self.states, self.values) for n in part.values()]


def backward_graph(found, outputs, derivative, needed_ports, needed_values, states):
    """Gradients of a step. ``outputs`` and ``states``: names whose gradient comes in; ``derivative``: the
    surrogate's."""
    graph = found.graph
    start = {}
    for name in outputs:
        vjp.add(graph, start, found.node(name), graph.leaf("grad", ("out", name)))
    for name in states:
        vjp.add(graph, start, found.after[name], graph.leaf("grad", ("state", name)))
    adjoints = vjp.pull_back(graph, start, derivative)
    leaves = {(n.op, n.attr): n for n in graph.nodes if n.op in ("state", "port")}

    def of(op, name):
        leaf = leaves.get((op, (name,)))
        return graph.node(0.0) if leaf is None else adjoints.get(leaf.index, graph.node(0.0))

    return Backward({p: of("port", p) for p in needed_ports}, {s: of("state", s) for s in states},
                    {n.index: adjoints[n.index] for n in needed_values if n.index in adjoints})


def frontier(found, outputs):
    """The learned constants that nodes computed in every step read, in order."""
    roots = [*(found.after[k] for k in found.moving), *(found.node(o) for o in outputs)]
    order = reachable([r for r in roots if r.value is None])
    used = {a.index for n in order if n.value is None for a in n.args} | {r.index for r in roots}
    return tuple(n for n in found.graph.nodes if n.index in found.graph.learned and n.index in used)


def values_of(nodes, given, dtype):
    """Values of constant nodes as eager torch computes them in ``dtype``, with gradients to the tensors ``given``
    {field: tensor}."""
    known = {}

    def value(node):
        if node.index not in known:
            known[node.index] = _value(node, [value(a) for a in node.args], given, dtype)
        return known[node.index]

    return [torch.as_tensor(value(n), dtype=torch.bool if n.is_boolean else dtype) for n in nodes]


def _value(node, args, given, dtype):
    device = next((v.device for v in given.values()), None)
    if node.op == "literal":
        return node.attr[0]
    if node.op == "dt":
        return torch.tensor(node.attr[0], dtype=dtype, device=device)
    if node.op == "param":
        return given[node.attr[0]]
    if node.op in ("tensor", "constant"):
        return node.value.to(device, dtype)
    if node.op in _PLAIN:
        return _PLAIN[node.op](*args)
    if node.op == "where":
        return torch.where(torch.as_tensor(args[0], device=device), *args[1:])
    args = (a if torch.is_tensor(a) else torch.as_tensor(a, dtype=dtype, device=device) for a in args)
    return EVALUATE[node.op](*args)

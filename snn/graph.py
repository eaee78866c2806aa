"""A model's methods, called once on symbols: the elementwise graph that compiled engines read.

What it is
    :func:`trace` runs ``snn.contract.step`` with :class:`Node` objects in place of tensors. Nodes answer to torch
    functions through ``__torch_function__``; an operation that is not in ``snn.operations``, or a Python branch on a
    state, is an error that names the model. Whatever depends only on parameters and dt is evaluated on the spot with
    torch in float64 (partial evaluation), so that the graph holds just the work of one step.

Kinds of nodes
    ``uniform``  constant, one value (or one per possible number of skipped steps)
    ``lane``     constant, one value per neuron
    ``varying``  computed in every step

Shapes: constants are 0-D, (n,), or (K, 1) where dt was given as K values.
"""
from dataclasses import dataclass, field, fields
from typing import ClassVar

import torch

from snn.contract import heaviside, step, values_of
from snn.errors import ModelError
from snn.exact import ON_TENSORS
from snn.operations import BOOLEAN, COMPARISONS, COMPOSED, EVALUATE, FUNCTIONS, simplify


@dataclass(eq=False, repr=False)
class Node:
    """One value of the graph. ``value``: that of a constant; ``attr``: what an operation needs beside arguments."""

    graph: "Graph"
    op: str
    args: tuple = ()
    attr: tuple = ()
    value: object = None
    index: int = 0
    is_boolean: bool = False

    @property
    def kind(self):
        if self.value is None:
            return "varying"
        return "lane" if self.value.ndim and self.value.shape[-1] != 1 else "uniform"

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        graph = next(a.graph for a in (*args, *(kwargs or {}).values()) if isinstance(a, cls))
        if func in COMPOSED:
            return COMPOSED[func](*args, **(kwargs or {}))
        op = FUNCTIONS.get(func)
        if op is None or kwargs:
            name = getattr(func, "__name__", str(func))
            raise ModelError(
                f"{graph.owner}: torch.{name} is not an operation that engines can compile. "
                f"Allowed: {', '.join(sorted(EVALUATE))}, clamp, relu, square, zeros_like."
            )
        return graph.apply(op, *args)

    def __bool__(self):
        raise ModelError(
            f"{self.graph.owner}: a Python branch depends on a state or an input. "
            "Write torch.where(condition, a, b) instead of if/and/or/max."
        )

    def __getattr__(self, name):
        raise AttributeError(
            f"{self.__dict__['graph'].owner}: tensor method .{name} is not allowed in a model; "
            f"write torch.{name}(...) if it is one of the allowed functions"
        )

    def __pow__(self, other):
        return self.graph.power(self, other)

    def __and__(self, other):
        return self.graph.apply("and", self, other)

    def __or__(self, other):
        return self.graph.apply("or", self, other)

    def __invert__(self):
        return self.graph.apply("not", self)

    def __rtruediv__(self, number):
        # torch computes a number divided by a tensor as the tensor's reciprocal times the number.
        reciprocal = self.graph.apply("div", 1.0, self)
        return reciprocal if number == 1.0 else self.graph.apply("mul", reciprocal, number)

    def __neg__(self):
        return self.graph.apply("neg", self)

    def __abs__(self):
        return self.graph.apply("abs", self)

    __hash__ = object.__hash__


def _binary(op, swapped=False):
    def method(self, other):
        return self.graph.apply(op, *((other, self) if swapped else (self, other)))

    return method


for _name, _op in {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div"}.items():
    setattr(Node, f"__{_name}__", _binary(_op))
    if _op != "div":
        setattr(Node, f"__r{_name}__", _binary(_op, swapped=True))
for _op in COMPARISONS:
    setattr(Node, f"__{_op}__", _binary(_op))


@dataclass
class Graph:
    """Hash-consed nodes of one model; ``owner`` is the name used in error messages."""

    owner: str
    nodes: list = field(default_factory=list)
    known: dict = field(default_factory=dict)

    functions: ClassVar[dict] = {**EVALUATE, **ON_TENSORS}  # of constants, as the reference evaluates them

    def leaf(self, op, attr=(), value=None, is_boolean=False):
        return self._intern(op, (), attr, value, is_boolean)

    def node(self, value):
        if isinstance(value, Node):
            return value
        if isinstance(value, bool | int | float):
            boolean = isinstance(value, bool)
            number = value if boolean else float(value)
            return self.leaf(
                "literal", (number, boolean), torch.tensor(number, dtype=None if boolean else torch.float64), boolean
            )
        t = torch.as_tensor(value)
        if t.ndim == 0:
            return self.node(t.item())
        # Never shared: the identity of a temporary tensor may come again.
        return self.leaf("tensor", (len(self.nodes),), t.to(torch.float64))

    def apply(self, op, *args):
        if op == "pow":
            return self.power(*args)
        args = tuple(self.node(a) for a in args)
        value = None
        if all(a.value is not None for a in args):
            value = self.functions[op](*(a.value for a in args))
        else:
            simpler = simplify(op, args)
            if simpler is not None:
                return simpler
        boolean = op in BOOLEAN or (op == "where" and args[1].is_boolean)
        return self._intern(op, args, (), value, boolean)

    def power(self, base, exponent):
        """Integer literal powers become products, as torch computes them for 2 and 3; others are exp(b log a)."""
        base, exponent = self.node(base), self.node(exponent)
        if base.value is not None and exponent.value is not None:
            power = exponent.attr[0] if exponent.op == "literal" else exponent.value
            return self._intern("pow", (base, exponent), (), self.functions["pow"](base.value, power), False)
        if exponent.op == "literal" and exponent.attr[0] in (2, 3):
            square = self.apply("mul", base, base)
            return square if exponent.attr[0] == 2 else self.apply("mul", square, base)
        if exponent.value is not None and exponent.value.ndim == 0 and exponent.value in (0, 1):
            return base if exponent.value == 1 else self.node(1.0)
        return self._intern("pow", (base, exponent), (), None, False)

    def _intern(self, op, args, attr, value, boolean):
        key = (op, tuple(a.index for a in args), attr)
        node = self.known.get(key)
        if node is None:
            node = Node(self, op, args, attr, value, len(self.nodes), boolean)
            self.nodes.append(node)
            self.known[key] = node
        return node


@dataclass(frozen=True)
class Traced:
    """What a step of a model computes.

    ``state``: {name: Node} after the step; ``fired``: boolean Node or None; ``margin``: Node or None;
    ``live``: names of states whose value is needed by the next step (or is asked for); ``constant``: {name: value} of
    states that never change; ``shown``: {name: Node} of the graded values asked for.
    """

    graph: Graph
    state: dict
    fired: object
    margin: object
    live: tuple
    constant: dict
    shown: dict


def trace(model, n, dt, inputs=None, *, keep=(), initial=None, show=()):
    """Trace one step of ``model`` for ``n`` neurons.

    Parameters
        dt       float ms, or a tensor of shape (K, 1) with the lengths of K possible steps
        inputs   {port: function of the Graph giving the Node that arrives}; other ports receive 0
        keep     names of states that must stay visible although nothing reads them
        initial  {name: tensor} of states that do not start at rest (such a state is never taken for a constant)
        show     names of graded values (outputs or states) to compute from the state after the step

    Errors: ModelError where the model uses an operation that is not allowed.
    """
    bound = model.bind(n, torch.float64)
    moving = {*keep, *(initial or {})}
    rest = {k: torch.as_tensor(v, dtype=torch.float64) for k, v in bound.rest()._asdict().items()}
    constant = {k: v for k, v in rest.items() if k not in moving}
    while True:
        traced = _trace_once(model, bound, dt, inputs or {}, constant, keep, show)
        same = {k: v for k, v in constant.items() if _stays(traced.state[k], v)}
        if len(same) == len(constant):
            return traced
        constant = same


def _stays(node, value):
    """Whether the new value of a state is the constant ``value`` that it had before."""
    return node.value is not None and bool((node.value == value).all())


def _trace_once(model, bound, dt, inputs, constant, keep, show):
    graph = Graph(type(model).__name__)
    copy = symbolic(model, bound, graph)
    dt = graph.leaf("dt", (), torch.as_tensor(dt, dtype=torch.float64))
    names = model.State._fields
    before = {
        k: graph.leaf("constant", (k,), constant[k]) if k in constant else graph.leaf("state", (k,)) for k in names
    }
    x = model.Ports(**{p: graph.node(inputs[p](graph) if p in inputs else 0.0) for p in model.Ports._fields})
    margins = []

    def fire(margin):
        margins.append(graph.node(margin))
        return heaviside(without_scale(margins[0]))

    try:
        after, fired = step(copy, model.State(**before), x, dt, fire)
        shown = {k: graph.node(v) for k, v in values_of(copy, after, show).items()}
    except (TypeError, AttributeError) as err:
        raise ModelError(
            f"{graph.owner}: an engine cannot compile this model ({err}). "
            "Write it with arithmetic, comparisons and torch functions of the states."
        ) from err
    state = {k: graph.node(getattr(after, k)) for k in names}
    roots = [*state.values(), *shown.values()] + ([fired] if fired is not None else [])
    read = {n.attr[0] for n in reachable(roots) if n.op == "state"}
    live = tuple(k for k in names if k not in constant and (k in read or k in keep))
    return Traced(graph, state, fired, margins[0] if margins else None, live, constant, shown)


def without_scale(margin):
    """``a`` for a margin ``a / c`` with a positive constant c: the same sign, and a division less in every step."""
    if margin.op == "div" and margin.args[1].value is not None and bool((margin.args[1].value > 0).all()):
        return margin.args[0]
    return margin


def symbolic(model, bound, graph):
    """A copy of the model whose fields are nodes."""
    copy = object.__new__(type(model))
    for f in fields(model):
        object.__setattr__(copy, f.name, graph.leaf("param", (f.name,), getattr(bound, f.name)))
    return copy


def reachable(roots, given=()):
    """All nodes that ``roots`` depend on, arguments first; constants and nodes whose index is ``given`` are leaves."""
    seen, order = set(), []
    stack = [(n, False) for n in reversed(list(roots))]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node.index not in seen:
            seen.add(node.index)
            stack.append((node, True))
            if node.value is None and node.index not in given:
                stack.extend((a, False) for a in reversed(node.args))
    return order

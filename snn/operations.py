"""The operations that a model's text may use, by the torch function that stands for them.

``EVALUATE``: operation -> torch function that computes it; ``FUNCTIONS``: torch function -> operation; ``COMPOSED``:
torch functions that are made of several operations. :func:`simplify` leaves out what changes nothing.
"""
import torch

ARITHMETIC = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "neg": torch.neg}
COMPARISONS = {"lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge, "eq": torch.eq, "ne": torch.ne}
LOGIC = {"and": torch.logical_and, "or": torch.logical_or, "not": torch.logical_not}
ELEMENTARY = {
    name: getattr(torch, name)
    for name in ("exp", "expm1", "log", "log1p", "sqrt", "abs", "sin", "cos", "tanh", "sigmoid", "floor", "round")
}
BINARY = {"minimum": torch.minimum, "maximum": torch.maximum, "pow": torch.pow}
EVALUATE = {**ARITHMETIC, **COMPARISONS, **LOGIC, **ELEMENTARY, **BINARY, "where": torch.where}
BOOLEAN = {*COMPARISONS, *LOGIC}


def _clamp(x, min=None, max=None):
    x = x if min is None else torch.maximum(x, _like(x, min))
    return x if max is None else torch.minimum(x, _like(x, max))


def _like(node, value):
    return node.graph.node(value)


FUNCTIONS = {f: name for name, f in EVALUATE.items()}
"""torch function -> operation of the graph."""
FUNCTIONS.update(
    {
        torch.multiply: "mul",
        torch.divide: "div",
        torch.subtract: "sub",
        torch.negative: "neg",
        torch.true_divide: "div",
        torch.bitwise_and: "and",
        torch.bitwise_or: "or",
        torch.bitwise_not: "not",
        torch.absolute: "abs",
        torch.special.expm1: "expm1",
        torch.special.expit: "sigmoid",
        torch.Tensor.add: "add",
        torch.Tensor.sub: "sub",
        torch.Tensor.mul: "mul",
        torch.Tensor.div: "div",
    }
)
COMPOSED = {
    torch.clamp: _clamp,
    torch.clip: _clamp,
    torch.square: lambda x: x * x,
    torch.relu: lambda x: torch.maximum(x, _like(x, 0.0)),
    torch.reciprocal: lambda x: 1.0 / x,
    torch.zeros_like: lambda x: _like(x, 0.0),
    torch.ones_like: lambda x: _like(x, 1.0),
    torch.full_like: lambda x, fill_value: _like(x, fill_value),
    torch.rsub: lambda a, b: _like(b, b) - a,
}


def simplify(op, args):
    """Rewrites that leave every finite result bit for bit as it was (up to the sign of zero)."""
    zero = [_is_zero(a) for a in args]
    if op == "mul" and any(zero):
        return args[zero.index(True)]
    if op == "add" and any(zero):
        return args[0] if zero[1] else args[1]
    if op == "sub" and zero[1]:
        return args[0]
    if op == "where" and args[1] is args[2]:
        return args[1]
    return None


def _is_zero(node):
    """Whether a node is a constant 0, for all neurons, and not a parameter to be learned."""
    if node.value is None or node.is_boolean or node.index in getattr(node.graph, "learned", ()):
        return False
    return not bool(node.value.any())

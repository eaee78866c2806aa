"""Vector-Jacobian products of the operations that a model may use, as graphs of the same operations.

Formula
    For ``y = f(a, b, ...)`` and the gradient ``g`` of a loss with respect to y, the rule of f gives ``g df/da``, ``g
    df/db``, .... Ties of minimum and maximum share the gradient; floor, round and comparisons pass none, as in torch.
"""

import torch


def _sign(a):
    return torch.where(a > 0, 1.0, torch.where(a < 0, -1.0, 0.0))


def _extreme(g, wins, ties):
    return torch.where(wins, g, torch.where(ties, 0.5 * g, 0.0))


def _power(g, y, a, b):
    exponent = g * y * torch.log(a) if b.value is None else None
    return g * b * torch.pow(a, b - 1.0), exponent


RULES = {
    "add": lambda g, y, a, b: (g, g),
    "sub": lambda g, y, a, b: (g, -g),
    "mul": lambda g, y, a, b: (g * b, g * a),
    "div": lambda g, y, a, b: (g / b, -(g * y) / b),
    "neg": lambda g, y, a: (-g,),
    "exp": lambda g, y, a: (g * y,),
    "expm1": lambda g, y, a: (g * (y + 1.0),),
    "log": lambda g, y, a: (g / a,),
    "log1p": lambda g, y, a: (g / (a + 1.0),),
    "sqrt": lambda g, y, a: (g / (2.0 * y),),
    "abs": lambda g, y, a: (g * _sign(a),),
    "sin": lambda g, y, a: (g * torch.cos(a),),
    "cos": lambda g, y, a: (-(g * torch.sin(a)),),
    "tanh": lambda g, y, a: (g * (1.0 - y * y),),
    "sigmoid": lambda g, y, a: (g * (y * (1.0 - y)),),
    "minimum": lambda g, y, a, b: (_extreme(g, a < b, a == b), _extreme(g, b < a, a == b)),
    "maximum": lambda g, y, a, b: (_extreme(g, a > b, a == b), _extreme(g, b > a, a == b)),
    "pow": lambda g, y, a, b: _power(g, y, a, b),
}


def add(graph, adjoints, node, g):
    """Add ``g`` to the adjoint of ``node``, unless nothing that varies or is learned stands behind it."""
    if g is None or (node.value is not None and node.index not in graph.learned):
        return
    before = adjoints.get(node.index)
    adjoints[node.index] = g if before is None else graph.apply("add", before, g)


def pull_back(graph, start, derivative):
    """Adjoints of all nodes of ``graph`` (by index), from those in ``start``; ``derivative``: the surrogate's.

    A learned constant is a leaf: what it is made of is torch's affair.
    """
    adjoints = dict(start)
    for node in reversed(tuple(graph.nodes)):
        g = adjoints.get(node.index)
        if g is None or node.value is not None:
            continue
        if node.op == "spike":
            if node.attr == ("live",) and derivative is not None:
                add(graph, adjoints, node.args[1], g * graph.node(derivative(node.args[1])))
        elif node.op == "where":
            condition, new, old = node.args
            if condition.op == "spike":
                add(graph, adjoints, condition, g * (new - old))
            zero = graph.node(0.0)
            add(graph, adjoints, new, graph.apply("where", condition, g, zero))
            add(graph, adjoints, old, graph.apply("where", condition, zero, g))
        elif node.op in RULES:
            for a, ga in zip(node.args, RULES[node.op](g, node, *node.args), strict=True):
                add(graph, adjoints, a, ga)
    return adjoints

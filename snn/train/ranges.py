"""The graph of one training step: like that of a simulation, with learned parameters and known ranges of states.

What it is
    A :class:`snn.graph.Graph` that knows, beside its nodes,

    ``learned``  which constants depend on a learned parameter. They are constants of a step but not of a layer: their
                 values are computed anew in every call, by torch, with a gradient.
    ``range``    an interval for the values of every node, given intervals for the states. A comparison that the
    intervals
                 decide is a constant, so that a refractory time of 0, for instance, costs nothing.
"""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from snn.graph import Graph
from snn.operations import COMPARISONS, EVALUATE

EVERYTHING = (-math.inf, math.inf)


@dataclass
class TrainingGraph(Graph):
    """``names``: learned parameters; ``assumed``: {state: (low, high)} of the states at the begin of a step."""

    names: frozenset = frozenset()
    assumed: dict = field(default_factory=dict)
    learned: set = field(default_factory=set)
    ranges: dict = field(default_factory=dict)

    functions: ClassVar[dict] = EVALUATE

    def apply(self, op, *args):
        args = tuple(self.node(a) for a in args)
        if op in COMPARISONS:
            known = self._decided(op, *args)
            if known is not None:
                return self.node(known)
        simpler = self._logic(op, args)
        return super().apply(op, *args) if simpler is None else simpler

    def _logic(self, op, args):
        """``where``, ``and``, ``or``, ``not`` of boolean literals."""
        fixed = [a.attr[0] if a.op == "literal" and a.is_boolean else None for a in args]
        if op == "where" and fixed[0] is not None:
            return args[1] if fixed[0] else args[2]
        if op == "not" and fixed[0] is not None:
            return self.node(not fixed[0])
        if op in ("and", "or"):
            for a, b in (0, 1), (1, 0):
                if fixed[a] is not None:
                    return args[b] if fixed[a] == (op == "and") else args[a]
        return None

    def _decided(self, op, a, b):
        (a_low, a_high), (b_low, b_high) = self.ranges[a.index], self.ranges[b.index]
        sure = {"lt": a_high < b_low, "le": a_high <= b_low, "gt": a_low > b_high, "ge": a_low >= b_high}
        never = {"lt": a_low >= b_high, "le": a_low > b_high, "gt": a_high <= b_low, "ge": a_high < b_low}
        return True if sure.get(op) else False if never.get(op) else None

    def _intern(self, op, args, attr, value, boolean):
        node = super()._intern(op, args, attr, value, boolean)
        if node.index not in self.ranges:
            if (op == "param" and attr[0] in self.names) or any(a.index in self.learned for a in args):
                if value is not None:
                    self.learned.add(node.index)
            self.ranges[node.index] = self._range(node)
        return node

    def _range(self, node):
        if node.index in self.learned or node.is_boolean:
            return EVERYTHING
        if node.value is not None:
            return float(node.value.min()), float(node.value.max())
        if node.op == "state":
            return self.assumed.get(node.attr[0], EVERYTHING)
        of = [self.ranges[a.index] for a in node.args]
        if node.op == "where":
            return min(of[1][0], of[2][0]), max(of[1][1], of[2][1])
        if node.op == "minimum":
            return min(of[0][0], of[1][0]), min(of[0][1], of[1][1])
        if node.op == "maximum":
            return max(of[0][0], of[1][0]), max(of[0][1], of[1][1])
        if node.op in ("exp", "sigmoid", "abs", "sqrt"):
            return 0.0, math.inf
        return EVERYTHING

"""Methods of synaptic rules as instructions: constants, tables over the number of steps, and their evaluation."""
import numpy as np
import torch
from llvmlite import ir

from snn.graph import reachable
from snn.rule import LONGEST
from snn.run.block import I64


class RuleCode:
    """The methods of the traced rules of a projection, ready to be emitted.

    ``constants`` [m]: values that depend on parameters (and one step) alone; ``table`` [LONGEST, u]: values per number
    of steps. They are read by compiled code, so that one kernel serves all parameters.
    """

    def __init__(self, traced, dtype):
        self.traced, self.columns, self.rows = traced, {}, {}
        for r, t in enumerate(traced):
            for node in reachable([n for outputs in t.methods.values() for n in outputs.values()]):
                if node.value is not None and node.op != "literal":
                    place = self.columns if node.value.ndim else self.rows
                    place[r, node.index] = (len(place), node)
        self.constants = np.array([float(n.value) for _, n in self.rows.values()] or [0.0], dtype)
        self.table = np.ones((LONGEST, max(1, len(self.columns))), dtype)
        for column, node in self.columns.values():
            self.table[:, column] = node.value.to(torch.float64).reshape(-1).numpy()

    def column(self, r, node):
        """Column of the table that holds ``node`` of rule ``r``."""
        return self.columns[r, node.index][0]


class Evaluator:
    """Evaluates methods in one kernel: ``v`` the :class:`snn.run.vectors.Vectors`, addresses of constants and table."""

    def __init__(self, code, v, constants, table):
        self.code, self.v, self.k, self.b, self.table = code, v, v.k, v.k.b, table
        self.known = {}
        for key, (slot, node) in code.rows.items():
            self.known[key] = self._typed(v.scalar_at(constants, self.k.i64(slot)), node)

    def _typed(self, x, node):
        v = self.v
        if node.is_boolean:
            return v.splat(self.b.fcmp_ordered("!=", x, ir.Constant(v.scalar, 0.0)), v.booleans)
        return v.splat(x)

    def outputs(self, r, method, leaves, row=None):
        """{field: value} of a method; ``leaves`` {(kind, name): value}, ``row``: row of the table (steps - 1)."""
        return self.nodes(r, self.code.traced[r].methods[method], leaves, row)

    def nodes(self, r, wanted, leaves, row=None, preset=None):
        """{field: value} of the nodes ``wanted``; ``preset`` {node index: value} of nodes that are given."""
        values = dict(preset or {})
        for node in reachable(wanted.values(), given=values):
            if node.index not in values:
                values[node.index] = self._value(r, node, leaves, row, values)
        return {name: values[node.index] for name, node in wanted.items()}

    def _value(self, r, node, leaves, row, values):
        v = self.v
        if node.op == "literal":
            return v.number(int(node.attr[0]), v.booleans) if node.is_boolean else v.number(float(node.attr[0]))
        if (r, node.index) in self.known:
            return self.known[r, node.index]
        if (r, node.index) in self.code.columns:
            width, column = self.code.table.shape[1], self.code.column(r, node)
            at = self.b.add(self.b.mul(row, self.k.i64(width)), self.k.i64(column))
            return self._typed(v.scalar_at(self.table, at), node)
        if node.op in ("pre", "post", "synapse", "read", "mod"):
            return leaves[node.op, node.attr[0] if node.attr else ""]
        if node.op in ("minimum", "maximum") and any(a.value is not None for a in node.args):
            x, bound = sorted(node.args, key=lambda a: a.value is not None)
            return v.bounded(node.op, values[x.index], values[bound.index])
        return v.apply(node.graph.owner, node.op, [values[a.index] for a in node.args])

    def elapse(self, r, method, kind, values, steps, leaves=None):
        """``method`` over ``steps`` steps (an int64 value, maybe 0) on ``values`` {field: value} of leaves ``kind``."""
        if not self.code.traced[r].changes(method):
            return values
        k, b = self.k, self.b
        before = b.block
        head, inside, after = (b.append_basic_block(n) for n in ("time", "pass", "passed"))
        b.branch(head)
        b.position_at_end(head)
        left = b.phi(I64)
        left.add_incoming(steps, before)
        now = {}
        for name, x in values.items():
            now[name] = b.phi(x.type)
            now[name].add_incoming(x, before)
        b.cbranch(b.icmp_signed(">", left, k.i64(0)), inside, after)
        b.position_at_end(inside)
        piece = b.select(b.icmp_signed(">", left, k.i64(LONGEST)), k.i64(LONGEST), left)
        bound = {**(leaves or {}), **{(kind, name): x for name, x in now.items()}}
        later = self.outputs(r, method, bound, b.sub(piece, k.i64(1)))
        for name, x in now.items():
            x.add_incoming(later[name], b.block)
        left.add_incoming(b.sub(left, piece), b.block)
        b.branch(head)
        b.position_at_end(after)
        return now

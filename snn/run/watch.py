"""Finding NaN in compiled code: where it is looked for, and what is done about it.

A margin that is NaN passes the threshold as a spike would, so that the way of what does not fire costs nothing. States
whose NaN never comes to the margin are compared in every step.
"""
import functools

from llvmlite import ir

from snn.graph import reachable
from snn.run.block import BOOL, I64, POINTER


def decides(fired):
    """Whether neurons fire by a comparison of what varies, so that a margin that is no number is found there."""
    return fired is not None and fired.op == "ge" and fired.kind == "varying" and fired.args[0].kind == "varying"


def watched(traced):
    """Nodes of the states whose NaN never comes to the margin, neither at once nor through other states."""
    heard, new = set(), [traced.fired] if decides(traced.fired) else []
    while new:
        read = {node.attr[0] for node in reachable(new) if node.op == "state"} - heard
        heard, new = heard | read, [traced.state[name] for name in read]
    others = (traced.state[name] for name in traced.live if name not in heard)
    return [node for node in others if node.kind == "varying"]


def watch(k, v, values, i, n, cell, stop):
    """Note in ``cell`` the first of the neurons i to i + 7, below ``n``, with a value that is NaN, and end the loop
    after this step."""
    b, lanes = k.b, ir.IntType(v.lanes)
    # One comparison tells whether either of two values is NaN.
    found = [b.fcmp_unordered("uno", x, y) for x, y in zip(values[::2], values[1::2] + values[-1:], strict=False)]
    nan = b.bitcast(functools.reduce(b.or_, found), lanes)
    with b.if_then(b.icmp_unsigned("!=", nan, ir.Constant(lanes, 0)), likely=False):
        # Lanes behind the last neuron hold nothing that means anything.
        neuron = b.add(i, b.zext(b.cttz(nan, ir.Constant(BOOL, 0)), I64))
        first = b.icmp_signed("<", b.load(cell, typ=I64), k.i64(0))
        with b.if_then(b.and_(first, b.icmp_signed("<", neuron, n))):
            b.store(neuron, cell)
            b.atomic_rmw("min", b.inttoptr(stop, POINTER), k.step, "monotonic")

"""From the graphs of a training step to machine code: all steps of a layer in one call, forward and backward.

What it is
    A layer is ``rows`` times ``width`` neurons (batch times neurons; or one row where no constant differs between
    neurons). A kernel takes the neurons in strips: for each strip it runs over all time steps, so that the state of
    the strip stays in the first-level cache, while inputs and outputs ``[T, rows, width]`` stream by. The backward
    kernel runs from the last step to the first; the few values that it needs from the forward pass
    (``snn.train.cut``) were kept, the rest is computed again.

Arithmetic
    Forward: plain IEEE operations in the order of the text, also in single precision, so that spikes equal those of
    eager torch. Backward: multiplication and addition may be contracted.

Arrays: every array of a time course has an address and a stride in bytes per step (0: the same values at every step).
"""

from dataclasses import dataclass

from llvmlite import ir

from snn.graph import reachable
from snn.run.block import BOOL, I8, Block
from snn.run.vectors import Vectors

STRIP = 256
"""Neurons whose states stay in the first-level cache while time passes."""


@dataclass(frozen=True)
class Kernel:
    """IR of a kernel and the order of its words.

    ``text``, ``name``; ``loads`` and ``stores`` keys of the time courses that it reads and writes; ``held`` keys of the
    arrays [rows, width] that it reads and writes in place; ``uniforms``, ``lanes`` constant nodes in the order of their
    slots. Words: ROWS, WIDTH, STEPS, PARTS, UNIFORM, LANE; two per time course (address, stride), one per held array.
    """

    text: str
    name: str
    loads: tuple
    stores: tuple
    held: tuple
    uniforms: tuple
    lanes: tuple


HEAD = 6


def forward_kernel(found, outputs, kept, dtype, make=None):
    """Loads the ports; stores the outputs and the nodes ``kept``; holds the states that move. ``make``: what builds the
    kernel, :class:`Steps` unless given."""
    loads = {("port", p): leaf(found, "port", p) for p in found.ports}
    stores = {("out", name): found.node(name) for name in outputs}
    stores |= {("kept", n.index): n for n in kept}
    held = {("state", k): (leaf(found, "state", k), found.after[k]) for k in found.moving}
    return (make or Steps)("forward", dtype, loads, stores, held, backwards=False).build()


def backward_kernel(found, back, outputs, kept, dtype, make=None):
    """Loads what was kept and the gradients of the outputs; stores those of the ports; holds those of states and
    learned values."""
    graph = found.graph
    loads = {("kept", n.index): n for n in kept} | {("grad", o): graph.leaf("grad", ("out", o)) for o in outputs}
    stores = {("port", p): n for p, n in back.ports.items()}
    held = {("state", k): (graph.leaf("grad", ("state", k)), n) for k, n in back.states.items()}
    for index, n in back.values.items():
        total = graph.leaf("sum", (index,))
        held["value", index] = (total, graph.apply("add", total, n))
    return (make or Steps)("backward", dtype, loads, stores, held, backwards=True).build()


def needed_values(back, forward_nodes):
    """Values of the forward step that the gradient nodes read: nodes with index below ``forward_nodes``."""
    found, stack, seen = {}, list(back.roots), set()
    while stack:
        n = stack.pop()
        if n.index in seen or n.value is not None or n.op in ("grad", "sum"):
            continue
        seen.add(n.index)
        if n.index < forward_nodes:
            found[n.index] = n
        else:
            stack.extend(n.args)
    return list(found.values())


def leaf(found, op, name):
    """The leaf of a state or a port in the graph of a step."""
    return found.graph.leaf(op, (name,))


class Steps:
    """Builds one kernel; see the module."""

    def __init__(self, name, dtype, loads, stores, held, *, backwards):
        self.name, self.dtype, self.backwards = name, dtype, backwards
        self.loads, self.stores, self.held = loads, stores, held
        given = {n.index for n in loads.values()} | {before.index for before, _ in held.values()}
        roots = [*stores.values(), *(after for _, after in held.values())]
        self.order = [n for n in reachable(roots, given) if n.index not in given]
        read = {a.index for n in self.order for a in n.args} | {r.index for r in roots}
        self.used = given & read
        self.uniforms = tuple(n for n in self.order if n.kind == "uniform" and n.op != "literal")
        self.lanes = tuple(n for n in self.order if n.kind == "lane")

    def build(self):
        self.k = k = Block(self.name)
        self.b, self.v = k.b, Vectors(k, self.dtype)
        if not self.backwards:
            self.v.flags = ()
        self.rows, self.width, self.steps, self.parts, uniform, self.lane = (k.word(w) for w in range(HEAD))
        self.constants = {n.index: self._uniform(uniform, j, n) for j, n in enumerate(self.uniforms)}
        at = HEAD
        self.courses, self.arrays = {}, {}
        for kind, keys in (("load", self.loads), ("store", self.stores)):
            for key in keys:
                self.courses[kind, key] = (k.word(at), k.word(at + 1))
                at += 2
        for key in self.held:
            self.arrays[key] = k.word(at)
            at += 1
        self._further_words(at)
        self.per_row = self._strips_per_row()
        total = self.b.mul(self.rows, self.per_row)
        first, last = (self._share(total, p) for p in (k.part, self.b.add(k.part, k.i64(1))))
        k.loop(first, last, 1, self._strip)
        text, name = k.done()
        return Kernel(text, name, tuple(self.loads), tuple(self.stores), tuple(self.held), self.uniforms, self.lanes)

    def _further_words(self, at):
        """A subclass reads its own words, from number ``at`` on."""

    def _before_neurons(self, t):
        """A subclass does here what comes before the neurons of a row in step ``t``."""

    def _strips_per_row(self):
        return self.b.sdiv(self.b.add(self.width, self.k.i64(STRIP - 1)), self.k.i64(STRIP))

    def _share(self, total, part):
        return self.b.sdiv(self.b.mul(total, part), self.parts)

    def _uniform(self, base, j, node):
        x = self.v.splat(self.v.scalar_at(base, self.k.i64(j)))
        return self.b.fcmp_ordered("!=", x, self.v.number(0.0)) if node.is_boolean else x

    def _strip(self, strip, _):
        b, k = self.b, self.k
        row = b.sdiv(strip, self.per_row)
        length = b.sdiv(b.add(self.width, b.sub(self.per_row, k.i64(1))), self.per_row)
        length = b.and_(b.add(length, k.i64(self.v.lanes - 1)), k.i64(-self.v.lanes))
        start = b.mul(b.srem(strip, self.per_row), length)
        stop = b.add(start, length)
        stop = b.select(b.icmp_signed("<", stop, self.width), stop, self.width)
        start = b.select(b.icmp_signed("<", start, stop), start, stop)
        self.row_start = b.mul(row, self.width)
        whole = b.sub(stop, b.srem(b.sub(stop, start), k.i64(self.v.lanes)))
        k.loop(k.i64(0), self.steps, 1, lambda t, _: self._time(t, start, whole, stop))

    def _time(self, t, start, whole, stop):
        b, k = self.b, self.k
        t = b.add(t, k.step)
        if self.backwards:
            t = b.sub(b.add(k.step, b.sub(self.steps, k.i64(1))), b.sub(t, k.step))
        self.at = {key: b.add(base, b.mul(t, stride)) for key, (base, stride) in self.courses.items()}
        self._before_neurons(t)
        k.loop(start, whole, self.v.lanes, lambda i, _: self._neurons(i, None))
        with b.if_then(b.icmp_signed("<", whole, stop)):
            self._neurons(whole, self._mask(b.sub(stop, whole)))

    def _mask(self, rest):
        numbers = ir.Constant(self.v.integers, list(range(self.v.lanes)))
        return self.b.icmp_signed("<", numbers, self.v.splat(self.b.trunc(rest, self.v.integers.element),
                                                             self.v.integers))

    def _neurons(self, i, mask):
        """One vector of neurons in one step; ``mask``: the lanes that exist, None for all."""
        b = self.b
        column = b.add(self.row_start, i)
        values = dict(self.constants)
        for key, node in self.loads.items():
            if node.index in self.used:
                values[node.index] = self._load(self.at["load", key], column, mask, node.is_boolean)
        for key, (before, _) in self.held.items():
            if before.index in self.used:
                values[before.index] = self._load(self.arrays[key], column, mask, False)
        for slot, node in enumerate(self.lanes):
            x = self._load(self.lane, b.add(b.mul(self.width, self.k.i64(slot)), i), mask, False)
            values[node.index] = b.fcmp_ordered("!=", x, self.v.number(0.0)) if node.is_boolean else x
        for node in self.order:
            if node.index not in values:
                values[node.index] = self._value(node, values)
        for key, node in self.stores.items():
            self._store(values[node.index], self.at["store", key], column, mask, key[0] == "kept" and node.is_boolean)
        for key, (_, after) in self.held.items():
            self._store(values[after.index], self.arrays[key], column, mask, False)

    def _value(self, node, values):
        v = self.v
        if node.op == "literal":
            return v.number(int(node.attr[0]), v.booleans) if node.is_boolean else v.number(float(node.attr[0]))
        if node.op == "spike":
            return values[node.args[0].index]
        return v.apply(node.graph.owner, node.op, [values[a.index] for a in node.args])

    def _load(self, base, index, mask, boolean):
        v, b = self.v, self.b
        kind, size = (ir.VectorType(I8, v.lanes), 1) if boolean else (v.real, v.size)
        pointer = self.k.at(base, index, size)
        if mask is None:
            x = b.load(pointer, typ=kind, align=size)
        else:
            x = self._lane_by_lane(kind, pointer, mask, size)
        return b.icmp_unsigned("!=", x, ir.Constant(kind, [0] * v.lanes)) if boolean else x

    def _lane_by_lane(self, kind, pointer, mask, size):
        name = f"llvm.masked.load.v{self.v.lanes}{_suffix(kind.element)}.p0"
        f = self._intrinsic(name, ir.FunctionType(kind, [pointer.type, ir.IntType(32), self.v.booleans, kind]))
        zero = ir.Constant(kind, [0 if size == 1 else 0.0] * self.v.lanes)
        return self.b.call(f, [pointer, ir.Constant(ir.IntType(32), size), mask, zero])

    def _store(self, x, base, index, mask, as_byte):
        v, b = self.v, self.b
        size = 1 if as_byte else v.size
        if as_byte:
            x = b.zext(x, ir.VectorType(I8, v.lanes))
        elif isinstance(x.type, ir.VectorType) and x.type.element == BOOL:
            x = b.select(x, v.number(1.0), v.number(0.0))
        pointer = self.k.at(base, index, size)
        if mask is None:
            b.store(x, pointer, align=size)
            return
        name = f"llvm.masked.store.v{v.lanes}{_suffix(x.type.element)}.p0"
        f = self._intrinsic(name, ir.FunctionType(ir.VoidType(), [x.type, pointer.type, ir.IntType(32), v.booleans]))
        b.call(f, [x, pointer, ir.Constant(ir.IntType(32), size), mask])

    def _intrinsic(self, name, kind):
        return self.k.module.globals.get(name) or ir.Function(self.k.module, kind, name)


def _suffix(element):
    return {"i8": "i8", "float": "f32", "double": "f64"}[str(element)]

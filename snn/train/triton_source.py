"""From the graphs of a training step to Triton: the loops of ``snn.train.kernel``, printed as Python source.

What it is
    :class:`Source` takes the graph from which the CPU kernel is emitted and prints a kernel in Triton's language. A
    program is a block of neurons of the flattened [B, ...]. It runs over all time steps; states stay in registers
    while inputs and outputs stream by. Learned constants sum their gradients per column, in registers too, so that no
    order of additions changes from run to run.

Arithmetic
    That of eager torch on a device, in the order of the text: division and square root are correctly rounded (Triton's
    own are not in single precision), functions are those of CUDA's library, ``x / number`` is a product with the
    reciprocal, and ``number / x`` is the product with 1 / x. Whether multiply and add may be contracted is said at the
    launch (``snn.train.triton_calls``).

Why not FlexSN of SpikingJelly 2.0.0, which compiles a step function for CUDA through Triton too
    - ``exp``, ``log``, ``sqrt``, ``tanh`` and ``pow`` are computed in float32 whatever the dtype, so that gradients in
      float64 cannot equal eager's to 1e-9.
    - A division is Triton's ``/`` and multiply and add may be contracted, so that spikes may differ from eager's.
    - A parameter has one value, or as many as a step has elements (B times N). It is carried as a state.
    - Training stores the sequence [T, B, N] of every state, parameters included.
    - T is a constant of the kernel and the loop is unrolled: every new T is a new compilation.
"""

import functools
import hashlib
import linecache

import numpy as np

from snn.errors import ModelError
from snn.run import native
from snn.train.kernel import Kernel, Steps

_EXPRESSIONS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "neg": "-{}",
    "lt": "{} < {}", "le": "{} <= {}", "gt": "{} > {}", "ge": "{} >= {}", "eq": "{} == {}", "ne": "{} != {}",
    "and": "{} & {}", "or": "{} | {}", "not": "~{}", "where": "tl.where({}, {}, {})",
    "abs": "tl.abs({})", "floor": "tl.floor({})", "round": "libdevice.rint({})",
    "minimum": "tl.minimum({}, {}, propagate_nan=tl.PropagateNan.ALL)",
    "maximum": "tl.maximum({}, {}, propagate_nan=tl.PropagateNan.ALL)",
    "pow": "libdevice.pow({}, {})",
}
_EXPRESSIONS |= {f: f"libdevice.{f}({{}})" for f in ("exp", "expm1", "log", "log1p", "sin", "cos", "tanh")}
_EXACT = {"float32": ("tl.div_rn({}, {})", "tl.sqrt_rn({})"), "float64": ("{} / {}", "tl.sqrt({})")}
_HEAD = """\
import triton
import triton.language as tl
from triton.language.extra import libdevice

inf, nan = tl.constexpr(float("inf")), tl.constexpr(float("nan"))


@triton.jit(do_not_specialize=["steps"])
def {name}(columns, width, steps, uniforms, lanes, {arguments}, BLOCK: tl.constexpr):
    start = tl.program_id(0).to(tl.int64) * BLOCK
    i = tl.arange(0, BLOCK)
    there = start + i < columns
    neuron = (start + i) % width
"""


class Source(Steps):
    """Prints one kernel; made as :class:`snn.train.kernel.Steps` is. ``build`` gives a ``Kernel`` whose text is Python.

    Arguments of the kernel: columns, width (neurons of a row), steps, two tables of constants; for each time course its
    array and its stride in numbers per step; for each held array [columns] the array; the constant BLOCK.
    """

    def build(self):
        courses = [f"{kind}{j}" for kind, of in (("load", self.loads), ("store", self.stores)) for j in range(len(of))]
        arguments = ", ".join([*(f"{c}, {c}_stride" for c in courses), *(f"held{j}" for j in range(len(self.held)))])
        lines = [*self._before(), "for step in range(steps):", *("    " + line for line in self._step())]
        lines += [f"tl.store(held{j} + start + i, now{j}, mask=there)" for j in range(len(self.held))]
        text = _HEAD.format(name=self.name, arguments=arguments) + "".join(f"    {line}\n" for line in lines)
        return Kernel(text, self.name, tuple(self.loads), tuple(self.stores), tuple(self.held), self.uniforms,
                      self.lanes)

    def _at(self, kind, j):
        """Address of a block in a time course; time steps may be more than 2^31 numbers apart."""
        return f"{kind}{j} + (t * {kind}{j}_stride + start) + i"

    def _before(self):
        """Constants, and the held arrays before the first step."""
        yield from (f"n{n.index} = {self._literal(n)}" for n in self.order if n.op == "literal")
        for j, n in enumerate(self.uniforms):
            yield self._flag(n, f"tl.broadcast_to(tl.load(uniforms + {j}), (BLOCK,))")
        for j, n in enumerate(self.lanes):
            yield self._flag(n, f"tl.load(lanes + {j} * width + neuron, mask=there, other=0)")
        yield from (f"now{j} = tl.load(held{j} + start + i, mask=there, other=0)" for j in range(len(self.held)))

    def _step(self):
        yield f"t = tl.cast({'steps - 1 - step' if self.backwards else 'step'}, tl.int64)"
        for j, n in enumerate(self.loads.values()):
            if n.index in self.used:
                yield self._flag(n, f"tl.load({self._at('load', j)}, mask=there, other=0)")
        for j, (before, _) in enumerate(self.held.values()):
            if before.index in self.used:
                yield f"n{before.index} = now{j}"
        for n in self.order:
            if n.value is None:
                yield f"n{n.index} = {self._expression(n)}"
        for j, n in enumerate(self.stores.values()):
            value = f"tl.where(n{n.index}, 1, 0)" if n.is_boolean else f"n{n.index}"
            yield f"tl.store({self._at('store', j)}, {value}, mask=there)"
        for j, (_, after) in enumerate(self.held.values()):
            yield f"now{j} = n{after.index}"

    def _flag(self, node, loaded):
        """An assignment of what was loaded; flags are numbers in memory."""
        return f"n{node.index} = {loaded}{' != 0' if node.is_boolean else ''}"

    def _literal(self, node):
        if node.is_boolean:
            return f"tl.full((BLOCK,), {bool(node.attr[0])}, tl.int1)"
        return self._number(node.attr[0])

    def _number(self, x):
        return f"tl.full((BLOCK,), {float(x)!r}, tl.{self.dtype})"

    def _expression(self, node):
        names = [f"n{a.index}" for a in node.args]
        if node.op == "spike":
            return names[0]
        if node.op == "div":
            return self._quotient(node, *names)
        if node.op == "sqrt":
            return _EXACT[self.dtype][1].format(*names)
        if node.op == "sigmoid":
            one = self._number(1.0)
            return _EXACT[self.dtype][0].format(one, f"({one} + libdevice.exp(-{names[0]}))")
        if node.op not in _EXPRESSIONS:
            raise ModelError(f"{node.graph.owner}: torch.{node.op} of a state is not compiled. "
                             f"Allowed: {', '.join(sorted([*_EXPRESSIONS, 'div', 'sqrt', 'sigmoid']))}.")
        return _EXPRESSIONS[node.op].format(*names)

    def _quotient(self, node, a, b):
        divide = _EXACT[self.dtype][0]
        if node.args[1].op == "literal":
            with np.errstate(divide="ignore"):
                real = np.dtype(self.dtype).type
                return f"{a} * {self._number(real(1.0) / real(node.args[1].attr[0]))}"
        if node.args[0].op == "literal":
            return f"{divide.format(self._number(1.0), b)} * {a}"
        return divide.format(a, b)


@functools.cache
def function(text, name, interpreted):
    """The kernel ``name`` of the source ``text``.

    Triton reads the source of a function from its file. The file is kept among the compiled kernels, under a hash of
    its text, for tracebacks and profilers; what runs is the text given here, so that a damaged or unwritable folder
    does not matter. ``interpreted``: whether Triton's interpreter is asked for, which makes another function of it.
    """
    path = native.cache_dir() / "triton" / (hashlib.sha256(text.encode()).hexdigest()[:32] + ".py")
    native.store(path, text.encode())
    # An entry without a time of change is never compared with the file.
    linecache.cache[str(path)] = len(text), None, text.splitlines(keepends=True), str(path)
    names = {"__name__": f"snn_triton_{path.stem}"}
    exec(compile(text, str(path), "exec"), names)
    return names[name]

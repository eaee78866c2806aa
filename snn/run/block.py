"""A thin layer over llvmlite's builder: integer addresses, words of an argument array, counted loops."""

from llvmlite import ir

I64, I32, I16, I8, BOOL = (ir.IntType(n) for n in (64, 32, 16, 8, 1))
POINTER = ir.PointerType()
FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
SIGNATURE = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64])
"""Every kernel is ``void kernel(int64 *words, int64 step, int64 part)``."""


class Block:
    """A function under construction.

    ``b`` is llvmlite's IRBuilder; ``words``, ``step``, ``part`` are the arguments of a kernel. Addresses are int64
    values.
    """

    def __init__(self, name, function=None, step=None, part=None):
        if function is None:
            self.module = ir.Module(name=name)
            function = ir.Function(self.module, SIGNATURE, name=name)
            self.words, step, part = function.args
        else:
            self.module, self.words = function.module, function.args[0]
        self.name, self.function, self.step, self.part = name, function, step, part
        self.b = ir.IRBuilder(function.append_basic_block("entry"))

    def i64(self, x):
        return ir.Constant(I64, int(x))

    def word(self, k):
        """Word ``k`` of the argument array."""
        return self.b.load(self.b.gep(self.words, [self.i64(k)], source_etype=I64), typ=I64)

    def offset(self, base, index, size):
        """Address of element ``index`` (of ``size`` bytes) behind address ``base``."""
        return self.b.add(base, self.b.mul(index, self.i64(size)))

    def at(self, base, index, size):
        """Pointer to element ``index`` (of ``size`` bytes) behind address ``base``."""
        return self.b.inttoptr(self.offset(base, index, size), POINTER)

    def bounds(self, address):
        """First and last + 1 neuron of this part, from an array of part boundaries."""
        return (
            self.b.load(self.at(address, self.part, 8), typ=I64),
            self.b.load(self.at(address, self.b.add(self.part, self.i64(1)), 8), typ=I64),
        )

    def loop(self, start, stop, stride, body, carried=None):
        """``for (i = start; i < stop; i += stride) carried = body(i, carried)``; returns the last ``carried``."""
        b = self.b
        before = b.block
        head, inside, after = (b.append_basic_block(n) for n in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(start, before)
        c = None
        if carried is not None:
            c = b.phi(I64)
            c.add_incoming(carried, before)
        b.cbranch(b.icmp_signed("<", i, stop), inside, after)
        b.position_at_end(inside)
        result = body(i, c)
        i.add_incoming(b.add(i, self.i64(stride)), b.block)
        if c is not None:
            c.add_incoming(result, b.block)
        b.branch(head)
        b.position_at_end(after)
        return c

    def raise_to(self, pointer, x):
        """``*pointer = max(*pointer, x)`` of an int64."""
        before = self.b.load(pointer, typ=I64)
        self.b.store(self.b.select(self.b.icmp_signed(">", x, before), x, before), pointer)

    def fetch(self, pointer):
        """Ask for the cache line of ``pointer`` into the second-level cache, to be read."""
        kind = ir.FunctionType(ir.VoidType(), [POINTER, I32, I32, I32])
        prefetch = self.module.globals.get("llvm.prefetch.p0") or ir.Function(self.module, kind, "llvm.prefetch.p0")
        self.b.call(prefetch, [pointer, *(ir.Constant(I32, x) for x in (0, 2, 1))])

    def call(self, address, function_type, arguments):
        """Call the function of the given type at an integer address."""
        return self.b.call(self.b.inttoptr(address, function_type.as_pointer()), arguments)

    def done(self):
        """Close a kernel; returns ``(IR text, name)``."""
        self.b.ret_void()
        return str(self.module), self.name

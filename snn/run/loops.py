"""The compiled parts of a run beside neurons and synapses: replay, recording, and the time loop itself.

What it is
    A run is a *program*: a list of kernels ``void kernel(int64 *words, int64 step, int64 part)`` that are called in
    order in every step, once per part (thread). The time loop knows nothing about neurons or synapses. Each part owns
    a range of the neurons of every population and writes only there, so the result does not depend on how many parts
    there are; one barrier closes each step.

Each builder returns ``(ir text, function name)``; the words it reads are named beside it.
"""

import functools

from llvmlite import ir

from snn.run.block import FLOATS, I8, I32, I64, POINTER, SIGNATURE, Block

PATIENCE = 500
"""Looks at the barrier's counter before the processor is given away."""


class ReplayWords:
    """Words of a replay kernel; FIRST: where the spikes of each step of this block begin in GIVEN, from step START
    on."""

    GIVEN, FIRST, START, IDS, DEPTH, COUNTS, PARTS, STRIDE = range(8)
    SIZE = 8


@functools.cache
def replay():
    """Put the given spikes of this step into the list of the first part; a neuron may be in it more than once."""
    k, W = Block("replay"), ReplayWords
    b = k.b
    slot = b.srem(k.step, k.word(W.DEPTH))
    ids = k.offset(k.word(W.IDS), b.mul(slot, k.word(W.STRIDE)), 4)
    at = b.sub(k.step, k.word(W.START))
    first = b.load(k.at(k.word(W.FIRST), at, 8), typ=I64)
    last = b.load(k.at(k.word(W.FIRST), b.add(at, k.i64(1)), 8), typ=I64)
    last = b.select(b.icmp_signed("==", k.part, k.i64(0)), last, first)
    given = k.word(W.GIVEN)

    def one(j, count):
        b.store(b.load(k.at(given, j, 4), typ=I32), k.at(ids, count, 4))
        return b.add(count, k.i64(1))

    count = k.loop(first, last, 1, one, k.i64(0))
    b.store(count, k.at(k.word(W.COUNTS), b.add(b.mul(slot, k.word(W.PARTS)), k.part), 8))
    return k.done()


class SpikeWords:
    """Words of a spike recorder; STEPS and OUT have CAPACITY places per part, FILL one counter per part."""

    BOUNDS, IDS, DEPTH, COUNTS, PARTS, STRIDE, MASK, STEPS, OUT, FILL, CAPACITY, STOP = range(12)
    SIZE = 12


@functools.cache
def record_spikes(masked):
    """Append this step's spikes to the buffer; ask the loop to stop when another step might not fit."""
    k, W = Block("record_spikes"), SpikeWords
    b = k.b
    slot = b.srem(k.step, k.word(W.DEPTH))
    lo, _ = k.bounds(k.word(W.BOUNDS))
    ids = k.offset(k.word(W.IDS), b.add(b.mul(slot, k.word(W.STRIDE)), lo), 4)
    n = b.load(k.at(k.word(W.COUNTS), b.add(b.mul(slot, k.word(W.PARTS)), k.part), 8), typ=I64)
    capacity, mask = k.word(W.CAPACITY), k.word(W.MASK)
    region = b.mul(k.part, capacity)
    steps, out = k.offset(k.word(W.STEPS), region, 8), k.offset(k.word(W.OUT), region, 4)
    fill = k.at(k.word(W.FILL), k.part, 8)

    def one(j, count):
        neuron = b.load(k.at(ids, j, 4), typ=I32)
        b.store(neuron, k.at(out, count, 4))
        b.store(k.step, k.at(steps, count, 8))
        wanted = b.zext(b.load(k.at(mask, b.zext(neuron, I64), 1), typ=I8), I64) if masked else k.i64(1)
        return b.add(count, wanted)

    count = k.loop(k.i64(0), n, 1, one, b.load(fill, typ=I64))
    b.store(count, fill)
    with b.if_then(b.icmp_signed(">=", b.add(count, k.word(W.STRIDE)), capacity)):
        b.atomic_rmw("min", b.inttoptr(k.word(W.STOP), POINTER), k.step, "monotonic")
    return k.done()


class CountWords:
    """Words of a spike counter; TOTAL has one counter per part."""

    DEPTH, COUNTS, PARTS, TOTAL = range(4)
    SIZE = 4


@functools.cache
def count_spikes():
    """Add this step's number of spikes to the total of this part."""
    k, W = Block("count_spikes"), CountWords
    b = k.b
    at = b.add(b.mul(b.srem(k.step, k.word(W.DEPTH)), k.word(W.PARTS)), k.part)
    total = k.at(k.word(W.TOTAL), k.part, 8)
    b.store(b.add(b.load(total, typ=I64), b.load(k.at(k.word(W.COUNTS), at, 8), typ=I64)), total)
    return k.done()


class StateWords:
    """Words of a state recorder: row ROW of a population's states; SPLIT divides IDS_WANTED among the parts."""

    STATE, STRIDE, ROW, WANTED, SPLIT, COLUMNS, EVERY, FIRST_ROW, OUT, N_OUT = range(10)
    SIZE = 10


@functools.cache
def record_state(dtype):
    """Copy a state of chosen neurons into row ``(step + 1) / every - FIRST_ROW`` of the buffer."""
    k, W = Block("record_state"), StateWords
    b = k.b
    element, size = FLOATS[dtype], 4 if dtype == "float32" else 8
    time = b.add(k.step, k.i64(1))
    every = k.word(W.EVERY)
    with b.if_then(b.icmp_signed("==", b.srem(time, every), k.i64(0))):
        row = b.sub(b.sdiv(time, every), k.word(W.FIRST_ROW))
        source = k.offset(k.word(W.STATE), b.mul(k.word(W.STRIDE), k.word(W.ROW)), size)
        target = k.offset(k.word(W.OUT), b.mul(row, k.word(W.COLUMNS)), size)
        first, last = k.bounds(k.word(W.SPLIT))
        wanted = k.word(W.WANTED)

        def one(j, _):
            neuron = b.load(k.at(wanted, j, 8), typ=I64)
            b.store(b.load(k.at(source, neuron, size), typ=element), k.at(target, j, size))

        k.loop(first, last, 1, one)
    return k.done()


class SyncWords:
    """Words shared by the parts: COUNTER of the barrier, STOP step, YIELD address of sched_yield or 0, PARTS."""

    COUNTER, STOP, YIELD, PARTS = range(4)
    SIZE = 4


@functools.cache
def time_loop(x86):
    """``int64 run(int64 *program, int64 n_kernels, int64 start, int64 stop, int64 part, int64 *sync)``.

    Calls every kernel of the program in every step; returns the step after the last one done. With more than one part a
    barrier ends each step: a counter that only grows, waited for in a loop that gives the processor away after a while.
    ``x86``: treat denormal numbers as zero meanwhile (arithmetic on them is a hundred times slower, and decaying
    states of silent neurons get there), and pause politely in the barrier.
    """
    module = ir.Module(name="time_loop")
    f = ir.Function(module, ir.FunctionType(I64, [POINTER, I64, I64, I64, I64, POINTER]), name="run")
    program, n_kernels, start, stop, part, sync = f.args
    k = Block("run", f, part=part)
    b = k.b
    before = _flush_denormals(k) if x86 else None

    def cell(w):
        return b.gep(sync, [k.i64(w)], source_etype=I64)

    parts = b.load(cell(SyncWords.PARTS), typ=I64)
    head, body, after = (b.append_basic_block(n) for n in ("step", "work", "end"))
    entry = b.block
    b.branch(head)
    b.position_at_end(head)
    step = b.phi(I64)
    step.add_incoming(start, entry)
    b.cbranch(b.icmp_signed("<", step, stop), body, after)
    b.position_at_end(body)
    k.loop(k.i64(0), n_kernels, 1, lambda j, _: _call_kernel(k, program, j, step))
    following = b.add(step, k.i64(1))
    with b.if_then(b.icmp_signed(">", parts, k.i64(1))):
        _barrier(k, cell, b.mul(b.sub(following, start), parts), x86)
    asked = b.load_atomic(cell(SyncWords.STOP), "acquire", 8, typ=I64)
    step.add_incoming(following, b.block)
    b.cbranch(b.icmp_signed("<=", asked, step), after, head)
    stopping = b.block
    b.position_at_end(after)
    result = b.phi(I64)
    result.add_incoming(step, head)
    result.add_incoming(following, stopping)
    if x86:
        b.call(_intrinsic(k, "llvm.x86.sse.ldmxcsr", POINTER), [before])
    b.ret(result)
    return str(module), "run"


def _call_kernel(k, program, j, step):
    """Call kernel ``j`` of the program: two words each, its address and that of its words."""
    b = k.b
    at = b.mul(j, k.i64(2))
    address = b.load(b.gep(program, [at], source_etype=I64), typ=I64)
    words = b.load(b.gep(program, [b.add(at, k.i64(1))], source_etype=I64), typ=I64)
    k.call(address, SIGNATURE, [b.inttoptr(words, POINTER), step, k.part])


def _flush_denormals(k):
    """Set the bits FTZ and DAZ of the floating-point control register; returns a pointer to what it was before."""
    b = k.b
    before, changed = b.alloca(I32), b.alloca(I32)
    b.call(_intrinsic(k, "llvm.x86.sse.stmxcsr", POINTER), [before])
    b.store(b.or_(b.load(before, typ=I32), ir.Constant(I32, 0x8040)), changed)
    b.call(_intrinsic(k, "llvm.x86.sse.ldmxcsr", POINTER), [changed])
    return before


def _intrinsic(k, name, *arguments):
    return k.module.globals.get(name) or ir.Function(k.module, ir.FunctionType(ir.VoidType(), arguments), name)


def _barrier(k, cell, goal, x86):
    """Wait until all parts have arrived ``goal / parts`` times."""
    b, S = k.b, SyncWords
    b.atomic_rmw("add", cell(S.COUNTER), k.i64(1), "seq_cst")
    before = b.block
    wait, spin, give, again, done = (b.append_basic_block(n) for n in ("wait", "spin", "give", "again", "done"))
    b.branch(wait)
    b.position_at_end(wait)
    tries = b.phi(I64)
    tries.add_incoming(k.i64(0), before)
    b.cbranch(b.icmp_signed(">=", b.load_atomic(cell(S.COUNTER), "acquire", 8, typ=I64), goal), done, spin)
    b.position_at_end(spin)
    if x86:
        b.call(_intrinsic(k, "llvm.x86.sse2.pause"), [])
    give_way = b.load(cell(S.YIELD), typ=I64)
    tired = b.and_(b.icmp_signed(">", tries, k.i64(PATIENCE)), b.icmp_signed("!=", give_way, k.i64(0)))
    b.cbranch(tired, give, again)
    b.position_at_end(give)
    k.call(give_way, ir.FunctionType(I32, []), [])
    b.branch(again)
    b.position_at_end(again)
    tries.add_incoming(b.add(tries, k.i64(1)), again)
    b.branch(wait)
    b.position_at_end(done)

"""The compiled delivery of spikes: the synapses of every spike add their weights to the inputs of their targets."""
import functools

from llvmlite import ir

from snn.run.block import FLOATS, I8, I16, I32, I64, Block

TARGETS = {"uint16": I16, "uint32": I32}
DELAYS = {"uint8": I8, "uint16": I16}
AHEAD = 2
"""Spikes ahead whose targets are asked for."""


class DeliverWords:
    """Words of a delivery kernel."""

    (
        SPLIT,
        TARGETS,
        WEIGHT,
        DELAY,
        RING,
        DEPTH,
        STRIDE,
        IDS,
        SPIKE_DEPTH,
        COUNTS,
        PARTS,
        BOUNDS,
        PRE_STRIDE,
        FIRST,
        N_PRE,
        TOUCHED,
        OFFSET,
        BUSY,
    ) = range(18)
    SIZE = 18


@functools.cache
def deliver(targets, dtype, weight_array, delay, touches, fetches=False):
    """Kernel that adds the weights of the synapses of every spike to the inputs of the target neurons.

    ``targets`` "uint16" | "uint32"; ``weight_array``: one weight per synapse, else one for all; ``delay`` None: one
    delay in words (delivery on arrival), else the type of the delays per synapse (delivery on emission); ``touches``:
    mark the chunks that received something, and hold them (BUSY) until it arrives; ``fetches``: ask for the targets
    of a spike before its turn, for projections that do not fit the second-level cache.
    Returns ``(IR text, name)``.
    """
    return _Deliver(targets, dtype, weight_array, delay, touches, fetches).build()


class _Deliver:
    """Three nested loops: the spike lists of the parts, the spikes of a list, the synapses of a spike."""

    def __init__(self, targets, dtype, weight_array, delay, touches, fetches):
        self.k = Block("deliver")
        self.target_type, self.delay_type = TARGETS[targets], DELAYS.get(delay)
        self.element, self.size = FLOATS[dtype], 4 if dtype == "float32" else 8
        self.weight_array, self.touches, self.fetches = weight_array, touches, fetches

    def build(self):
        k, b = self.k, self.k.b
        self.w = w = {name: k.word(at) for name, at in vars(DeliverWords).items() if name.isupper() and name != "SIZE"}
        self.now = b.srem(k.step, w["DEPTH"])
        self.fixed = b.load(k.at(w["WEIGHT"], k.i64(0), self.size), typ=self.element)
        self.emitted = b.sub(k.step, w["DELAY"] if self.delay_type is None else k.i64(1))
        with b.if_then(b.icmp_signed(">=", self.emitted, k.i64(0))):
            self.slot = b.srem(self.emitted, w["SPIKE_DEPTH"])
            self.base = k.offset(w["RING"], w["OFFSET"], self.size)
            self.row = k.offset(self.base, b.mul(self.now, w["STRIDE"]), self.size)
            k.loop(k.i64(0), w["PARTS"], 1, self._list)
        return k.done()

    def _list(self, q, _):
        k, b, w = self.k, self.k.b, self.w
        start = b.load(k.at(w["BOUNDS"], q, 8), typ=I64)
        self.ids = k.offset(w["IDS"], b.add(b.mul(self.slot, w["PRE_STRIDE"]), start), 4)
        self.count = b.load(k.at(w["COUNTS"], b.add(b.mul(self.slot, w["PARTS"]), q), 8), typ=I64)
        k.loop(k.i64(0), self.count, 1, self._spike)

    def _spike(self, j, _):
        if self.fetches:
            ahead = self.k.b.add(j, self.k.i64(AHEAD))
            with self.k.b.if_then(self.k.b.icmp_signed("<", ahead, self.count)):
                self._row(ahead, self._fetch)
        self._row(j, lambda first, last: self.k.loop(first, last, 1, self._synapse))

    def _row(self, j, use):
        """``use(first, last)`` the synapses of spike ``j`` that end in this part."""
        k, b, w = self.k, self.k.b, self.w
        neuron = b.sub(b.zext(b.load(k.at(self.ids, j, 4), typ=I32), I64), w["FIRST"])
        with b.if_then(b.icmp_unsigned("<", neuron, w["N_PRE"])):
            at = b.add(b.mul(neuron, w["PARTS"]), k.part)
            use(b.load(k.at(w["SPLIT"], at, 8), typ=I64), b.load(k.at(w["SPLIT"], b.add(at, k.i64(1)), 8), typ=I64))

    def _fetch(self, first, last):
        """Ask for the cache lines that hold the targets ``first`` to ``last``."""
        k, size = self.k, self.target_type.width // 8

        def line(s, _):
            k.fetch(k.at(self.w["TARGETS"], s, size))

        k.loop(first, last, 64 // size, line)

    def _synapse(self, s, _):
        k, b, w = self.k, self.k.b, self.w
        target = b.zext(b.load(k.at(w["TARGETS"], s, self.target_type.width // 8), typ=self.target_type), I64)
        row, later = self.row, None
        if self.delay_type is not None:
            later = b.zext(b.load(k.at(w["DELAY"], s, self.delay_type.width // 8), typ=self.delay_type), I64)
            ahead = b.add(self.now, b.sub(later, k.i64(1)))
            ahead = b.select(b.icmp_signed(">=", ahead, w["DEPTH"]), b.sub(ahead, w["DEPTH"]), ahead)
            row = k.offset(self.base, b.mul(ahead, w["STRIDE"]), self.size)
        place = k.at(row, target, self.size)
        weight = self.fixed
        if self.weight_array:
            weight = b.load(k.at(w["WEIGHT"], s, self.size), typ=self.element)
        b.store(b.fadd(b.load(place, typ=self.element), weight), place)
        if self.touches:
            self._touch(target, later)

    def _touch(self, target, later):
        k, b, w = self.k, self.k.b, self.w
        chunk = b.lshr(b.add(target, w["OFFSET"]), k.i64(8))
        b.store(ir.Constant(I8, 1), k.at(w["TOUCHED"], chunk, 1))
        if later is not None:
            k.raise_to(k.at(w["BUSY"], chunk, 8), b.add(self.emitted, later))

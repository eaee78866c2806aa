"""What the kernels of a plastic group share: the words they read, and how they see traces and synapses.

What is put off
    A postsynaptic spike does nothing at its synapses when it comes. With a *history*, the neuron notes the step and
    the traces it had; a synapse takes the notes that are new to it when its presynaptic neuron fires next, in order,
    each at its own time. That is exact for every rule. Where the rule adds an amount that is linear in exponentially
    decaying traces of the presynaptic neuron (``additive``), float32 runs keep *sums* instead: the neuron adds up what
    a presynaptic spike at a common reference step would be worth, a synapse keeps the sum that it saw last, and the
    difference is one addition.
"""
from dataclasses import dataclass

from llvmlite import ir

from snn.run.block import I64, Block
from snn.run.rule_code import Evaluator, RuleCode
from snn.run.vectors import Vectors

NAMES = """CONSTANTS TABLE INVERSE BASE PERIOD FROZEN STOP PARTS BOUNDS OFFSET N_POST N_PRE SPLIT TARGETS WEIGHT AT X_AT
SEEN MOD PRE_IDS PRE_DEPTH PRE_COUNTS PRE_BOUNDS PRE_STRIDE FIRST DELAY POST_IDS POST_DEPTH POST_COUNTS POST_BOUNDS
POST_STRIDE BACK RING DEPTH STRIDE TOUCHED COUNT STEPS VALUES MARKS ROOM MASK""".split()


@dataclass(frozen=True)
class Sum:
    """One running sum: presynaptic trace ``field`` of rule ``r``, whose decay is column ``column`` of the table."""

    r: int
    field: str
    column: int


class Layout:
    """The shape of a group for its kernels.

    ``traced`` rules; ``dtype``; ``targets`` type of the target numbers; ``late``; ``touches`` chunks of the targets;
    ``sums``: tuple of :class:`Sum`, or None where a history is kept; ``noted`` [(r, trace)] what a note holds, and
    "mod".
    """

    def __init__(self, plastic, dtype, targets, touches, sums):
        self.plastic, self.traced, self.dtype, self.targets = plastic, plastic.traced, dtype, targets
        self.late, self.touches, self.sums, self.flows = int(plastic.late), touches, sums, plastic.flows
        self.code = RuleCode(self.traced, dtype)
        self.acting = [bool(t.methods["acts"]) for t in self.traced]
        self.marked = any(self.acting)
        self.posts = [r for r, t in enumerate(self.traced) if t.changes("on_post")]
        used = [(r, name) for r in self.posts for name in sorted(self.traced[r].uses("on_post", "post"))]
        self.noted = used + ([("mod", "")] if any(t.uses("on_post", "mod") for t in self.traced) else [])
        self.words = {name: k for k, name in enumerate(NAMES)}
        for r, t in enumerate(self.traced):
            kinds = {"X": t.rule.Pre, "Y": t.rule.Post, "S": t.rule.Synapse}
            for kind, fields in kinds.items():
                for name in fields._fields[kind == "S":]:
                    self.words[kind, r, name] = len(self.words)
        for name in plastic.reads:
            self.words["READ", name] = len(self.words)
            self.words["PAST", name] = len(self.words)
        for f in range(len(sums or ())):
            for name in ("SUM", "OLD_SUM", "SEEN_SUM"):
                self.words[name, f] = len(self.words)


class Kernel:
    """Base of the kernels of a plastic group: a block, an evaluator with one lane, and access by name."""

    def __init__(self, layout, name):
        self.shape, self.k = layout, Block(name)
        self.b, self.v = self.k.b, Vectors(self.k, layout.dtype, lanes=1)
        # Read once: behind a store the compiler could not know that they are the same.
        self.given = {name: self.k.word(at) for name, at in layout.words.items()}
        self.e = Evaluator(layout.code, self.v, self.word("CONSTANTS"), self.word("TABLE"))
        self.step = self.k.step
        self.frozen = self.b.icmp_signed("!=", self.word("FROZEN"), self.k.i64(0))

    def word(self, name):
        return self.given[name]

    def load(self, name, i):
        return self.v.load(self.word(name), i)

    def store(self, x, name, i):
        self.v.store(x, self.word(name), i)

    def whole(self, name, i, size, kind):
        """The integer at place ``i`` of the array ``name``, as int64."""
        x = self.b.load(self.k.at(self.word(name), i, size), typ=kind)
        return x if kind is I64 else self.b.sext(x, I64)

    def traces(self, kind, r, i):
        """{(leaf, name): value} of the traces of rule ``r`` at place ``i``: kind "X" or "Y"."""
        fields = self.shape.traced[r].rule.Pre if kind == "X" else self.shape.traced[r].rule.Post
        leaf = "pre" if kind == "X" else "post"
        return {(leaf, name): self.load((kind, r, name), i) for name in fields._fields}

    def write(self, kind, r, outputs, i):
        for name, x in outputs.items():
            self.store(x, (kind, r, name), i)

    def each_spike(self, side, emitted, list_of, body, ahead=0, look=None):
        """``body(neuron)`` for the spikes of step ``emitted`` in the list of part ``list_of``, and ``look(neuron)`` for
        each ``ahead`` of its turn."""
        k, b, w = self.k, self.b, self.word
        slot = b.srem(emitted, w(f"{side}_DEPTH"))
        start = b.load(k.at(w(f"{side}_BOUNDS"), list_of, 8), typ=I64)
        ids = k.offset(w(f"{side}_IDS"), b.add(b.mul(slot, w(f"{side}_STRIDE")), start), 4)
        at = b.add(b.mul(slot, w("PARTS")), list_of)
        count = b.load(k.at(w(f"{side}_COUNTS"), at, 8), typ=I64)
        shift, size = (w("FIRST"), w("N_PRE")) if side == "PRE" else (w("OFFSET"), w("N_POST"))

        def use(j, body):
            neuron = b.sub(b.zext(b.load(k.at(ids, j, 4), typ=ir.IntType(32)), I64), shift)
            with b.if_then(b.icmp_unsigned("<", neuron, size)):
                body(neuron)

        def one(j, _):
            if look is not None:
                later = b.add(j, k.i64(ahead))
                with b.if_then(b.icmp_signed("<", later, count)):
                    use(later, look)
            use(j, body)

        k.loop(k.i64(0), count, 1, one)

    def bit(self, boolean):
        """A boolean of one lane as i1."""
        return self.b.extract_element(boolean, ir.Constant(ir.IntType(32), 0))

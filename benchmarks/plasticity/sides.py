"""Who is measured in ``speed``: our engine, NEST and Brian2, learning and not, and who is compared with whom."""
from dataclasses import dataclass, replace

from benchmarks.peers.snn_peer import AXONAL
from benchmarks.registry import OURS, Side

OURS_AXONAL = replace(OURS, variant=AXONAL)
STATIC, ONE_EACH = "brunel", "brunel-weights"
"""The network without learning: one weight for all synapses of a kind, and a weight per excitatory synapse."""


@dataclass(frozen=True)
class PlasticSide(Side):
    """A simulator in one precision on one network."""

    model: str

    def __str__(self):
        return f"{self.simulator.name} {self.simulator.variant} {self.precision} {self.model}"

    @property
    def is_ours(self):
        return self.simulator in (OURS, OURS_AXONAL)

    @property
    def learns(self):
        return self.model not in (STATIC, ONE_EACH)

    @property
    def delay(self):
        """Where the delay of the synapses that learn lies; None where none do."""
        if not self.learns:
            return None
        return "axonal" if self.simulator is OURS_AXONAL or self.simulator.environment == "brian2" else "dendritic"

    def same(self, **other):
        return replace(self, **other)

    def ours(self, precision):
        """Our side with the delay in the same place."""
        return self.same(simulator=OURS_AXONAL if self.delay == "axonal" else OURS, precision=precision)

    @property
    def compared_with(self):
        """Our side that must agree: the same precision for a peer, double for our single, the network with one weight
        for the one with a weight per synapse; None where nothing is left.
        """
        if not self.is_ours:
            return self.ours(self.precision)
        if self.precision == "float32":
            return self.same(precision="float64")
        return self.same(model=STATIC) if self.model == ONE_EACH else None


def sides_of(rule, peers):
    """All sides of one rule: ours with the delay in both places, the peers, and for the additive rule ours static."""
    model = f"brunel-{rule}"
    delays = (OURS,) + ((OURS_AXONAL,) if any(peer.environment == "brian2" for peer in peers) else ())
    found = [PlasticSide(ours, precision, model) for ours in delays for precision in OURS.precisions]
    if rule == "additive":
        found += [PlasticSide(OURS, precision, name) for name in (STATIC, ONE_EACH) for precision in OURS.precisions]
    return found + [PlasticSide(peer, precision, model) for peer in peers for precision in peer.precisions]

"""Vector oscillators: layers of units on a sphere that turn towards each other (AKOrN).

One layer is a :class:`KuramotoLayer` with a coupling; :class:`AKOrNBlock` adds a readout, :class:`AKOrN` chains blocks.
See the page `Vector oscillators` of the documentation.
"""
from snn.train.akorn.attention import AttentionCoupling, LearnedPositions, PairBias, Positions, RotaryPositions
from snn.train.akorn.blocks import AKOrN, AKOrNBlock, AKOrNRun, FeedForward, NormReadout
from snn.train.akorn.couplings import ConvCoupling, DenseCoupling
from snn.train.akorn.layer import KuramotoLayer, KuramotoRun, Omega
from snn.train.akorn.sphere import oscillators, tangent, unit

__all__ = [
    "AKOrN", "AKOrNBlock", "AKOrNRun", "AttentionCoupling", "ConvCoupling", "DenseCoupling", "FeedForward",
    "KuramotoLayer", "KuramotoRun", "LearnedPositions", "NormReadout", "Omega", "PairBias", "Positions",
    "RotaryPositions", "oscillators", "tangent", "unit",
]

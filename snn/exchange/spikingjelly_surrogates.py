"""Surrogate gradients between the margin, which has no unit, and SpikingJelly's v - v_threshold.

Formula
    With ``gap = V_th - V_reset`` the margin is m = (v - V_th) / gap, so a derivative g(v - V_th) by v is gap g(gap m)
    by m. For a surrogate whose derivative is alpha f(alpha x) that is the same one with ``alpha gap``.
"""
from dataclasses import dataclass, replace

from spikingjelly.activation_based import surrogate as theirs

from snn.errors import RunError
from snn.train.surrogate import ATan, Erf, PiecewiseExp, Rectangle, Sigmoid, SoftSign, SuperSpike, Triangle, known

SCALED = {ATan: theirs.ATan, Sigmoid: theirs.Sigmoid, Triangle: theirs.PiecewiseQuadratic, SoftSign: theirs.SoftSign,
          PiecewiseExp: theirs.PiecewiseExp, Erf: theirs.Erf}


@dataclass(frozen=True)
class OfPotential:
    """A surrogate of SpikingJelly, ``surrogate(v - v_threshold)``, called with the margin.

    For surrogates whose derivative does not scale with alpha, and for those that are not known here; a layer with it
    runs eagerly.
    """

    surrogate: object
    gap: float

    def __call__(self, margin):
        return self.surrogate(margin * self.gap)


def fire_of(surrogate, gap, place):
    """What a ``Layer`` needs as ``fire`` for a surrogate of SpikingJelly. Errors: RunError for graded outputs."""
    if not getattr(surrogate, "spiking", True):
        raise RunError(f"{place}: its surrogate gives graded values (spiking=False). Spikes are needed.")
    if type(surrogate) is theirs.Rect:
        return Rectangle(1.0 / (float(surrogate.alpha) * gap))
    ours = known(surrogate)
    if type(ours) in SCALED:
        return replace(ours, alpha=ours.alpha * gap)
    if gap == 1.0:
        return ours or surrogate
    return OfPotential(surrogate, gap)


def surrogate_of(fire, gap):
    """The surrogate of SpikingJelly for the ``fire`` of a layer, or None where there is none."""
    if isinstance(fire, OfPotential) and fire.gap == gap:
        return fire.surrogate
    ours = known(fire)
    if type(ours) in SCALED:
        return SCALED[type(ours)](alpha=ours.alpha / gap)
    if isinstance(ours, Rectangle):
        return theirs.Rect(alpha=1.0 / (ours.width * gap))
    if isinstance(ours, SuperSpike) and gap == 1.0:
        return theirs.SuperSpike(alpha=ours.alpha)
    return fire if isinstance(fire, theirs.SurrogateFunctionBase) and fire.spiking and gap == 1.0 else None

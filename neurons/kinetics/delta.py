"""Delta kinetics: a spike brings a charge."""
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import torch

from snn.kinetics import Kinetics

charge = Annotated[Any, "weight ms"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Delta(Kinetics):
    """A pulse of charge, for models that have a port for currents and none for jumps of the potential.

    Formula
        The charge w of a spike flows within the step after its arrival, as the constant current w / dt. In the limit of
        small dt the potential of a leaky neuron jumps by w / C_m.

    Shapes and units
        State: ``q``, the charge to come; port ``x``. Both in pA ms (= fC) on a port in pA.

    Errors: none beyond those of :func:`snn.compose`.

    Source: N. Brunel (2000), J. Comput. Neurosci. 8:183-208 (delta currents).

    Example: ``snn.compose(AdEx(), kick=Delta())``
    """

    class State(NamedTuple):
        q: charge

    class Ports(NamedTuple):
        x: charge

    def flow(self, s, dt):
        return self.State(q=torch.zeros_like(s.q))

    def receive(self, s, x):
        return self.State(q=s.q + x.x)

    def mean(self, s, dt, v):
        return s.q / dt

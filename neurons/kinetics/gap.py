"""Gap junctions: a current that follows the difference of two potentials."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from snn.kinetics import Kinetics, weight


@dataclass(frozen=True, kw_only=True, eq=False)
class Gap(Kinetics):
    """Electrical synapses: the current sum_j g_ij (v_j - v_i) of the step's beginning, constant through the step.

    Formula
        I_i = sum_j g_ij (v_j - v_i), which arrives on the port ``x`` of a graded projection of differences. First order
        in dt; stable for dt < C_m / sum_j g_ij.

    Shapes and units
        State: ``i``, the current; port ``x``, read at the beginning of a step. Both in the unit of the host's port
        (pA): weights of the projection in nS times potentials in mV.

    Errors: none beyond those of :func:`snn.compose`.

    Source: M. V. L. Bennett (1977), in Handbook of Physiology, The Nervous System I, 357-416; in networks: J. Hahne
    et al. (2015), Front. Neuroinform. 9:22.

    Example::

        cells = net.add("cells", snn.compose(LIF(), gap=Gap()), 2)
        net.couple(cells, cells, snn.Edges([0, 1], [1, 0]), weight=2.0, values={"gap": "v"}, difference=True)
    """

    coupled: ClassVar[tuple] = ("x",)

    class State(NamedTuple):
        i: weight

    class Ports(NamedTuple):
        x: weight

    def couple(self, s, x):
        return self.State(i=x.x)

    def mean(self, s, dt, v):
        return s.i

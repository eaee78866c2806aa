"""Oja's rule."""
from dataclasses import dataclass

from snn.contract import Value, param
from snn.plasticity.rates import RateRule


@dataclass(frozen=True, kw_only=True, eq=False)
class Oja(RateRule):
    """Hebbian learning that keeps the length of the weight vector: it finds the principal component of its inputs.

    Formula
        At a postsynaptic spike w += eta (x - alpha y w);  in the mean dw/dt = eta y (x - alpha y w) per s.
        x and y estimate the rates: a spike adds 1000 / tau, decay with tau_x, tau_y. Where y = sum w x, the weights
        become the eigenvector of the largest eigenvalue of <x x'>, of length 1 / sqrt(alpha).

    Shapes and units
        Pre: ``x`` Hz. Post: ``y`` Hz. eta in the unit of the weight per Hz. Graded activities take the place of the
        traces, and a neuron of activity y makes y such changes per s.

    Errors: ModelError for a negative eta or alpha, a time constant <= 0, w_min not below w_max.

    Source: Oja (1982), J. Math. Biol. 15:267-273.

    Example: ``net.connect(inputs, cells, weight=snn.Uniform(0.0, 0.1), port="delta", plasticity=Oja(alpha=4.0))``
    """

    eta: Value = param(1e-4, unit="1/Hz", doc="learning rate", at_least=0)
    alpha: Value = param(1.0, doc="1 / the squared length of the weight vector", at_least=0)

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + self.eta * (x.x - self.alpha * y.y * s.w)))

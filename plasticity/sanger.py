"""Sanger's rule (generalised Hebbian algorithm)."""
from dataclasses import dataclass

from snn.contract import Value, param
from snn.plasticity.rates import RateRule


@dataclass(frozen=True, kw_only=True, eq=False)
class Sanger(RateRule):
    """Oja's rule for several neurons, each blind to what those before it explain: principal components in order.

    Formula
        Every ``every`` ms, neuron i (in the order of their numbers) with input j:
        w_ij += (every / 1 s) eta y_i (x_j - sum over k <= i of w_kj y_k).
        x and y estimate the rates: a spike adds 1000 / tau, decay with tau_x, tau_y. Where y = w x, row i of w becomes
        the eigenvector of the i-th largest eigenvalue of <x x'>, of length 1.

    Shapes and units
        Pre: ``x`` Hz. Post: ``y`` Hz. eta in the unit of the weight per Hz^2 and s. The estimate of a Poisson rate r
        has the mean square r^2 + 1000 r / (2 tau_y), so spiking neurons need 2 tau_y r far above 1000 (tau in ms).

    Errors: ModelError for a negative eta, every or a time constant <= 0, w_min not below w_max.

    Source: Sanger (1989), Neural Networks 2:459-473.

    Example: ``net.connect(inputs, cells, weight=snn.Normal(0.0, 0.1), port="delta", plasticity=Sanger(tau_y=200.0))``
    """

    tau_x: Value = param(100.0, unit="ms", doc="time constant of the presynaptic rate", above=0)
    tau_y: Value = param(100.0, unit="ms", doc="time constant of the postsynaptic rate", above=0)
    w_min: Value = param(-1.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")
    eta: Value = param(1e-4, unit="1/(Hz^2 s)", doc="learning rate", at_least=0)
    every: Value = param(10.0, unit="ms", doc="time between two changes", above=0)

    def on_time(self, s, x, y, mod, wiring):
        explained = wiring.running(y.y * s.w)
        return s._replace(w=self.clip(s.w + (0.001 * wiring.every) * self.eta * y.y * (x.x - explained)))

"""Soft Hebbian learning: winner-take-all by a softmax."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, param
from snn.plasticity.rates import Hz, require_shorter
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftHebb(SynapticRule):
    """Neurons compete for each input, and learn it in proportion to their share: clustering without a teacher.

    Formula
        Every ``every`` ms: d = x - x_mean, x' = (d - mean of d) / |d - mean of d| over the inputs of a neuron;
        u_k = sum w_ki x'_i;  y = softmax(beta u) over all neurons of the projection;
        w_ki += (every / 1 s) eta y_k (x'_i - u_k w_ki).
        x and x_mean estimate the rates of the inputs, of now and over a long time: a spike adds 1000 / tau, decay with
        tau_x, tau_mean. Only the inputs are read; their spikes need not make the neurons fire. A neuron becomes the
        mean direction of what it wins, of length 1.

    Shapes and units
        Pre: ``x``, ``x_mean`` Hz. The weights have no unit of their own. A neuron whose inputs all have the same
        deviation from their means learns nothing, and one that has no input does not compete.

    Errors: ModelError for a negative eta, beta, every or a time constant <= 0, tau_mean not above tau_x, w_min not
    below w_max.

    Source: Moraitis, Toichkin, Journe, Chua, Guo (2022), Neuromorph. Comput. Eng. 2:044017.

    Example: ``net.connect(pixels, cells, weight=snn.Normal(0.0, 0.1), port="delta", plasticity=SoftHebb(beta=8.0))``
    """

    tau_x: Value = param(100.0, unit="ms", doc="time constant of the presynaptic rate", above=0)
    tau_mean: Value = param(20000.0, unit="ms", doc="time constant of its mean", above=0)
    w_min: Value = param(-1.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")
    eta: Value = param(1.0, unit="1/s", doc="learning rate", at_least=0)
    beta: Value = param(16.0, doc="sharpness of the competition", above=0)
    every: Value = param(100.0, unit="ms", doc="time between two changes", above=0)

    class Pre(NamedTuple):
        x: Hz
        x_mean: Hz

    def check(self):
        super().check()
        require_shorter(self, "tau_x", "tau_mean")

    def decay(self, x, y, dt):
        return self.Pre(x=x.x * torch.exp(-dt / self.tau_x), x_mean=x.x_mean * torch.exp(-dt / self.tau_mean)), y

    def spike(self, x, y):
        return self.Pre(x=x.x + 1000.0 / self.tau_x, x_mean=x.x_mean + 1000.0 / self.tau_mean), y

    def on_time(self, s, x, y, mod, wiring):
        deviation = x.x - x.x_mean
        centred = deviation - wiring.sum_by_post(deviation) / wiring.sum_by_post(torch.ones_like(deviation))
        square = wiring.sum_by_post(centred * centred)
        # Equal deviations differ by rounding, which must not be blown up to length 1.
        told = square > 1e-10 * wiring.sum_by_post(x.x * x.x + x.x_mean * x.x_mean)
        direction = torch.where(told, centred / torch.sqrt(torch.where(told, square, 1.0)), 0.0)
        u = wiring.sum_by_post(s.w * direction)
        of_neurons = u.new_full((wiring.n_post,), -torch.inf)
        of_neurons[wiring.post] = u
        share = torch.softmax(self.beta * of_neurons, 0)[wiring.post]
        change = share * (direction - u * s.w)
        return s._replace(w=self.clip(s.w + (0.001 * wiring.every) * self.eta * change))

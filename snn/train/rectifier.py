"""The membrane potential rectifier: potentials are drawn towards what a spike, or its absence, says about them.

What it is
    A spike tells the next layer 0 or 1, whatever the potential was. :func:`rectified` gives a model whose potential is
    bent by a fixed monotone function after every input, in training only, so that less is lost in that quantisation.
    The function keeps threshold and reset, so the same potential gives the same spike.

Formula (u is 0 at V_reset and 1/2 at V_th: u = (1 + m) / 2 with the margin m = (V - V_th) / (V_th - V_reset))
    phi(u) = u^(1/3)                                      for u > 1
             1 - (1 - u)^(1/3)                            for u < 0
             1/2 + tanh(3 (u - 1/2)) / (2 tanh(3/2))      between
    which is odd in m: phi(m) = tanh(3 m / 2) / tanh(3 / 2) for |m| <= 1, else sign(m) (2 ((1 + |m|) / 2)^(1/3) - 1).

Source: Guo et al. (2022), "Reducing information loss for spiking neural networks", European Conference on Computer
Vision; its soft reset is the model ``SoftLIF``.

Example::

    layer = Layer(rectified(SoftLIF(E_L=0, V_th=1, V_reset=0)), 100, dt=1.0)   # layer.eval() runs SoftLIF itself
    margin = layer.run(x, traces="margin").traces["margin"]
    loss = loss + 0.1 * quantisation_error(margin)
"""
import dataclasses
import functools
import math

import torch

from snn.contract import Neuron, numbers
from snn.errors import ModelError


def bent(margin):
    """phi of the module, from margin to margin."""
    size = torch.abs(margin)
    root = torch.exp(torch.log(torch.clamp(0.5 + 0.5 * size, min=1.0)) * (1.0 / 3.0))
    outside = torch.where(margin < 0, 1.0 - 2.0 * root, 2.0 * root - 1.0)
    return torch.where(size > 1.0, outside, torch.tanh(1.5 * margin) * (1.0 / math.tanh(1.5)))


def quantisation_error(margin):
    """Mean of ``(u - z)^2``, u as in the module and z the spike (1 where the margin is >= 0): a metric, or a loss."""
    return torch.mean(torch.square(0.5 + 0.5 * margin - (margin >= 0).to(margin.dtype)))


def rectified(model):
    """``model`` with the rectifier behind ``receive``, for training; in evaluation a ``Layer`` runs ``model`` itself.

    Errors: ModelError for a model without V_th, V_reset and a potential v between which its margin is linear.
    """
    if not isinstance(model, Neuron):
        raise ModelError(f"rectified.model: is a {type(model).__name__}. A neuron model is expected.")
    _check_margin(model)
    return _rectified_type(type(model))(**{f.name: getattr(model, f.name) for f in dataclasses.fields(model)})


@functools.cache
def _rectified_type(Model):
    @dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
    class Rectified(Model):
        def receive(self, s, x):
            s = super().receive(s, x)
            gap = self.V_th - self.V_reset
            return s._replace(v=self.V_th + gap * bent((s.v - self.V_th) / gap))

        def in_evaluation(self):
            """The model that this one was made from."""
            return Model(**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)})

        def quiet(self):
            return None

        def __reduce__(self):
            return rectified, (self.in_evaluation(),)

    Rectified.exact = False
    Rectified.__name__ = Rectified.__qualname__ = f"Rectified{Model.__name__}"
    return Rectified


def _check_margin(model):
    """Raise unless the margin is (v - V_th) / (V_th - V_reset) whatever the other states of a free neuron are."""
    name, fields = type(model).__name__, {f.name for f in dataclasses.fields(model)}
    if not {"V_th", "V_reset"} <= fields or "v" not in model.State._fields:
        raise ModelError(f"rectified.model: {name} lacks V_th, V_reset or v. A model such as LIF is expected.")
    bound = model.bind(max(numbers(v).size for v in vars(model).values()), torch.float64)
    s = bound.State(**{k: torch.as_tensor(v, dtype=torch.float64) + (0.0 if k == "ref" else 1.7)
                       for k, v in bound.rest()._asdict().items()})
    margin = bound.margin(s)
    if margin is None or not torch.allclose(margin, (s.v - bound.V_th) / (bound.V_th - bound.V_reset), 1e-9, 1e-12):
        raise ModelError(f"rectified.model: the threshold of {name} moves, or it has none. A model whose margin is "
                         "(v - V_th) / (V_th - V_reset), such as LIF, is expected.")


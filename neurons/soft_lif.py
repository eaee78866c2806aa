"""Leaky integrate-and-fire neuron that keeps what exceeds the threshold."""
from dataclasses import dataclass

import torch

from snn.contract import Value, choose, param
from snn.neurons.lif import LIF


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftLIF(LIF):
    """Leaky integrate-and-fire neuron with a soft reset: a spike takes V_th - V_reset off the potential.

    Formula
        As :class:`LIF`, but at a spike V -= V_th - V_reset, so that the charge above threshold is not lost: without
        leak, n (V_th - V_reset) + V - E_L is the sum of all inputs. What is left may exceed V_th again; then the neuron
        fires in the next step too, or after t_ref, for which V is held.

    Shapes and units
        As :class:`LIF`. State: ``v`` mV, ``ref`` ms, ``i`` pA. Ports: ``delta`` mV, ``current`` pA.

    Errors: as :class:`LIF`.

    Source: Guo et al. (2022), "Reducing information loss for spiking neural networks", European Conference on Computer
    Vision; Rueckauer et al. (2017), Frontiers in Neuroscience 11:682 (reset by subtraction).

    Example: ``SoftLIF(E_L=0.0, V_th=1.0, V_reset=0.0)``
    """

    t_ref: Value = param(0.0, unit="ms", doc="refractory time", at_least=0)

    def margin(self, s):
        # A held neuron may lie above threshold and must not fire.
        return torch.where(s.ref < -0.5, super().margin(s), -1.0)

    def reset(self, s, z):
        return super().reset(s, z)._replace(v=choose(z, s.v - (self.V_th - self.V_reset), s.v))

    def quiet(self):
        # What is left after a spike may be enough for the next one without any input.
        return None

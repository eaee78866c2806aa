"""Izhikevich's two-variable neuron."""
from dataclasses import dataclass
from typing import NamedTuple

from snn.contract import Neuron, Value, choose, mV, param, unitless
from snn.neurons.lif import require_below


@dataclass(frozen=True, kw_only=True, eq=False)
class Izhikevich(Neuron):
    """Quadratic neuron with a recovery variable; four numbers select the firing class.

    Formula
        dv/dt = 0.04 v^2 + 5 v + 140 - u + I;  du/dt = a (b v - u)   (v in mV, t in ms);  v += x.delta
        Two half steps of dt / 2 for v, then one step of u with the new v as in the published program (dt = 1 ms).
        Spike where v >= V_peak, then v = c and u += d. There is no refractory time.
        I is ``x.current`` of the step before.

    Shapes and units
        State: ``v`` mV, ``u`` and ``i`` unitless as published (both mV/ms by their place in the equation).
        Ports: ``delta`` mV, ``current`` unitless. Every field is a number or one value per neuron.

    Errors: ModelError for a <= 0, c >= V_peak. A step above 1 ms is refused.

    Source: E. M. Izhikevich (2003), IEEE Trans. Neural Networks 14:1569-1572, with the classes of its figure 2.

    Example: ``Izhikevich.chattering()``; ``Izhikevich(a=0.02, b=0.2, c=-65.0, d=8.0)``
    """

    a: Value = param(0.02, unit="1/ms", doc="rate of the recovery variable", above=0)
    b: Value = param(0.2, unit="1/ms", doc="sensitivity of the recovery variable to v")
    c: Value = param(-65.0, unit="mV", doc="potential after a spike")
    d: Value = param(8.0, unit="mV/ms", doc="step of the recovery variable at a spike")
    V_peak: Value = param(30.0, unit="mV", doc="potential at which a spike is counted")

    class State(NamedTuple):
        v: mV
        u: unitless
        i: unitless

    class Ports(NamedTuple):
        delta: mV
        current: unitless

    @classmethod
    def regular_spiking(cls):
        """Excitatory cortical cell: spikes that slow down (the default parameters)."""
        return cls(a=0.02, b=0.2, c=-65.0, d=8.0)

    @classmethod
    def intrinsically_bursting(cls):
        """Excitatory cortical cell: one burst, then single spikes."""
        return cls(a=0.02, b=0.2, c=-55.0, d=4.0)

    @classmethod
    def chattering(cls):
        """Excitatory cortical cell: repeated bursts of closely spaced spikes."""
        return cls(a=0.02, b=0.2, c=-50.0, d=2.0)

    @classmethod
    def fast_spiking(cls):
        """Inhibitory cortical cell: high rate without adaptation."""
        return cls(a=0.1, b=0.2, c=-65.0, d=2.0)

    @classmethod
    def low_threshold(cls):
        """Inhibitory cortical cell: low threshold, with adaptation."""
        return cls(a=0.02, b=0.25, c=-65.0, d=2.0)

    @classmethod
    def thalamo_cortical(cls):
        """Relay cell: tonic from rest, a rebound burst after inhibition."""
        return cls(a=0.02, b=0.25, c=-65.0, d=0.05)

    @classmethod
    def resonator(cls):
        """Cell with damped or sustained oscillations below threshold."""
        return cls(a=0.1, b=0.26, c=-65.0, d=2.0)

    def check(self):
        require_below(self, "c", "V_peak")

    def rest(self):
        # The lower fixed point. Where there is none (the neuron fires by itself) the minimum of dv/dt is taken; the
        # small number keeps the gradient of the root finite there.
        k = 5.0 - self.b
        square = k * k - 22.4
        v = -(k + (0.5 * (square + abs(square)) + 1e-24) ** 0.5) / 0.08
        return self.State(v=v, u=self.b * v, i=0.0)

    def flow(self, s, dt):
        v = s.v + 0.5 * dt * self.slope(s.v, s)
        v = v + 0.5 * dt * self.slope(v, s)
        return s._replace(v=v, u=s.u + dt * self.a * (self.b * v - s.u))

    def slope(self, v, s):
        """dv/dt at potential ``v`` with the recovery variable and current of state ``s``."""
        return 0.04 * v * v + 5.0 * v + 140.0 - s.u + s.i

    def receive(self, s, x):
        return s._replace(v=s.v + x.delta, i=x.current)

    def margin(self, s):
        return (s.v - self.V_peak) / (self.V_peak - self.c)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.c, s.v), u=choose(z, s.u + self.d, s.u))

    def max_dt(self):
        return 1.0

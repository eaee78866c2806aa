"""Models and comparisons for the tests of the time loops that Triton makes."""
import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from snn.contract import Neuron, choose, param, unitless
from snn.neurons import ALIF, LIF, AdEx, CobaLIF, CubaLIF, Izhikevich, LeakyReadout
from snn.train import triton_runner
from snn.train.layer import Layer

UNIT = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixed(Neuron):
    """A model of one's own with every operation that the contract allows for a state."""

    tau: float = param(5.0, unit="ms", doc="time constant", above=0)
    gain: float = param(0.4, doc="gain of the second state")
    limit: float = param(2.0, doc="limit of the first state")

    class State(NamedTuple):
        v: unitless
        w: unitless

    class Ports(NamedTuple):
        delta: unitless
        other: unitless

    def rest(self):
        return self.State(v=0.1, w=0.0)

    def flow(self, s, dt):
        smooth = torch.tanh(s.w) + torch.sigmoid(s.v) - torch.sqrt(s.v * s.v + 1.0) + torch.log(s.w * s.w + 1.5)
        wave = torch.sin(s.v) * torch.cos(s.w) + torch.log1p(s.w * s.w) - torch.expm1(-torch.abs(s.v))
        power = (s.w * s.w + 0.5) ** 1.7 / 4.0 + 0.3 / (s.v * s.v + 1.0)
        far = ~((torch.abs(s.v) < 1.5) | (s.w > 1.0)) & (s.v != s.w)
        v = torch.where(far, 0.5 * s.v, s.v * torch.exp(-dt / self.tau) + 0.1 * (smooth + wave + power))
        # Half a whole number: every other one is a tie.
        whole = torch.floor(4.0 * s.v)
        return self.State(v=v, w=self.gain * whole + 0.5 * torch.round(0.5 * whole))

    def receive(self, s, x):
        v = torch.minimum(torch.maximum(s.v + x.delta - 0.2 * x.other, -self.limit), self.limit)
        return self.State(v=v, w=torch.clamp(s.w + x.other, -3.0, 3.0))

    def margin(self, s):
        return (s.v - 1.0) / (self.limit - 1.0)

    def reset(self, s, z):
        # Each of the two becomes what the other was.
        return self.State(v=choose(z, 0.2 * s.w, s.v), w=choose(z, s.v, s.w))


@dataclass(frozen=True, kw_only=True, eq=False)
class Inverse(Neuron):
    """A number divided by a state, and nothing else that torch might round in another way."""

    class State(NamedTuple):
        v: unitless

    class Ports(NamedTuple):
        delta: unitless

    def rest(self):
        return self.State(v=0.1)

    def flow(self, s, dt):
        return self.State(v=0.3 / (s.v * s.v + 1.1))

    def receive(self, s, x):
        return self.State(v=s.v + x.delta)

    def margin(self, s):
        return s.v - 1.0

    def reset(self, s, z):
        return self.State(v=choose(z, 0.2 * s.v, s.v))


class Quotient(Inverse):
    """A state divided by a number too: torch multiplies with the reciprocal on a device, and divides on the CPU."""

    def flow(self, s, dt):
        return self.State(v=0.3 / (s.v * s.v + 1.1) + s.v / 3.0)


# model, {port: (mean, spread)}, fields to learn, whether the model calls functions like exp in every step
CASES = {
    "lif": (LIF(tau_m=10.0, t_ref=0.0, **UNIT), {"delta": (0.3, 0.5)}, ("tau_m", "V_th"), False),
    "lif-held": (LIF(tau_m=10.0, t_ref=2.0, C_m=10.0, **UNIT), {"delta": (0.3, 0.5), "current": (0.5, 1.0)},
                 ("tau_m", "C_m", "V_reset"), False),
    "alif": (ALIF(tau_m=10.0, t_ref=0.0, beta=0.3, **UNIT), {"delta": (0.3, 0.5)}, ("tau_m", "beta", "tau_a"), False),
    "cuba": (CubaLIF(), {"exc": (400.0, 200.0), "inh": (0.0, 20.0)}, ("tau_m", "tau_exc", "tau_inh"), False),
    "coba": (CobaLIF(), {"exc": (30.0, 5.0), "inh": (2.0, 2.0)}, (), True),
    "adex": (AdEx(), {"current": (4000.0, 1000.0)}, (), True),
    "izhikevich": (Izhikevich(), {Izhikevich.Ports._fields[0]: (40.0, 5.0)}, (), False),
    "readout": (LeakyReadout(), {"delta": (0.0, 1.0)}, ("tau",), False),
    "inverse": (Inverse(), {"delta": (0.3, 0.8)}, (), False),
    "quotient": (Quotient(), {"delta": (0.3, 0.8)}, (), True),
    "mixed": (Mixed(), {"delta": (0.3, 0.8), "other": (0.1, 0.5)}, ("tau", "gain", "limit"), True),
}
EXACT = [name for name, (*_, functions) in CASES.items() if not functions]


def on_triton(layer):
    """``layer``, whose loops Triton makes, wherever its input is."""
    made = {}

    def runner(like, ports, names):
        key = like.dtype, like.device, ports, names
        if key not in made:
            made[key] = triton_runner.runner(layer._text, layer.dt, layer.fire, layer.detach_reset,
                                             tuple(layer._bounds), ports, names[0], names[1:], *key[:2])
        return made[key]

    layer._runner = runner
    return layer


def on_eager(layer):
    layer._runner = lambda *asked: None
    return layer


def given(ports, shape, dtype=torch.float64, device="cpu"):
    gen = torch.Generator().manual_seed(0)
    return {p: (mean + spread * torch.randn(shape, dtype=torch.float64, generator=gen)).to(device, dtype)
            for p, (mean, spread) in ports.items()}


def layer_of(case, n, each, dtype=torch.float64, dt=0.5, **options):
    model, _, learn, _ = CASES[case]
    if each and learn:
        spread = 1.0 + 0.1 * np.random.default_rng(0).random(n)
        model = dataclasses.replace(model, **{k: getattr(model, k) * spread for k in learn})
    return Layer(model, n, dt=dt, learn=learn, **options).to(dtype)


def results(layer, inputs, traces=(), state=None):
    """Output, traces, last state, and gradients of inputs and parameters of a random weighting of all of them."""
    layer.zero_grad()
    x = {p: v.clone().requires_grad_() for p, v in inputs.items()}
    run = layer.run(x, state, traces=traces)
    gen = torch.Generator().manual_seed(7)
    # A weight is drawn for every value, also for one that needs no gradient: eager and compiled differ in which do.
    weighted = [(v, torch.randn(v.shape, dtype=torch.float64, generator=gen).to(v))
                for v in (run.out, *run.traces.values(), *run.state)]
    sum((v * w).sum() for v, w in weighted if v.requires_grad).backward()
    return run, [v.grad if v.grad is not None else torch.zeros_like(v) for v in (*x.values(), *layer.parameters())]


def relative(a, b):
    return float((a - b).detach().abs().max() / a.detach().abs().max().clamp_min(1e-30))


def compare(layer, inputs, exact, tolerance, **options):
    slow, slow_grads = results(on_eager(layer), inputs, **options)
    fast, fast_grads = results(on_triton(layer), inputs, **options)
    pairs = [(slow.out, fast.out), *zip(slow.traces.values(), fast.traces.values(), strict=True),
             *zip(slow.state, fast.state, strict=True)]
    for a, b in pairs:
        assert torch.equal(a, b) if exact else relative(a, b) < 1e-12
    assert any(float(g.abs().max()) > 0 for g in slow_grads)
    for a, b in zip(slow_grads, fast_grads, strict=True):
        assert relative(a, b) < tolerance
    return slow, fast

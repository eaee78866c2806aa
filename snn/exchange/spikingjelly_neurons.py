"""Neurons of SpikingJelly and layers of ours that step alike.

====================================  ==========================================================================
SpikingJelly                          ours
====================================  ==========================================================================
``IFNode``, hard reset                ``IF(t_ref=0)``, ``EulerLIF(leak=0)``
``IFNode(v_reset=None)``              ``EulerLIF(leak=0, keep=1)``
``LIFNode``                           ``EulerLIF(leak=1 / tau)``; ``decay_input`` and ``keep`` are 1 or 0
``LIFNode(decay_input=False)``        also ``LIF`` and ``SoftLIF`` with 1 - 1 / tau = exp(-dt / tau_m)
``ParametricLIFNode``                 ``EulerLIF`` with a learned leak, ``ParametricLIF`` with a learned w
====================================  ==========================================================================

tau is in steps there. A soft reset leaks to 0 there, so potentials are relative to V_reset then.
"""
import math
from dataclasses import dataclass, fields

import torch
from spikingjelly.activation_based import neuron as theirs
from spikingjelly.activation_based import surrogate
from torch import nn

from snn.contract import numbers
from snn.errors import RunError
from snn.exchange.spikingjelly_surrogates import fire_of, surrogate_of
from snn.neurons.euler_lif import EulerLIF
from snn.neurons.integrate_fire import IF
from snn.neurons.lif import LIF
from snn.neurons.parametric_lif import ParametricLIF
from snn.neurons.soft_lif import SoftLIF
from snn.train.layer import Layer

LOSSES = ("refractory", "rest", "learning", "surrogate")
WHY = {
    "QIFNode": "takes an Euler step of its curve, where snn.neurons.QIF solves it",
    "EIFNode": "takes an Euler step of its curve, where snn.neurons.EIF takes the midpoint rule",
    "IzhikevichNode": "takes an Euler step of its curve, unlike snn.neurons.Izhikevich",
    "TernaryIFNode": "fires spikes of either sign, which no synapse carries",
    "TernaryLIFNode": "fires spikes of either sign, which no synapse carries",
    "CUBALIFNode": "lets its current act in the step in which the input arrives, unlike snn.neurons.CubaLIF",
    "RAFNode": "resets one of its two variables, where snn.neurons.ResonateFire resets both",
}


def layer_of(node, n, dt, place):
    """The :class:`~snn.train.Layer` of ``n`` neurons (None: any) that steps as a neuron of SpikingJelly.

    Errors: RunError for a neuron that has no counterpart, by name and place.
    """
    kind = type(node).__name__
    if type(node) not in (theirs.IFNode, theirs.LIFNode, theirs.ParametricLIFNode):
        why = WHY.get(kind, "has no counterpart here")
        raise RunError(f"{place}: a {kind} cannot be taken over: it {why}. Known are IFNode, LIFNode and "
                       "ParametricLIFNode.")
    soft = node.v_reset is None
    reset = 0.0 if soft else float(node.v_reset)
    gap = float(node.v_threshold) - reset
    if not gap > 0:
        raise RunError(f"{place}: the v_threshold of the {kind} ({node.v_threshold:g}) is not above its reset "
                       f"({reset:g}). It must be above.")
    fire = fire_of(node.surrogate_function, gap, place)
    common = {"V_th": float(node.v_threshold), "V_reset": reset}
    if type(node) is theirs.IFNode and not soft:
        model = IF(C_m=1.0, E_L=reset, t_ref=0.0, **common)
    else:
        decay = float(getattr(node, "decay_input", False))
        model = EulerLIF(leak=_leak(node), decay_input=decay, keep=float(soft), **common)
    learned = ("leak",) if type(node) is theirs.ParametricLIFNode else ()
    layer = Layer(model, n, dt=dt, fire=fire, learn=learned, detach_reset=node.detach_reset)
    if learned:
        layer.raw["leak"] = nn.Parameter(node.w.detach().clone(), node.w.requires_grad)
    return layer


def _leak(node):
    if type(node) is theirs.IFNode:
        return 0.0
    if type(node) is theirs.LIFNode:
        return 1.0 / node.tau
    return float(torch.sigmoid(node.w.detach().double()))


@dataclass(frozen=True)
class Form:
    """A model as SpikingJelly has it. ``learned``: the field that their ``w`` stands for, where there is one."""

    leak: float
    decay_input: bool
    soft: bool
    gap: float
    reset: float
    learned: str | None = None


class Refused(Exception):
    """Why a part has no counterpart, as one sentence; ``loss``: what to allow for it, or None."""

    def __init__(self, why, loss=None):
        super().__init__(why)
        self.loss = loss


def node_of(layer, allow):
    """The neuron of SpikingJelly, in multi-step mode, that steps as ``layer`` does.

    Errors: :class:`Refused`, with what to allow where something small is lost.
    """
    model, kind = layer.model, type(layer.model).__name__
    form = _form(model, layer.dt, allow)
    if layer.emit != "z" or layer.port != "delta":
        raise Refused(f"the layer takes its input at {layer.port!r} and gives {layer.emit!r}; neurons there take a "
                      "step of the potential and give spikes")
    for name in layer.raw:
        if name != form.learned and "learning" not in allow:
            raise Refused(f"its {name} is learned, which no neuron there can", "learning")
    gradient = surrogate_of(layer.fire, form.gap)
    if gradient is None:
        if "surrogate" not in allow:
            raise Refused(f"the surrogate {type(layer.fire).__name__} has no counterpart for V_th - V_reset = "
                          f"{form.gap:g}", "surrogate")
        gradient = surrogate.ATan()
    common = {"v_threshold": form.gap + (0.0 if form.soft else form.reset),
              "v_reset": None if form.soft else form.reset,
              "surrogate_function": gradient, "detach_reset": layer.detach_reset, "step_mode": "m"}
    if form.learned in layer.raw:
        node = theirs.ParametricLIFNode(2.0, form.decay_input, **common)
        node.w = _weight(layer.raw[form.learned], form)
        return node
    if form.leak == 0.0:
        return theirs.IFNode(**common)
    if form.leak >= 1.0:
        raise Refused(f"the {kind} forgets all within a step, and tau there is above 1")
    return theirs.LIFNode(1.0 / form.leak, form.decay_input, **common)


def _weight(raw, form):
    """Their ``w``: the free parameter of ours where that is the same, bit for bit, else what gives the same leak."""
    with torch.no_grad():
        same = form.learned in ("leak", "w") and math.isclose(float(torch.sigmoid(raw)), form.leak, rel_tol=1e-6)
        value = raw.detach().clone() if same else raw.new_tensor(math.log(form.leak) - math.log1p(-form.leak))
    return nn.Parameter(value, raw.requires_grad)


def _form(model, dt, allow):
    kind = type(model)
    if kind not in (IF, LIF, SoftLIF, ParametricLIF, EulerLIF):
        raise Refused(f"a {kind.__name__} has no counterpart there")
    value = {f.name: _single(model, f.name) for f in fields(model)}
    if value.get("t_ref", 0.0) > 0.5 * dt and "refractory" not in allow:
        raise Refused(f"the {kind.__name__} is held for t_ref = {value['t_ref']:g} ms, which no neuron there is",
                      "refractory")
    if value.get("E_L", value["V_reset"]) != value["V_reset"] and "rest" not in allow:
        raise Refused(f"the {kind.__name__} rests at E_L = {value['E_L']:g} mV and is reset to "
                      f"{value['V_reset']:g} mV, which are one there", "rest")
    common = {"gap": value["V_th"] - value["V_reset"], "reset": value["V_reset"]}
    if kind is IF:
        return Form(0.0, False, False, **common)
    if kind is ParametricLIF:
        return Form(1.0 / (1.0 + math.exp(-value["w"])), True, False, **common, learned="w")
    if kind is not EulerLIF:
        return Form(-math.expm1(-dt / value["tau_m"]), False, kind is SoftLIF, **common, learned="tau_m")
    for name in ("decay_input", "keep"):
        if value[name] not in (0.0, 1.0):
            raise Refused(f"its {name} is {value[name]:g}, and there it is 0 or 1")
    return Form(value["leak"], bool(value["decay_input"]), bool(value["keep"]), **common, learned="leak")


def _single(model, name):
    value = numbers(getattr(model, name))
    if value.size and (value != value.flat[0]).any():
        raise Refused(f"the {type(model).__name__} has a {name} per neuron, and a layer there has one for all")
    return float(value.flat[0])

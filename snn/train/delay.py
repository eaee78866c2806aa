"""Learnable delays: a weight and a delay for every synapse, or a delay for every neuron.

Example::

    net = nn.Sequential(Delay(140, 256, longest=240.0, dt=10.0), Folded(nn.BatchNorm1d(256)), Layer(lif, 256, dt=10.0),
                        Delay(256, 20, longest=240.0, dt=10.0), Layer(readout, 20, dt=10.0))
    optimiser = torch.optim.Adam(parameter_groups(net, lr=1e-3, weight_decay=1e-5))

Source: Hammouamri, Khalfaoui-Hassani, Masquelier 2024 ("Learning Delays in Spiking Neural Networks using Dilated
Convolutions with Learnable Spacings").
"""
import math
from numbers import Integral, Real

import numpy as np
import torch
from torch import nn

from snn.contract import steps_of
from snn.errors import ModelError, RunError
from snn.train.checks import checked_inputs, one_of
from snn.train.held import eager_is_asked_for
from snn.train.kernels_of_delay import Gaussian, Kernel, whole
from snn.train.shift import possible, shift
from snn.train.stateful import Stateful, transformed
from snn.train.taps import dense, plain

MOST_TAPS = 32
"""More taps than this are not unrolled into a compiled loop."""


def cheaper(taps):
    """``shift`` or ``dense``, whichever takes less time on the CPU for a kernel of so many taps.

    Both do one multiply-add per synapse, sample, step and tap; ``shift`` does them for the taps of the kernel,
    ``dense`` for all possible steps, and unfolds its input besides. Measured on one core, forward and backward,
    256 x 256, T = 100, 25 possible steps, in ms: batch 128: dense 1,470, shift 132 (2 taps) and 311 (6); batch 8: dense
    99, shift 10 (2) and 83 (all 25). So shift never lost; only kernels too wide to be unrolled are left to ``dense``.
    """
    return shift if taps <= MOST_TAPS else dense


class _Delays(Stateful):
    """What delays per synapse and per neuron share: the schedule, clamping, the inputs held back, evaluation."""

    _emitted = "out"

    def __init__(self, shape, longest, dt, kernel, execution, step_mode):
        super().__init__()
        self._where = type(self).__name__
        self.dt, self.longest = _checked(self._where, longest, dt, kernel, execution)
        self.kernel, self.execution = kernel, execution
        self.width = kernel.width(0.0, self.longest)
        self.steps = nn.Parameter(torch.rand(shape) * self.longest)
        self.declare(("past",), one_of(step_mode, ("m", "s"), f"{self._where}.step_mode"))

    @property
    def ms(self):
        """The delays in ms: real numbers while training, detached."""
        return self.steps.detach() * self.dt

    def whole_steps(self):
        """The delays of evaluation and deployment, in whole steps (ties go to the even step): int64 array."""
        return self.steps.detach().round().cpu().numpy().astype(np.int64)

    @torch.no_grad()
    def constrain(self):
        """Clamp the delays to 0 .. longest; call it after every optimiser step."""
        self.steps.clamp_(0, self.longest)

    def anneal(self, progress):
        """Set the width of the kernel for ``progress`` (0 to 1, the share of the training that is done)."""
        if not isinstance(progress, Real) or not 0 <= progress <= 1:
            raise RunError(f"{self._where}.anneal: progress is {progress!r}. A number from 0 (begin of the training) "
                           "to 1 is expected.")
        self.width = self.kernel.width(float(progress), self.longest)

    def get_extra_state(self):
        """dt and the width of the kernel belong to a checkpoint."""
        return torch.tensor([self.dt, self.width], dtype=torch.float64)

    def set_extra_state(self, state):
        dt, self.width = state.tolist()
        if not math.isclose(dt, self.dt):
            raise ModelError(f"{self._where}.dt: is {self.dt:g} ms while the delays to be loaded are in steps of "
                             f"{dt:g} ms. Make the layer with dt={dt:g}.")

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        given = state_dict.get(prefix + "steps")
        if given is not None:
            if given.shape != self.steps.shape:
                raise ModelError(f"{self._where}.steps: to be loaded has shape {list(given.shape)}. "
                                 f"{list(self.steps.shape)} is expected.")
            outside = given[~((given >= 0) & (given <= self.longest))]
            if outside.numel():
                raise ModelError(f"{self._where}.steps: to be loaded holds a delay of {float(outside[0]):g} steps. "
                                 f"0 to {self.longest} are allowed (longest={self.longest * self.dt:g} ms).")
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def materialize_states(self, inputs, states, step_mode):
        """SpikingJelly's protocol: the inputs of the last ``longest`` steps, zeros where there were none."""
        x = self._inputs(inputs[0], step_mode == "m")["x"]
        past = states[0]
        return (x.new_zeros(self.longest, *x.shape[1:]) if past is None else past,)

    def _inputs(self, x, many):
        inputs = checked_inputs(x, ("x",), "x", self.steps.shape[-1], many, self._where)
        given = inputs["x"]
        if (given.dtype, given.device) != (self.steps.dtype, self.steps.device):
            raise RunError(f"{self._where}.x: is {given.dtype} on {given.device} while the delays are "
                           f"{self.steps.dtype} on {self.steps.device}. Use net.to(x.device, x.dtype).")
        return inputs

    def _begin(self, inputs, values):
        return values

    def _advance(self, inputs, state, names):
        x, (past,) = inputs["x"], state
        seen = x if past is None else torch.cat([past, x])
        out = self._delayed(seen, 0 if past is None else self.longest)
        return {self._emitted: out}, (self._last(seen),)

    def _last(self, seen):
        """The last ``longest`` rows of what was seen, filled up with zeros in front."""
        missing = self.longest - seen.shape[0]
        if missing > 0:
            return torch.cat([seen.new_zeros(missing, *seen.shape[1:]), seen])
        return seen[seen.shape[0] - self.longest:].clone()

    def _delayed(self, seen, lead, weight=None):
        """Run the chosen execution on the taps of the kernel, times the weights."""
        steps = self.steps if self.training else self.steps.detach()
        taps = self.kernel.taps(steps, self.longest, self.width) if self.training else whole(steps)
        values = taps.weights if weight is None else taps.weights * weight[..., None]
        slopes = self.kernel.slopes(self.longest, self.width, seen.dtype) if self.training else None
        probe = filtered = None
        if slopes is not None and steps.requires_grad:
            fixed = values.detach()
            values = taps.weights.detach() * (1 if weight is None else weight[..., None])
            probe = fixed * (steps - steps.detach())[..., None]
            filtered = _filtered(seen.detach(), slopes.to(seen.device), self.longest, lead)
        run = self._chosen(seen, values.shape[-1])
        return run(seen, taps.first, values, self.longest, lead=lead, probe=probe, filtered=filtered)

    def _chosen(self, x, taps):
        if transformed(x) or eager_is_asked_for():
            return plain
        if self.execution is not None:
            return self.execution
        return cheaper(taps) if possible(x) else dense

    def extra_repr(self):
        return (f"longest={self.longest * self.dt:g} ms, dt={self.dt:g}, kernel={self.kernel}, "
                f"step_mode={self.step_mode!r}")


class Delay(_Delays):
    """A weight and a learnable delay for every synapse.

    Formula: out_i(t) = sum over j, k of w_ij g(k; d_ij) x_j(t - k), k = 0 .. longest / dt; g is the ``kernel``
    (:mod:`snn.train.kernels_of_delay`) in training and one whole step in ``eval()``. Causal; T stays T (the layers of
    the paper grow by half of the longest delay each: what comes out after the end of the input is not computed here).

    Parameters
        n_in, n_out  numbers of neurons
        longest, dt  ms; ``longest`` is a multiple of ``dt``. A delay has ``longest / dt + 1`` possible whole steps
        kernel       ``Gaussian()``, ``Linear()``, ``SmoothedGradient()`` or ``Rounded()``
        bias         whether a constant per output is added
        execution    None: by cost; else ``snn.train.shift.shift`` or ``snn.train.taps.dense``
        step_mode    "m": [T, B, n_in] to [T, B, n_out]; "s": one step, [B, n_in] to [B, n_out]

    Learned: ``weight`` [n_out, n_in], drawn as Kaiming uniform (relu); ``steps`` [n_out, n_in], the delays in steps,
    real numbers drawn uniformly from all allowed. ``steps.requires_grad_(False)`` keeps them fixed. ``layer.ms`` in
    ms,
    ``layer.whole_steps()`` for deployment.

    The layer holds the inputs of the last ``longest`` ms between calls, so a sequence may come in pieces;
    ``snn.train.reset(net)`` forgets them. Call ``constrain()`` after every optimiser step and ``anneal(progress)`` at
    every epoch; ``fit`` does.

    Errors: ModelError for arguments; NetworkError where ``longest`` is off the grid of ``dt``; RunError for inputs of
    a wrong shape, dtype or device, and for held inputs that do not fit. Source: Hammouamri and others 2024.

    Example::

        layer = Delay(140, 256, longest=240.0, dt=10.0, kernel=SmoothedGradient())
        drive = layer(spikes)             # [T, B, 140] to [T, B, 256]
    """

    def __init__(self, n_in, n_out, *, longest, dt, kernel=Gaussian(), bias=False, execution=None,  # noqa: B008
                 step_mode="m"):
        n_in, n_out = _count("Delay.n_in", n_in), _count("Delay.n_out", n_out)
        super().__init__((n_out, n_in), longest, dt, kernel, execution, step_mode)
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None

    def _delayed(self, seen, lead):
        out = super()._delayed(seen, lead, self.weight)
        return out if self.bias is None else out + self.bias

    def extra_repr(self):
        n_out, n_in = self.weight.shape
        return f"{n_in}, {n_out}, {super().extra_repr()}, bias={self.bias is not None}"


class AxonalDelay(_Delays):
    """A learnable delay for every neuron: out_j(t) = sum over k of g(k; d_j) x_j(t - k), [T, B, n] to [T, B, n].

    Parameters, schedule and errors as :class:`Delay`; ``steps`` has shape [n]. A ``Linear`` layer behind it makes the
    weights: a delay per presynaptic neuron then costs far less than one per synapse.
    """

    def __init__(self, n, *, longest, dt, kernel=Gaussian(), execution=None, step_mode="m"):  # noqa: B008
        super().__init__((_count("AxonalDelay.n", n),), longest, dt, kernel, execution, step_mode)

    def extra_repr(self):
        return f"{self.steps.shape[0]}, {super().extra_repr()}"


def parameter_groups(net, *, lr, ratio=100.0, weight_decay=0.0):
    """Groups for an optimiser of torch: ``weights`` (with decay), ``norms`` and biases (without), ``delays`` (``ratio``
    times the learning rate, without decay). Groups without parameters are left out; frozen parameters too.

    Source: the paper trains delays with 100 times the learning rate of the weights.
    """
    delays = {id(m.steps) for m in net.modules() if isinstance(m, _Delays)}
    groups = {"weights": [], "norms": [], "delays": []}
    for p in net.parameters():
        if p.requires_grad:
            groups["delays" if id(p) in delays else "norms" if p.ndim < 2 else "weights"].append(p)
    settings = {"weights": (lr, weight_decay), "norms": (lr, 0.0), "delays": (lr * ratio, 0.0)}
    return [{"params": groups[name], "lr": rate, "weight_decay": decay, "name": name}
            for name, (rate, decay) in settings.items() if groups[name]]


def _filtered(x, slopes, longest, lead):
    """``x`` [R, B, n] convolved with ``slopes`` over time: [R - lead + longest, B, n], whose first row lies ``longest``
    steps before the first output."""
    rows = x.shape[0]
    here = torch.arange(rows - lead + longest, device=x.device) - (longest - lead)
    m = here[:, None] - torch.arange(rows, device=x.device)
    matrix = slopes[(m + longest).clamp(0, 2 * longest)] * (m.abs() <= longest)
    with torch.autocast(x.device.type, enabled=False):
        return (matrix @ x.reshape(rows, -1)).view(-1, *x.shape[1:])


def _count(where, n):
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        raise ModelError(f"{where}: is {n!r}. A number of neurons, at least 1, is expected.")
    return int(n)


def _checked(where, longest, dt, kernel, execution):
    """``(dt, longest in steps)`` of the arguments of a layer."""
    if not isinstance(dt, Real) or not 0 < dt < math.inf:
        raise ModelError(f"{where}.dt: is {dt!r}. A positive number of ms is expected.")
    if not isinstance(longest, Real) or not 0 <= longest < math.inf:
        raise ModelError(f"{where}.longest: is {longest!r}. A number of ms, at least 0, is expected.")
    if not isinstance(kernel, Kernel):
        raise ModelError(f"{where}.kernel: is {kernel!r}. Gaussian(), Linear(), SmoothedGradient() or "
                         "Rounded() is expected.")
    if execution is not None and not callable(execution):
        raise ModelError(f"{where}.execution: is {execution!r}. None, snn.train.shift.shift or snn.train.taps.dense is "
                         "expected.")
    return float(dt), int(steps_of(longest, dt, f"{where}.longest"))

"""Where a number that is not finite came from: the layer and the time step that made the first one.

What it is
    ``fit`` looks at one number per batch, the loss, and at the norm of the gradients. Where one is not finite the batch
    is run once more from the same random state, now with a hook on every module, and the first module is named whose
    inputs are finite and whose output, or whose state, is not.
"""
import math
from collections import Counter
from dataclasses import dataclass

import torch
from spikingjelly.activation_based.base import MemoryModule
from torch.utils._pytree import tree_leaves

from snn.errors import RunError


@dataclass(frozen=True)
class Origin:
    """The first value that is not finite: ``module`` its qualified name (``""`` is the net itself), ``kind`` its class,
    ``step`` the time step or None where that cannot be said, ``what`` is "output", "state" or "parameter <name>"."""

    module: str
    kind: str
    step: int | None
    what: str

    def __str__(self):
        name = f"layer '{self.module}'" if self.module else "the net"
        step = "" if self.step is None else f" at time step {self.step}"
        return f"the first such value is the {self.what} of {name} ({self.kind}){step}"


def find_origin(net, run, steps, samples):
    """The :class:`Origin` of what is not finite in ``run()``, a forward pass of ``net``, or None where all is finite.

    ``run`` must repeat the pass exactly, so it has to reset the net and the random generators itself; its batch has so
    many time ``steps`` and ``samples``.
    """
    for name, parameter in net.named_parameters():
        if not _finite(parameter):
            module, _, field = name.rpartition(".")
            return Origin(module, type(net.get_submodule(module)).__name__, None, f"parameter {field}")
    watch = _Watch(steps, samples)
    handles = [handle for module in net.modules() for handle in watch.attach(module)]
    try:
        with torch.no_grad():
            run()
            return watch.origin({module: name for name, module in net.named_modules()})
    finally:
        for handle in handles:
            handle.remove()


class _Watch:
    """Hooks that remember the first module with finite inputs whose output or state is not finite."""

    def __init__(self, steps, samples):
        self.steps, self.samples, self.calls, self.clean, self.first = steps, samples, Counter(), [], None

    def attach(self, module):
        yield module.register_forward_pre_hook(self.enter, with_kwargs=True)
        yield module.register_forward_hook(self.leave, with_kwargs=True)

    def enter(self, module, args, kwargs):
        self.calls[module] += 1
        self.clean.append(all(_finite(x) for x in _tensors((args, kwargs))))

    def leave(self, module, args, kwargs, output):
        if not self.clean.pop() or self.first is not None:
            return
        bad = next((x for x in _tensors(output) if not _finite(x)), None)
        if bad is not None or not _finite_state(module):
            self.first = module, args, bad, self.calls[module] - 1

    def origin(self, names):
        if self.first is None:
            return None
        module, args, bad, call = self.first
        what = "state" if bad is None else "output"
        if self.calls[module] > 1:
            step = call
        elif bad is None:
            step = _step_of_state(module, args)
        else:
            step = self._first_step(bad)
        return Origin(names[module], type(module).__name__, step, what)

    def _first_step(self, output):
        """The first time step of an output [T, B, ...] or [T * B, ...] that is not finite; None if it has no time."""
        folded = len(output) == self.steps * self.samples
        if not folded and (output.ndim < 3 or len(output) != self.steps):
            return None
        first = int((~output.isfinite()).reshape(len(output), -1).any(dim=1).nonzero()[0])
        return first // self.samples if folded else first


def _step_of_state(module, args):
    """The first time step after which the state of a stateful module is not finite; its input is gone through again."""
    if not isinstance(args[0], torch.Tensor):
        return None
    module.reset()
    for t in range(len(args[0])):
        module(args[0][t:t + 1], *args[1:])
        if not _finite_state(module):
            return t
    return None


def _finite_state(module):
    return not isinstance(module, MemoryModule) or all(_finite(x) for x in _tensors(list(module.memories())))


def _finite(x):
    return not x.is_floating_point() or bool(x.isfinite().all())


def _tensors(tree):
    return [x for x in tree_leaves(tree) if isinstance(x, torch.Tensor)]


def bad_gradient(net):
    """A phrase that names the parameter nearest to the loss whose gradient is not finite; None where all are finite."""
    names = [name for name, p in net.named_parameters() if p.grad is not None and not _finite(p.grad)]
    if not names:
        return None
    others = f" (and of {len(names) - 1} before it)" if len(names) > 1 else ""
    return f"the gradient of parameter '{names[-1]}'{others}"


def refusal(net, run, shape, *, loss, place, kept):
    """The RunError for a batch whose ``loss`` (a float) or gradients are not finite.

    Parameters: ``run`` repeats the forward pass, as in :func:`find_origin`, for x of ``shape`` [T, B, ...]; ``place``
    says which batch it was; ``kept`` says where the last good checkpoint is.
    """
    gradient = None if not math.isfinite(loss) else bad_gradient(net) or "the norm of all gradients together"
    origin = find_origin(net, run, *shape[:2])
    if gradient is not None:
        problem = f"fit.gradient: {gradient} is not finite in {place}" + (f"; {origin}" if origin else "")
    else:
        problem = f"fit.loss: is {loss} in {place}; {origin or 'all outputs of the net are finite'}"
    return RunError(f"{problem}. {kept} A smaller learning rate, Options(clip=1.0), a narrower "
                    "or lower surrogate or smaller recurrent weights may keep it finite.")

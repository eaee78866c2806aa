"""Fused time loops on a CUDA device: the :class:`snn.train.fused.Runner` of a layer, with kernels made by Triton.

What it is
    The tracing of a model, the derivation of its gradient and the choice of what to keep are those of the CPU runner;
    only the kernels are printed (``snn.train.triton_source``) instead of emitted, and called on tensors of a device.
    Triton comes with the CUDA builds of torch; it is no dependency of this library.

Arithmetic
    Forward: multiply and add are not contracted, so that spikes equal those of eager torch on the same device;
    functions like ``exp`` of a state may differ from torch's in the last place. Backward: contraction is allowed.

Errors: :class:`~snn.train.fused.NotFused` where Triton is missing or cannot compile for the device (it needs a C
compiler, for the code that launches its kernels), and for the reasons of the CPU runner.
"""

import dataclasses
import importlib.util
import math
import os
import weakref
from dataclasses import dataclass

import torch

from snn.train import fused, kernel
from snn.train.fused import NotFused
from snn.train.triton_calls import DeviceCall
from snn.train.triton_source import Source, function


@dataclass(frozen=True, eq=False)
class Compiled:
    """A kernel, its function, its constants on the device (a row for each), and whether multiply and add may be
    contracted."""

    kernel: kernel.Kernel
    function: object
    uniforms: torch.Tensor
    lanes: torch.Tensor
    contracts: bool


def runner(model, dt, fire, detach_reset, learned, ports, emit, traces, dtype, device):
    """As ``snn.train.fused.runner``, for tensors on ``device``: a CUDA device, or the CPU where Triton's interpreter is
    asked for (TRITON_INTERPRET=1, for tests)."""
    outputs = tuple(dict.fromkeys((emit, *traces)))
    return Runner(model, dt, fire, detach_reset, tuple(learned), tuple(ports), outputs, dtype,
                  device=torch.device(device))


class Runner(fused.Runner):
    """See the module. Made by :func:`runner`; called as ``snn.train.fused.Runner`` is."""

    call, make = DeviceCall, Source

    def __init__(self, *description, device):
        self.device, self.interpreted, self.right = device, os.environ.get("TRITON_INTERPRET") == "1", ()
        if importlib.util.find_spec("triton") is None:
            raise NotFused(f"Triton, which compiles loops for {device}, is not installed")
        if device.type != "cuda" and not self.interpreted:
            raise NotFused(f"Triton compiles loops for CUDA devices, and the input is on {device}")
        if not self.interpreted:
            check_driver(device)
        super().__init__(*description)

    def _tensors(self, model):
        bound = model.bind(self.n, self.dtype, self.device)
        return {f.name: getattr(bound, f.name) for f in dataclasses.fields(model)}

    def _compile(self, made):
        tables = [self._table(made.uniforms, 1), self._table(made.lanes, self.n)]
        return Compiled(made, function(made.text, made.name, self.interpreted), *tables, made.name == "backward")

    def _table(self, nodes, width):
        rows = [v.to(self.device, self.dtype).expand(width) for v in self._constant(nodes)]
        return torch.stack(rows) if rows else torch.zeros(1, 1, dtype=self.dtype, device=self.device)

    def _recurrent(self, needed):
        raise NotFused("loops of recurrent layers are compiled for the CPU alone")

    def _check_state(self, state):
        """As on the CPU, but the device is asked once, because it has to catch up before it can answer, and not again
        about tensors that were found right."""
        if self.right and all(ref() is v and version == v._version
                              for (ref, version), v in zip(self.right, state, strict=True)):
            return
        wrong = self._wrong(state)
        if wrong and bool(torch.stack(wrong).any()):
            super()._check_state(state)
            raise NotFused("a state that was given is not one that the compiled loop relies on")
        plain = not any(v.is_inference() for v in state)
        self.right = tuple((weakref.ref(v), v._version) for v in state) if plain else ()

    def _wrong(self, state):
        """A flag for every state that no step changes, whether it is not as at rest, and for every other, whether it
        is out of its range; on the device."""
        found = []
        for name, value in self.step.constant.items():
            given = getattr(state, name).detach()
            found.append((given != value.to(given)).any())
        for name in self.step.moving:
            low, high = self.step.graph.assumed[name]
            if low > -math.inf or high < math.inf:
                given = getattr(state, name).detach()
                found.append(~((given >= low) & (given <= high)).all())
        return found


def check_driver(device):
    """Have Triton find the device and what it needs to compile for it."""
    from triton.runtime import driver
    try:
        driver.active.get_current_target()
    except Exception as error:  # of many kinds: no C compiler, no driver, versions that do not fit
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise NotFused(f"Triton cannot compile for {device} ({reason})") from error

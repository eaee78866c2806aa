"""A call of a time loop made by Triton: memory, arguments and launch of its kernels."""

import contextlib

import torch

from snn.train.calls import Call

WARPS = 4
BLOCK = 32 * WARPS
"""Neurons of a program: one per thread."""


class DeviceCall(Call):
    """As :class:`snn.train.calls.Call`, for tensors on a device."""

    def __init__(self, owner, compiled, shape, stride, values):
        self.owner, self.compiled, self.steps = owner, compiled, shape[0]
        self.shape, self.stride = shape, stride
        self.columns = shape[1:].numel()
        self.width = owner.n if owner.n > 1 else self.columns
        learned = {n.index: v.detach() for n, v in zip(owner.frontier, values, strict=True)}
        made = compiled.kernel
        self.tables = (self._table(compiled.uniforms, made.uniforms, learned, 1),
                       self._table(compiled.lanes, made.lanes, learned, owner.n))

    def _table(self, table, nodes, learned, width):
        """Constants, one row each; the learned ones put in."""
        if not any(n.index in learned for n in nodes):
            return table
        return torch.stack([learned[n.index].to(self.owner.dtype).expand(width) if n.index in learned else row
                            for n, row in zip(nodes, table, strict=True)])

    def run(self, courses, held):
        if not (self.columns and self.steps):
            return
        made, words = self.compiled.kernel, []
        for key in (*made.loads, *made.stores):
            t = courses[key]
            words += t if isinstance(t, tuple) else (t, t.stride(0))
        words += [held[key] for key in made.held]
        device = self.owner.device
        with torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext():
            self.compiled.function[-(-self.columns // BLOCK),](
                self.columns, self.width, self.steps, *self.tables, *words, BLOCK=BLOCK, num_warps=WARPS,
                enable_fp_fusion=self.compiled.contracts)

    def empty(self):
        return torch.empty_strided(self.shape, self.stride, dtype=self.owner.dtype, device=self.owner.device)

    def row(self, value=None):
        new = torch.empty_strided(self.shape[1:], self.stride[1:], dtype=self.owner.dtype, device=self.owner.device)
        return new.zero_() if value is None else new.copy_(value)

    def kept(self, pair):
        size, device = (self.steps, self.columns), self.owner.device
        return {("kept", n.index): torch.empty(size, dtype=torch.uint8 if n.is_boolean else self.owner.dtype,
                                               device=device) for n in pair.kept}

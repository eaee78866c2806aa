"""Samples through a deployed network, one after the other, each from rest; what comes out in the steps of torch.

The network is planned once. Every sample is a run of its own, because nothing of one sample may be left when the next
one begins.
"""
from dataclasses import dataclass, replace

import numpy as np
import torch

from snn.record import MemorySink, RecordSpikes, RecordState
from snn.run.requests import channel_of


@dataclass(frozen=True, eq=False)
class DeployedRun:
    """What a deployed network gave.

    Fields
        ``output``  what the trained network gives: spikes or potentials of the last layer, or what its readout gives
        ``spikes``  {population: numbers of spikes [T, B, N]} of all that fire, the input too, without latency
        ``trace``   potentials of the last layer [T, B, C] where it gives potentials, else None
    All tensors have the dtype of the engine; [T, N] where one sample was given as [T, N].
    """

    output: torch.Tensor
    spikes: dict
    trace: torch.Tensor | None


def run_samples(deployed, frames, engine, single):
    """``frames`` [T, B, N] through ``deployed`` -> :class:`DeployedRun`."""
    from tqdm import tqdm
    plan = deployed.plan(engine.dtype)
    dtype = getattr(torch, engine.dtype)
    requests = [RecordSpikes(name) for name in deployed.latency if name != deployed.output or not deployed.emit]
    requests += [RecordState(deployed.output, deployed.emit)] if deployed.emit else []
    channels = [channel_of(r, plan, 0) for r in requests]
    found = {c.key: torch.zeros(*frames.shape[:2], plan.population(c.population).n, dtype=dtype) for c in channels}
    steps = len(frames) + deployed.latency[deployed.output]
    for b in tqdm(range(frames.shape[1]), desc="deployed", unit="sample", disable=None, delay=2.0, leave=False):
        result = _one(plan, channels, engine, deployed.source(frames[:, b]), steps)
        for c in channels:
            found[c.key][:, b] = _aligned(result, c, deployed.latency[c.population], len(frames))
    return _collect(deployed, found, single)


def _one(plan, channels, engine, source, steps):
    """The Result of one sample."""
    first = replace(plan.populations[0], model=source)
    session = engine.start(replace(plan, populations=(first, *plan.populations[1:])), channels)
    sink = MemorySink()
    sink.open({"dt": plan.dt}, channels)
    try:
        while session.step < steps:
            session.advance(steps)
            session.drain(sink)
    finally:
        session.close()
        sink.close()
    return sink.result()


def _aligned(result, channel, late, steps):
    """What a channel holds of the ``steps`` from step ``late`` on, [steps, n]."""
    if channel.key[0] == "traces":
        return torch.from_numpy(np.ascontiguousarray(result.traces[channel.key[1:]].data[late:late + steps]))
    spikes = result.spikes[channel.population]
    at = np.rint(spikes.times / channel.dt).astype(np.int64) - 1 - late
    inside = (at >= 0) & (at < steps)
    dense = np.bincount(at[inside] * spikes.n + spikes.ids[inside], minlength=steps * spikes.n)
    return torch.from_numpy(dense.reshape(steps, spikes.n))


def _collect(deployed, found, single):
    spikes = {key[1]: value for key, value in found.items() if key[0] == "spikes"}
    trace = found.get(("traces", deployed.output, deployed.emit))
    output = trace if deployed.emit else spikes[deployed.output]
    if deployed.readout is not None:
        with torch.no_grad():
            output = deployed.readout(output)
    if single:
        spikes = {name: s[:, 0] for name, s in spikes.items()}
        trace = None if trace is None else trace[:, 0]
        output = output[0] if deployed.readout is not None and output.ndim == 2 else output[:, 0]
    return DeployedRun(output, spikes, trace)

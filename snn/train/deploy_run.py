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
        ``spikes``  {population: numbers of spikes [T, B, ...]} of all that fire, without latency; the input too, unless
                    it was graded
        ``trace``   potentials of the last layer [T, B, ...] where it gives potentials, else None
    All tensors have the dtype of the engine and the shapes of torch ([T, B, N], [T, B, C, H, W]), without the axis of
    samples where one sample was given without it.
    """

    output: torch.Tensor
    spikes: dict
    trace: torch.Tensor | None


def run_samples(deployed, frames, engine, single):
    """``frames`` [T, B, N] through ``deployed`` -> :class:`DeployedRun`."""
    from tqdm import tqdm
    graded = frames.dtype != np.uint16
    plan = deployed.plan(engine.dtype, deployed.source(frames[:, 0]) if graded else None)
    dtype = getattr(torch, engine.dtype)
    silent = {"input"} if graded else set()
    silent |= {deployed.output} if deployed.emit else set()
    requests = [RecordSpikes(name) for name in deployed.latency if name not in silent]
    requests += [RecordState(deployed.output, deployed.emit)] if deployed.emit else []
    channels = [channel_of(r, plan, 0) for r in requests]
    found = {c.key: torch.zeros(*frames.shape[:2], plan.population(c.population).n, dtype=dtype) for c in channels}
    steps = len(frames) + max(deployed.latency.values())
    for b in tqdm(range(frames.shape[1]), desc="deployed", unit="sample", disable=None, delay=2.0, leave=False):
        result = _one(_given(plan, deployed, frames[:, b]), channels, engine, steps)
        for c in channels:
            found[c.key][:, b] = _aligned(result, c, deployed.latency[c.population], len(frames))
    return _collect(deployed, found, single)


def _given(plan, deployed, frames):
    """The plan with another sample as input; everything else was planned once."""
    first, second, *others = plan.populations
    source = deployed.source(frames)
    if frames.dtype == np.uint16:
        first = replace(first, model=source)
    else:
        drives = deployed.make(source).drives
        second = replace(second, drives=tuple((d.port, d.source) for d in drives if d.population.name == second.name))
    return replace(plan, populations=(first, second, *others))


def _one(plan, channels, engine, steps):
    """The Result of one sample."""
    session = engine.start(plan, channels)
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
    found = {key: value.unflatten(2, deployed.shapes[key[1]]) for key, value in found.items()}
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

"""The eager run of a layer: ``snn.contract.step`` in a Python loop over time, under torch's autograd.

It is the definition that compiled loops are compared with. Any device, any floating dtype, any model.
"""
import torch

from snn.contract import step


def rest_state(bound, like):
    """The state before anything happens, as tensors shaped like ``like`` [B, ...]; parameters keep their graph."""
    return type(bound.rest())(*(filled(value, like) for value in bound.rest()))


def run_eager(model, x, state, dt, fire, detach_reset, traces=(), *, feed=None):
    """All steps of a layer.

    Parameters
        model         a Neuron whose fields are tensors (``Neuron.bind``), with or without gradient
        x             {port: tensor [T, B, ...]}; ports that are not named receive 0
        state         State of tensors [B, ...]
        dt            ms
        fire          margin to spikes
        detach_reset  whether the reset sees the spike without its gradient
        traces        names of states to give at the end of every step, or ``"margin"``
        feed          None, or ``feed(spikes)`` with the list of the spikes [B, ...] of all steps before; what it
                      gives is added to the first port of ``x``

    Returns ``({"z": [T, B, ...], trace: [T, B, ...]}, State)``; no ``"z"`` where the model never fires.
    """
    ports, first = list(x), next(iter(x.values()))[0]
    zero, dt = first.new_zeros(()), first.new_tensor(dt)
    if not first.is_contiguous():
        # States in the memory order of the input: then every operation of a step keeps that order.
        state = type(state)(*(value + torch.zeros_like(first) for value in state))
    out, spikes, margin_now = {name: [] for name in traces}, [], None

    def remember(margin):
        nonlocal margin_now
        margin_now = margin
        return fire(margin)

    for arriving in zip(*(x[p].unbind(0) for p in ports), strict=True):
        now = dict(zip(ports, arriving, strict=True))
        if feed is not None:
            now[ports[0]] = now[ports[0]] + feed(spikes)
        inputs = model.Ports(**{p: now.get(p, zero) for p in model.Ports._fields})
        state, z = step(model, state, inputs, dt, remember, torch.Tensor.detach if detach_reset else None)
        if z is not None:
            spikes.append(filled(z, first))
        for name in traces:
            out[name].append(filled(margin_now if name == "margin" else getattr(state, name), first))
    if spikes:
        out = {"z": spikes, **out}
    return {k: stacked(v) for k, v in out.items()}, type(state)(*(filled(value, first) for value in state))


def filled(value, like):
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(like.shape)


def stacked(steps):
    """[T, ...] from T tensors, in the memory order of the first: channels-last stays channels-last."""
    order = sorted(range(steps[0].ndim), key=lambda d: -steps[0].stride(d))
    if steps[0].is_contiguous() or not steps[0].permute(order).is_contiguous():
        return torch.stack(steps)
    back = [1 + order.index(d) for d in range(len(order))]
    return torch.stack([one.permute(order) for one in steps]).permute(0, *back)

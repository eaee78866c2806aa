"""From requests to record to the channels that an engine fills; every request is checked here."""
import numpy as np

from snn.coupling import outputs_of
from snn.errors import RunError
from snn.record import (
    RecordMean,
    RecordPlasticity,
    RecordSpikes,
    RecordState,
    RecordWeights,
    SpikeChannel,
    TraceChannel,
)
from snn.run.between import plastic_channel, weight_channel


def channel_of(r, plan, first):
    """The channel that an engine fills for a request; raises where it names something that is not there."""
    if isinstance(r, RecordWeights):
        return weight_channel(r, plan, first)
    if isinstance(r, RecordPlasticity):
        return plastic_channel(r, plan, first)
    if not isinstance(r, RecordSpikes | RecordState | RecordMean):
        raise RunError(
            f"simulate.record: {r!r} is not a request. Use RecordSpikes, RecordState, RecordMean, RecordWeights or "
            "RecordPlasticity."
        )
    p = plan.population(r.population)
    if isinstance(r, RecordMean):
        one, kind = np.zeros(1, np.int64), np.dtype(plan.dtype).type
        return TraceChannel(p.name, r.variable, _unit_of_value(p.model, r.value), one, plan.dt, r.every, kind, first,
                            gated=r.when is not None)
    if r.ids is not None and len(r.ids) and max(r.ids) >= p.n:
        raise RunError(
            f"{type(r).__name__}.ids: {max(r.ids)} is not a neuron of {p.name!r}, which has {p.n}. Use 0 to {p.n - 1}."
        )
    if isinstance(r, RecordSpikes):
        return SpikeChannel(p.name, p.n, plan.dt, r.ids, first)
    ids = np.arange(p.n) if r.ids is None else np.asarray(r.ids, np.int64)
    return TraceChannel(
        p.name, r.variable, _unit(p, r.variable), ids, plan.dt, r.every, np.dtype(plan.dtype).type, first,
        gated=r.when is not None,
    )


def _unit(p, variable):
    if p.replayed:
        raise RunError(
            f"RecordState.variable: population {p.name!r} replays given spikes and has no state {variable!r}. "
            "Record its spikes, or a state of another population."
        )
    states, ports = p.model.units(p.model.State), p.model.units(p.model.Ports)
    known = {**states, **{f"x.{port}": unit for port, unit in ports.items()}}
    if variable not in known:
        raise RunError(
            f"RecordState.variable: {type(p.model).__name__} of population {p.name!r} has no {variable!r}. "
            f"It has: {', '.join(known)}."
        )
    return known[variable]


def _unit_of_value(model, value):
    units = {**model.units(model.State), **model.units(model.Outputs)}
    return units[value]


def means(asked, net):
    """{population: names of what is shown for requests of a mean}; raises where there is nothing of that name."""
    wanted = {}
    for r in asked:
        if isinstance(r, RecordMean) and r.population in net.populations:
            model = net.populations[r.population].model
            if r.value not in outputs_of(model):
                raise RunError(
                    f"RecordMean.value: {type(model).__name__} of population {r.population!r} shows no {r.value!r}. "
                    f"It shows: {', '.join(outputs_of(model)) or 'nothing'}."
                )
            wanted.setdefault(r.population, []).append(r.value)
    return wanted

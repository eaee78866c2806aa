"""A :class:`snn.Network` as a NIR graph; the door is :func:`snn.exchange.nir_write.to_nir`."""
from dataclasses import dataclass

import numpy as np

from snn.contract import numbers, steps_of
from snn.drives import CurrentInput
from snn.errors import RunError
from snn.exchange.nir_build import Builder
from snn.exchange.nir_levels import components, nearest
from snn.exchange.nir_nodes import node_of
from snn.plan import make_plan

WHERE = "to_nir"


@dataclass(frozen=True, eq=False)
class _Inputs:
    """What arrives at a population: the ``gain`` of its weights, what a ``bias`` adds in every step (or None), and the
    name of the projection that the bias is written with."""

    gain: object
    bias: object
    with_bias: str


def network_graph(net, seed, convention, losses, bins):
    """The graph of a Network; arguments as of ``to_nir``."""
    from snn.exchange.nir_write import finished
    plan = make_plan(net, convention.dt, seed=seed)
    loops, level = _layout(plan)
    for c in plan.couplings:
        losses.add("couplings", f"{WHERE}.{c.name}")
    for q in plan.projections:
        if q.plastic is not None:
            losses.add("plasticity", f"{WHERE}.{q.name}")
    sources = [p for p in plan.populations if p.replayed]
    if not sources or len(sources) == len(plan.populations):
        raise RunError(f"{WHERE}: the network has no population of given spikes, or no other one. NIR graphs lead from "
                       "Inputs to neurons: add a SpikeSource, and neurons.")
    builder = Builder(WHERE, (sources[0].n,), convention, bins, name=sources[0].name)
    for p in sources[1:]:
        builder.add(p.name, builder.nir.Input(np.array([p.n])), (p.n,), behind=[])
    inputs = {k: _cells(plan, k, loops, level, builder, losses)
              for k, p in enumerate(plan.populations) if not p.replayed}
    losses.check()
    for q in plan.projections:
        if not _inner(plan, loops, q):
            taken = 1 if loops[q.pre] == loops[q.post] else level[q.post] - level[q.pre]
            _synapses(builder, plan, q, q.delay - taken, inputs[q.post])
    last = {a for a, b in ((q.pre, q.post) for q in plan.projections) if a != b}
    # Where every population leads to another one, the last that was added is the output.
    cells = [(k, p) for k, p in enumerate(plan.populations) if not p.replayed]
    ends = [p for k, p in cells if k not in last] or [cells[-1][1]]
    return finished(builder, *[([p.name], (p.n,)) for p in ends])


def _layout(plan):
    """``(loops, levels)`` of all populations."""
    edges, n = [(q.pre, q.post) for q in plan.projections], len(plan.populations)
    loops = components(n, edges)
    return loops, nearest(n, edges, loops, [k for k, p in enumerate(plan.populations) if p.replayed])


def _inner(plan, loops, q):
    """Whether a projection lies in the graph of its own population: it leads to itself and no loop is wider."""
    return bool(q.pre == q.post and (loops == loops[q.pre]).sum() == 1)


def _cells(plan, k, loops, level, builder, losses):
    """Add the neurons of population ``k``, with their synapses onto themselves; returns their :class:`_Inputs`."""
    from snn.exchange.nir_write import recurrent_graph
    p, place = plan.populations[k], f"{WHERE}.{plan.populations[k].name}"
    arriving = [q for q in plan.projections if q.post == k]
    if not any(q.pre != k for q in arriving):
        raise RunError(f"{place}: receives from no other population. Every neuron of a NIR graph needs an input.")
    if p.init:
        losses.add("start", place)
    port = _port(p, [p.ports[q.port] for q in arriving], place)
    bias = _bias(p, port, level[k], plan.dt, place, losses)
    node, gain = node_of(p.model, port, (p.n,), builder.convention, place, losses)
    others, own = ([q for q in arriving if _inner(plan, loops, q) is inside] for inside in (False, True))
    inputs = _Inputs(np.asarray(gain, np.float64), bias, others[0].name)
    if own:
        def branches(inner):
            tips, neurons = [], inner.tips
            for q in own:
                inner.tips = neurons
                tips += _branches(inner, plan, q, q.delay - 1, None, inputs.gain, "recurrent")
            return tips

        node = recurrent_graph(builder, node, (p.n,), branches)
    builder.add(p.name, node, (p.n,), behind=[])
    return inputs


def _port(p, ports, place):
    """The one port that all inputs arrive at; ports that do the same are one."""
    ports = list(dict.fromkeys(ports))
    alike = set(ports) == {"exc", "inh"} and np.array_equal(numbers(p.model.tau_exc), numbers(p.model.tau_inh))
    if len(ports) > 1 and not alike:
        raise RunError(f"{place}: receives on the ports {', '.join(ports)}. A NIR neuron has one input: use one port"
                       + (", or equal tau_exc and tau_inh." if "exc" in ports else "."))
    return "exc" if alike else ports[0]


def _bias(p, port, level, dt, place, losses):
    """What constant inputs add in every step, [n] or None."""
    total = None
    for where, source in p.drives:
        course = _course(source, p.n, dt) if where == port and isinstance(source, CurrentInput) else None
        if course is None:
            losses.add("drive", place)
            continue
        begun = course[min(level, len(course) - 1):]
        if (begun != begun[-1]).any():
            losses.add("drive", place)
            continue
        if course[:level].any():
            losses.add("onset", place)
        total = begun[-1] + (0.0 if total is None else total)
    return total


def _course(source, n, dt):
    """A CurrentInput as one row per step, the last of which stays on."""
    value = numbers(source.value)
    if source.interval is None:
        return np.broadcast_to(value, (1, n))
    value = np.broadcast_to(value[:, None] if value.ndim == 1 else value, (len(value), n))
    return np.repeat(value, int(steps_of(source.interval, dt, "CurrentInput.interval")), axis=0)


def _synapses(builder, plan, q, lags, inputs):
    """A projection between two nodes of the graph."""
    builder.tips = [plan.populations[q.pre].name]
    bias = inputs.bias if inputs.with_bias == q.name else None
    for tip in _branches(builder, plan, q, lags, bias, inputs.gain, q.name):
        builder.edges.append((tip, plan.populations[q.post].name))


def _branches(builder, plan, q, lags, bias, gain, name):
    """The matrices of a projection, one per delay, behind the tips; ``lags``: whole steps, one or per synapse."""
    shape = plan.populations[q.post].n, plan.populations[q.pre].n
    kinds = np.unique(lags) if np.size(lags) else np.zeros(1, np.int64)
    builder.check_bins(kinds, name, shape[0] * shape[1])
    csr, lags, weight = q.csr, np.broadcast_to(lags, q.csr.n_synapses), np.broadcast_to(q.weight, q.csr.n_synapses)
    pre = np.repeat(np.arange(q.n_pre), np.diff(csr.indptr)) + q.pre_offset
    post = csr.targets.astype(np.int64) + q.post_offset
    parts = {}
    for lag in kinds:
        here = lags == lag
        parts[int(lag)] = np.zeros(shape)
        np.add.at(parts[int(lag)], (post[here], pre[here]), weight[here])
    builder.branches(parts, bias, name=name)
    builder.affine(gain)
    return builder.tips

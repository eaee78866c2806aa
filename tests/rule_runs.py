"""Small networks in which the spikes on both sides of plastic synapses are given."""
import numpy as np

import snn
from snn.neurons import LIF, SpikeSource

TEACHER = 1e6
"""Input that makes a neuron fire whatever else it receives."""


def trains(spikes, duration):
    """Spike times per neuron [[ms], ...] as a :class:`snn.Spikes`."""
    times = [float(t) for train in spikes for t in train]
    ids = [k for k, train in enumerate(spikes) for _ in train]
    order = np.argsort(times, kind="stable")
    return snn.Spikes(np.array(times)[order], np.array(ids, int)[order], len(spikes), duration)


def taught(pre, post, plasticity, *, w=0.5, dt=0.1, duration, delay=1.0, rule=None, t_ref=0.0):
    """Network with projection ``"plastic"`` from "pre" to "post", whose neurons fire at given times.

    ``pre``, ``post``: spike times per neuron in ms, multiples of dt; a postsynaptic time is that of the spike itself.
    """
    net = snn.Network("taught")
    source = net.add("pre", SpikeSource(trains(pre, duration)), len(pre))
    early = [[t - dt for t in train] for train in post]
    teacher = net.add("teacher", SpikeSource(trains(early, duration)), len(post))
    cells = net.add("post", LIF(V_th=TEACHER / 2, V_reset=0.0, E_L=0.0, t_ref=t_ref), len(post))
    net.connect(teacher, cells, snn.OneToOne(), port="delta", weight=TEACHER, delay=dt)
    net.connect(source, cells, rule or snn.AllToAll(), port="delta", weight=w, delay=delay, name="plastic",
                plasticity=plasticity)
    return net


def pairing(rule, pre_times, post_times, *, w=0.5, dt=0.1, duration=None, engine=None, delay=1.0, dendritic=None):
    """The weight of one synapse after given spikes (ms, multiples of dt) of its two neurons."""
    last = max([0.0, *pre_times, *post_times])
    duration = duration or round((last + 2 * delay + 2 * dt) / dt) * dt
    net = taught([pre_times], [post_times], snn.Plastic(rule, dendritic=dendritic), w=w, dt=dt, duration=duration,
                 delay=delay)
    record = [snn.RecordSpikes("post"), snn.RecordWeights("plastic")]
    result = snn.simulate(net, duration, dt=dt, engine=engine or snn.Reference(), record=record, progress=False)
    np.testing.assert_allclose(result.spikes["post"].times, np.sort(post_times), atol=1e-9)
    return float(result.weights["plastic"].data[-1, 0])

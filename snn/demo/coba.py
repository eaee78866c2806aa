"""Part one of the demo: the COBA network of Vogels and Abbott, the standard benchmark of spiking simulators.

What it is
    Sparse random network, 80 % excitatory and 20 % inhibitory cells, connected with probability 80 / n (320,000
    synapses for 4,000 cells), conductance synapses of 6 and 67 nS, delay 0.1 ms. A current of 200 pA during the first
    50 ms wakes it up; after that it sustains irregular activity without any input.

Source
    Vogels, Abbott 2005, J. Neurosci. 25:10786; benchmark 1 of Brette et al. 2007, J. Comput. Neurosci. 23:349.
"""
import numpy as np

from snn.network import CurrentInput, Network


def network(n=4000):
    """The :class:`~snn.network.Network` with populations ``exc`` (80 %) and ``inh`` (20 %)."""
    from snn.connect import Probability
    from snn.distributions import Uniform
    from snn.neurons import CobaLIF

    net = Network("coba")
    init = {"v": Uniform(-75.0, -50.0)}
    exc = net.add("exc", CobaLIF(), n * 4 // 5, init=init)
    inh = net.add("inh", CobaLIF(), n - n * 4 // 5, init=init)
    for population in (exc, inh):
        net.drive(population, CurrentInput(np.array([200.0, 0.0]), interval=50.0), port="current")
    for pre, port, weight in ((exc, "exc", 6.0), (inh, "inh", 67.0)):
        for post in (exc, inh):
            net.connect(pre, post, Probability(min(1.0, 80.0 / n)), port=port, weight=weight, delay=0.1)
    return net


def facts(spikes):
    """Mean rate in Hz and mean CV of inter-spike intervals over all populations of ``spikes`` (name -> Spikes)."""
    cells = sum(s.n for s in spikes.values())
    rate = sum(s.mean_rate * s.n for s in spikes.values()) / cells
    cv = np.concatenate([s.cv() for s in spikes.values()])
    return {"rate_hz": float(rate), "cv_isi": float(np.nanmean(cv)) if np.isfinite(cv).any() else None}

"""The benchmark networks in the terms of this library. Examples and tests may use them as well."""
from dataclasses import dataclass

import numpy as np

import snn
from benchmarks.physics import PHYSICS
from snn.distributions import Distribution
from snn.neurons import LIF, CobaLIF, CubaLIF
from snn.plasticity import MultiplicativeSTDP, PairSTDP

POPULATION = "cells"
"""Name of the one population; its first 80 % are excitatory."""


@dataclass(frozen=True)
class Rectified(Distribution):
    """Values of ``base`` with negative ones set to 0 (they heap at 0, unlike in a truncated distribution)."""

    base: Distribution

    def sample(self, key, index):
        return np.maximum(self.base.sample(key, index), 0.0)


@dataclass(frozen=True)
class Each(Distribution):
    """The same value for all, held once per element."""

    value: float

    def sample(self, key, index):
        return np.full(len(index), self.value)


def cuba(p):
    """Current-based Vogels-Abbott network from a :class:`benchmarks.physics.Cuba`."""
    model = CubaLIF(tau_m=p.tau_m, C_m=p.C_m, E_L=p.E_L, V_th=p.V_th, V_reset=p.V_reset, t_ref=p.t_ref,
                    tau_exc=p.tau_exc, tau_inh=p.tau_inh)
    picoampere = p.C_m / p.tau_m
    return _balanced("cuba", model, p, {}, ("exc", p.w_exc * picoampere), ("inh", p.w_inh * picoampere))


def coba(p):
    """Conductance-based Vogels-Abbott network from a :class:`benchmarks.physics.Coba`."""
    model = CobaLIF(C_m=p.C_m, g_L=p.g_L, E_L=p.E_L, V_th=p.V_th, V_reset=p.V_reset, t_ref=p.t_ref,
                    E_exc=p.E_exc, E_inh=p.E_inh, tau_exc=p.tau_exc, tau_inh=p.tau_inh)
    start = {"g_exc": Rectified(snn.Normal(*p.g_exc_start)), "g_inh": Rectified(snn.Normal(*p.g_inh_start))}
    return _balanced("coba", model, p, start, ("exc", p.w_exc), ("inh", p.w_inh))


def brunel(p, dendritic=None):
    """Brunel's network from a :class:`benchmarks.physics.Brunel`; that of a :class:`benchmarks.physics.PlasticBrunel`
    learns, ``dendritic`` ms of its delay (None: all) lie behind the synapse.
    """
    model = LIF(tau_m=p.tau_m, E_L=p.E_L, V_th=p.V_th, V_reset=p.V_reset, t_ref=p.t_ref)
    net = _balanced("brunel", model, p, {}, ("delta", p.w_exc), ("delta", p.w_inh), dendritic=dendritic)
    net.drive(net.populations[POPULATION], snn.PoissonInput(rate=p.rate, weight=p.w_exc), port="delta")
    return net


def learning_rule(p):
    """The rule of a :class:`benchmarks.physics.PlasticBrunel`."""
    kind = MultiplicativeSTDP if p.mu else PairSTDP
    return kind(A_plus=p.lam * p.w_max, A_minus=p.alpha * p.lam * p.w_max, tau_plus=p.tau_plus, tau_minus=p.tau_minus,
                w_min=0.0, w_max=p.w_max)


MODELS = {"cuba": cuba, "coba": coba, "brunel": brunel, "brunel-weights": brunel, "brunel-additive": brunel,
          "brunel-multiplicative": brunel}


def network(model, n):
    """The network ``model`` with ``n`` neurons. Example: ``snn.simulate(network("coba", 4000), 1000.0, dt=0.1)``"""
    return MODELS[model](PHYSICS[model](n))


def with_idle_copies(net, copies):
    """``net`` with all its projections ``copies`` times more, with weight 0: more synaptic events, the same spikes."""
    for projection in list(net.projections.values()):
        for k in range(copies):
            net.connect(projection.pre, projection.post, projection.rule, port=projection.port, weight=0.0,
                        delay=projection.delay, name=f"{projection.name}_idle_{k}")
    return net


def _balanced(name, model, p, start, exc, inh, dendritic=None):
    """One population and its links; ``exc`` and ``inh`` are (port, weight) of the two kinds."""
    net = snn.Network(name)
    cells = net.add(POPULATION, model, p.n, init={"v": snn.Uniform(*p.v_start), **start})
    for link in p.links:
        port, weight = exc if link.excitatory else inh
        more = {}
        if link.plastic:
            weight = Each(weight)
            more["plasticity"] = None if p.mu is None else snn.Plastic(learning_rule(p), dendritic=dendritic)
        net.connect(cells[slice(*link.pre)], cells[slice(*link.post)], snn.FixedInDegree(link.in_degree), port=port,
                    weight=weight, delay=p.delay, name=link.name, **more)
    return net

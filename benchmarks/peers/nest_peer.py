"""NEST: iaf_psc_exp (CUBA), iaf_cond_exp (COBA), iaf_psc_delta (Brunel, static or with STDP). Double precision only.

Things to know
    Preparation happens at the first ``Run``, so one delay is run before the warm-up. ``local_spike_counter`` starts
    again at every ``Run``. Synapses are drawn without repetition (``allow_multapses=False``) as in the other
    simulators. An excitatory and an inhibitory weight must differ in sign also where the weight is a conductance.
    The whole delay of a synapse that learns is dendritic. Its weight is that of the last presynaptic spike; what the
    postsynaptic spikes since then will add is added here before weights are compared.
"""
import time

import numpy as np

from benchmarks.peers.plastic_weights import moments, sampled, settle
from benchmarks.peers.protocol import RECORDED, Measured, Stopwatch, arguments, private_stdout, serve
from benchmarks.stats import observed


def cuba(nest, p):
    neurons = nest.Create("iaf_psc_exp", p.n, dict(
        tau_m=p.tau_m, C_m=p.C_m, E_L=p.E_L, V_th=p.V_th, V_reset=p.V_reset, t_ref=p.t_ref,
        tau_syn_ex=p.tau_exc, tau_syn_in=p.tau_inh))
    picoampere = p.C_m / p.tau_m
    return neurons, p.w_exc * picoampere, p.w_inh * picoampere


def coba(nest, p):
    neurons = nest.Create("iaf_cond_exp", p.n, dict(
        C_m=p.C_m, g_L=p.g_L, E_L=p.E_L, V_th=p.V_th, V_reset=p.V_reset, t_ref=p.t_ref,
        E_ex=p.E_exc, E_in=p.E_inh, tau_syn_ex=p.tau_exc, tau_syn_in=p.tau_inh))
    neurons.g_ex = nest.math.max(nest.random.normal(*p.g_exc_start), 0.0)
    neurons.g_in = nest.math.max(nest.random.normal(*p.g_inh_start), 0.0)
    return neurons, p.w_exc, -p.w_inh


def brunel(nest, p):
    neurons = nest.Create("iaf_psc_delta", p.n, dict(
        tau_m=p.tau_m, C_m=1.0, E_L=p.E_L, V_th=p.V_th, V_reset=p.V_reset, t_ref=p.t_ref))
    source = nest.Create("poisson_generator", params=dict(rate=p.rate))
    nest.Connect(source, neurons, syn_spec=dict(weight=p.w_exc, delay=p.delay))
    return neurons, p.w_exc, p.w_inh


def plastic(nest, p):
    """Brunel's network with ``stdp_synapse_hom``, the ``stdp_synapse`` whose parameters are held once for all."""
    neurons, *weights = brunel(nest, p)
    neurons.tau_minus = p.tau_minus
    nest.SetDefaults(STDP, {"Wmax": p.w_max, "lambda": p.lam, "alpha": p.alpha, "mu_plus": float(p.mu),
                            "mu_minus": float(p.mu), "tau_plus": p.tau_plus})
    return neurons, *weights


STDP = "stdp_synapse_hom"
MODELS = {"cuba": cuba, "coba": coba, "brunel": brunel, "brunel-additive": plastic, "brunel-multiplicative": plastic}


def build(nest, options, seed):
    """A new network that has run for one longest delay; returns its neurons and the spike recorder."""
    p = options.physics
    nest.ResetKernel()
    nest.resolution = options.dt
    nest.local_num_threads = options.threads
    nest.rng_seed = seed
    neurons, w_exc, w_inh = MODELS[options.model](nest, p)
    neurons.V_m = nest.random.uniform(*p.v_start)
    for link in p.links:
        nest.Connect(neurons[slice(*link.pre)], neurons[slice(*link.post)],
                     dict(rule="fixed_indegree", indegree=link.in_degree, allow_multapses=False),
                     dict(synapse_model=STDP if link.plastic else "static_synapse",
                          weight=w_exc if link.excitatory else w_inh, delay=p.delay))
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons[:min(RECORDED, p.n)], recorder)
    nest.Prepare()
    nest.Run(p.delay)
    return neurons, recorder


def weights(nest, neurons, p, events, end):
    """Moments of a sample of the weights that learn; nothing for networks without."""
    if not any(link.plastic for link in p.links):
        return {}
    some = neurons[:sampled(p)]
    found = nest.GetConnections(some, some, synapse_model=STDP).get(("source", "target", "weight"))
    w = settle(found["weight"], np.array(found["source"]), np.array(found["target"]), events["senders"],
               events["times"], p, end)
    return moments(w, p)


def main():
    stdout = private_stdout()
    options = arguments()
    import nest
    nest.verbosity = nest.VerbosityLevel.ERROR

    def run(seed):
        start = time.perf_counter()
        neurons, recorder = build(nest, options, seed)
        built = time.perf_counter() - start
        nest.Run(options.warm - options.physics.delay)
        since = nest.biological_time
        with Stopwatch() as watch:
            nest.Run(options.duration)
        spikes = nest.local_spike_counter
        nest.Cleanup()
        events = recorder.events
        timed = events["times"] > since
        return Measured(build_s=built, compile_s=0.0, run_s=watch.seconds, spikes=spikes, other_cpu=watch.other_cpu,
                        **observed(events["senders"][timed], events["times"][timed] - since, options.duration),
                        extra=weights(nest, neurons, options.physics, events, since + options.duration))

    serve(options, run, version=nest.__version__, stdout=stdout)


if __name__ == "__main__":
    main()

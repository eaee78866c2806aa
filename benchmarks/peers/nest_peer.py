"""NEST: iaf_psc_exp (CUBA), iaf_cond_exp (COBA), iaf_psc_delta (Brunel). Double precision only.

Things to know
    Preparation happens at the first ``Run``, so one step is run before the warm-up. ``local_spike_counter`` starts
    again at every ``Run``. Synapses are drawn without repetition (``allow_multapses=False``) as in the other
    simulators. An excitatory and an inhibitory weight must differ in sign also where the weight is a conductance.
"""
import time

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


MODELS = {"cuba": cuba, "coba": coba, "brunel": brunel}


def build(nest, options, seed):
    """A new network; returns the spike recorder."""
    p = options.physics
    nest.ResetKernel()
    nest.resolution = options.dt
    nest.local_num_threads = options.threads
    nest.rng_seed = seed
    neurons, w_exc, w_inh = MODELS[options.model](nest, p)
    neurons.V_m = nest.random.uniform(*p.v_start)
    for sources, k, weight in ((neurons[:p.n_exc], p.k_exc, w_exc), (neurons[p.n_exc:], p.k_inh, w_inh)):
        nest.Connect(sources, neurons, dict(rule="fixed_indegree", indegree=k, allow_multapses=False),
                     dict(weight=weight, delay=p.delay))
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons[:min(RECORDED, p.n)], recorder)
    nest.Prepare()
    nest.Run(max(p.delay, options.dt))
    return recorder


def main():
    stdout = private_stdout()
    options = arguments()
    import nest
    nest.verbosity = nest.VerbosityLevel.ERROR

    def run(seed):
        start = time.perf_counter()
        recorder = build(nest, options, seed)
        built = time.perf_counter() - start
        nest.Run(options.warm)
        since = nest.biological_time
        with Stopwatch() as watch:
            nest.Run(options.duration)
        spikes = nest.local_spike_counter
        nest.Cleanup()
        events = recorder.events
        timed = events["times"] > since
        return Measured(build_s=built, compile_s=0.0, run_s=watch.seconds, spikes=spikes, other_cpu=watch.other_cpu,
                        **observed(events["senders"][timed], events["times"][timed] - since, options.duration))

    serve(options, run, version=nest.__version__, stdout=stdout)


if __name__ == "__main__":
    main()

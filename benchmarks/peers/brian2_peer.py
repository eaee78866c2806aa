"""Brian2, in single or double precision: C++ standalone (``--variant cpp``) or runtime Cython (``--variant cython``).

Things to know
    Standalone code has its seed compiled in; a line of ours in its main program reads it from the environment instead,
    so that one compilation serves all seeds. The time of the loop is what Brian2 itself reports for the last ``run``.
    A neuron integrates again in the step in which its refractory time ends, one step earlier than in the others.
    Threshold comes before synapses in a step: a jump of V counts, decayed, in the next one. The constants below make up
    for both, so that all simulators compute the same map from step to step.
"""
import gc
import math
import os
import shutil
import tempfile
import time
from dataclasses import dataclass

import brian2 as b2
import numpy as np

from benchmarks.peers.plastic_weights import moments, sampled
from benchmarks.peers.protocol import RECORDED, Measured, Stopwatch, arguments, private_stdout, serve
from benchmarks.stats import observed

SEED = "BENCHMARK_NETWORK_SEED"


def cuba(p, dt):
    names = dict(tau_m=p.tau_m * b2.ms, tau_exc=p.tau_exc * b2.ms, tau_inh=p.tau_inh * b2.ms, E_L=p.E_L * b2.mV,
                 V_th=p.V_th * b2.mV, V_reset=p.V_reset * b2.mV, w_exc=p.w_exc * b2.mV, w_inh=p.w_inh * b2.mV)
    equations = """dv/dt = (g_exc + g_inh - (v - E_L)) / tau_m : volt (unless refractory)
                   dg_exc/dt = -g_exc / tau_exc : volt
                   dg_inh/dt = -g_inh / tau_inh : volt"""
    neurons = _neurons(p, equations, names, threshold="v > V_th", refractory=(p.t_ref + dt) * b2.ms, method="exact")
    return neurons, [], "g_exc += w_exc", "g_inh += w_inh"


def coba(p, dt):
    # Conductances in units of the leak conductance, which leaves the fewest operations to the generated code.
    names = dict(tau_m=p.C_m / p.g_L * b2.ms, tau_exc=p.tau_exc * b2.ms, tau_inh=p.tau_inh * b2.ms, E_L=p.E_L * b2.mV,
                 E_exc=p.E_exc * b2.mV, E_inh=p.E_inh * b2.mV, V_th=p.V_th * b2.mV, V_reset=p.V_reset * b2.mV,
                 w_exc=p.w_exc / p.g_L, w_inh=p.w_inh / p.g_L)
    equations = """dv/dt = (g_exc * (E_exc - v) + g_inh * (E_inh - v) - (v - E_L)) / tau_m : volt (unless refractory)
                   dg_exc/dt = -g_exc / tau_exc : 1
                   dg_inh/dt = -g_inh / tau_inh : 1"""
    neurons = _neurons(p, equations, names, threshold="v > V_th", refractory=(p.t_ref + dt) * b2.ms,
                       method="exponential_euler")
    for variable, (mean, spread) in (("g_exc", p.g_exc_start), ("g_inh", p.g_inh_start)):
        setattr(neurons, variable, f"clip({mean / p.g_L} + {spread / p.g_L} * randn(), 0, 1000)")
    return neurons, [], "g_exc += w_exc", "g_inh += w_inh"


def brunel(p, dt):
    # Jumps, and V after a spike, decay for a step that the other simulators do not have: start one decay higher.
    ahead = one_decay(p, dt)
    names = dict(tau_m=p.tau_m * b2.ms, V_th=p.V_th * b2.mV, V_reset=(p.E_L + (p.V_reset - p.E_L) * ahead) * b2.mV,
                 E_L=p.E_L * b2.mV, w_exc=p.w_exc * ahead * b2.mV, w_inh=p.w_inh * ahead * b2.mV)
    neurons = _neurons(p, "dv/dt = (E_L - v) / tau_m : volt (unless refractory)", names, threshold="v >= V_th",
                       refractory=p.t_ref * b2.ms, method="exact")
    drive = b2.PoissonInput(neurons, "v", N=p.k_exc, rate=p.rate / p.k_exc * b2.Hz, weight=names["w_exc"])
    return neurons, [drive], "v_post += w_exc", "v_post += w_inh"


MODELS = {"cuba": cuba, "coba": coba, "brunel": brunel, "brunel-additive": brunel, "brunel-multiplicative": brunel}


def one_decay(p, dt):
    return math.exp(dt / p.tau_m)


def learning(p, dt):
    """Keywords of the ``Synapses`` that learn: pair STDP with a trace of either side per synapse, event-driven.

    The delay is axonal, which is the quickest form here: one pathway does all at the arrival of a spike. It runs one
    step before the jump counts, so the traces are scaled to what they are a step later, and a postsynaptic spike of the
    same step goes first.
    """
    ahead = one_decay(p, dt)
    up, down = (("(w_max - w) * x", "w * y") if p.mu else ("w_max * x", "w_max * y"))
    return dict(
        model="""w : volt
                 dx/dt = -x / tau_plus : 1 (event-driven)
                 dy/dt = -y / tau_minus : 1 (event-driven)""",
        on_pre=f"""w = clip(w - {down}, 0 * volt, w_max)
                   x += x_step
                   v_post += w""",
        on_post=f"""w = clip(w + {up}, 0 * volt, w_max)
                    y += y_step""",
        namespace=dict(
            w_max=p.w_max * ahead * b2.mV, tau_plus=p.tau_plus * b2.ms, tau_minus=p.tau_minus * b2.ms,
            x_step=p.lam * math.exp(dt / p.tau_plus), y_step=p.alpha * p.lam * math.exp(-dt / p.tau_minus)))


def _neurons(p, equations, names, **how):
    neurons = b2.NeuronGroup(p.n, equations, reset="v = V_reset", namespace=names, **how)
    low, high = p.v_start
    neurons.v = f"({low} + {high - low} * rand()) * mV"
    return neurons


def describe(options):
    """The network and what is watched of it."""
    p = options.physics
    b2.defaultclock.dt = options.dt * b2.ms
    neurons, objects, on_exc, on_inh = MODELS[options.model](p, options.dt)
    # A jump of V counts one step after it landed, a jump of a current or conductance in the same step as elsewhere.
    delay = (p.delay - options.dt if options.model == "brunel" else p.delay) * b2.ms
    plastic = None
    for link in p.links:
        how = dict(on_pre=on_exc if link.excitatory else on_inh, namespace=neurons.namespace)
        if link.plastic:
            how = learning(p, options.dt)
        synapses = b2.Synapses(neurons[slice(*link.pre)], neurons[slice(*link.post)], delay=delay, **how)
        synapses.connect(i=f"source for source in sample(N_pre, size={link.in_degree})")
        objects.append(synapses)
        if link.plastic:
            synapses.w = p.w_exc * one_decay(p, options.dt) * b2.mV
            synapses.pre.order, synapses.post.order = 1, -1
            plastic = synapses
    counter = b2.SpikeMonitor(neurons, record=False)
    sample = b2.SpikeMonitor(neurons[:min(RECORDED, p.n)])
    return b2.Network(neurons, *objects, counter, sample), Watched(counter, sample, plastic)


@dataclass(frozen=True)
class Watched:
    """What a run is read from: the count of all spikes, the spikes of a sample, the synapses that learn or None."""

    counter: object
    sample: object
    plastic: object


def weights(synapses, options):
    """Moments of a sample of the weights that learn."""
    p = options.physics
    chosen = (np.asarray(synapses.i) < sampled(p)) & (np.asarray(synapses.j) < sampled(p))
    return moments(np.asarray(synapses.w)[chosen] * 1000.0 / one_decay(p, options.dt), p)


def measured(watched, options, **times):
    counter, sample = watched.counter, watched.sample
    since = options.warm * b2.ms
    timed = sample.t >= since
    seen = observed(sample.i[timed], (sample.t[timed] - since) / b2.ms, options.duration)
    extra = {} if watched.plastic is None else weights(watched.plastic, options)
    return Measured(spikes=int(np.sum(counter.count[:])), **seen, **times, extra=extra)


def runner_cpp(options, folder):
    """Generate and compile once; every seed is one execution of the program."""
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = options.threads if options.threads > 1 else 0
    for thread in range(options.threads):
        b2.device.insert_code("main", f'brian::_random_generators[{thread}].seed(atol(getenv("{SEED}")) + {thread});')
    network, watched = describe(options)
    watched.counter.active = False
    network.run(options.warm * b2.ms, namespace={})
    watched.counter.active = True
    network.run(options.duration * b2.ms, namespace={})
    start = time.perf_counter()
    b2.device.build(directory=folder, run=False, compile=True, with_output=False)
    compiled = time.perf_counter() - start

    def run(seed):
        os.environ[SEED] = str(seed)
        with Stopwatch() as watch:
            b2.device.run(directory=folder, with_output=False)
        loop = b2.device._last_run_time          # Brian2's own figure; the pinned version has it under this name
        rest = watch.seconds - loop * (1 + options.warm / options.duration)
        return measured(watched, options, build_s=rest, compile_s=compiled, run_s=loop,
                        other_cpu=watch.other_cpu)

    return run


def runner_cython(options, folder):
    """A new network in the same process for every seed; compiled code is found again in the cache folder."""
    b2.prefs.codegen.target = "cython"
    b2.prefs.codegen.runtime.cython.cache_dir = folder
    first = []

    def run(seed):
        gc.collect()                             # names of a former network are free again, so that the cache is hit
        b2.seed(seed)
        loops = []
        start = time.perf_counter()
        network, watched = describe(options)
        watched.counter.active = False
        network.run(options.warm * b2.ms, namespace={})
        watched.counter.active = True
        built = time.perf_counter() - start
        with Stopwatch() as watch:
            network.run(options.duration * b2.ms, namespace={}, report_period=1000 * b2.second,
                        report=lambda elapsed, *rest: loops.append(float(elapsed)))
        first.append(built)
        return measured(watched, options, build_s=built, compile_s=first[0], run_s=loops[-1],
                        other_cpu=watch.other_cpu)

    return run


VARIANTS = {"cpp": runner_cpp, "cython": runner_cython}


def main():
    stdout = private_stdout()
    options = arguments()
    b2.prefs.core.default_float_dtype = np.dtype(options.precision).type
    folder = tempfile.mkdtemp(prefix="benchmark_brian2_")
    try:
        serve(options, VARIANTS[options.variant or "cpp"](options, folder), version=b2.__version__, stdout=stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

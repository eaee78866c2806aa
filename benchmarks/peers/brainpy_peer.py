"""BrainPy's stack on the CPU: event-driven sparse products of brainevent in a time loop of jax.lax.scan. Single
precision.

Things to know
    BrainPy's own neuron classes hand one Python object per variable through the loop; this script writes the step by
    hand on the same operators, which is what the stack can reach. The operators need numba installed, or they silently
    become dense work; they need the row pointers while they are compiled, so every seed compiles again. XLA takes all
    cores unless it is told otherwise before jax is imported.
"""
import math
import os
import time
from typing import NamedTuple

import numpy as np

from benchmarks.peers.protocol import RECORDED, Measured, Stopwatch, arguments, private_stdout, serve
from benchmarks.stats import observed

POISSON_TERMS = 16


class State(NamedTuple):
    v: object
    exc: object
    inh: object
    free_from: object
    in_flight: object
    key: object


def distinct_sources(random, n_targets, n_sources, k):
    """``k`` different sources for every target, shape (n_targets, k): repeated ones are drawn again until there are
    none.
    """
    drawn = np.sort(random.integers(0, n_sources, (n_targets, k)), axis=1)
    while (again := np.pad(drawn[:, 1:] == drawn[:, :-1], ((0, 0), (1, 0)))).any():
        drawn[again] = random.integers(0, n_sources, again.sum())
        drawn.sort(axis=1)
    return drawn


def by_source(sources, n_sources):
    """Targets grouped by source: (indices, row pointers) of a CSR matrix [source, target]."""
    order = np.argsort(sources, axis=None, kind="stable")
    pointers = np.concatenate([[0], np.cumsum(np.bincount(sources.ravel(), minlength=n_sources))])
    return (order // sources.shape[1]).astype(np.int32), pointers.astype(np.int32)


def start(options, seed, jax):
    """Connectivity, a matrix for either kind of source, and the initial state."""
    import brainevent
    import jax.numpy as jnp
    p, random = options.physics, np.random.default_rng(seed)
    matrices = []
    for n_sources, k, weight in ((p.n_exc, p.k_exc, p.w_exc), (p.n_inh, p.k_inh, p.w_inh)):
        structure = by_source(distinct_sources(random, p.n, n_sources, k), n_sources)
        matrices.append(brainevent.CSR((jnp.float32(weight), *map(jnp.asarray, structure)), shape=(n_sources, p.n)))
    g_exc, g_inh = (np.maximum(random.normal(*getattr(p, name, (0.0, 0.0)), p.n), 0.0)
                    for name in ("g_exc_start", "g_inh_start"))
    steps = round(p.delay / options.dt)
    state = State(v=jnp.asarray(random.uniform(*p.v_start, p.n), jnp.float32), exc=jnp.asarray(g_exc, jnp.float32),
                  inh=jnp.asarray(g_inh, jnp.float32), free_from=jnp.zeros(p.n, jnp.int32),
                  in_flight=jnp.zeros((steps, p.n), bool), key=jax.random.key(seed))
    return matrices, state


def flow_cuba(p, dt, jnp):
    decay, exc, inh = (math.exp(-dt / tau) for tau in (p.tau_m, p.tau_exc, p.tau_inh))
    gain_exc = p.tau_exc / (p.tau_exc - p.tau_m) * (exc - decay)
    gain_inh = p.tau_inh / (p.tau_inh - p.tau_m) * (inh - decay)

    def flow(s):
        return p.E_L + (s.v - p.E_L) * decay + s.exc * gain_exc + s.inh * gain_inh, s.exc * exc, s.inh * inh

    return flow


def flow_coba(p, dt, jnp):
    exc, inh = (math.exp(-dt / tau) for tau in (p.tau_exc, p.tau_inh))

    def flow(s):
        total = p.g_L + s.exc + s.inh
        target = (p.g_L * p.E_L + s.exc * p.E_exc + s.inh * p.E_inh) / total
        return target + (s.v - target) * jnp.exp(total * (-dt / p.C_m)), s.exc * exc, s.inh * inh

    return flow


def flow_brunel(p, dt, jnp):
    decay = math.exp(-dt / p.tau_m)
    return lambda s: (p.E_L + (s.v - p.E_L) * decay, s.exc, s.inh)


FLOWS = {"cuba": flow_cuba, "coba": flow_coba, "brunel": flow_brunel}


def poisson_drive(p, dt, jax, jnp):
    """A Poisson number of input spikes per neuron and step, by comparing 32 random bits with its distribution
    function.
    """
    mean = p.rate * dt / 1000.0
    mass = np.cumsum([math.exp(-mean) * mean ** k / math.factorial(k) for k in range(POISSON_TERMS)])
    limits = np.minimum(mass * 2.0 ** 32, 2.0 ** 32 - 1).astype(np.uint32)

    def drive(key):
        bits = jax.random.bits(key, (p.n,), jnp.uint32)
        return p.w_exc * sum((bits > limit).astype(jnp.float32) for limit in limits)

    return drive


def make_loop(options, matrices, jax):
    """``loop(state, steps) -> (state, (spikes per step, spikes of the sampled neurons))``, not yet compiled."""
    import brainevent
    import jax.numpy as jnp
    p, dt = options.physics, options.dt
    flow = FLOWS[options.model](p, dt, jnp)
    delta = options.model == "brunel"
    drive = poisson_drive(p, dt, jax, jnp) if delta else None
    # The step in which the refractory time ends still holds V, as in the other simulators.
    held, sampled = round(p.t_ref / dt) + 1, min(RECORDED, p.n)

    def arrived(spikes):
        return [brainevent.BinaryArray(part) @ matrix
                for part, matrix in zip((spikes[:p.n_exc], spikes[p.n_exc:]), matrices, strict=True)]

    def step(s, t):
        slot = t % s.in_flight.shape[0]
        from_exc, from_inh = arrived(s.in_flight[slot])
        v, exc, inh = flow(s)
        key = s.key
        if delta:
            key, draw = jax.random.split(key)
            v = v + from_exc + from_inh + drive(draw)
        else:
            exc, inh = exc + from_exc, inh + from_inh
        v = jnp.where(t < s.free_from, s.v, v)
        fired = v >= p.V_th
        s = State(v=jnp.where(fired, p.V_reset, v), exc=exc, inh=inh, free_from=jnp.where(fired, t + held, s.free_from),
                  in_flight=s.in_flight.at[slot].set(fired), key=key)
        return s, (fired.sum(dtype=jnp.int32), fired[:sampled])

    return lambda state, steps: jax.lax.scan(step, state, steps)


def main():
    stdout = private_stdout()
    options = arguments()
    os.environ["JAX_PLATFORMS"] = "cpu"
    if options.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import brainpy
    import jax
    import jax.numpy as jnp
    import numba  # noqa: F401  without it the operators silently become dense work
    warm, timed = round(options.warm / options.dt), round(options.duration / options.dt)
    steps = jnp.arange(warm, dtype=jnp.int32), jnp.arange(warm, warm + timed, dtype=jnp.int32)

    def run(seed):
        begin = time.perf_counter()
        matrices, state = start(options, seed, jax)
        built = time.perf_counter()
        loop = jax.jit(make_loop(options, matrices, jax))
        run_warm, run_timed = (loop.lower(state, part).compile() for part in steps)
        compiled = time.perf_counter()
        state, _ = jax.block_until_ready(run_warm(state, steps[0]))
        with Stopwatch() as watch:
            _, (counts, sample) = jax.block_until_ready(run_timed(state, steps[1]))
        times, ids = np.nonzero(np.asarray(sample))
        return Measured(build_s=built - begin, compile_s=compiled - built, run_s=watch.seconds,
                        spikes=int(counts.sum()), other_cpu=watch.other_cpu,
                        **observed(ids, times * options.dt, options.duration))

    serve(options, run, version=brainpy.__version__, stdout=stdout)


if __name__ == "__main__":
    main()

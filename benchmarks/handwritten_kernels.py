"""Time loops written by hand for one network each: single precision, one thread, no checks, everything known.

Layout
    The state is one row of potentials and what synapses add to; who fired is a row of bytes. Updates go block by block,
    so that the search for spikes reads flags that are still in the first cache. Spikes stay in lists, one per step.

Refractory neurons
    They have no counter: at its spike a neuron's potential becomes HELD, from which no input lifts it to threshold, and
    the list of the spikes of t_ref ago says whom to set to the reset potential.

Exponential inputs
    They are delivered straight into the decaying state after the update of the step in which they arrive: nothing reads
    it in between, so that no row of arriving inputs is needed.
"""
from collections import namedtuple

import numpy as np
from numba import njit

BLOCK = 512
WORD = 8
COMMON = "n_exc delay hold v_th v_reset "
Cuba = namedtuple("Cuba", COMMON + "decay pull from_exc from_inh decay_exc decay_inh w_exc w_inh")
Coba = namedtuple("Coba", COMMON + "g_leak drive e_exc e_inh mean_exc mean_inh rate decay_exc decay_inh w_exc w_inh")
Brunel = namedtuple("Brunel", COMMON + "decay pull w_exc w_inh limits")
ZERO, ONE, HELD = np.float32(0.0), np.float32(1.0), np.float32(-1e30)
EIGHTH, C2, C3, C4 = (np.float32(c) for c in (0.125, 1 / 2, 1 / 6, 1 / 24))
MIX_A, MIX_B = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
S15, S16, TOP = np.uint32(15), np.uint32(16), np.uint32(1 << 31)
fast = njit(cache=True, error_model="numpy", fastmath=True)
inline = njit(error_model="numpy", fastmath=True, inline="always")


@fast
def collect(flags, words, block, ids, count):
    """Append the neurons of a block whose flag is set."""
    first = BLOCK // WORD * block
    mine, any_of_them = words[first:first + BLOCK // WORD], np.uint64(0)
    for eight in mine:
        any_of_them |= eight
    if any_of_them == 0:
        return count
    for word, eight in enumerate(mine):
        if eight != 0:
            for neuron in range((first + word) * WORD, (first + word + 1) * WORD):
                if flags[neuron]:
                    ids[count] = neuron
                    count += 1
    return count


@fast
def deliver(ids, count, n_exc, rows, to_exc, to_inh, w_exc, w_inh):
    """Add the weights of all synapses of the spikes in ``ids``.

    Slices, because the compiler would ask of every plain index whether it is negative.
    """
    starts_exc, targets_exc, starts_inh, targets_inh = rows
    for neuron in ids[:count]:
        if neuron < n_exc:
            for target in targets_exc[starts_exc[neuron]:starts_exc[neuron + 1]]:
                to_exc[target] += w_exc
        else:
            for target in targets_inh[starts_inh[neuron - n_exc]:starts_inh[neuron - n_exc + 1]]:
                to_inh[target] += w_inh


@fast
def update_cuba(c, block, potential, currents_exc, currents_inh, flags):
    first, last = BLOCK * block, min(BLOCK * (block + 1), len(potential))
    v, fired = potential[first:last], flags[first:last]
    i_exc, i_inh = currents_exc[first:last], currents_inh[first:last]
    for i in range(last - first):
        free = c.pull + v[i] * c.decay + i_exc[i] * c.from_exc + i_inh[i] * c.from_inh
        fires = free >= c.v_th
        v[i] = HELD if fires else free
        fired[i] = np.uint8(fires)
        i_exc[i] *= c.decay_exc
        i_inh[i] *= c.decay_inh


@inline
def exp_minus(x):
    """exp(-x) for 0 <= x < 16: the fourth-degree polynomial of an eighth of it, squared three times."""
    y = x * EIGHTH
    p = ONE - y * (ONE - y * (C2 - y * (C3 - y * C4)))
    p = p * p
    p = p * p
    return p * p


@fast
def update_coba(c, block, potential, conductances_exc, conductances_inh, flags):
    first, last = BLOCK * block, min(BLOCK * (block + 1), len(potential))
    v, fired = potential[first:last], flags[first:last]
    g_exc, g_inh = conductances_exc[first:last], conductances_inh[first:last]
    for i in range(last - first):
        mean_exc, mean_inh = g_exc[i] * c.mean_exc, g_inh[i] * c.mean_inh
        g = c.g_leak + mean_exc + mean_inh
        v_inf = (c.drive + mean_exc * c.e_exc + mean_inh * c.e_inh) / g
        free = v_inf + (v[i] - v_inf) * exp_minus(c.rate * g)
        fires = free >= c.v_th
        v[i] = HELD if fires else free
        fired[i] = np.uint8(fires)
        g_exc[i] *= c.decay_exc
        g_inh[i] *= c.decay_inh


@inline
def mix32(x):
    x = np.uint32(np.uint32(x ^ np.uint32(x >> S16)) * MIX_A)
    x = np.uint32(np.uint32(x ^ np.uint32(x >> S15)) * MIX_B)
    return np.uint32(x ^ np.uint32(x >> S16))


@inline
def draw(i, low, high):
    """``snn.random.bits32`` of neuron i as a signed number of the same order."""
    return np.int32(mix32(np.uint32(mix32(np.uint32(np.uint32(i) ^ low)) + high)) ^ TOP)


@inline
def above(bits, limit):
    return ONE if bits > limit else ZERO


@fast
def poisson(c, block, low, high, drive):
    """Set ``drive`` to the external input of a block of neurons.

    All compare the first ten thresholds; the further ones matter once in 20,000 draws and are looked at apart.
    """
    a, b, d, e, f, g, h, p, q, r = c.limits[:10]
    first, w, most = BLOCK * block, c.w_exc, a
    for i in range(BLOCK):
        bits = draw(first + i, low, high)
        count = above(bits, a) + above(bits, b) + above(bits, d) + above(bits, e) + above(bits, f)
        drive[i] = w * (count + above(bits, g) + above(bits, h) + above(bits, p) + above(bits, q) + above(bits, r))
        most = max(most, bits)
    if most > r:
        for i in range(BLOCK):
            bits = draw(first + i, low, high)
            if bits > r:
                for limit in c.limits[10:]:
                    drive[i] += w * above(bits, limit)


@fast
def update_brunel(c, block, potential, inputs, drive, flags):
    first, last = BLOCK * block, min(BLOCK * (block + 1), len(potential))
    v, x, fired = potential[first:last], inputs[first:last], flags[first:last]
    for i in range(last - first):
        free = c.pull + v[i] * c.decay + (x[i] + drive[i])
        fires = free >= c.v_th
        v[i] = HELD if fires else free
        fired[i] = np.uint8(fires)
        x[i] = ZERO


@fast
def release(potential, v_reset, ids, count):
    """Let the neurons go whose refractory time is over."""
    for j in range(count):
        potential[ids[j]] = v_reset


@fast
def run_cuba(start, steps, c, rows, v, inputs, flags, words, ids, counts):
    """Advance ``steps`` steps from step ``start``; returns the number of spikes. The other loops do the same."""
    total, depth = 0, len(counts)
    for step in range(start, start + steps):
        now, before, over, count = step % depth, (step - c.delay) % depth, (step - c.hold) % depth, 0
        release(v, c.v_reset, ids[over], counts[over])
        for block in range((len(v) + BLOCK - 1) // BLOCK):
            update_cuba(c, block, v, inputs[0], inputs[1], flags)
            count = collect(flags, words, block, ids[now], count)
        counts[now] = count
        total += count
        deliver(ids[before], counts[before], c.n_exc, rows, inputs[0], inputs[1], c.w_exc, c.w_inh)
    return total


@fast
def run_coba(start, steps, c, rows, v, inputs, flags, words, ids, counts):
    total, depth = 0, len(counts)
    for step in range(start, start + steps):
        now, before, over, count = step % depth, (step - c.delay) % depth, (step - c.hold) % depth, 0
        release(v, c.v_reset, ids[over], counts[over])
        for block in range((len(v) + BLOCK - 1) // BLOCK):
            update_coba(c, block, v, inputs[0], inputs[1], flags)
            count = collect(flags, words, block, ids[now], count)
        counts[now] = count
        total += count
        deliver(ids[before], counts[before], c.n_exc, rows, inputs[0], inputs[1], c.w_exc, c.w_inh)
    return total


@fast
def run_brunel(start, steps, c, rows, v, inputs, flags, words, ids, counts, low, high):
    total, depth, drive = 0, len(counts), np.zeros(BLOCK, np.float32)
    for step in range(start, start + steps):
        now, before, over, count = step % depth, (step - c.delay) % depth, (step - c.hold) % depth, 0
        release(v, c.v_reset, ids[over], counts[over])
        deliver(ids[before], counts[before], c.n_exc, rows, inputs[0], inputs[0], c.w_exc, c.w_inh)
        for block in range((len(v) + BLOCK - 1) // BLOCK):
            poisson(c, block, low[step - start], high[step - start], drive)
            update_brunel(c, block, v, inputs[0], drive, flags)
            count = collect(flags, words, block, ids[now], count)
        counts[now] = count
        total += count
    return total

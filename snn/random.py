"""Keyed random numbers: every draw is a pure function of (seed, scope, element, step).

What it is
    There is no generator object and no hidden position. A *stream* is a 64-bit key made from the seed and the names of
    the thing that draws (population, projection, purpose); a draw hashes the key with the index of the element. A
    result can therefore depend neither on the order of calls nor on the number of threads, and a checkpoint of the
    random state is the step number.

Formula
    ``bits64(key, index)`` is the output function of SplitMix64 at position ``index`` of the sequence that starts at
    ``key`` (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
    ``step_keys(key, step)`` gives two 32-bit words per step; ``bits32(k0, k1, index)`` mixes the element in with two
    rounds of a 32-bit finaliser (constants of C. Wellons' search for low-bias finalisers). The 32-bit form is what the
    engines evaluate per neuron and step, in vectors.

The functions accept numpy arrays; compiled code uses the same text.
"""
import hashlib

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLY_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(11)
_ONE = np.uint64(1)
MIX_A, MIX_B = 0x7FEB352D, 0x846CA68B
_INV53 = 1.0 / (1 << 53)


def stream(seed, *scope):
    """Key of a stream.

    Parameters: ``seed`` int; ``scope`` strings or ints that name what draws, e.g. ``("exc", "v")``.
    Returns: ``numpy.uint64``. Same arguments, same key, on every machine.
    """
    text = "|".join([str(int(seed)), *map(str, scope)])
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


def bits64(key, index):
    """64 random bits at ``index`` (uint64 array, or uint64 scalar in compiled code) of stream ``key``."""
    z = key + (index + _ONE) * GOLDEN
    z = (z ^ (z >> _S30)) * MULTIPLY_1
    z = (z ^ (z >> _S27)) * MULTIPLY_2
    return z ^ (z >> _S31)


def unit(bits):
    """Map 64 random bits to a float64 in [0, 1) with 53 random bits."""
    return (bits >> _S11) * _INV53


def uniform(key, index):
    """Uniform numbers in [0, 1); ``index`` an array of integers."""
    return unit(bits64(key, np.atleast_1d(np.asarray(index)).astype(np.uint64)))


def normal(key, index):
    """Standard normal numbers by inversion of the distribution function; ``index`` an array of integers."""
    from scipy.special import ndtri
    return ndtri(np.maximum(uniform(key, index), 0.5 * _INV53))


def step_keys(key, step):
    """Two 32-bit words of stream ``key`` for time step ``step`` (or an array of steps)."""
    z = bits64(key, np.atleast_1d(np.asarray(step)).astype(np.uint64))
    return (z & np.uint64(0xFFFFFFFF)).astype(np.uint32), (z >> np.uint64(32)).astype(np.uint32)


def mix32(x):
    """Bijective 32-bit finaliser on a uint32 array."""
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(MIX_A)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(MIX_B)
    return x ^ (x >> np.uint32(16))


def bits32(k0, k1, index):
    """32 random bits per element: ``mix32(mix32(index ^ k0) + k1)``; all uint32, ``index`` an array."""
    return mix32(mix32(np.asarray(index, np.uint32) ^ k0) + k1)

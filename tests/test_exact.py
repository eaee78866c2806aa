"""Elementary functions: accuracy against numpy in a wider format, special values, and the same bits when compiled."""

import ctypes
import math

import numpy as np
import pytest
import scipy.special
import torch

from snn import exact
from snn.gaussian import quantile
from snn.graph import Graph
from snn.run import native
from snn.run.block import Block
from snn.run.vectors import Vectors

WIDE = np.longdouble
RNG = np.random.default_rng(7)


def spread(low, high, n=40_000):
    """Numbers of both signs whose sizes are spread evenly on a logarithmic scale."""
    return 10.0 ** RNG.uniform(low, high, n) * RNG.choice([-1.0, 1.0], n)


DOMAIN = {
    "exp": np.r_[RNG.uniform(-700, 700, 40_000), spread(-10, 2)],
    "expm1": np.r_[RNG.uniform(-2, 2, 40_000), spread(-18, 2.8)],
    "log": np.r_[
        RNG.uniform(0.4, 2.1, 40_000), np.abs(spread(-37, 38)), np.abs(spread(-300, 300)), 1.0 + spread(-15, -1)
    ],
    "log1p": np.r_[RNG.uniform(-0.9, 2.0, 40_000), np.abs(spread(-18, 18)), spread(-18, -0.1)],
    "sin": np.r_[RNG.uniform(-10, 10, 40_000), spread(-8, 6), np.arange(2000) * math.pi / 2],
    "cos": np.r_[RNG.uniform(-10, 10, 40_000), spread(-8, 6), np.arange(2000) * math.pi / 2],
}
LARGEST = {"exp": 87.0, "expm1": 87.0, "sin": 1e4, "cos": 1e4}
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 5.0e-324])


def tensors(name, *arrays):
    with exact.exact_math():
        return getattr(torch, name)(*(torch.as_tensor(x) for x in arrays)).numpy()


def compiled(op, dtype, *arrays, literal=None):
    """``op`` of ``snn.operations`` as vector code on equally long arrays, the last argument a ``literal`` if given."""
    n = -(-len(arrays[0]) // 8) * 8
    held = [np.resize(x, n).astype(dtype) for x in arrays] + [np.empty(n, dtype)]
    k = Block("function")
    v = Vectors(k, dtype)
    bases = [k.word(j) for j in range(len(held))]

    def body(i, _):
        inputs = [v.load(base, i) for base in bases[:-1]] + ([] if literal is None else [v.number(literal)])
        v.store(v.apply("Test", op, inputs), bases[-1], i)

    k.loop(k.i64(0), k.i64(n), v.lanes, body)
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(native.address(*k.done()))
    words = np.array([x.ctypes.data for x in held], np.int64)
    run(words.ctypes.data, 0, 0)
    return held[-1][: len(arrays[0])]


def ulps(found, name, x, dtype):
    """Error in units of the last place of the true value."""
    true = getattr(np, name)(x.astype(WIDE))
    return np.abs(found.astype(WIDE) - true) / np.spacing(np.abs(true).astype(dtype))


@pytest.mark.parametrize("name", DOMAIN)
def test_double_precision_is_accurate(name):
    error = ulps(tensors(name, DOMAIN[name]), name, DOMAIN[name], np.float64)
    assert error.max() < {"expm1": 2.0, "log": 1.0}.get(name, 1.5)


@pytest.mark.parametrize("name", DOMAIN)
def test_single_precision_is_accurate(name):
    x = DOMAIN[name][np.abs(DOMAIN[name]) < 1e38].astype(np.float32)
    x = x[(np.abs(x) < LARGEST.get(name, 1e38)) & (np.abs(x) > 2e-38)]
    found = compiled(name, "float32", x)
    near_zero = np.abs(found - getattr(np, name)(x.astype(WIDE))) < 2e-11
    assert ((ulps(found, name, x, np.float32) < 2.0) | (near_zero if name in ("sin", "cos") else False)).all()


@pytest.mark.parametrize("name", [*DOMAIN, "sigmoid", "tanh"])
def test_compiled_bits_equal(name):
    x = np.r_[DOMAIN.get(name, DOMAIN["exp"]), SPECIAL, spread(5, 300)]
    # Runs treat denormal numbers as zero, and threads of torch may do so from then on.
    found, expected = (np.where(np.abs(y) < np.finfo(np.float64).tiny, 0.0 * y, y)
                       for y in (compiled(name, "float64", x), tensors(name, x)))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", [*DOMAIN, "sigmoid", "tanh", "sqrt"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values(name, dtype):
    x = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, -3.0] + [1.0] * 2)
    with np.errstate(all="ignore"):
        function = {"sigmoid": scipy.special.expit}.get(name) or getattr(np, name)
        expected = function(x)
    found = compiled(name, dtype, x).astype(np.float64)
    finite = np.where(np.isinf(expected), np.isinf(found) & (np.sign(found) == np.sign(expected)), True)
    if name in ("exp", "expm1"):
        finite[3] = found[3] > 1e38  # the largest exponential
    assert finite.all()
    assert (np.isnan(found) == np.isnan(expected)).all()
    seen = np.isfinite(expected)
    np.testing.assert_allclose(found[seen], expected[seen], rtol=1e-6, atol=1e-37)


def test_angles_beyond_the_accurate_range():
    x = np.r_[spread(7, 15), spread(15, 300)]
    for name in ("sin", "cos"):
        found = tensors(name, x)
        near = np.abs(x) < 1e15
        assert (np.abs(found) <= 1.0).all()
        assert (np.abs(found - getattr(np, name)(x))[near] <= 2.0 * np.spacing(np.abs(x[near]))).all()


def test_tensors_of_any_shape():
    with exact.exact_math():
        for name in DOMAIN:
            zero_d = getattr(torch, name)(torch.tensor(0.7, dtype=torch.float64))
            wide = getattr(torch, name)(torch.full((2, 3), 0.7, dtype=torch.float64).T)
            assert zero_d.shape == () and wide.shape == (3, 2) and (wide == zero_d).all()
            assert getattr(torch, name)(torch.tensor(0.7)).dtype is torch.float32


@pytest.mark.parametrize("exponent", [1, 4, 5.0, -1, -3, 0, 16, 0.5, 0.3, -1.7, 17, 33.3])
def test_powers_of_literal_exponents(exponent):
    base = np.abs(spread(-3, 3)) if exponent % 1 or exponent > 16 else spread(-3, 3)
    with exact.exact_math():
        found = (torch.as_tensor(base) ** exponent).numpy()
    allowed = 4.0 + min(abs(exponent), 16) + 2.0 * np.abs(exponent * np.log(np.abs(base)))
    true = base.astype(WIDE) ** WIDE(exponent)
    assert (np.abs(found - true) <= allowed * np.spacing(np.abs(found))).all()
    np.testing.assert_array_equal(compiled("pow", "float64", base, literal=float(exponent)), found)


def test_powers_of_tensors():
    base = np.r_[np.abs(spread(-3, 3)), 0.0, 0.0, 0.0, np.nan, -1.0, 0.7, -0.7]
    exponent = np.r_[RNG.uniform(-4, 4, 40_000), 0.3, 0.0, -1.0, 1.0, 0.3, 1.0, 0.0]
    found = tensors("pow", base, exponent)
    np.testing.assert_allclose(found[:-7], base[:-7] ** exponent[:-7], rtol=2e-14)
    np.testing.assert_array_equal(found[-7:], [0.0, 1.0, np.inf, np.nan, np.nan, 0.7, 1.0])
    np.testing.assert_array_equal(compiled("pow", "float64", base, exponent), found)


# The normal quantile


UNIFORM = np.r_[RNG.random(40_000), 10 ** RNG.uniform(-37, -1, 10_000), 1.0 - 10 ** RNG.uniform(-15, -1, 10_000)]


def test_quantile_is_that_of_the_normal_distribution():
    u = np.r_[UNIFORM, 10 ** RNG.uniform(-300, -37, 10_000)]
    np.testing.assert_allclose(quantile(torch.as_tensor(u)), scipy.special.ndtri(u), rtol=1e-13)
    single = UNIFORM.astype(np.float32)
    single = single[single < 1]
    found = quantile(torch.as_tensor(single))
    assert found.dtype is torch.float32
    np.testing.assert_allclose(found, scipy.special.ndtri(single.astype(np.float64)), rtol=1e-6, atol=1e-7)


def test_quantile_is_finite_and_symmetric_at_the_edges():
    for dtype in (torch.float32, torch.float64):
        low, middle, high = quantile(torch.tensor([0.0, 0.5, 1.0], dtype=dtype))
        assert middle == 0.0 and high == -low and 5.4 < high < 5.6


def test_quantile_of_a_node_gives_the_same_bits():
    """The graph of the function, evaluated as compiled code does, in each precision."""
    graph = Graph("Test")
    node = quantile(graph.leaf("state", ("u",)))
    u = np.r_[UNIFORM, np.linspace(0.0, 1.0, 9)]
    with exact.exact_math():
        expected = quantile(torch.as_tensor(u)).numpy()
    np.testing.assert_array_equal(evaluated(node, u, "float64"), expected)
    single = evaluated(node, u, "float32")
    np.testing.assert_allclose(single, quantile(torch.as_tensor(u.astype(np.float32))), rtol=2e-6, atol=2e-7)


def evaluated(root, u, dtype):
    """The compiled values of a node that depends on one leaf."""
    from snn.graph import reachable

    n = -(-len(u) // 8) * 8
    held = [np.resize(u, n).astype(dtype), np.empty(n, dtype)]
    k = Block("node")
    v = Vectors(k, dtype)
    source, target = k.word(0), k.word(1)

    def body(i, _):
        values = {}
        for node in reachable([root]):
            if node.op == "state":
                values[node.index] = v.load(source, i)
            elif node.op == "literal":
                values[node.index] = v.number(node.attr[0])
            else:
                values[node.index] = v.apply("Test", node.op, [values[a.index] for a in node.args])
        v.store(values[root.index], target, i)

    k.loop(k.i64(0), k.i64(n), v.lanes, body)
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(native.address(*k.done()))
    words = np.array([x.ctypes.data for x in held], np.int64)
    run(words.ctypes.data, 0, 0)
    return held[1][: len(u)]

"""Distributions: known distribution functions, independence of order and splits, bad input."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from snn.distributions import Choice, Exponential, LogNormal, Normal, Uniform, values
from snn.errors import NetworkError
from snn.random import stream

N = 20_000
KEY = stream(7, "exc", "weight")
CASES = {
    "uniform": (Uniform(-60.0, -50.0), stats.uniform(-60, 10)),
    "normal": (Normal(1.5, 0.5), stats.norm(1.5, 0.5)),
    "above": (Normal(1.0, 0.5, low=0.8), stats.truncnorm(-0.4, np.inf, 1.0, 0.5)),
    "between": (Normal(0.0, 2.0, low=-1.0, high=3.0), stats.truncnorm(-0.5, 1.5, 0.0, 2.0)),
    "far right": (Normal(0.0, 1.0, low=8.0), stats.truncnorm(8.0, np.inf)),
    "far left": (Normal(0.0, 1.0, high=-8.0), stats.truncnorm(-np.inf, -8.0)),
    "lognormal": (LogNormal(-0.64, 0.51), stats.lognorm(0.51, scale=np.exp(-0.64))),
    "exponential": (Exponential(2.0), stats.expon(scale=2.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_follows_its_distribution_function(case):
    drawn, known = CASES[case]
    x = drawn.sample(KEY, np.arange(N))
    assert x.dtype == np.float64 and x.shape == (N,)
    assert stats.kstest(x, known.cdf).pvalue > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_value_belongs_to_the_element_not_to_the_call(case):
    drawn, _ = CASES[case]
    index = np.random.default_rng(0).permutation(500)
    whole = drawn.sample(KEY, np.arange(500))
    np.testing.assert_array_equal(drawn.sample(KEY, index), whole[index])
    assert not np.array_equal(drawn.sample(stream(8, "exc", "weight"), index), whole[index])


def test_truncation_keeps_bounds_and_does_not_heap_there():
    x = Normal(0.0, 1.0, low=0.5, high=0.6).sample(KEY, np.arange(N))
    assert x.min() >= 0.5 and x.max() <= 0.6 and len(np.unique(x)) > 0.99 * N


def test_no_spread_gives_the_mean():
    np.testing.assert_array_equal(Normal(3.0, 0.0, low=0.0).sample(KEY, np.arange(4)), [3.0] * 4)
    np.testing.assert_array_equal(Exponential(0.0).sample(KEY, np.arange(4)), [0.0] * 4)


def test_choice_has_the_given_shares():
    x = Choice((1.0, 5.0, 9.0, 11.0), (0.7, 0.0, 0.3, 0.0)).sample(KEY, np.arange(N))
    assert set(np.unique(x)) == {1.0, 9.0}
    assert stats.binomtest(int((x == 1.0).sum()), N, 0.7).pvalue > 1e-3
    counts = np.unique(Choice([2.0, 4.0, 8.0]).sample(KEY, np.arange(N)), return_counts=True)[1]
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("step", [0.1, 0.25, 1.0])
def test_grid_gives_nearest_whole_multiples(step):
    base = Uniform(1.0, 5.0)
    on_grid = base.grid(step).sample(KEY, np.arange(N))
    steps = np.rint(on_grid / step)
    np.testing.assert_array_equal(on_grid, steps * step)
    assert np.abs(on_grid - base.sample(KEY, np.arange(N))).max() <= step / 2 + 1e-12
    assert len(np.unique(steps)) == round(4 / step) + 1


def test_values_accepts_numbers_arrays_tensors_and_distributions():
    torch = pytest.importorskip("torch")
    assert values(3, 5, KEY, name="w") == 3.0
    assert values(np.float32(0.5), 5, KEY, name="w", dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(values([1, 2, 3], 3, KEY, name="w"), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(values(torch.tensor([1.0, 2.0], requires_grad=True), 2, KEY, name="w"), [1.0, 2.0])
    assert values(torch.tensor(2.5), 4, KEY, name="w") == 2.5
    drawn = Uniform(0.0, 1.0)
    np.testing.assert_array_equal(values(drawn, 9, KEY, name="w"), drawn.sample(KEY, np.arange(9)))
    same = np.arange(4.0)
    assert values(same, 4, KEY, name="w") is same


def test_values_in_pieces_are_those_of_the_whole():
    n = 150_001
    whole = Normal(0.0, 1.0).sample(KEY, np.arange(n))
    for dtype in (np.float64, np.float32):
        np.testing.assert_array_equal(values(Normal(0.0, 1.0), n, KEY, name="w", dtype=dtype), whole.astype(dtype))


@pytest.mark.parametrize("spec, problem", [
    (np.ones(3), "shape"), (np.ones((4, 1)), "shape"), ([], "shape"), (np.nan, "not finite"),
    ([1, 2, np.inf, 4], "element 2"), ("1.0", "not numbers"), (None, "not numbers"), (True, "not numbers"),
    (1j, "not numbers"), ([[1], [1, 2]], "equal length"), (1e60, "float32"), (LogNormal(300.0, 0.0), "float32"),
])
def test_values_refuses(spec, problem):
    with pytest.raises(NetworkError, match=rf"^a_b\.weight: .*{problem}"):
        values(spec, 4, KEY, name="a_b.weight", dtype=np.float32)


@pytest.mark.parametrize("make, field", [
    (lambda: Uniform(2.0, 1.0), "Uniform.high"), (lambda: Uniform(np.nan, 1.0), "Uniform.low"),
    (lambda: Uniform("0", 1.0), "Uniform.low"), (lambda: Uniform(True, 1.0), "Uniform.low"),
    (lambda: Normal(0.0, -1.0), "Normal.std"), (lambda: Normal(0.0, 1.0, low=2.0, high=2.0), "Normal.high"),
    (lambda: Normal(0.0, 1.0, low=60.0), "Normal.low"), (lambda: Normal(0.0, 0.0, low=1.0), "Normal.mean"),
    (lambda: LogNormal(0.0, -0.1), "LogNormal.std_log"), (lambda: Exponential(-1.0), "Exponential.mean"),
    (lambda: Exponential(np.inf), "Exponential.mean"), (lambda: Choice(()), "Choice.values"),
    (lambda: Choice((1.0, np.nan)), "Choice.values"), (lambda: Choice(("a",)), "Choice.values"),
    (lambda: Choice((1.0, 2.0), (1.0,)), "Choice.probabilities"),
    (lambda: Choice((1.0, 2.0), (0.6, 0.6)), "Choice.probabilities"),
    (lambda: Choice((1.0, 2.0), (1.5, -0.5)), "Choice.probabilities"),
    (lambda: Uniform(0.0, 1.0).grid(0.0), "Grid.step"), (lambda: Uniform(0.0, 1.0).grid(np.nan), "Grid.step"),
])
def test_bad_parameters_are_refused(make, field):
    with pytest.raises(NetworkError, match=f"^{field}"):
        make()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**63), low=st.floats(-1e6, 1e6), width=st.floats(0, 1e6), cut=st.integers(0, 40))
def test_any_split_gives_the_same_values_within_bounds(seed, low, width, cut):
    key, drawn = stream(seed, "a"), Uniform(low, low + width)
    whole = drawn.sample(key, np.arange(40))
    parts = [drawn.sample(key, np.arange(0, cut)), drawn.sample(key, np.arange(cut, 40))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.min() >= low and whole.max() <= low + width


def test_distributions_can_be_compared_and_hashed():
    assert Choice([1, 2], [0.5, 0.5]) == Choice((1.0, 2.0), (0.5, 0.5))
    assert len({Uniform(0.0, 1.0), Uniform(0.0, 1.0), Uniform(0.0, 1.0).grid(0.1)}) == 2

"""Sparse products against torch's dense ones."""
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.errors import RunError
from snn.train import products

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
SIZES = [(1, 1, 1), (1, 200, 70), (300, 1, 5), (300, 64, 1), (257, 70, 65), (100, 140, 256), (520, 8, 3)]
DENSITIES = [0.0, 0.01, 0.1, 1.0]


def spikes(shape, density, dtype=torch.float32, values="ones", seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(shape, generator=generator) < density).to(dtype)
    if values == "scaled":
        return x * 1.25
    return x * torch.randn(shape, generator=generator, dtype=dtype) if values == "any" else x


def dense(shape, dtype=torch.float32, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def close(a, b):
    """Equal to the tolerance of the type, relative to the largest entry."""
    assert a.shape == b.shape and a.dtype == b.dtype
    assert (a - b).abs().max() <= TOLERANCE[a.dtype] * b.abs().max()


@pytest.fixture
def threads():
    """Every kernel uses as many threads as torch has, however little there is to do."""
    before, small = torch.get_num_threads(), products.SMALL
    products.SMALL = 0
    yield torch.set_num_threads
    torch.set_num_threads(before)
    products.SMALL = small


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("values", ["ones", "scaled", "any"])
@pytest.mark.parametrize("density", DENSITIES)
def test_products_equal_the_dense_ones(density, values, dtype):
    for rows, n_in, n_out in SIZES:
        x = spikes((rows, n_in), density, dtype, values)
        weight, bias, g = dense((n_out, n_in), dtype), dense((n_out,), dtype, 2), dense((rows, n_out), dtype, 3)
        p = products.pack(x)
        assert torch.equal(p.dense(), x) and p.density == x.count_nonzero() / x.numel()
        assert p.valued == (values == "any" and len(x[x != 0].unique()) > 1)
        # The dense product of a float32 is itself rounded, so both are held against float64.
        x, g, wide = x.double(), g.double(), weight.double()
        close(products.forward(p, weight, bias), (x @ wide.T + bias.double()).to(dtype))
        close(products.forward(p, weight), (x @ wide.T).to(dtype))
        close(products.combine(p, weight.T), (x @ wide.T).to(dtype))
        close(products.weight_grad(p, g.to(dtype)), (g.T @ x).to(dtype))
        assert torch.equal(products.transposed(weight), weight.T)


@settings(max_examples=40)
@given(rows=st.integers(1, 600), n_in=st.integers(1, 200), n_out=st.sampled_from([13, 70]),
       density=st.floats(0, 1), seed=st.integers(0, 9), scale=st.sampled_from([1, 3]))
def test_sums_of_whole_numbers_are_exact(rows, n_in, n_out, density, seed, scale):
    x = spikes((rows, n_in), density, seed=seed) * (1 if scale == 1 else torch.arange(1.0, n_in + 1) % scale)
    weight, g = dense((n_out, n_in)).mul(9).round(), dense((rows, n_out)).mul(9).round()
    p = products.pack(x)
    assert torch.equal(p.dense(), x)
    assert torch.equal(products.forward(p, weight), x @ weight.T)
    assert torch.equal(products.weight_grad(p, g), g.T @ x)


def test_the_lists():
    p = products.pack(torch.tensor([[0, 2.0, 0, 3.0], [0, 0, 0, 0], [4.0, 0, 0, 0]]))
    assert p.indices.tolist() == [1, 3, 0] and p.indptr.tolist() == [0, 2, 2, 3] and p.shape == (3, 4)
    assert p.values.tolist() == [2, 3, 4] and p.indices.dtype == torch.uint16
    assert products.pack(torch.eye(3) * 5).values.tolist() == 5


def test_lists_are_smaller_than_the_matrix():
    p = products.pack(spikes((1000, 140), 0.3))
    assert sum(t.numel() * t.element_size() for t in (p.indices, p.values, p.indptr)) < 0.2 * 1000 * 140 * 4


def test_more_columns_than_two_bytes_can_name():
    x = spikes((3, 70_000), 0.001)
    p = products.pack(x)
    assert p.indices.dtype == torch.int32 and torch.equal(p.dense(), x)
    weight = dense((2, 70_000))
    close(products.forward(p, weight), x @ weight.T)


@pytest.mark.parametrize("make", [
    lambda x: x.transpose(0, 1), lambda x: x[..., ::2], lambda x: x[..., 3:40], lambda x: x[::2],
    lambda x: x.permute(2, 0, 1), lambda x: x[:1].expand(6, 5, 60), lambda x: x[..., :1].expand(4, 5, 60),
], ids=["transposed", "strided", "narrow", "every_other", "channels_last", "expanded", "expanded_columns"])
def test_inputs_that_are_not_contiguous(make):
    x = make(spikes((4, 5, 60), 0.2, values="any"))
    assert torch.equal(products.pack(x).dense(), x.reshape(-1, x.shape[-1]))


def test_gradients_and_tables_that_are_not_contiguous():
    x, g, weight = spikes((300, 60), 0.1), dense((300, 33)), dense((60, 33)).T
    p = products.pack(x)
    close(products.weight_grad(p, g[:, :1].expand(300, 33)), g[:, :1].expand(300, 33).T @ x)
    close(products.weight_grad(p, g.T.contiguous().T), g.T @ x)
    close(products.forward(p, weight), x @ weight.T)


@pytest.mark.parametrize("values", ["ones", "any"])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_the_number_of_threads_changes_no_bit(threads, dtype, values):
    x = spikes((1000, 90), 0.1, dtype, values)
    x[300:600] = 0
    weight, bias, g = dense((130, 90), dtype), dense((130,), dtype), dense((1000, 130), dtype)
    results = []
    for number in (1, 2, 3):
        threads(number)
        p = products.pack(x)
        results.append((p.indices, p.values, p.indptr, products.forward(p, weight, bias), products.weight_grad(p, g)))
    for other in results[1:]:
        assert all(map(torch.equal, results[0], other))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_stays_in_its_row_and_column(bad):
    x = torch.zeros(20, 10)
    x[3, 4] = bad
    p = products.pack(x)
    out, grad = products.forward(p, torch.ones(5, 10)), products.weight_grad(p, torch.ones(20, 5))
    assert not out[3].isfinite().any() and out[[*range(3), *range(4, 20)]].eq(0).all()
    assert not grad[:, 4].isfinite().any() and grad[:, [*range(4), *range(5, 10)]].eq(0).all()


def test_a_dense_matrix_is_refused_and_a_late_burst_too():
    assert products.pack(spikes((1000, 50), 0.5), at_most=0.3) is None
    x = torch.zeros(1024, 50)
    x[1:16] = 1
    x[17:500:16] = 1
    share = float(x.mean())
    # No row of the sample (every 16th) is active, so only the count of all entries can refuse it.
    assert x[::16].sum() == 0
    assert products.pack(x, at_most=0.9 * share) is None
    assert torch.equal(products.pack(x, at_most=1.1 * share).dense(), x)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0, 5)])
def test_no_rows(shape):
    p = products.pack(torch.zeros(shape))
    assert p.shape == (0, 5) and products.forward(p, torch.ones(2, 5)).shape == (0, 2)
    assert products.weight_grad(p, torch.ones(0, 2)).eq(0).all()


@pytest.mark.parametrize(("call", "message"), [
    (lambda p: products.pack([1.0]), r"pack\.x: cannot be packed \(list\)"),
    (lambda p: products.pack(torch.ones(3, dtype=torch.int32)), r"pack\.x: cannot be packed \(torch.int32"),
    (lambda p: products.pack(torch.tensor(1.0)), r"pack\.x: .* 0 axes"),
    (lambda p: products.forward(p, torch.ones(2, 4)), r"combine\.table: has 4 rows for 5 columns"),
    (lambda p: products.forward(p, torch.ones(2, 5).double()), r"combine\.table: does not fit \(torch.float64"),
    (lambda p: products.combine(p, torch.ones(5)), r"combine\.table: does not fit .* 2 axes"),
    (lambda p: products.forward(p, torch.ones(2, 5), torch.ones(3)), r"combine\.bias: has 3 values for 2 columns"),
    (lambda p: products.weight_grad(p, torch.ones(4, 2)), r"weight_grad\.g: has 4 rows for 3"),
])
def test_what_does_not_fit(call, message):
    p = products.pack(torch.eye(5)[:3])
    with pytest.raises(RunError, match=message):
        call(p)

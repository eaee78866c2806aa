"""Connection rules: known degrees and statistics, draws of a naive reference, slices, bad input."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from snn import random
from snn.connect import AllToAll, Edges, FixedInDegree, FixedOutDegree, FixedTotal, Matrix, OneToOne, Probability
from snn.csr import CSR, Block
from snn.errors import NetworkError

KEY = random.stream(3, "exc_inh", "connect")
APART = Block(0, 40, 0, 70, False)
RECURRENT = Block(0, 60, 0, 60, True)


def pairs(csr):
    """(sources, targets) in CSR order, as int64."""
    return np.repeat(np.arange(len(csr.indptr) - 1), np.diff(csr.indptr)), csr.targets.astype(np.int64)


def dense(csr, block):
    """Number of connections [source, target]."""
    counts = np.zeros((block.n_pre, block.n_post), np.int64)
    np.add.at(counts, pairs(csr), 1)
    return counts


def selves(block):
    """Mask [source, target] of pairs that are one neuron."""
    return block.same & (np.add.outer(np.arange(block.n_pre) + block.pre_offset, -np.arange(block.n_post))
                         == block.post_offset)


def check_structure(csr, block):
    assert isinstance(csr, CSR) and csr.indptr.dtype == np.int64
    assert csr.targets.dtype == (np.uint16 if block.n_post <= 65536 else np.uint32)
    assert csr.indptr[0] == 0 and csr.indptr[-1] == csr.n_synapses == len(csr.targets)
    sources, targets = pairs(csr)
    assert (targets < block.n_post).all()
    assert (np.diff(targets)[np.diff(sources) == 0] >= 0).all()


blocks = st.builds(Block, st.integers(0, 9), st.integers(1, 24), st.integers(0, 9), st.integers(1, 24), st.booleans())


@settings(max_examples=150, deadline=None)
@given(block=blocks, seed=st.integers(0, 99), share=st.floats(0, 1), own=st.booleans(), multi=st.booleans())
def test_any_size_has_the_stated_structure(block, seed, share, own, multi):
    key, free = random.stream(seed, "a"), ~selves(block) | own
    k_in, k_out = int(share * free.sum(0).min()), int(share * free.sum(1).min())
    total = int(share * free.sum())
    options = {"self_connections": own, "multi_edges": multi}
    for rule, check in (
        (AllToAll(self_connections=own), lambda m: (m == free).all()),
        (Probability(share, self_connections=own), lambda m: m.max(initial=0) <= 1),
        (FixedInDegree(k_in, **options), lambda m: (m.sum(0) == k_in).all() and (multi or m.max(initial=0) <= 1)),
        (FixedOutDegree(k_out, **options), lambda m: (m.sum(1) == k_out).all() and (multi or m.max(initial=0) <= 1)),
        (FixedTotal(total, **options), lambda m: m.sum() == total and (multi or m.max(initial=0) <= 1)),
    ):
        csr = rule.build(block, key)
        check_structure(csr, block)
        counts = dense(csr, block)
        assert check(counts), rule
        assert not counts[~free].any()
        again = rule.build(block, key)
        np.testing.assert_array_equal(csr.indptr, again.indptr)
        np.testing.assert_array_equal(csr.targets, again.targets)


def naive_uniform(key, index):
    return float(random.uniform(key, index)[0])


def element_key(element):
    return random.bits64(KEY, np.array([element], np.uint64))[0]


@pytest.mark.parametrize("k", [4, 17])
def test_in_degree_draws_are_those_of_a_naive_reference(k):
    block = Block(3, 20, 8, 25, True)
    expected = np.zeros((20, 25), int)
    for t in range(25):
        key, hole = element_key(8 + t), 8 + t - 3
        allowed = [s for s in range(20) if s != hole]
        taken, j = [], 0
        while 2 * k <= len(allowed) and len(taken) < k:
            s = allowed[int(naive_uniform(key, j) * len(allowed))]
            taken += [s] if s not in taken else []
            j += 1
        for i, s in enumerate(allowed if 2 * k > len(allowed) else []):
            taken += [s] if naive_uniform(key, i) * (len(allowed) - i) < k - len(taken) else []
        expected[taken, t] = 1
    np.testing.assert_array_equal(dense(FixedInDegree(k, self_connections=False).build(block, KEY), block), expected)


def test_probability_gaps_are_those_of_a_naive_reference():
    block, p = Block(5, 30, 0, 200, False), 0.13
    expected = np.zeros((30, 200), int)
    for s in range(30):
        t, j = -1, 0
        while True:
            t, j = t + 1 + int(np.log(1 - naive_uniform(element_key(5 + s), j)) / np.log1p(-p)), j + 1
            if t >= 200:
                break
            expected[s, t] = 1
    np.testing.assert_array_equal(dense(Probability(p).build(block, KEY), block), expected)


def test_probability_is_binomial_per_source_and_uniform_over_targets():
    block, p = Block(0, 4000, 0, 500, False), 0.02
    counts = dense(Probability(p).build(block, KEY), block)
    edges = np.arange(4, 18)
    observed = np.bincount(np.clip(counts.sum(1), edges[0], edges[-1]) - edges[0], minlength=len(edges))
    cdf = stats.binom(500, p).cdf(edges)
    expected = 4000 * np.diff(np.concatenate([[0], cdf[:-1], [1]]))
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    assert stats.chisquare(counts.sum(0)).pvalue > 1e-3


def test_probability_zero_and_one():
    assert Probability(0.0).build(APART, KEY).n_synapses == 0
    assert Probability(1e-300).build(APART, KEY).n_synapses == 0
    np.testing.assert_array_equal(dense(Probability(1.0).build(APART, KEY), APART), np.ones((40, 70)))
    np.testing.assert_array_equal(dense(Probability(1, self_connections=False).build(RECURRENT, KEY), RECURRENT),
                                  1 - np.eye(60))


def test_too_little_room_is_noticed_and_mended(monkeypatch):
    from snn import build
    expected = Probability(0.5).build(APART, KEY)
    monkeypatch.setattr(build.math, "sqrt", lambda x: -x / 20)
    again = Probability(0.5).build(APART, KEY)
    np.testing.assert_array_equal(again.targets, expected.targets)


@pytest.mark.parametrize("rule, axis", [
    (FixedInDegree(10), 1), (FixedInDegree(10, multi_edges=True), 1), (FixedInDegree(150), 1),
    (FixedOutDegree(10), 0), (FixedOutDegree(10, multi_edges=True), 0), (FixedOutDegree(150), 0),
    (FixedTotal(20_000), 0), (FixedTotal(20_000), 1), (FixedTotal(400_000, multi_edges=True), 0),
])
def test_partners_are_uniform(rule, axis):
    block = Block(0, 200, 0, 2000, False) if axis else Block(0, 2000, 0, 200, False)
    counts = dense(rule.build(block, KEY), block).sum(axis)
    n, per_pair = counts.size, counts.sum() / 400_000
    # Without replacement a degree varies less than Poisson, by the share of pairs that stay free.
    free = 1 if rule.multi_edges else 1 - per_pair
    assert stats.chi2(n - 1).sf(((counts - counts.mean()) ** 2).sum() / counts.mean() / free) > 1e-3
    assert stats.chi2(n - 1).cdf(((counts - counts.mean()) ** 2).sum() / counts.mean() / free) > 1e-3


def test_multi_edges_repeat_pairs_as_often_as_chance_says():
    counts = dense(FixedInDegree(20, multi_edges=True).build(RECURRENT, KEY), RECURRENT)
    observed = np.array([(counts == i).sum() for i in range(3)] + [(counts > 2).sum()])
    expected = stats.binom(20, 1 / 60).pmf(np.arange(3))
    expected = 3600 * np.append(expected, 1 - expected.sum())
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_fixed_total_rows_are_hypergeometric():
    block = Block(0, 3000, 0, 20, False)
    rows = dense(FixedTotal(45_000).build(block, KEY), block).sum(1)
    observed = np.bincount(np.clip(rows, 10, 19) - 10, minlength=10)
    cdf = stats.hypergeom(60_000, 20, 45_000).cdf(np.arange(10, 20))
    assert stats.chisquare(observed, 3000 * np.diff(np.concatenate([[0], cdf[:-1], [1]]))).pvalue > 1e-3


@pytest.mark.parametrize("rule", [FixedInDegree(7, self_connections=False), FixedInDegree(45)])
def test_targets_of_a_slice_are_those_of_the_whole(rule):
    whole = dense(rule.build(Block(0, 60, 0, 60, True), KEY), RECURRENT)
    part = Block(0, 60, 20, 25, True)
    np.testing.assert_array_equal(dense(rule.build(part, KEY), part), whole[:, 20:45])


@pytest.mark.parametrize("rule", [FixedOutDegree(7, self_connections=False), Probability(0.2, self_connections=False)])
def test_sources_of_a_slice_are_those_of_the_whole(rule):
    whole = dense(rule.build(RECURRENT, KEY), RECURRENT)
    part = Block(20, 25, 0, 60, True)
    np.testing.assert_array_equal(dense(rule.build(part, KEY), part), whole[20:45])


def test_key_and_element_change_the_draws():
    a = FixedInDegree(8).build(RECURRENT, KEY)
    assert not np.array_equal(a.targets, FixedInDegree(8).build(RECURRENT, KEY + np.uint64(1)).targets)
    assert len(np.unique(dense(a, RECURRENT), axis=1)[0]) == 60


def test_all_to_all_and_one_to_one():
    np.testing.assert_array_equal(dense(AllToAll().build(APART, KEY), APART), np.ones((40, 70)))
    part = Block(10, 5, 12, 6, True)
    np.testing.assert_array_equal(dense(AllToAll(self_connections=False).build(part, KEY), part), ~selves(part))
    csr = OneToOne().build(Block(0, 9, 4, 9, False), KEY)
    check_structure(csr, Block(0, 9, 4, 9, False))
    np.testing.assert_array_equal(pairs(csr), [np.arange(9)] * 2)


def test_large_target_numbers_are_uint32():
    block = Block(0, 2, 0, 65537, False)
    csr = FixedOutDegree(40_000).build(block, KEY)
    check_structure(csr, block)
    assert csr.targets.max() == 65536 or AllToAll().build(block, KEY).targets.max() == 65536
    assert csr.nbytes == csr.indptr.nbytes + 4 * 80_000


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n_pre=st.integers(1, 8), n_post=st.integers(1, 8))
def test_edges_are_a_stable_sort(data, n_pre, n_post):
    edge = st.tuples(st.integers(0, n_pre - 1), st.integers(0, n_post - 1))
    given_edges = data.draw(st.lists(edge, max_size=30))
    pre, post = np.array(given_edges, dtype=np.int32).reshape(-1, 2).T
    csr = Edges(pre, post, multi_edges=True).build(Block(0, n_pre, 0, n_post, False), KEY)
    expected = sorted(range(len(pre)), key=lambda i: given_edges[i])
    np.testing.assert_array_equal(csr.order, np.array(expected, int))
    np.testing.assert_array_equal(np.transpose(pairs(csr)).tolist(), [list(e) for e in sorted(given_edges)])
    if len(set(given_edges)) < len(given_edges):
        with pytest.raises(NetworkError, match="given twice"):
            Edges(pre, post).build(Block(0, n_pre, 0, n_post, False), KEY)
    else:
        assert Edges(pre, post).build(Block(0, n_pre, 0, n_post, False), KEY).n_synapses == len(pre)


def test_duplicate_is_named_and_equal_targets_of_neighbouring_rows_are_none():
    with pytest.raises(NetworkError, match=r"5 -> 2"):
        Edges([5, 0, 5, 4], [2, 2, 2, 2]).build(Block(0, 9, 0, 3, False), KEY)
    assert Edges([4, 0, 5], [2, 2, 2]).build(Block(0, 9, 0, 3, False), KEY).n_synapses == 3


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.csc_array, sparse.coo_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_matrix_round_trip(make, dtype):
    m = (sparse.random_array((70, 40), density=0.1, rng=np.random.default_rng(1)).toarray() * 100).astype(dtype)
    csr = Matrix(make(m)).build(APART, KEY)
    check_structure(csr, APART)
    assert csr.values.dtype == (np.float32 if dtype == np.float32 else np.float64)
    back = sparse.csr_array((csr.values, csr.targets.astype(np.int32), csr.indptr.astype(np.int32)), shape=(40, 70))
    np.testing.assert_array_equal(back.toarray().T, m)


def test_matrix_sums_doubles_drops_zeros_and_leaves_the_users_matrix_alone():
    m = sparse.csc_array((np.array([1.0, 2.0, 0.0, 4.0]), np.array([2, 2, 1, 0]), np.array([0, 2, 3, 4])), shape=(3, 3))
    csr = Matrix(m).build(Block(0, 3, 0, 3, False), KEY)
    np.testing.assert_array_equal(pairs(csr), [[0, 2], [2, 0]])
    np.testing.assert_array_equal(csr.values, [3.0, 4.0])
    assert m.nnz == 4
    csr.values[:] = 9.0
    assert m.data.tolist() == [1.0, 2.0, 0.0, 4.0]


def test_bool_matrix_and_tensor():
    torch = pytest.importorskip("torch")
    csr = Matrix(np.eye(5, dtype=bool)).build(Block(0, 5, 0, 5, False), KEY)
    assert csr.values is None and csr.n_synapses == 5
    csr = Matrix(torch.nn.Parameter(2 * torch.eye(5))).build(Block(0, 5, 0, 5, False), KEY)
    assert csr.values.dtype == np.float32 and csr.values.tolist() == [2.0] * 5


@pytest.mark.parametrize("make", [
    lambda: FixedInDegree(-1), lambda: FixedInDegree(1.5), lambda: FixedInDegree(True), lambda: FixedOutDegree(-3),
    lambda: FixedTotal(-1), lambda: FixedTotal(np.nan), lambda: Probability(-0.1), lambda: Probability(1.1),
    lambda: Probability(np.nan), lambda: Probability("0.1"), lambda: Edges([0, 1], [0]), lambda: Edges([0.5], [1]),
    lambda: Edges([[0]], [[1]]), lambda: Matrix(np.ones(3)), lambda: Matrix(np.array([["a"]])),
    lambda: Matrix(np.ones((2, 2)) * 1j),
])
def test_bad_arguments_are_refused_when_the_rule_is_made(make):
    with pytest.raises(NetworkError, match=r"^\w+\.\w+: .+ \(.*\)\. Give|^Edges\.post: 1 targets"):
        make()


@pytest.mark.parametrize("rule, block, field", [
    (FixedInDegree(41), APART, "FixedInDegree.k"), (FixedOutDegree(71), APART, "FixedOutDegree.k"),
    (FixedInDegree(60, self_connections=False), RECURRENT, "FixedInDegree.k"),
    (FixedOutDegree(60, self_connections=False), RECURRENT, "FixedOutDegree.k"),
    (FixedInDegree(1, self_connections=False, multi_edges=True), Block(0, 1, 0, 1, True), "FixedInDegree.k"),
    (FixedOutDegree(1, self_connections=False, multi_edges=True), Block(0, 1, 0, 1, True), "FixedOutDegree.k"),
    (FixedTotal(1, self_connections=False, multi_edges=True), Block(0, 1, 0, 1, True), "FixedTotal.n"),
    (FixedTotal(2801), APART, "FixedTotal.n"), (FixedTotal(3541, self_connections=False), RECURRENT, "FixedTotal.n"),
    (OneToOne(), APART, "OneToOne"), (Edges([40], [0]), APART, "Edges.pre"), (Edges([0], [70]), APART, "Edges.post"),
    (Edges([-1], [0]), APART, "Edges.pre"), (Matrix(np.ones((40, 70))), APART, "Matrix.matrix"),
    (Matrix(np.full((70, 40), np.nan)), APART, "Matrix.matrix"),
    (Matrix(sparse.csr_array(np.full((70, 40), np.inf))), APART, "Matrix.matrix"),
])
def test_bad_sizes_are_refused_when_it_is_built(rule, block, field):
    with pytest.raises(NetworkError, match=f"^{field}: "):
        rule.build(block, KEY)


def test_no_other_neuron_is_no_error_where_there_is_no_self():
    FixedInDegree(40, self_connections=False).build(APART, KEY)
    apart = Block(0, 30, 30, 30, True)
    assert FixedInDegree(30, self_connections=False).build(apart, KEY).n_synapses == 900

"""Distance-dependent connections: a naive reference, the profile as histogram, periodic boxes, bad input."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn import random
from snn.connect import Block, Disc, DistanceDependent, ExponentialDecay, Gaussian
from snn.errors import NetworkError

KEY = random.stream(3, "exc_inh", "connect")


def pairs(csr):
    return np.repeat(np.arange(len(csr.indptr) - 1), np.diff(csr.indptr)), csr.targets.astype(np.int64)


def distances(pre, post, box):
    d = pre[:, None] - post[None]
    if box is not None:
        d = d - np.asarray(box) * np.rint(d / np.asarray(box))
    return np.sqrt((d ** 2).sum(-1))


def naive(block, profile, pre, post, box, own):
    """(sources, targets), every pair looked at."""
    s, t = np.indices((block.n_pre, block.n_post))
    keys = random.bits64(KEY, (s + block.pre_offset).astype(np.uint64))
    drawn = random.unit(random.bits64(keys, (t + block.post_offset).astype(np.uint64)))
    same = block.same & (s + block.pre_offset == t + block.post_offset)
    return np.nonzero((drawn < profile(distances(pre, post, box))) & (own | ~same))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), dims=st.integers(1, 4), n_pre=st.integers(1, 30), n_post=st.integers(1, 60),
       reach=st.floats(0.02, 2.0), periodic=st.booleans(), own=st.booleans(), same=st.booleans())
def test_finds_the_pairs_that_a_naive_search_finds(seed, dims, n_pre, n_post, reach, periodic, own, same):
    rng = np.random.default_rng(seed)
    # Sources may lie far outside the targets, coordinates may repeat, and boxes may be smaller than the layer.
    pre, post = np.round(rng.normal(0, 1, (n_pre, dims)), 2), np.round(rng.uniform(-1, 1, (n_post, dims)), 2)
    box = tuple(rng.uniform(0.3, 3.0, dims)) if periodic else None
    block = Block(4, n_pre, 7, n_post, same)
    for profile in (Disc(0.7, reach), Gaussian(0.9, reach / 2, reach), ExponentialDecay(0.8, reach)):
        csr = DistanceDependent(profile, self_connections=own, box=box).build(block, KEY, positions=(pre, post))
        np.testing.assert_array_equal(pairs(csr), naive(block, profile, pre, post, box, own))


@pytest.mark.parametrize("profile", [Gaussian(0.6, 0.1), Gaussian(0.6, 0.1, 0.25), ExponentialDecay(0.5, 0.2),
                                     Disc(0.2, 0.3), lambda d: 0.5 - 0.5 * np.cos(6 * d)])
@pytest.mark.parametrize("box", [None, 1.0])
def test_share_of_connected_pairs_follows_the_profile(profile, box):
    xyz = np.random.default_rng(5).random((700, 2))
    csr = DistanceDependent(profile, box=box).build(Block(0, 700, 0, 700, True), KEY, positions=(xyz, xyz))
    d = distances(xyz, xyz, box)
    p, bins = profile(d), np.linspace(0, 1.0, 30)
    observed = np.histogram(d[pairs(csr)], bins)[0]
    mean = np.histogram(d, bins, weights=p)[0]
    spread = np.sqrt(np.histogram(d, bins, weights=p * (1 - p))[0])
    assert (np.abs(observed - mean) <= 4.5 * spread + 1e-9).all()
    assert csr.n_synapses > 1000 and csr.targets.dtype == np.uint16


def test_many_groups_of_rows_and_slices_agree(monkeypatch):
    from snn import build_distance
    xyz = np.random.default_rng(6).random((300, 3))
    rule, block = DistanceDependent(Gaussian(0.5, 0.2, 0.5), self_connections=False), Block(0, 300, 0, 300, True)
    whole = rule.build(block, KEY, positions=(xyz, xyz))
    part = rule.build(Block(50, 100, 20, 200, True), KEY, positions=(xyz[50:150], xyz[20:220]))
    monkeypatch.setattr(build_distance, "CELLS", 1)
    pieces = rule.build(block, KEY, positions=(xyz, xyz))
    np.testing.assert_array_equal(pieces.indptr, whole.indptr)
    np.testing.assert_array_equal(pieces.targets, whole.targets)
    s, t = pairs(whole)
    inside = (s >= 50) & (s < 150) & (t >= 20) & (t < 220)
    np.testing.assert_array_equal(pairs(part), [s[inside] - 50, t[inside] - 20])


def test_one_position_for_all_and_certain_connection():
    xyz = np.zeros((40, 2))
    csr = DistanceDependent(Disc(1.0, 0.1), self_connections=False).build(Block(0, 40, 0, 40, True), KEY,
                                                                          positions=(xyz, xyz))
    assert csr.n_synapses == 40 * 39


XY = np.random.default_rng(0).random((5, 2))


@pytest.mark.parametrize("positions, problem", [
    (None, "no positions"), ((XY, None), "no positions"), ((XY[:4], XY), "wrong shape of pre"),
    ((XY, XY[:, 0]), "wrong shape of post"), ((XY, XY[:, :1]), "dimensions"), ((XY, XY * np.nan), "not finite"),
])
def test_bad_positions_are_refused(positions, problem):
    with pytest.raises(NetworkError, match=rf"^DistanceDependent\.positions: .*{problem}"):
        DistanceDependent(Disc(0.5, 1.0)).build(Block(0, 5, 0, 5, False), KEY, positions=positions)


@pytest.mark.parametrize("profile, problem", [
    (lambda d: d + 1.5, "not a probability"), (lambda d: d * np.nan, "not a probability"), (lambda d: 0.5, "shape"),
])
def test_bad_profiles_are_refused(profile, problem):
    with pytest.raises(NetworkError, match=rf"^DistanceDependent\.profile: .*{problem}"):
        DistanceDependent(profile).build(Block(0, 5, 0, 5, False), KEY, positions=(XY, XY))


def test_a_box_of_other_dimensions_is_refused():
    with pytest.raises(NetworkError, match=r"^DistanceDependent\.box"):
        DistanceDependent(Disc(0.5, 1.0), box=(1.0, 1.0, 1.0)).build(Block(0, 5, 0, 5, False), KEY, positions=(XY, XY))


@pytest.mark.parametrize("make, field", [
    (lambda: Disc(1.1, 1.0), "Disc.p"), (lambda: Disc(0.5, 0.0), "Disc.radius"),
    (lambda: Disc(0.5, np.inf), "Disc.radius"), (lambda: Gaussian(np.nan, 1.0), "Gaussian.p_max"),
    (lambda: Gaussian(0.5, -1.0), "Gaussian.sigma"), (lambda: Gaussian(0.5, 1.0, np.nan), "Gaussian.cutoff"),
    (lambda: ExponentialDecay(-0.1, 1.0), "ExponentialDecay.p_max"),
    (lambda: ExponentialDecay(0.1, "1"), "ExponentialDecay.length"),
    (lambda: DistanceDependent(0.5), "DistanceDependent.profile"),
    (lambda: DistanceDependent(Disc(0.5, 1.0), box=0.0), "DistanceDependent.box"),
    (lambda: DistanceDependent(Disc(0.5, 1.0), box=(1.0, np.nan)), "DistanceDependent.box"),
])
def test_bad_arguments_are_refused(make, field):
    with pytest.raises(NetworkError, match=f"^{field}"):
        make()

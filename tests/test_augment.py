"""Augmentations: each does what its formula says, with the spread it says, and the same for the same key."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn import Spikes
from snn.datasets import (
    ChannelJitter,
    Compose,
    Drop,
    DropChannels,
    DropFrame,
    Shift,
    ShiftChannels,
    ShiftFrame,
    TimeJitter,
    TimeWarp,
)
from snn.errors import DataError
from snn.random import bits64, stream

KEY = stream(0, "test")
RNG = np.random.default_rng(0)
WIDE = Spikes(np.sort(RNG.uniform(400, 600, 20000)), RNG.integers(400, 600, 20000), n=1000, duration=1000.0)
EVENTS = [ChannelJitter(sd=3.0), ShiftChannels(most=9), Shift(most=30.0), TimeJitter(sd=5.0), TimeWarp(sd=0.3),
          Drop(p=0.3), DropChannels(p=0.3), Compose(Drop(p=0.1), TimeWarp(sd=0.1))]
KEYS = [stream(k, "many") for k in range(400)]


@pytest.mark.parametrize("augment", EVENTS, ids=lambda a: type(a).__name__)
def test_same_key_same_result_and_the_input_stays(augment):
    before = WIDE.times.copy(), WIDE.ids.copy()
    once, again, other = augment(WIDE, KEY), augment(WIDE, KEY), augment(WIDE, stream(1, "test"))
    assert once == again and not once == other and not once == WIDE
    assert (WIDE.times == before[0]).all() and (WIDE.ids == before[1]).all() and once.n == WIDE.n


@settings(max_examples=30)
@given(events=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 4)), max_size=20), seed=st.integers(0, 99),
       start=st.sampled_from((0.0, -5.0, 70.0)))
def test_results_stay_within_window_and_channels(events, seed, start):
    spikes = Spikes([start + t for t, _ in events], [i for _, i in events], n=5, duration=100.0, start=start)
    for augment in EVENTS:
        result = augment(spikes, stream(seed, "p"))   # Spikes itself refuses what lies outside
        assert len(result) <= len(spikes) and result.start == start and result.n == 5


def test_channel_jitter_and_shift():
    order = np.arange(100) + 450
    line = Spikes(np.arange(100.0), order, n=1000, duration=100.0)
    moved = np.concatenate([ChannelJitter(sd=3.0)(line, key).ids - order for key in KEYS])
    assert abs(moved.mean()) < 0.1 and abs(moved.std() - np.sqrt(9 + 1 / 12)) < 0.05
    shifts = np.array([np.unique(ShiftChannels(most=4)(line, key).ids - order) for key in KEYS])
    assert shifts.shape == (400, 1) and set(shifts.ravel()) == set(range(-4, 5))
    edge = Spikes([1.0, 2.0], [0, 9], n=10, duration=3.0)
    assert {len(ShiftChannels(most=1)(edge, key)) for key in KEYS} == {1, 2}   # what leaves is gone


def test_shift_and_jitter_of_time():
    moves = [np.unique(np.round(Shift(most=30.0)(WIDE, key).times - WIDE.times, 6)) for key in KEYS[:60]]
    assert all(len(m) == 1 and abs(m[0]) <= 30.0 for m in moves) and np.ptp(moves) > 40.0
    one = Spikes([500.0] * 3000, range(3000), n=3000, duration=1000.0)
    jittered = TimeJitter(sd=5.0)(one, KEY).times
    assert abs(jittered.mean() - 500.0) < 0.4 and abs(jittered.std() - 5.0) < 0.3
    assert len(Shift(most=5.0)(Spikes([0.0, 10.0], [0, 0], n=1, duration=10.0), KEY)) == 1


def test_time_warp_keeps_order_and_stretches_as_said():
    ramp = Spikes(np.linspace(0, 1000, 501), np.zeros(501, int), n=1, duration=1000.0)
    whole = TimeWarp(sd=0.2, pieces=1)
    stretch = [whole(ramp, key).duration / 1000.0 for key in KEYS]
    assert np.allclose(whole(ramp, KEYS[0]).times, ramp.times * stretch[0])
    assert abs(np.log(stretch).std() - 0.2) < 0.03 and abs(np.mean(np.log(stretch))) < 0.04
    warped = TimeWarp(sd=0.3, pieces=4)(ramp, KEY)
    assert (np.diff(warped.times) > 0).all() and warped.times[-1] == pytest.approx(warped.duration)
    speeds = np.diff(warped.times)
    assert len(np.unique(np.round(speeds, 6))) == 4
    assert TimeWarp(sd=0.0)(ramp, KEY).times == pytest.approx(ramp.times)


def test_drop():
    kept = [len(Drop(p=0.3)(WIDE, key)) / len(WIDE) for key in KEYS[:20]]
    assert abs(np.mean(kept) - 0.7) < 0.005
    assert Drop(p=0.0)(WIDE, KEY) == WIDE and len(Drop(p=1.0)(WIDE, KEY)) == 0
    quiet = DropChannels(p=0.4)(WIDE, KEY)
    counts, before = quiet.count(), WIDE.count()
    assert ((counts == 0) | (counts == before)).all()
    assert abs((counts[before > 0] > 0).mean() - 0.6) < 0.15


def test_compose_gives_each_step_its_own_key():
    two = Compose(Drop(p=0.5), Drop(p=0.5))(WIDE, KEY)
    assert abs(len(two) / len(WIDE) - 0.25) < 0.02   # with one key the second would drop nothing new of its kind
    by_hand = WIDE
    for place in range(2):
        by_hand = Drop(p=0.5)(by_hand, bits64(KEY, np.array([place], np.uint64))[0])
    assert two == by_hand
    with pytest.raises(DataError, match="Compose.steps"):
        Compose(3)


def test_frames_move_and_thin():
    frame = RNG.integers(0, 200, (30, 12), np.uint8)
    seen = set()
    for key in KEYS[:150]:
        moved = ShiftFrame(steps=2, channels=1)(frame, key)
        assert moved.shape == frame.shape and moved.dtype == np.uint8
        fits = []
        for dt in range(-2, 3):
            for dc in range(-1, 2):
                wanted = np.zeros_like(frame)
                wanted[max(dt, 0):30 + min(dt, 0), max(dc, 0):12 + min(dc, 0)] = \
                    frame[max(-dt, 0):30 - max(dt, 0), max(-dc, 0):12 - max(dc, 0)]
                fits += [(dt, dc)] * bool((moved == wanted).all())
        assert len(fits) == 1
        seen.add(fits[0])
    assert len(seen) == 15
    assert not ShiftFrame(steps=90)(frame[:1], KEYS[0]).any() and (ShiftFrame()(frame, KEY) == frame).all()
    thin = DropFrame(p=0.25)(frame, KEY)
    assert (thin <= frame).all() and thin.dtype == np.uint8
    assert abs(thin.sum(dtype=int) / frame.sum(dtype=int) - 0.75) < 0.01
    assert (DropFrame(p=0.0)(frame, KEY) == frame).all() and not DropFrame(p=1.0)(frame, KEY).any()


@pytest.mark.parametrize("make", [lambda: Drop(p=1.1), lambda: Drop(p=-0.1), lambda: ChannelJitter(sd=-1.0),
                                  lambda: TimeWarp(sd=np.nan), lambda: Shift(most=np.inf), lambda: Shift(most="a")])
def test_wrong_fields(make):
    with pytest.raises(DataError, match=r"\.(p|sd|most): is"):
        make()

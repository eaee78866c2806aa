"""The hand-written yardstick: it simulates the same networks, and gives no figure when it does not."""
import numpy as np
import pytest

import snn
from benchmarks import handwritten
from benchmarks.networks import POPULATION, network
from benchmarks.physics import PHYSICS
from snn.plan import make_plan

SIZES = {"cuba": 1000, "coba": 2000, "brunel": 1000}
STEPS = 300
"""Before rounding has made the trajectories of two precisions differ in more than a few spikes."""


@pytest.mark.parametrize("model", SIZES)
def test_spikes_are_those_of_the_engine_until_rounding_tells(model):
    n, seed = SIZES[model], 3
    plan = make_plan(network(model, n), handwritten.DT, seed=seed, dtype="float32")
    hand = handwritten.hand(model, plan, PHYSICS[model](n))
    mine = set()
    for step in range(STEPS):
        now = step % len(hand.counts)
        hand.advance(1)
        mine |= {(step, int(i)) for i in hand.ids[now, :hand.counts[now]]}
    spikes = snn.simulate(network(model, n), STEPS * handwritten.DT, dt=handwritten.DT, seed=seed, progress=False,
                          engine=snn.EventDriven(threads=1, dtype="float64")).spikes[POPULATION]
    steps = np.rint(spikes.times / handwritten.DT).astype(int) - 1
    truth = set(zip(steps.tolist(), spikes.ids.tolist(), strict=True))
    assert len(truth) > 100
    assert len(mine ^ truth) <= 0.05 * len(truth)


def test_a_row_has_the_ratio_of_the_two_sides():
    row = handwritten.compare("brunel", 1000, repeat=1, steps=2000)
    assert "red" not in row
    assert row["ratio"] == pytest.approx(row["ours_s"] / row["hand_s"])
    assert row["ours_hz"] == pytest.approx(row["hand_hz"], rel=handwritten.TOLERANCE)


def test_no_figure_for_a_kernel_that_simulates_something_else():
    row = handwritten.compare("cuba", 1000, repeat=1, steps=1000, change={"w_inh": np.float32(-1.0)})
    assert "rates differ" in row["red"]
    assert not {"ours_s", "hand_s", "ratio"} & set(row)

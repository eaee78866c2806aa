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
    truth = set(zip((np.rint(spikes.times / handwritten.DT).astype(int)).tolist(), spikes.ids.tolist(), strict=True))
    print(model, len(mine), len(truth), len(mine & truth), sorted(mine)[:3], sorted(truth)[:3])
    assert len(truth) > 100
    assert len(mine ^ truth) <= 0.05 * len(truth)

"""ClopathAdEx alone and against NEST (``fixtures/nest/clopath``)."""
from pathlib import Path

import numpy as np
import pytest
import torch
from neuron_runs import filled, run

from snn.contract import heaviside, step
from snn.errors import ModelError
from snn.neurons import AdEx, ClopathAdEx

NEST = np.load(Path(__file__).parents[1] / "fixtures" / "nest" / "clopath" / "clopath.npz")


@pytest.fixture(scope="module")
def fine():
    """150 ms of 1 nA in steps of 0.02 ms: {state: values at the ends of NEST's steps of 0.1 ms}, spike times."""
    model = ClopathAdEx().bind(1, torch.float64)
    s, x = filled(model.rest(), 1), model.Ports(*torch.tensor([0.0, 1000.0], dtype=torch.float64))
    course, fired = [], []
    for k in range(7500):
        s, z = step(model, s, x, 0.02, heaviside)
        fired += [0.02 * (k + 1)] if z else []
        course.append([float(value) for value in s])
    return dict(zip(s._fields, np.array(course)[4::5].T, strict=True)), np.array(fired)


def test_spikes_are_those_of_nest(fine):
    spikes = NEST["current_spikes"] * 0.1
    assert len(spikes) == 2
    # NEST counts a spike at the end of its step of 0.1 ms; the crossing lies within that step.
    assert (np.abs(fine[1] - spikes + 0.05) <= 0.12).all()


@pytest.mark.parametrize(("name", "tolerance"), [("v", 0.2), ("w", 0.1), ("i_sp", 1.0), ("v_t", 0.2)])
def test_states_are_those_of_nest(fine, name, tolerance):
    ours, theirs = fine[0][name], NEST[f"current_{name.replace('i_sp', 'z')}"]
    # NEST notices a spike at the end of its step: what decays from there on is up to 0.1 ms older here.
    away = np.ones(1500, bool)
    for k in NEST["current_spikes"]:
        away[k - 12:k + 22] = False
    assert np.abs(ours - theirs)[away].max() < tolerance < 0.01 * np.ptp(theirs)


def test_a_spike_is_a_plateau_of_its_width():
    v, fired, _ = run(ClopathAdEx(), 300, 0.1, {"current": 1000.0})
    k = int(np.flatnonzero(fired)[0])
    assert (v[k:k + 20, 0] == 33.0).all() and v[k - 1, 0] < 33.0 and v[k + 20, 0] == -49.6


def test_the_clamp_holds_the_adaptation_and_lets_the_after_currents_decay():
    inputs = {"delta": np.where(np.arange(300) == 100, 110.0, 0.0)}
    course = {k: run(ClopathAdEx(), 300, 0.1, inputs, record=k)[0][:, 0] for k in ("w", "i_sp", "v_t")}
    t = 0.1 * np.arange(20)
    assert (course["w"][100:120] == course["w"][100]).all() and course["w"][121] > course["w"][120]
    assert course["w"][100] == pytest.approx(80.5, rel=1e-6)
    np.testing.assert_allclose(course["i_sp"][100:120], 400.0 * np.exp(-t / 40.0))
    np.testing.assert_allclose(course["v_t"][100:120], -50.4 + 80.8 * np.exp(-t / 50.0))


def test_input_during_the_clamp_is_lost():
    step = np.arange(300)
    alone, with_more = (run(ClopathAdEx(), 300, 0.1, {"delta": np.select([step == 100, (step > 100) & (step < 120)],
                                                                         [110.0, more])})[0] for more in (0.0, 5.0))
    assert (alone == with_more).all()


def test_without_what_a_spike_leaves_behind_the_subthreshold_course_is_that_of_adex():
    current = np.random.default_rng(1).normal(100.0, 300.0, 1500)
    ours = run(ClopathAdEx(), 1500, 0.1, {"current": current})[0]
    theirs = run(AdEx(V_peak=33.0), 1500, 0.1, {"current": current})[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert -70.6 < ours.max() < -50.0


@pytest.mark.parametrize("name", ["E_L", "V_reset", "V_T_rest", "V_T_max"])
def test_the_peak_lies_above_all_else(name):
    with pytest.raises(ModelError, match=rf"ClopathAdEx\.{name}: is not below V_peak \(40 mV against 33 mV\)"):
        ClopathAdEx(**{name: 40.0})


def test_longest_step_leaves_room_for_the_spike():
    assert ClopathAdEx().max_dt() == 1.0

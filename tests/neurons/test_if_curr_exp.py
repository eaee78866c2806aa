"""IFCurrExp alone, against the arithmetic written out in plain numbers."""
import math

import numpy as np
import pytest
import torch
from neuron_runs import run

from snn.neurons import CubaLIF, IFCurrExp

PRINCIPAL = {"C_m": 270.0, "tau_m": 3.0, "E_L": -60.0, "V_reset": -60.0, "V_th": -57.0, "t_ref": 1.0, "tau_exc": 0.3,
             "tau_inh": 0.3}
INTERNEURON = {**PRINCIPAL, "C_m": 140.0, "tau_m": 0.5}


def at(steps, *when, size=1.0):
    return size * np.isin(np.arange(steps), when)


def written_out(exc, inh, *, c_m, tau_m, refractory=1):
    """Potentials and spike times for inputs in nA at steps of 1 ms, c_m in nF, tau_syn 0.3 ms."""
    d = math.exp(-1.0 / 0.3)
    v, left, i_exc, i_inh, potentials, spikes = -60.0, 0, 0.0, 0.0, [], []
    for t in range(len(exc)):
        i_exc = i_exc * d + 0.3 * (1.0 - d) * exc[t]
        i_inh = i_inh * d + 0.3 * (1.0 - d) * inh[t]
        if left == 0:
            v_inf = -60.0 + tau_m / c_m * (i_exc - i_inh)
            v = v_inf + (v - v_inf) * math.exp(-1.0 / tau_m)
        else:
            left -= 1
        if v >= -57.0:
            spikes.append(t)
            v, left = -60.0, refractory
        potentials.append(v)
    return potentials, spikes


@pytest.mark.parametrize(("fields", "c_m", "tau_m"), [(PRINCIPAL, 0.27, 3.0), (INTERNEURON, 0.14, 0.5)])
def test_random_input_gives_what_the_steps_say(fields, c_m, tau_m):
    rng = np.random.default_rng(1)
    exc, inh = rng.choice([0.0, 2.0, 6.0, 9.0], 400), rng.choice([0.0, 0.0, 6.0], 400)
    v, fired, _ = run(IFCurrExp(**fields), 400, 1.0, {"exc": 1000.0 * exc, "inh": -1000.0 * inh})
    potentials, spikes = written_out(exc, inh, c_m=c_m, tau_m=tau_m)
    assert np.flatnonzero(fired[:, 0]).tolist() == spikes and len(spikes) > 30
    np.testing.assert_allclose(v[:, 0], potentials, rtol=1e-12)


@pytest.mark.parametrize(("fields", "weight", "lift"), [(PRINCIPAL, 6000.0, 5.5), (INTERNEURON, 6000.0, 5.4),
                                                        (INTERNEURON, 3000.0, 2.7)])
def test_one_spike_lifts_as_published_in_the_step_in_which_it_arrives(fields, weight, lift):
    v = run(IFCurrExp(**{**fields, "V_th": -50.0}), 5, 1.0, {"exc": at(5, 2, size=weight)})[0][:, 0]
    assert (v[:2] == -60.0).all() and v[2] + 60.0 == pytest.approx(lift, abs=0.05)


def test_inputs_while_held_are_lost_but_for_their_current():
    once = run(IFCurrExp(**PRINCIPAL), 8, 1.0, {"exc": at(8, 2, 3, size=6000.0)}, record="v")
    assert np.flatnonzero(once[1][:, 0]).tolist() == [2] and once[0][3, 0] == -60.0
    assert -60.0 < once[0][4, 0] < -59.5, "what is left of the current of step 3"
    current = run(IFCurrExp(**PRINCIPAL), 8, 1.0, {"exc": at(8, 2, 3, size=6000.0)}, record="i_exc")[0][:, 0]
    unit, d = 6000.0 * 0.3 * -math.expm1(-1.0 / 0.3), math.exp(-1.0 / 0.3)
    np.testing.assert_allclose(current[2:5], [unit, unit * (1 + d), unit * (1 + d) * d], rtol=1e-12)


def test_short_steps_approach_the_exact_neuron():
    """Mean currents within a step are as good as the exponential ones when dt goes to 0: of second order."""
    same = {"tau_m": 20.0, "C_m": 250.0, "E_L": -70.0, "V_reset": -70.0, "V_th": -40.0}

    def error(dt):
        steps, first = round(30.0 / dt), {"exc": 800.0 * at(round(30.0 / dt), 0)}
        mine = run(IFCurrExp(tau_exc=5.0, **same), steps, dt, first)[0][:, 0]
        exact = run(CubaLIF(tau_exc=5.0, **same), steps, dt, first)[0][:, 0]
        # There an input acts from the end of its step on, here from its beginning.
        return np.abs(mine[:-1] - exact[1:]).max()

    assert 1e-6 < error(0.1) < 1e-4 and error(0.05) / error(0.1) == pytest.approx(0.25, abs=0.001)


def test_a_constant_current_settles_at_ohms_law():
    v = run(IFCurrExp(), 4000, 0.1, {"current": 100.0})[0]
    assert v[-1, 0] == pytest.approx(-70.0 + 100.0 * 20.0 / 250.0, rel=1e-8)


def test_it_claims_neither_exactness_nor_silence():
    model = IFCurrExp().bind(1, torch.float64)
    s = model.rest()._replace(i_exc=torch.full((1,), 100.0).double(), v=torch.full((1,), -70.0).double(),
                              ref=torch.full((1,), -1.0).double(), dt=torch.zeros(1).double())
    assert not torch.allclose(model.flow(s, 2.0).v, model.flow(model.flow(s, 1.0), 1.0).v, rtol=1e-6)
    assert not IFCurrExp.exact and IFCurrExp().quiet() is None

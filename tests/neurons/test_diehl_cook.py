"""DiehlCook alone and in single precision."""
import numpy as np
import pytest
from neuron_runs import run, times

import snn
from snn.errors import ModelError
from snn.neurons import CobaLIF, DiehlCook

SHARED = {"C_m": 100.0, "g_L": 1.0, "E_L": -65.0, "V_reset": -65.0, "t_ref": 5.0, "E_exc": 0.0, "E_inh": -100.0,
          "tau_exc": 1.0, "tau_inh": 2.0}


def arrivals(steps, seed):
    rng = np.random.default_rng(seed)
    return {"exc": 0.6 * rng.poisson(1.0, steps), "inh": 2.0 * rng.poisson(0.01, steps)}


def test_without_a_moving_threshold_it_is_a_conductance_neuron():
    inputs = arrivals(4000, 1)
    ours = run(DiehlCook(theta_plus=0.0), 4000, 0.5, inputs)
    theirs = run(CobaLIF(V_th=-52.0, **SHARED), 4000, 0.5, inputs)
    assert ours[1].sum() > 20 and (ours[1] == theirs[1]).all()
    np.testing.assert_array_equal(ours[0], theirs[0])


def test_theta_is_added_to_the_threshold():
    inputs, model = arrivals(4000, 2), DiehlCook(theta_plus=0.0, tau_theta=1e30)
    begin = run(model, 1, 0.5)[2]._replace(theta=np.float64(3.0) + 0.0 * run(model, 1, 0.5)[2].v)
    ours = run(model, 4000, 0.5, inputs, state=begin)[1]
    theirs = run(CobaLIF(V_th=-49.0, **SHARED), 4000, 0.5, inputs)[1]
    assert 10 < ours.sum() < run(DiehlCook(theta_plus=0.0), 4000, 0.5, inputs)[1].sum()
    assert (ours == theirs).all()


def test_every_spike_raises_theta_which_decays_between_them():
    tau, dt, steps = 700.0, 0.5, 4000
    theta, fired, _ = run(DiehlCook(theta_plus=0.3, tau_theta=tau), steps, dt, arrivals(steps, 3), record="theta")
    t = dt * (np.arange(steps) + 1)
    expected = [sum(0.3 * np.exp(-(now - s) / tau) for s in times(fired, dt) if s <= now) for now in t]
    assert fired.sum() > 10
    np.testing.assert_allclose(theta[:, 0], expected, rtol=1e-10)


def test_it_gets_tired():
    inputs = {"exc": 0.5}
    spikes = times(run(DiehlCook(theta_plus=0.5), 2000, 0.5, inputs)[1], 0.5)
    assert (np.diff(spikes, 2) >= 0).all() and np.diff(spikes)[-1] > 1.5 * np.diff(spikes)[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_decay_below_the_last_digit_is_not_lost(dtype):
    net = snn.Network("decay")
    net.add("cells", DiehlCook(), 3, init={"theta": np.array([1.0, 17.0, 40.0])})
    with snn.start(net, dt=0.5, engine=snn.EventDriven(dtype=dtype, threads=1)) as simulation:
        simulation.run(500_000.0)
        theta = simulation.states("cells", "theta")
    # In single precision a step takes 5e-8 of theta, less than half of its last digit.
    np.testing.assert_allclose(theta, np.array([1.0, 17.0, 40.0]) * np.exp(-0.05), rtol=1e-6)


def test_domain():
    with pytest.raises(ModelError, match=r"DiehlCook\.V_reset: is not below V_th"):
        DiehlCook(V_reset=-50.0)
    with pytest.raises(ModelError, match=r"DiehlCook\.theta_plus: is -0\.1 mV"):
        DiehlCook(theta_plus=-0.1)
    assert DiehlCook().max_dt() == 0.5

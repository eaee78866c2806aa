"""HomeostaticLIF alone."""
import numpy as np
import pytest
from neuron_runs import run, times

import snn
from snn.errors import ModelError
from snn.neurons import LIF, HomeostaticLIF

DT = 0.5


def noisy(mean, steps):
    return {"current": np.random.default_rng(0).normal(mean, 300.0, steps)}


def population(model, means, duration, *record):
    """A run of neurons with different mean currents (pA), driven by Poisson input beside."""
    net = snn.Network("homeostasis")
    cells = net.add("cells", model, len(means))
    net.drive(cells, snn.CurrentInput(means), port="current")
    net.drive(cells, snn.PoissonInput(rate=1000.0, weight=1.5), port="delta")
    net.drive(cells, snn.PoissonInput(rate=1000.0, weight=-1.5), port="delta")
    return snn.simulate(net, duration, dt=DT, seed=1, engine=snn.EventDriven(threads=1),
                        record=[snn.RecordSpikes("cells"), *record])


@pytest.mark.parametrize("target", [3.0, 10.0])
def test_the_number_of_spikes_follows_from_the_threshold(target):
    model = HomeostaticLIF(theta_plus=0.2, target=target)
    result = population(model, np.linspace(100.0, 600.0, 12), 10_000.0, snn.RecordState("cells", "theta"))
    spikes, theta = result.spikes["cells"], result.traces["cells", "theta"].data
    expected = target * 10.0 + (theta[-1] - model.V_th) / 0.2
    assert theta.min() > 0.5 * (model.V_th + model.V_reset) and spikes.count().min() > 20
    assert np.abs(spikes.count() - expected).max() < 1e-6


def test_neurons_with_different_input_come_to_one_rate():
    means = np.linspace(100.0, 600.0, 12)
    late, before = (population(model, means, 60_000.0).spikes["cells"].between(30_000.0, 60_000.0).rate()
                    for model in (HomeostaticLIF(theta_plus=0.2, target=8.0), LIF()))
    assert before.max() - before.min() > 20.0
    assert np.abs(late - 8.0).max() < 0.5


def test_constant_current_spikes_where_the_closed_forms_say():
    """The potential rises exponentially from the reset, the threshold falls along a line."""
    model, dt = HomeostaticLIF(theta_plus=2.0, target=20.0), 0.1
    spikes = times(run(model, 8000, dt, {"current": 400.0})[1], dt)
    assert len(spikes) > 10
    t, v_inf = dt * np.arange(1, 5000), model.E_L + 400.0 * model.tau_m / model.C_m
    v = v_inf + (model.V_reset - v_inf) * np.exp(-np.maximum(t - model.t_ref, 0.0) / model.tau_m)
    theta = model.V_th + 2.0 - spikes[0] * 0.04
    for interval in np.diff(spikes):
        expected = t[np.argmax(v >= theta - t * 0.04)]
        assert abs(interval - expected) < 1e-6
        theta += 2.0 - interval * 0.04


def test_with_a_fixed_threshold_it_is_a_lif():
    inputs = noisy(300.0, 2000)
    plain, fixed = run(LIF(), 2000, DT, inputs), run(HomeostaticLIF(theta_plus=0.0), 2000, DT, inputs)
    assert plain[1].sum() > 3
    assert (plain[0] == fixed[0]).all() and (plain[1] == fixed[1]).all()


def test_without_input_the_threshold_stops_half_way_and_the_neuron_is_silent():
    theta, fired, _ = run(HomeostaticLIF(theta_plus=1.0, target=50.0), 1000, DT, record="theta")
    assert not fired.any() and abs(theta[0, 0] - (-55.0 - 0.025)) < 1e-12 and theta[-1, 0] == -62.5


@pytest.mark.parametrize("field, pattern", [
    ({"target": 0.0}, "target: is 0 Hz"), ({"theta_plus": -0.1}, "theta_plus: is -0.1 mV"),
    ({"V_reset": -50.0}, "V_reset: is not below V_th")])
def test_refused(field, pattern):
    with pytest.raises(ModelError, match=rf"HomeostaticLIF\.{pattern}"):
        HomeostaticLIF(**field)

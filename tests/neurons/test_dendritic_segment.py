"""DendriticSegment alone."""
import numpy as np
import pytest
from neuron_runs import run, times

from snn.neurons import DendriticSegment


@pytest.mark.parametrize(("synapses", "fires"), [(9.0, False), (10.0, True), (11.0, True)])
def test_fires_where_enough_synapses_are_active_at_once(synapses, fires):
    assert run(DendriticSegment(theta=10), 1, 1.0, {"delta": synapses}, record="n")[1].any() == fires


def test_coincidence_counts():
    """Two volleys of 6 synapses: n = 6 (1 + exp(-t / tau_s)) reaches 10 if they are at most tau_s ln(3 / 2) apart."""
    for apart, fires in ((2.0, True), (2.1, False)):
        delta = 6.0 * np.isin(np.arange(60), [10, 10 + round(apart / 0.1)])
        assert run(DendriticSegment(theta=10, tau_s=5.0), 60, 0.1, {"delta": delta}, record="n")[1].any() == fires
    assert 2.0 < 5.0 * np.log(1.5) < 2.1


def test_an_nmda_spike_lasts_and_loses_what_arrives():
    fired = run(DendriticSegment(theta=4, t_nmda=30.0), 200, 1.0, {"delta": 5.0}, record="n")[1]
    np.testing.assert_allclose(np.diff(times(fired, 1.0)), 31.0)
    n = run(DendriticSegment(theta=4, t_nmda=30.0), 25, 1.0, {"delta": 5.0}, record="n")[0]
    assert (n == 0.0).all()


def test_margin():
    model = DendriticSegment(theta=8)
    assert float(model.margin(DendriticSegment.State(n=8.0, left=-1.0))) == 0.0
    assert float(model.margin(DendriticSegment.State(n=0.0, left=50.0))) == -1.0

"""Astrocyte alone, and the tripartite synapse that is made of it."""
import numpy as np
import pytest
from neuron_runs import run

import snn
from snn.neurons import Astrocyte, AstrocyteLIF, SpikeSource


def test_rises_to_the_closed_form_under_regular_spikes():
    weight, every = 0.2, 50
    c = run(Astrocyte(tau_ca=300.0), 4000, 1.0, {"delta": weight * (np.arange(4000) % every == 0)}, record="c")[0]
    p, q = -np.expm1(-weight), np.exp(-every / 300.0)
    assert c[3950, 0] == pytest.approx(p / (1.0 - (1.0 - p) * q), rel=1e-9)
    assert c[3999, 0] == pytest.approx(c[3950, 0] * np.exp(-49.0 / 300.0), rel=1e-9)


def test_many_spikes_fill_it_and_the_order_does_not_matter():
    both = run(Astrocyte(), 1, 0.1, {"delta": 1.5}, record="c")[0]
    one_by_one = run(Astrocyte(tau_ca=1e12), 2, 0.1, {"delta": np.array([1.0, 0.5])}, record="c")[0]
    assert both[0, 0] == pytest.approx(one_by_one[1, 0], rel=1e-9)
    assert run(Astrocyte(), 1, 0.1, {"delta": 1e3}, record="c")[0][0, 0] == 1.0


def test_inhibition_releases_nothing():
    assert (run(Astrocyte(), 5, 1.0, {"delta": -2.0}, record="c")[0] == 0.0).all()


@pytest.mark.parametrize("strength", [2.0, -1.0])
def test_a_tripartite_synapse_is_stronger_or_weaker_after_use(strength):
    """A burst at 100 Hz, then probes after 100 and 400 ms: the jump of the target is w (1 + strength c)."""
    burst = np.arange(10.0, 210.0, 10.0)
    spikes = np.array([5.0, *burst, 300.0, 600.0])
    net = snn.Network("tripartite")
    source = net.add("source", SpikeSource(snn.Spikes(spikes, np.zeros(len(spikes), int), n=1, duration=700.0)), 1)
    astrocyte = net.add("astrocyte", Astrocyte(tau_ca=200.0), 1)
    cell = net.add("cell", AstrocyteLIF(V_th=1e6, g=0.0, E_L=0.0, tau_m=5.0), 1)
    net.connect(source, astrocyte, snn.OneToOne(), port="delta", weight=0.05, delay=1.0)
    net.connect(source, cell, snn.OneToOne(), port="delta", weight=4.0, delay=1.0)
    net.couple(astrocyte, cell, snn.OneToOne(), weight=strength, delay=1.0, values={"gain": "c"})
    traces = snn.simulate(net, 610.0, dt=1.0, seed=1, engine=snn.Reference(), progress=False,
                          record=[snn.RecordState("cell", "v"), snn.RecordState("astrocyte", "c")]).traces
    v, c = (traces[key].data[:, 0] for key in (("cell", "v"), ("astrocyte", "c")))
    arrivals = spikes.round().astype(int)     # index of the step that ends 1 ms after the spike
    jumps = {t: v[t] - v[t - 1] * np.exp(-0.2) for t in arrivals}
    for t in arrivals:
        assert jumps[t] == pytest.approx(4.0 * (1.0 + strength * c[t - 1]), rel=1e-6), t
    first, last_of_burst, soon, late = (jumps[t] / 4.0 for t in (arrivals[0], arrivals[20], arrivals[21], arrivals[22]))
    assert first == pytest.approx(1.0) and abs(last_of_burst - 1.0) > abs(soon - 1.0) > abs(late - 1.0) > 0.0
    assert (soon - 1.0) / strength == pytest.approx(c[arrivals[20]] * np.exp(-0.5), rel=0.1)

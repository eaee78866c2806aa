"""Dynamic synapses onto a neuron, in the compiled engine, against NEST 3.10 (``fixtures/nest/neurons``)."""
import numpy as np
import pytest
from nest_neurons import read

import snn
from snn.neurons import CubaLIF, SpikeSource
from snn.plasticity import TsodyksMarkram

META, NEST = read("short_term")
DT = META["dt"]


def transmitted(kind):
    """``(amplitudes of the spikes, potential every 4 ms)``."""
    p, duration = META["kinds"][kind], float(NEST["spikes"][-1]) + 50.0
    spikes = snn.Spikes(NEST["spikes"], np.zeros(len(NEST["spikes"]), int), n=1, duration=duration)
    rule = TsodyksMarkram(U=p["U"], tau_D=p["tau_rec"], tau_F=p["tau_fac"] or 1e-3)
    net = snn.Network(kind)
    source = net.add("source", SpikeSource(spikes), 1)
    cell = net.add("cell", CubaLIF(**META["cell"], tau_exc=META["tau_syn_ex"]), 1)
    net.connect(source, cell, snn.AllToAll(), port="exc", weight=META["w"], delay=META["delay"], plasticity=rule)
    record = [snn.RecordState("cell", "x.exc"), snn.RecordState("cell", "v", every=round(4.0 / DT))]
    result = snn.simulate(net, duration, dt=DT, engine=snn.EventDriven(), record=record, progress=False)
    arrived = result.traces["cell", "x.exc"].data[:, 0]
    when = np.rint((NEST["spikes"] + META["delay"]) / DT).astype(int) - 1
    assert np.array_equal(np.flatnonzero(arrived), when)
    return arrived[when], result.traces["cell", "v"].data[:, 0]


@pytest.mark.parametrize("kind", META["kinds"])
def test_tsodyks2_synapse(kind):
    """The same two equations: amplitudes and potentials are equal to rounding."""
    sent, v = transmitted(kind)
    assert np.ptp(NEST[f"tsodyks2_{kind}"]) > 100.0 and np.ptp(NEST[f"v_{kind}"]) > 2.0
    np.testing.assert_allclose(sent, NEST[f"tsodyks2_{kind}"], rtol=1e-12)
    there = NEST[f"v_{kind}"]
    np.testing.assert_allclose(v[:len(there)], there[:len(v)], rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", META["kinds"])
def test_tsodyks_synapse_has_a_third_state(kind):
    """There resources stay in use for tau_psc before they recover; our rule is the limit tau_psc = 0.

    So the amplitudes differ in proportion to tau_psc, and those extrapolated to tau_psc = 0 from two values are ours
    (measured: 0.3 % and 2.1 % per ms; what is left 5e-8 and 2e-6).
    """
    sent, _ = transmitted(kind)
    taus, theirs = np.array(META["tau_psc"]), NEST[f"tsodyks_{kind}"]
    assert theirs[0, 0] == pytest.approx(sent[0], rel=1e-12)
    errors = np.abs(theirs / sent - 1.0).max(1)
    np.testing.assert_allclose(errors / taus, errors[-1] / taus[-1], rtol=0.005)
    limit = 2.0 * theirs[2] - theirs[1]
    assert taus[1] == 2.0 * taus[2] and np.abs(limit / sent - 1.0).max() < 0.002 * errors[2]

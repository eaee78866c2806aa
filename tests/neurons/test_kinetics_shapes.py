"""Synaptic kinetics against closed forms: the current or conductance of one spike, and the potential that it causes."""
import numpy as np
import pytest
import torch
from neuron_runs import run

import snn
from snn.composition import compose
from snn.errors import ModelError
from snn.neurons import LIF, CobaLIF, CubaLIF, SpikeSource
from snn.neurons.kinetics import (
    NMDA,
    Alpha,
    AlphaConductance,
    Delta,
    DualExponential,
    DualExponentialConductance,
    Exponential,
    ExponentialConductance,
)

PASSIVE = LIF(tau_m=20.0, C_m=250.0, E_L=-70.0, V_th=1000.0, V_reset=-70.0)


def psc(t, kind):
    """Output at ``t`` ms after a spike of weight 1."""
    if isinstance(kind, Exponential):
        return np.exp(-t / kind.tau)
    if isinstance(kind, Alpha):
        return t / kind.tau * np.exp(1.0 - t / kind.tau)
    a, b = kind.tau_rise, kind.tau_decay
    peak = np.log(b / a) * a * b / (b - a)
    shape = np.exp(-t / b) - np.exp(-t / a)
    return shape / (np.exp(-peak / b) - np.exp(-peak / a))


def psp(t, rates, amounts, tau_m, C_m):
    """Potential of a passive membrane for a sum of exponentials ``amounts exp(-rates t)`` [pA]."""
    return sum(A / C_m / (1.0 / tau_m - r) * (np.exp(-r * t) - np.exp(-t / tau_m))
               for r, A in zip(rates, amounts, strict=True))


def after_spike(cell, w, dt, duration, record="v"):
    """``(t, trace)`` with t = 0 at the end of the step in which one spike arrives on the port ``syn``."""
    steps, at = round(duration / dt), round(1.0 / dt)
    arriving = np.zeros(steps + at)
    arriving[at] = w
    trace = run(cell, steps + at, dt, {"syn": arriving}, record=record)[0][at:, 0]
    return np.arange(len(trace)) * dt, trace


SHAPES = [Exponential(tau=2.0), Alpha(tau=2.0), DualExponential(tau_rise=0.5, tau_decay=4.0),
          DualExponential(tau_rise=3.9999, tau_decay=4.0), ExponentialConductance(tau=5.0), AlphaConductance(tau=1.0),
          DualExponentialConductance(tau_rise=1.0, tau_decay=8.0), NMDA()]
every_shape = pytest.mark.parametrize("kind", SHAPES, ids=repr)


@every_shape
@pytest.mark.parametrize("dt", [0.1, 0.7])
def test_the_state_has_the_closed_form_at_any_step(kind, dt):
    t, g = after_spike(compose(PASSIVE, syn=kind), 3.0, dt, 20.0, record="syn_g")
    np.testing.assert_allclose(g, 3.0 * psc(t, kind), rtol=1e-8, atol=1e-12)


@every_shape
def test_the_mean_is_the_integral(kind):
    t, h = np.linspace(0.0, 3.0, 300001), 3.0
    k = kind.bind(1, torch.float64)
    nothing = kind.State(*(torch.zeros(1).double() for _ in kind.State._fields))
    s = k.receive(nothing, kind.Ports(torch.ones(1).double()))
    mean = float(k.mean(s, h, torch.tensor([1e9]).double()))   # far above, nothing blocks
    np.testing.assert_allclose(mean, np.trapezoid(psc(t, kind), t) / h, rtol=1e-8)


def test_close_time_constants_tend_to_the_alpha_function():
    x = np.full(50, 1.0)
    alpha = run(compose(PASSIVE, a=Alpha(tau=2.0)), 50, 0.1, {"a": x}, record="a_g")[0]
    for gap, error in ((1e-3, 1e-3), (1e-6, 1e-6), (1e-12, 1e-9)):
        dual = compose(PASSIVE, a=DualExponential(tau_rise=2.0 - gap, tau_decay=2.0))
        np.testing.assert_allclose(run(dual, 50, 0.1, {"a": x}, record="a_g")[0], alpha, rtol=error)


def test_equal_time_constants_are_refused():
    with pytest.raises(ModelError, match=r"DualExponential.tau_rise: is 2 ms, not below tau_decay \(2 ms\).*use Alpha"):
        DualExponential(tau_rise=2.0, tau_decay=2.0)
    with pytest.raises(ModelError, match=r"NMDA.tau_rise: is 101 ms"):
        compose(LIF(), nmda=NMDA(tau_rise=np.array([2.0, 101.0])))
    with pytest.raises(ModelError, match=r"Exponential.tau: is -1 ms. It must be above 0"):
        Exponential(tau=-1.0)


def test_delta_brings_its_charge_within_one_step():
    for dt in (0.1, 0.01):
        t, v = after_spike(compose(PASSIVE, syn=Delta()), 2500.0, dt, 5.0)
        # 2500 pA ms on 250 pF: 10 mV, reached within a step and decaying from its middle on.
        np.testing.assert_allclose(v[1:] + 70.0, 10.0 * np.exp(-(t[1:] - 0.5 * dt) / 20.0), rtol=dt**2 / 20.0**2)


def exponentials(kind):
    """Rates and amounts of a current as a sum of exponentials."""
    if isinstance(kind, Exponential):
        return [1.0 / kind.tau], [1.0]
    peak = np.log(kind.tau_decay / kind.tau_rise) / (1.0 / kind.tau_rise - 1.0 / kind.tau_decay)
    norm = np.exp(-peak / kind.tau_decay) - np.exp(-peak / kind.tau_rise)
    return [1.0 / kind.tau_decay, 1.0 / kind.tau_rise], [1.0 / norm, -1.0 / norm]


@pytest.mark.parametrize("kind", [Exponential(tau=2.0), DualExponential(tau_rise=0.5, tau_decay=4.0)], ids=repr)
def test_potentials_of_currents_converge_with_the_square_of_the_step(kind):
    errors = []
    for dt in (0.4, 0.2, 0.1):
        t, v = after_spike(compose(PASSIVE, syn=kind), 100.0, dt, 15.0)
        expected = psp(t, exponentials(kind)[0], 100.0 * np.array(exponentials(kind)[1]), 20.0, 250.0)
        errors.append(np.abs(v + 70.0 - expected).max() / expected.max())
    assert errors[-1] < 1e-3
    assert 3.6 < errors[0] / errors[1] < 4.4 and 3.6 < errors[1] / errors[2] < 4.4


def test_an_alpha_current_has_the_closed_form_of_its_potential():
    tau, tau_m, d = 2.0, 20.0, 1.0 / 2.0 - 1.0 / 20.0
    errors = []
    for dt in (0.2, 0.1):
        t, v = after_spike(compose(PASSIVE, syn=Alpha(tau=tau)), 100.0, dt, 15.0)
        expected = 100.0 * np.e / (tau * 250.0) * (np.exp(-t / tau_m) - np.exp(-t / tau) * (1.0 + d * t)) / d**2
        errors.append(np.abs(v + 70.0 - expected).max())
    assert errors[1] < 2e-3 and 3.6 < errors[0] / errors[1] < 4.4


def test_exponential_currents_are_those_of_the_model_that_solves_them_exactly():
    """The same spikes onto CubaLIF, also above threshold and while the neuron is held."""
    own = CubaLIF(tau_exc=5.0, tau_inh=10.0)
    host = LIF(**{k: getattr(own, k) for k in ("tau_m", "C_m", "E_L", "V_th", "V_reset", "t_ref")})
    ours = compose(host, exc=Exponential(tau=5.0), inh=Exponential(tau=10.0))
    errors, counts = [], []
    for dt in (0.1, 0.05, 0.025):
        v, fired = zip(*(bombarded(cell, dt) for cell in (ours, own)), strict=True)
        counts.append(list(map(len, fired)))
        errors.append(np.abs(v[0] - v[1])[:40].max())
    assert all(a == b > 10 for a, b in counts), counts
    assert errors[0] < 1e-2 and 3.6 < errors[0] / errors[1] < 4.4 and 3.6 < errors[1] / errors[2] < 4.4


def bombarded(cell, dt):
    """Potential every ms and spikes of a neuron under many input spikes, first below and then above threshold."""
    rng, net = np.random.default_rng(1), snn.Network("bombarded")
    cells = net.add("cells", cell, 1)
    for port, n, w in (("exc", 200, 400.0), ("inh", 60, -120.0)):
        times = np.round(np.concatenate([rng.uniform(0.0, 40.0, n // 20), rng.uniform(42.0, 200.0, n)]), 1)
        spikes = snn.Spikes(times, np.zeros(len(times), int), 1, 201.0)
        net.connect(net.add(port, SpikeSource(spikes), 1), cells, snn.AllToAll(), port=port, weight=w, delay=1.0)
    result = snn.simulate(net, 200.0, dt=dt, record=[snn.RecordState("cells", "v", every=round(1.0 / dt)),
                                                     snn.RecordSpikes("cells")])
    return result.traces["cells", "v"].data[:, 0], result.spikes["cells"].times


def test_exponential_conductances_are_those_of_the_conductance_neuron():
    own = CobaLIF(E_exc=0.0, E_inh=-80.0, V_th=1000.0)
    host = LIF(tau_m=20.0, C_m=200.0, E_L=-60.0, V_th=1000.0, V_reset=-60.0)
    errors = []
    for dt in (0.2, 0.1, 0.05):
        cell = compose(host, exc=ExponentialConductance(tau=5.0), inh=ExponentialConductance(tau=10.0, E=-80.0))
        x = {"exc": np.zeros(round(30.0 / dt)), "inh": np.zeros(round(30.0 / dt))}
        for port, at, w in (("exc", 2.0, 30.0), ("inh", 10.0, 40.0), ("exc", 20.0, 10.0), ("exc", 21.0, 25.0)):
            x[port][round(at / dt)] += w
        errors.append(np.abs(run(cell, len(x["exc"]), dt, x)[0] - run(own, len(x["exc"]), dt, x)[0]).max())
    assert errors[-1] < 1e-3
    assert 3.5 < errors[0] / errors[1] < 4.5 and 3.5 < errors[1] / errors[2] < 4.5

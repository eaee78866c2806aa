"""Conductances on neurons: the magnesium block, the order of the step, no step too long, NEST, gap junctions."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from neuron_runs import run
from scipy.integrate import solve_ivp

import snn
from snn.composition import compose
from snn.neurons import LIF, AdEx, HodgkinHuxley, Izhikevich, SpikeSource
from snn.neurons.kinetics import NMDA, DualExponentialConductance, Exponential, ExponentialConductance, Gap

NEST = Path(__file__).parents[1] / "fixtures" / "nest" / "kinetics"
HOST = LIF(tau_m=20.0, C_m=250.0, E_L=-70.0, V_th=1000.0, V_reset=-70.0)


def block(v, Mg):
    return 1.0 / (1.0 + Mg / 3.57 * np.exp(-0.062 * v))


# NMDA


def test_the_block_has_the_published_values():
    v = torch.tensor([-70.0, -40.0, 0.0, 40.0]).double()
    np.testing.assert_allclose(NMDA().bind(1, torch.float64).unblocked(v), block(v.numpy(), 1.0), rtol=1e-13)
    # Half of the conductance is open where Mg exp(-0.062 v) = 3.57 mM.
    half = torch.tensor([np.log(1.0 / 3.57) / 0.062]).double()
    np.testing.assert_allclose(NMDA().bind(1, torch.float64).unblocked(half), 0.5, rtol=1e-13)
    assert (NMDA(Mg=0.0).bind(1, torch.float64).unblocked(v) == 1.0).all()
    extreme = NMDA().bind(1, torch.float32).unblocked(torch.tensor([-1e9, 1e9]))
    assert extreme[0] < 1e-12 and extreme[1] == 1.0


def current(Mg, v):
    """Current through 1 nS at ``v``: what moves a very large membrane that is held there."""
    host = LIF(tau_m=1e9, C_m=1e9, E_L=v, V_th=1000.0, V_reset=-1000.0)
    cell = compose(host, nmda=NMDA(Mg=Mg, tau_rise=1e-3, tau_decay=1e9))
    bound = cell.bind(1, torch.float64)
    s = bound.rest()
    s = type(s)(*(torch.as_tensor(x, dtype=torch.float64).expand(1) for x in s))._replace(nmda_g=torch.ones(1).double())
    return float(bound.flow(s, torch.tensor(1e-4, dtype=torch.float64)).i)


@pytest.mark.parametrize("Mg", [0.0, 0.1, 1.0, 2.0])
def test_current_against_voltage(Mg):
    v = np.arange(-90.0, 61.0, 10.0)
    measured = np.array([current(Mg, x) for x in v])
    np.testing.assert_allclose(measured, block(v, Mg) * (0.0 - v), rtol=1e-6, atol=1e-9)
    if Mg == 1.0:
        # The region of negative slope: the inward current is largest near -30 mV.
        assert v[np.argmax(measured)] == -30.0


# The step


def truth(w, tau, t, unblocked=lambda v: 1.0):
    """The exact potential of ``HOST`` after one spike of ``w`` nS."""
    def change(t, y):
        return [-(y[0] + 70.0) / 20.0 + w * np.exp(-t / tau) * unblocked(y[0]) * (0.0 - y[0]) / 250.0]
    return solve_ivp(change, (0.0, t[-1] + 1e-9), [-70.0], t_eval=t, rtol=1e-11, atol=1e-11).y[0]


class BlockedExponential(ExponentialConductance):
    """A kinetics of one's own: a conductance that depends on the potential."""

    def mean(self, s, dt, v):
        return super().mean(s, dt, v) / (1.0 + torch.exp(v * -0.062) * (1.0 / 3.57))


@pytest.mark.parametrize(("Kind", "unblocked"), [(ExponentialConductance, lambda v: 1.0),
                                                 (BlockedExponential, lambda v: block(v, 1.0))])
@pytest.mark.parametrize("w", [2.0, 30.0])
def test_the_error_falls_with_the_square_of_the_step(Kind, unblocked, w):
    errors = []
    for dt in (0.2, 0.1, 0.05):
        arriving = np.zeros(round(8.0 / dt))
        arriving[0] = w
        v = run(compose(HOST, syn=Kind(tau=5.0)), len(arriving), dt, {"syn": arriving})[0][:, 0]
        errors.append(np.abs(v - truth(w, 5.0, np.arange(len(v)) * dt, unblocked)).max())
    assert errors[-1] < 1e-5 * w
    assert 3.5 < errors[0] / errors[1] < 4.6 and 3.5 < errors[1] / errors[2] < 4.6


def test_a_purely_capacitive_membrane_relaxes_as_the_approximant():
    host = LIF(tau_m=1e7, C_m=100.0, E_L=-70.0, V_th=1000.0, V_reset=-70.0)
    for g in (0.0, 10.0, 1000.0, 1e5, 1e8):
        cell = compose(host, syn=ExponentialConductance(tau=1e12, E=0.0))
        v = run(cell, 2, 0.1, {"syn": [g, 0.0]})[0][:, 0]
        q = g * 0.1 / 100.0
        np.testing.assert_allclose(v[1] / v[0], (6.0 - 2.0 * q) / (6.0 + 4.0 * q + q * q), rtol=0.0, atol=1e-7)


@pytest.mark.parametrize("Host", [LIF, AdEx, Izhikevich, HodgkinHuxley])
def test_no_conductance_is_too_large_for_the_step(Host):
    cell = compose(Host(), ampa=ExponentialConductance(tau=5.0), gaba=ExponentialConductance(tau=10.0, E=-80.0),
                   nmda=NMDA())
    for sizes in ({"ampa": 1e5}, {"gaba": 1e5}, {"nmda": 1e5}, {"ampa": 1e5, "gaba": 1e5, "nmda": 1e5}):
        v = run(cell, 60, 0.1, sizes)[0]
        assert np.isfinite(v).all() and (np.abs(v) < 200.0).all()


def test_a_neuron_that_is_held_stays_held_and_forgets_nothing():
    """The conductance goes on while the neuron is refractory; the potential does not."""
    cell = compose(LIF(t_ref=3.0), syn=ExponentialConductance(tau=5.0))
    arriving = np.zeros(100)
    arriving[0] = 100.0
    v, fired, _ = run(cell, 100, 0.1, {"syn": arriving})
    first = int(np.argmax(fired))
    assert fired.any() and (v[first:first + 31] == -70.0).all() and v[first + 31] > -70.0
    g = run(cell, 100, 0.1, {"syn": arriving}, record="syn_g")[0][:, 0]
    np.testing.assert_allclose(g, 100.0 * np.exp(-0.1 * np.arange(100) / 5.0), rtol=1e-12)
    # The first step after it begins at the reset potential and has the conductance of that time.
    later = np.zeros(100)
    later[0] = g[first + 30]
    np.testing.assert_allclose(v[first + 31], run(compose(LIF(), syn=ExponentialConductance(tau=5.0)), 2, 0.1,
                                                  {"syn": later[:2]})[0][1, 0], rtol=1e-13)


def test_currents_from_outside_and_from_kinetics_add_up():
    both = run(compose(HOST, a=Exponential(tau=2.0)), 40, 0.1, {"current": 100.0, "a": np.eye(40)[3] * 50.0})[0]
    outside = run(compose(HOST, a=Exponential(tau=2.0)), 40, 0.1, {"current": 100.0})[0]
    inside = run(compose(HOST, a=Exponential(tau=2.0)), 40, 0.1, {"a": np.eye(40)[3] * 50.0})[0]
    np.testing.assert_allclose(both + 70.0, outside + inside + 140.0, rtol=1e-12, atol=1e-12)
    assert outside.max() > -69.9 and inside.max() > -69.9


# NEST


def nest(name):
    with np.load(NEST / f"{name}.npz") as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("meta"))), arrays


def beta(host, meta, arrays, dt):
    """Spikes and potential every ms of ``host`` under the input of a file, with the kinetics of NEST's beta models."""
    cell = compose(host, ampa=DualExponentialConductance(tau_rise=0.5, tau_decay=4.0, E=0.0),
                   gaba=DualExponentialConductance(tau_rise=1.0, tau_decay=8.0, E=-80.0))
    net = snn.Network("nest")
    cells = net.add("cells", cell, 1)
    for name, port in (("exc", "ampa"), ("inh", "gaba")):
        # Half a step earlier, so that rounding cannot move a spike.
        given = snn.Spikes(arrays[name] - 0.5 * dt, np.zeros(len(arrays[name]), int), 1, 200.0)
        net.connect(net.add(name, SpikeSource(given), 1), cells, snn.AllToAll(), port=port,
                    weight=abs(meta["weights"][name]), delay=meta["delay"])
    result = snn.simulate(net, 200.0, dt=dt, record=[snn.RecordSpikes("cells"),
                                                     snn.RecordState("cells", "v", every=round(1.0 / dt))])
    return result.spikes["cells"].times, result.traces["cells", "v"].data[:, 0]


def test_leaky_neuron_with_dual_exponential_conductances_is_that_of_nest():
    meta, arrays = nest("iaf_cond_beta")
    p = meta["params"]
    host = LIF(tau_m=p["C_m"] / p["g_L"], **{k: p[k] for k in ("C_m", "E_L", "V_th", "V_reset", "t_ref")})
    times, v = beta(host, meta, arrays, meta["dt"])
    assert len(times) == 33 and np.array_equal(np.round(times, 2), np.round(arrays["spikes"], 2))
    assert np.abs(v - arrays["v"]).max() < 1e-5


def test_adaptive_neuron_with_dual_exponential_conductances_is_that_of_nest():
    meta, arrays = nest("aeif_cond_beta")
    errors = []
    for dt in (0.1, 0.05):
        times, v = beta(AdEx(), meta, arrays, dt)
        assert len(times) == len(arrays["spikes"]) == 0
        errors.append(np.abs(v - arrays["v"]).max())
    assert np.ptp(arrays["v"]) > 3.0 and errors[1] < 1e-3 and errors[0] / errors[1] > 3.0


def coupled_pair(model, g, currents, init, engine, dt, duration):
    net = snn.Network("pair")
    cells = net.add("cells", model, 2, init={"i": np.array(currents), **init})
    net.drive(cells, snn.CurrentInput(np.array(currents)), port="current")
    net.couple(cells, cells, snn.Edges([0, 1], [1, 0]), weight=g, values={"gap": "v"}, difference=True)
    result = snn.simulate(net, duration, dt=dt, engine=engine,
                          record=[snn.RecordState("cells", "v", every=round(1.0 / dt))])
    return result.traces["cells", "v"].data


def test_gap_junctions_are_those_of_nest():
    """Two Hodgkin-Huxley neurons; one fires, the other shows its spikelets. Our step is of first order in the gap."""
    meta, arrays = nest("gap")
    p = meta["params"]
    init = {"v": -70.0, "last": -70.0, "m": p["Act_m"], "h": p["Inact_h"], "n": p["Act_n"]}
    model = compose(HodgkinHuxley(V_T=-63.0), gap=Gap())
    errors = [np.abs(coupled_pair(model, meta["g"], meta["currents"], init, snn.EventDriven(threads=1), dt, 25.0)
                     - arrays["v"]).max(axis=0) for dt in (0.02, 0.01)]
    assert np.ptp(arrays["v"][:, 1]) > 70.0 and np.ptp(arrays["v"][:, 0]) > 5.0
    assert errors[1][0] < 0.05 and errors[1][1] < 0.2, errors
    assert (errors[0] > 1.6 * errors[1]).all(), errors


def test_gap_junctions_pull_two_potentials_together():
    """Passive membranes: the difference decays with 1 / tau = g_L / C + 2 g / C, the sum is left alone."""
    v = coupled_pair(compose(HOST, gap=Gap()), 10.0, (0.0, 0.0), {"v": np.array([-60.0, -75.0])},
                     snn.EventDriven(threads=1), 0.01, 10.0)
    t = np.arange(1.0, 11.0)
    np.testing.assert_allclose(v[:, 0] - v[:, 1], 15.0 * np.exp(-t * (1.0 / 20.0 + 20.0 / 250.0)), rtol=1e-2)
    np.testing.assert_allclose(v.sum(axis=1) + 140.0, 5.0 * np.exp(-t / 20.0), rtol=1e-9)

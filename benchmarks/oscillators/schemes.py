"""Part ``schemes``: what a step costs and how far it is off, for several ways to integrate the same oscillators.

``rms``: error of the phases after 4 ms, of 200 oscillators with frequencies of mean 1 and deviation 0.6 rad/ms and an
all-to-all coupling K = 2, against steps of 0.5 us; ``r``: of 2000 Lorentzian oscillators with K = 2 (theory 0.7071);
``ns``: per oscillator and step in the event-driven engine with one thread, medians of interleaved runs.
"""
import statistics
import time
from dataclasses import dataclass

import numpy as np
import torch

import snn
from snn.circuits.oscillators import lorentzian, order_curve
from snn.neurons import Kuramoto, KuramotoRK4
from snn.neurons.theta_neuron import angle_of

COLUMNS = ("scheme", "dt", "rms", "r", "r_theory", "ns")
DTS = (0.4, 0.2, 0.1, 0.05, 0.025)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldSplit(Kuramoto):
    """The rotation of a whole step after the coupling of its beginning: first order."""

    def couple(self, s, x):
        return s._replace(pull_sin=x.sin, pull_cos=x.cos, last_sin=x.sin, last_cos=x.cos)

    def flow(self, s, dt):
        sin, cos = torch.sin(s.theta + self.alpha), torch.cos(s.theta + self.alpha)
        pull, slope = s.pull_sin * cos - s.pull_cos * sin, -(s.pull_sin * sin + s.pull_cos * cos)
        return s._replace(theta=s.theta + dt * (self.omega + pull + (0.5 * dt) * slope * pull))


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldRK4(KuramotoRK4):
    """Runge-Kutta in the field of the beginning of the step: fourth order in a field that rests, else first."""

    def couple(self, s, x):
        return s._replace(pull_sin=x.sin, pull_cos=x.cos, last_sin=x.sin, last_cos=x.cos)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClosedSplit(Kuramoto):
    """The split step with the motion in the field of the middle in closed form (without noise).

    Formula: z = exp(i theta) moves in a constant field H = C + i S to (z + t H) / (1 + t conj(H) z) with
    t = tanh(|H| dt / 2) / |H|; the angle between the two is 2 arg(1 + t H / z).
    """

    def flow(self, s, dt):
        half = (0.5 * dt) * (self.omega + s.drive)
        theta = s.theta + half
        sin, cos = torch.sin(theta + self.alpha), torch.cos(theta + self.alpha)
        size = torch.sqrt(s.pull_sin * s.pull_sin + s.pull_cos * s.pull_cos + 1e-20)
        t = torch.tanh((0.5 * dt) * size) / size
        across, along = s.pull_sin * cos - s.pull_cos * sin, s.pull_sin * sin + s.pull_cos * cos
        return s._replace(theta=theta + 2.0 * angle_of(t * across, 1.0 + t * along) + half)


SCHEMES = {"Kuramoto (split)": Kuramoto, "split, closed form": ClosedSplit, "KuramotoRK4": KuramotoRK4,
           "split, held field": HeldSplit, "RK4, held field": HeldRK4}


def measure(*, seeds, runs, quick):
    n = 200
    rng = np.random.default_rng(1)
    omega, start = rng.normal(1.0, 0.6, n), rng.uniform(0.0, 2.0 * np.pi, n)
    truth = phases(KuramotoRK4, omega, start, 0.005 if quick else 0.0005)
    costs = cost(runs, 1000 if quick else 20_000)
    for name, Model in SCHEMES.items():
        for dt in DTS[-2:] if quick else DTS:
            off = np.angle(np.exp(1j * (phases(Model, omega, start, dt) - truth)))
            r = order_curve(Model(omega=lorentzian(2000, 0.5)), 2000, [2.0], dt=dt, settle=20.0, measure=20.0, seed=1)
            yield {"scheme": name, "dt": dt, "rms": float(np.sqrt((off**2).mean())), "r": float(r[0]),
                   "r_theory": 0.5**0.5, "ns": costs[name]}


def population(Model, omega, start):
    n = len(omega)
    net = snn.Network("oscillators")
    units = net.add("units", Model(omega=omega), n, init={"theta": start})
    net.couple(units, units, snn.AllToAll(), weight=2.0 / n)
    return net


def phases(Model, omega, start, dt, duration=4.0):
    return snn.simulate(population(Model, omega, start), duration, dt=dt, record=[], engine=snn.EventDriven(threads=1),
                        progress=False).state.populations["units"].values["theta"]


def cost(runs, n, steps=300):
    """{scheme: ns per oscillator and step}."""
    rng = np.random.default_rng(2)
    omega, start = rng.normal(0.0, 0.6, n), rng.uniform(0.0, 2.0 * np.pi, n)
    found = {name: [] for name in SCHEMES}
    sims = {name: snn.start(population(Model, omega, start), dt=0.05, record=[], engine=snn.EventDriven(threads=1))
            for name, Model in SCHEMES.items()}
    for k in range(runs + 1):
        for name, sim in sims.items():
            began = time.perf_counter()
            sim.run(steps * 0.05)
            if k:
                found[name].append((time.perf_counter() - began) / (steps * n) * 1e9)
    return {name: statistics.median(times) for name, times in found.items()}

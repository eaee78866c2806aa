"""Populations of coupled oscillators: order parameter, sweeps of the coupling, and what theory says of them.

Example::

    units = Kuramoto(omega=lorentzian(2000, 0.5))
    r = order_curve(units, 2000, [1.25, 1.5, 2.0], dt=0.05, settle=30.0, measure=30.0)
    print(r, lorentzian_order([1.25, 1.5, 2.0], 0.5))

Source: Y. Kuramoto (1984), Chemical Oscillations, Waves, and Turbulence; H. Sakaguchi (1988), Progress of Theoretical
Physics 79:39-46 (noise); E. Ott and T. M. Antonsen (2008), Chaos 18:037113 (lag); H.-A. Tanaka,
A. J. Lichtenberg and S. Oishi (1997), Physica D 100:279-300 (inertia).
"""
import math

import numpy as np

from snn.connect import AllToAll
from snn.distributions import Uniform
from snn.errors import ModelError, RunError
from snn.network import Network
from snn.record import RecordMean
from snn.run.simulate import simulate

TURN = 2.0 * math.pi


def order_parameter(theta):
    """Kuramoto's order parameter r exp(i psi): the mean of exp(i theta) over the last axis (array or tensor, rad)."""
    if hasattr(theta, "detach"):
        import torch
        return torch.complex(torch.cos(theta), torch.sin(theta)).mean(-1)
    return np.exp(1j * np.asarray(theta)).mean(-1)


def lorentzian(n, half_width, *, centre=0.0, seed=None):
    """``n`` natural frequencies (rad/ms) from a Lorentzian: its quantiles, or with a ``seed`` random draws."""
    if not half_width > 0:
        raise ModelError(f"lorentzian.half_width: is {half_width!r} rad/ms. It must be above 0.")
    u = (np.arange(n) + 0.5) / n if seed is None else np.random.default_rng(seed).uniform(size=n)
    return centre + half_width * np.tan(math.pi * (u - 0.5))


def order_curve(model, n, couplings, *, dt, settle, measure, carry=False, start=None, **options):
    """Mean r for every strength K of an all-to-all coupling K / n.

    Parameters: ``model`` a phase model with outputs ``sin`` and ``cos``; ``couplings`` strengths in rad/ms; ``settle``
    and ``measure`` ms per strength, before and while r is averaged; ``carry``: whether each run goes on from the last
    state of the one before (the first from rest or ``start``, otherwise from random phases); ``start`` {state: initial
    value}, instead of random phases; ``options`` of ``snn.simulate`` (engine, seed). Returns float64, one r per K.
    """
    return _sweep(model, n, couplings, dt, settle, measure, carry, start, None, options)[0]


def hysteresis(model, n, couplings, *, dt, settle, measure, start=None, **options):
    """``(up, down)``: r while K is raised through ``couplings``, and, from there, while it is lowered again.

    Both are in the order of ``couplings``; parameters as of :func:`order_curve`.
    """
    couplings = np.sort(np.asarray(couplings, np.float64))
    up, state = _sweep(model, n, couplings, dt, settle, measure, True, start, None, options)
    down, _ = _sweep(model, n, couplings[::-1], dt, settle, measure, True, start, state, options)
    return up, down[::-1]


def _sweep(model, n, couplings, dt, settle, measure, carry, start, state, options):
    if not measure >= dt:
        raise RunError(f"order_curve.measure: is {measure!r} ms. At least one step ({dt:g} ms) is needed.")
    order = []
    for K in np.asarray(couplings, np.float64):
        net = Network("oscillators")
        units = net.add("units", model, n, init={"theta": Uniform(0.0, TURN)} if start is None else start)
        net.couple(units, units, AllToAll(), weight=float(K) / n)
        record = [RecordMean("units", "sin"), RecordMean("units", "cos")]
        result = simulate(net, settle + measure, dt=dt, record=record, state=state if carry else None,
                          **{"progress": False, **options})
        sin, cos = (result.traces["units", f"mean.{name}"].data for name in ("sin", "cos"))
        order.append(np.hypot(sin, cos)[-round(measure / dt):].mean())
        state = result.state
    return np.array(order), state


def lorentzian_order(K, half_width, *, alpha=0.0):
    """r of infinitely many oscillators with Lorentzian frequencies and phase lag ``alpha``.

    Formula: sqrt(1 - K_c / K) above K_c = 2 half_width / cos(alpha).
    """
    return np.sqrt(np.maximum(0.0, 1.0 - 2.0 * half_width / (np.asarray(K, np.float64) * math.cos(alpha))))


def noisy_order(K, D):
    """r of infinitely many identical oscillators with diffusion D = sigma^2 / 2 (rad^2/ms).

    Formula: the largest root of r = I_1(K r / D) / I_0(K r / D), with modified Bessel functions; 0 up to K_c = 2 D.
    """
    from scipy.optimize import brentq
    from scipy.special import ive
    K = np.asarray(K, np.float64)
    roots = [brentq(lambda r, k=k: ive(1, k * r / D) / ive(0, k * r / D) - r, 1e-9, 1.0) if k > 2.0 * D else 0.0
             for k in K.ravel()]
    return np.reshape(roots, K.shape)


def inertial_order(K, m, half_width, *, rising):
    """Approximate r of infinitely many oscillators with inertia ``m``, damping 1 and Lorentzian frequencies.

    Formula
        r = K r integral cos^2(a) g(K r sin a) da over |K r sin a| < Omega - integral of K r m g(w) / (2 (1 + m^2 w^2))
        over |w| > Omega. Omega is the edge of the locked oscillators: K r where they unlock (K falls), and the smaller
        (4 / pi) sqrt(K r / m), where a pendulum ceases to whirl, while K is ``rising``.
        Of the roots the lowest stable one is given while K rises, the highest one while it falls.
    """
    r = np.linspace(0.0, 1.0, 2001)[1:]
    found = []
    for k in np.ravel(np.asarray(K, np.float64)):
        excess = k * _inertial_share(k * r, m, half_width, rising) - 1.0
        falls = np.flatnonzero((excess[:-1] > 0.0) & (excess[1:] <= 0.0))
        stable = [*([0.0] if excess[0] <= 0.0 else []), *r[falls]]
        found.append((stable[0] if rising else stable[-1]) if stable else 0.0)
    return np.reshape(found, np.shape(K))


def _inertial_share(field, m, h, rising):
    """r / (K r) that the oscillators make in fields of size K r, an array; ``h``: half-width."""
    edge = np.minimum(field, 4.0 / math.pi * np.sqrt(field / m)) if rising else field
    q, a = h / field, np.arcsin(np.minimum(edge / field, 1.0))
    root = np.sqrt(1.0 + q * q)
    locked = 2.0 / math.pi * (root * np.arctan2(root * np.sin(a), q * np.cos(a)) - q * a) / field
    # Drifting ones: a product of two Lorentzians from the edge on, in partial fractions.
    b = 1.0 / m if abs(1.0 / m - h) > 1e-6 * h else h * (1.0 + 1e-6)
    tail = (np.arctan2(h, edge) / h - np.arctan2(b, edge) / b) / (b * b - h * h)
    return locked - m * b * b * h / math.pi * tail

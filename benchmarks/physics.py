"""The benchmark networks in numbers: one text, read by our side and by every peer.

Nothing is imported here but the standard library, because the peers run in environments of their own.

Sources: CUBA and COBA are benchmarks 2 and 1 of Brette et al. (2007), J. Comput. Neurosci. 23:349, after Vogels and
Abbott (2005), with a fixed in-degree of 64 + 16 so that the network can grow; Brunel is the network of N. Brunel
(2000), J. Comput. Neurosci. 8:183, with g = 5, eta = 2 and the in-degree a tenth of the population.
"""
from dataclasses import dataclass
from functools import partial

EXCITATORY_SHARE = 0.8


@dataclass(frozen=True)
class Link:
    """Synapses between two ranges ``(first, last + 1)`` of neurons with a fixed in-degree; ``plastic``: they learn."""

    name: str
    pre: tuple
    post: tuple
    in_degree: int
    excitatory: bool
    plastic: bool = False


@dataclass(frozen=True)
class Balanced:
    """What CUBA, COBA and Brunel have in common: n neurons, the first 80 % of them excitatory, fixed in-degrees."""

    n: int
    k_exc: int
    k_inh: int
    w_exc: float
    w_inh: float

    @property
    def n_exc(self):
        return int(EXCITATORY_SHARE * self.n)

    @property
    def n_inh(self):
        return self.n - self.n_exc

    @property
    def in_degree(self):
        return self.k_exc + self.k_inh

    @property
    def n_synapses(self):
        return self.n * self.in_degree

    @property
    def links(self):
        """Who is connected to whom: both kinds to all."""
        return (Link("excitatory", (0, self.n_exc), (0, self.n), self.k_exc, True),
                Link("inhibitory", (self.n_exc, self.n), (0, self.n), self.k_inh, False))


@dataclass(frozen=True)
class Cuba(Balanced):
    """Exponential currents. Weights are mV of drive (w_pA = w * C_m / tau_m); V starts uniform in [V_reset, V_th)."""

    k_exc: int = 64
    k_inh: int = 16
    w_exc: float = 1.62
    w_inh: float = -9.0
    tau_m: float = 20.0
    C_m: float = 200.0
    E_L: float = -49.0
    V_th: float = -50.0
    V_reset: float = -60.0
    t_ref: float = 5.0
    tau_exc: float = 5.0
    tau_inh: float = 10.0
    delay: float = 0.1

    @property
    def v_start(self):
        return self.V_reset, self.V_th


@dataclass(frozen=True)
class Coba(Balanced):
    """Exponential conductances in nS; ``*_start`` are (mean, standard deviation) of conductances, negative ones set to
    0.

    The activity sustains itself, or dies after the first volley. The starting conductances decide: with the often used
    40 +- 15 and 150 +- 120 nS, 18 of 40 networks of 4,000 neurons fell silent within 70 ms; with those here, 2.
    """

    k_exc: int = 64
    k_inh: int = 16
    w_exc: float = 6.0
    w_inh: float = 67.0
    C_m: float = 200.0
    g_L: float = 10.0
    E_L: float = -60.0
    V_th: float = -50.0
    V_reset: float = -60.0
    t_ref: float = 5.0
    E_exc: float = 0.0
    E_inh: float = -80.0
    tau_exc: float = 5.0
    tau_inh: float = 10.0
    delay: float = 0.1
    v_start: tuple = (-75.0, -50.0)
    g_exc_start: tuple = (20.0, 10.0)
    g_inh_start: tuple = (100.0, 60.0)


@dataclass(frozen=True)
class Brunel(Balanced):
    """Delta synapses in mV and an independent Poisson drive of ``rate`` Hz per neuron with weight ``w_exc``."""

    tau_m: float = 20.0
    V_th: float = 20.0
    V_reset: float = 10.0
    E_L: float = 0.0
    t_ref: float = 2.0
    delay: float = 1.5
    eta: float = 2.0

    @property
    def v_start(self):
        return self.E_L, self.V_th

    @property
    def rate(self):
        """eta times the rate at which excitatory spikes alone would hold V at threshold, in Hz."""
        return self.eta * (self.V_th - self.E_L) / (self.w_exc * self.tau_m) * 1000.0


@dataclass(frozen=True)
class PlasticBrunel(Brunel):
    """Brunel's network whose synapses among excitatory neurons have weights of their own that learn.

    Pair STDP, all pairs, hard bounds 0 and ``w_max``, in the terms of Guetig et al. (2003), J. Neurosci. 23:3697:
    w += lam w_max (1 - w / w_max)^mu x at a postsynaptic, w -= alpha lam w_max (w / w_max)^mu y at a presynaptic spike.
    ``mu`` 0: additive; 1: multiplicative; None: the same synapses with weights of their own that do not learn.
    """

    mu: int | None = 0
    lam: float = 0.005
    alpha: float = 1.05
    tau_plus: float = 20.0
    tau_minus: float = 20.0

    @property
    def w_max(self):
        return 2.0 * self.w_exc

    @property
    def links(self):
        exc, inh = (0, self.n_exc), (self.n_exc, self.n)
        return (Link("learning", exc, exc, self.k_exc, True, plastic=True),
                Link("excitatory", exc, inh, self.k_exc, True),
                Link("inhibitory", inh, (0, self.n), self.k_inh, False))


def brunel(n, kind=Brunel, **more):
    """In-degree n/10 of which 4/5 excitatory; J = 0.1 mV at 12,500 neurons, scaled so that J * k stays 100 mV."""
    k_exc = max(int(EXCITATORY_SHARE * n) // 10, 1)
    weight = 100.0 / k_exc
    return kind(n=n, k_exc=k_exc, k_inh=max(k_exc // 4, 1), w_exc=weight, w_inh=-5.0 * weight, **more)


PHYSICS = {"cuba": Cuba, "coba": Coba, "brunel": brunel,
           "brunel-additive": partial(brunel, kind=PlasticBrunel, mu=0),
           "brunel-multiplicative": partial(brunel, kind=PlasticBrunel, mu=1),
           "brunel-weights": partial(brunel, kind=PlasticBrunel, mu=None)}
"""Name of a model -> function of n that gives its numbers."""

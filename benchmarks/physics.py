"""The benchmark networks in numbers: one text, read by our side and by every peer.

Nothing is imported here but the standard library, because the peers run in environments of their own.

Sources: CUBA and COBA are benchmarks 2 and 1 of Brette et al. (2007), J. Comput. Neurosci. 23:349, after Vogels and
Abbott (2005), with a fixed in-degree of 64 + 16 so that the network can grow; Brunel is the network of N. Brunel
(2000), J. Comput. Neurosci. 8:183, with g = 5, eta = 2 and the in-degree a tenth of the population.
"""
from dataclasses import dataclass

EXCITATORY_SHARE = 0.8


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


def brunel(n):
    """In-degree n/10 of which 4/5 excitatory; J = 0.1 mV at 12,500 neurons, scaled so that J * k stays 100 mV."""
    k_exc = max(int(EXCITATORY_SHARE * n) // 10, 1)
    weight = 100.0 / k_exc
    return Brunel(n=n, k_exc=k_exc, k_inh=max(k_exc // 4, 1), w_exc=weight, w_inh=-5.0 * weight)


PHYSICS = {"cuba": Cuba, "coba": Coba, "brunel": brunel}
"""Name of a model -> function of n that gives its numbers."""

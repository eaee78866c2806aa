"""The recorded results of NEST (``tests/fixtures/nest``), and our rules with the parameters they were made with.

How NEST's parameters map to ours (its amounts of pair rules are relative to Wmax, ours have the unit of the weight):

==============================  ==================================================================================
``stdp_synapse`` and ``_nn_*``  A_plus = lambda Wmax, A_minus = alpha lambda Wmax, w_max = Wmax, w_min = 0, tau_plus;
                                tau_minus of the postsynaptic neuron; mu_plus, mu_minus as they are
``stdp_pl_synapse_hom``         A_plus = lambda, A_minus = alpha lambda, w_0 = 1, mu; no upper bound
``stdp_triplet_synapse``        A2_plus = Aplus, A2_minus = Aminus, A3_plus = Aplus_triplet, A3_minus = Aminus_triplet,
                                tau_x = tau_plus_triplet, tau_y = tau_minus_triplet, without scaling
``vogels_sprekeler_synapse``    eta, tau; alpha = 2 rho_0 tau, so rho_0 = 1000 alpha / (2 tau) Hz
``tsodyks2_synapse``            U, tau_D = tau_rec, tau_F = tau_fac (0 there: no facilitation; here a short time)
``stdp_dopamine_synapse``       A_plus, A_minus, tau_e = tau_c; the modulator is n - b
==============================  ==================================================================================

In NEST all of a delay is dendritic, and spikes that meet at the synapse in one step do not pair with each other
(``coincident=0`` of our pair and triplet rules); they pair with all others.
"""
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.registry import ROOT
from snn.plasticity import (
    MultiplicativeSTDP,
    NearestSTDP,
    PairSTDP,
    PowerLawSTDP,
    PresynapticCentredSTDP,
    ReducedSymmetricSTDP,
    TripletSTDP,
    TsodyksMarkram,
    VogelsSprekeler,
)

FIXTURES = Path(ROOT) / "tests" / "fixtures" / "nest"
ONE_PAIR, REGULAR, POISSON, MEETING = range(4)


def read(name, folder="plasticity"):
    """``(meta, arrays)`` of a file."""
    with np.load(FIXTURES / folder / f"{name}.npz") as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("meta"))), arrays


def _pair(p, post):
    scale = p["lambda"] * p["Wmax"]
    return {"A_plus": scale, "A_minus": p["alpha"] * scale, "tau_plus": p["tau_plus"], "tau_minus": post["tau_minus"],
            "w_max": p["Wmax"], "coincident": 0}


def _soft(p, post):
    return MultiplicativeSTDP(**_pair(p, post), mu_plus=p["mu_plus"], mu_minus=p["mu_minus"])


def _power_law(p, post):
    return PowerLawSTDP(A_plus=p["lambda"], A_minus=p["alpha"] * p["lambda"], mu=p["mu"], tau_plus=p["tau_plus"],
                        tau_minus=post["tau_minus"], coincident=0)


def _triplet(p, post):
    return TripletSTDP(A2_plus=p["Aplus"], A2_minus=p["Aminus"], A3_plus=p["Aplus_triplet"],
                       A3_minus=p["Aminus_triplet"], tau_plus=p["tau_plus"], tau_x=p["tau_plus_triplet"],
                       tau_minus=post["tau_minus"], tau_y=post["tau_minus_triplet"], w_max=p["Wmax"], coincident=0)


def _vogels(p, post):
    return VogelsSprekeler(eta=p["eta"], rho_0=1000.0 * p["alpha"] / (2.0 * p["tau"]), tau=p["tau"], w_max=p["Wmax"])


RULES = {
    "additive": lambda p, post: PairSTDP(**_pair(p, post)),
    "multiplicative": _soft,
    "between": _soft,
    "power_law": _power_law,
    "nearest_symmetric": lambda p, post: NearestSTDP(**_pair(p, post)),
    "nearest_restricted": lambda p, post: ReducedSymmetricSTDP(**_pair(p, post)),
    "nearest_pre_centered": lambda p, post: PresynapticCentredSTDP(**_pair(p, post)),
    "triplet": _triplet,
    "vogels": _vogels,
}


def rule_of(name):
    """``(rule, meta, NEST's weights)`` of a file."""
    meta, arrays = read(name)
    return RULES[name](meta["synapse"], meta["post"]), meta, arrays["weights"]


def short_term(p):
    return TsodyksMarkram(U=p["U"], tau_D=p["tau_rec"], tau_F=p["tau_fac"] or 1e-3)


class Trains(NamedTuple):
    """Trains of some synapses.

    ``pre``, ``post`` bool [steps, synapses]; ``step``, ``column`` of the presynaptic spikes, in the order of the file;
    ``at`` bool: which of the file's they are; ``delay`` in steps; ``group`` [synapses].
    """

    pre: np.ndarray
    post: np.ndarray
    at: np.ndarray
    step: np.ndarray
    column: np.ndarray
    delay: int
    group: np.ndarray


def trains(groups, delay, *, until=None):
    """The trains of ``groups`` with a dendritic delay in steps, up to a step."""
    with np.load(FIXTURES / "plasticity" / "trains.npz") as file:
        z = dict(file)
    column = np.full(len(z["delay"]), -1)
    chosen = np.flatnonzero((z["delay"] == delay) & np.isin(z["group"], groups))
    column[chosen] = np.arange(len(chosen))
    last = z["pre_step"].max() + 1 if until is None else until
    at, back = ((column[z[f"{side}_synapse"]] >= 0) & (z[f"{side}_step"] < last) for side in ("pre", "post"))
    grids = []
    for side, mask in (("pre", at), ("post", back)):
        grid = np.zeros((z[f"{side}_step"][mask].max() + delay + 1, len(chosen)), bool)
        grid[z[f"{side}_step"][mask], column[z[f"{side}_synapse"][mask]]] = True
        grids.append(grid)
    steps = max(len(g) for g in grids)
    pre, post = (np.pad(g, ((0, steps - len(g)), (0, 0))) for g in grids)
    return Trains(pre, post, at, z["pre_step"][at], column[z["pre_synapse"][at]], delay,
                  z["group"][chosen])

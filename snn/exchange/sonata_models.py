"""Which model of NEST is which of ours: parameters, states, inputs, and what NEST assumes where a file says nothing.

``SAME`` holds what was compared with NEST 3.10 spike by spike (``tests/neurons/test_nest_*.py``). Where NEST solves the
same equations by another scheme the entry says so in ``differs``: such a model is exchanged, not refused, because
SONATA names a model and leaves its solution to the simulator.

Sources: the parameters that NEST's models list (``nest.GetDefaults``); the weights onto them as NEST's documentation of
each model describes; NEURON's ``IntFire1``.
"""
from dataclasses import dataclass, field

import numpy as np

from snn.contract import numbers

WITHOUT_EFFECT = frozenset((
    "Ca", "beta_Ca", "tau_Ca", "tau_minus", "tau_minus_triplet", "rho", "gsl_error_tol", "ignore_and_spike_interval",
    "ignore_and_spike_offset", "archiver_length"))
"""Parameters that change no spike: of plasticity, of solvers, and of what is switched off."""
NEUTRAL = {"frozen": (False,), "ignore_and_spike": (False,), "refractory_input": (False,), "delta": (0.0,),
           "V_min": (-np.inf, -1.7976931348623157e308), "consistent_integration": (True,)}
"""Parameters that we do not have, by the values with which they do nothing."""
CURRENT = {"C_m": "C_m", "tau_m": "tau_m", "E_L": "E_L", "V_th": "V_th", "V_reset": "V_reset", "t_ref": "t_ref"}
CONDUCTANCE = {**{k: k for k in ("C_m", "g_L", "E_L", "V_th", "V_reset", "t_ref")}, "E_exc": "E_ex", "E_inh": "E_in"}
TAUS = {"tau_exc": "tau_syn_ex", "tau_inh": "tau_syn_in"}
LIF = {"C_m": 250.0, "E_L": -70.0, "V_th": -55.0, "V_reset": -70.0, "t_ref": 2.0, "tau_m": 10.0, "V_m": -70.0}
COND = {"C_m": 250.0, "g_L": 16.6667, "E_L": -70.0, "V_th": -55.0, "V_reset": -60.0, "t_ref": 2.0, "E_ex": 0.0,
        "E_in": -85.0, "tau_syn_ex": 0.2, "tau_syn_in": 2.0, "V_m": -70.0}


@dataclass(frozen=True, eq=False)
class NestModel:
    """One model of NEST that is one of ours.

    ``nest``, ``ours`` names; ``parameters`` and ``states`` {our name: NEST's}, where ``(name, k)`` is entry k of a
    list; ``defaults`` what NEST takes for them; ``exc``, ``inh`` our ports for weights >= 0 and < 0; ``sizes``: the
    weight onto ``inh`` is a size (conductance), in NEST with a minus sign; ``neutral`` {parameter: values with which it
    does nothing}; ``differs``: how NEST's solution does.
    """

    nest: str
    ours: str
    parameters: dict
    defaults: dict
    states: dict = field(default_factory=lambda: {"v": "V_m"})
    exc: str = "exc"
    inh: str = "inh"
    sizes: bool = False
    neutral: dict = field(default_factory=lambda: NEUTRAL)
    differs: str = ""

    @property
    def template(self):
        return f"nest:{self.nest}"

    def port(self, negative):
        """Our port for weights of that sign."""
        return self.inh if negative else self.exc

    def weight(self, weight, port):
        """A weight of ours onto ``port`` as NEST has it; the way back is the same."""
        return -weight if self.sizes and port == self.inh else weight

    def takes(self, weight, port):
        """Whether NEST would bring ``weight`` (a number or many, as we have it) to ``port``."""
        if port not in (self.exc, self.inh):
            return False
        theirs = np.asarray(self.weight(weight, port))
        if self.exc == self.inh:
            return True
        # A weight of 0 does nothing on either side.
        return bool((theirs <= 0).all() if port == self.inh else (theirs >= 0).all())


_GIF_LISTS = {f"{a}_{b}_{k + 1}": (f"{a}_{b}", k) for a in ("tau", "q") for b in ("stc", "sfa") for k in (0, 1)}
PEAK = "NEST looks for the peak within a step and resets there, we at the end of the step"
SAME = (
    NestModel("iaf_psc_delta", "LIF", CURRENT, LIF, exc="delta", inh="delta"),
    NestModel("iaf_psc_exp", "CubaLIF", CURRENT | TAUS, LIF | {"tau_syn_ex": 2.0, "tau_syn_in": 2.0}),
    NestModel("iaf_psc_alpha", "AlphaLIF", CURRENT | TAUS, LIF | {"tau_syn_ex": 2.0, "tau_syn_in": 2.0}),
    NestModel("iaf_cond_exp", "CobaLIF", CONDUCTANCE | TAUS, COND | {"g_ex": 0.0, "g_in": 0.0},
              {"v": "V_m", "g_exc": "g_ex", "g_inh": "g_in"}, sizes=True),
    NestModel("iaf_cond_alpha", "AlphaCobaLIF", CONDUCTANCE | TAUS, COND, {"v": "V_m"}, sizes=True),
    NestModel("mat2_psc_exp", "MAT2",
              {k: k for k in ("C_m", "tau_m", "E_L", "omega", "alpha_1", "alpha_2", "tau_1", "tau_2", "t_ref")} | TAUS,
              {"C_m": 100.0, "tau_m": 5.0, "E_L": -70.0, "omega": -51.0, "alpha_1": 37.0, "alpha_2": 2.0, "tau_1": 10.0,
               "tau_2": 200.0, "t_ref": 2.0, "tau_syn_ex": 1.0, "tau_syn_in": 3.0, "V_m": -70.0}),
    NestModel("aeif_psc_exp", "AdEx",
              {k: k for k in ("C_m", "g_L", "E_L", "Delta_T", "V_peak", "V_reset", "t_ref", "a", "b", "tau_w")}
              | {"V_T": "V_th"} | TAUS,
              {"C_m": 281.0, "g_L": 30.0, "E_L": -70.6, "V_th": -50.4, "Delta_T": 2.0, "V_peak": 0.0, "V_reset": -60.0,
               "t_ref": 0.0, "a": 4.0, "b": 80.5, "tau_w": 144.0, "tau_syn_ex": 0.2, "tau_syn_in": 2.0, "V_m": -70.6,
               "w": 0.0}, {"v": "V_m", "w": "w"}, differs=PEAK),
    NestModel("izhikevich", "Izhikevich", {"a": "a", "b": "b", "c": "c", "d": "d", "V_peak": "V_th"},
              {"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0, "V_th": 30.0, "V_m": -65.0, "U_m": -13.0},
              {"v": "V_m", "u": "U_m"}, exc="delta", inh="delta",
              differs="NEST takes one Euler step for v, we two half steps"),
    NestModel("hh_cond_exp_traub", "HodgkinHuxley",
              {k: k for k in ("C_m", "g_L", "E_L", "g_Na", "E_Na", "g_K", "E_K", "V_T")}
              | {"E_exc": "E_ex", "E_inh": "E_in"} | TAUS,
              {"C_m": 200.0, "g_L": 10.0, "E_L": -60.0, "g_Na": 20000.0, "E_Na": 50.0, "g_K": 6000.0, "E_K": -90.0,
               "V_T": -63.0, "E_ex": 0.0, "E_in": -80.0, "tau_syn_ex": 5.0, "tau_syn_in": 10.0, "V_m": -60.0,
               "Act_m": 9.895563096746586e-09, "Inact_h": 0.999999999106396, "Act_n": 2.551577051602551e-07},
              {"v": "V_m", "m": "Act_m", "h": "Inact_h", "n": "Act_n"}, sizes=True,
              # Within 2 ms of a spike no other one can come.
              neutral=NEUTRAL | {"t_ref": (2.0,)},
              differs="NEST counts a spike where the potential begins to fall, we where it crosses V_th"),
    NestModel("gif_psc_exp", "GIF",
              {k: k for k in ("C_m", "g_L", "E_L", "V_reset", "t_ref", "V_T_star", "Delta_V", "lambda_0")}
              | _GIF_LISTS | TAUS,
              {"C_m": 80.0, "g_L": 4.0, "E_L": -70.0, "V_reset": -55.0, "t_ref": 4.0, "V_T_star": -35.0, "Delta_V": 0.5,
               "lambda_0": 1.0, "tau_stc": (), "q_stc": (), "tau_sfa": (), "q_sfa": (), "tau_syn_ex": 2.0,
               "tau_syn_in": 2.0, "V_m": -70.0},
              differs="an input spike acts one step earlier in NEST, and its random numbers are others"),
)
BY_NEST = {m.nest: m for m in SAME}
BY_OURS = {m.ours: m for m in SAME}


def catalogue():
    """{name: class} of the neuron catalogue."""
    import snn.neurons
    return {name: getattr(snn.neurons, name) for name in snn.neurons.__all__}


def name_in_catalogue(model):
    """The name of a model's class where it is one of the catalogue, else None."""
    name = type(model).__name__
    return name if catalogue().get(name) is type(model) else None


def one_or_each(values):
    """A number where all values are the same, else the array."""
    values = numbers(values)
    return float(values.flat[0]) if values.ndim == 0 or (values.size and (values == values.flat[0]).all()) else values

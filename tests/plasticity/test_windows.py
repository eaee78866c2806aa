"""The windows of all pair rules as networks show them, on every engine, against their closed forms."""
import numpy as np
import pytest
from rule_runs import taught

import snn
from snn.plasticity import (
    AntiHebbianSTDP,
    MultiplicativeSTDP,
    NearestSTDP,
    PairSTDP,
    PowerLawSTDP,
    PresynapticCentredSTDP,
    ReducedSymmetricSTDP,
    SymmetricSTDP,
    TripletSTDP,
    VogelsSprekeler,
)

DT, DELAY, W = 0.5, 2.0, 0.5
LAGS = np.array([-40.0, -16.5, -7.5, -3.0, -0.5, 0.0, 0.5, 3.0, 7.5, 16.5, 40.0])
PAIR = {"A_plus": 0.02, "A_minus": 0.03, "tau_plus": 16.8, "tau_minus": 33.7}


def pair(d, up=1.0, down=1.0):
    """Window of a pair rule whose amounts are multiplied by ``up`` and ``down`` at this weight."""
    return np.where(d > 1e-9, 0.02 * up * np.exp(-d / 16.8), -0.03 * down * np.exp(d / 33.7))


RULES = [
    (PairSTDP(**PAIR), pair),
    (PairSTDP(**PAIR, coincident=0), lambda d: np.where(np.abs(d) < 1e-9, 0.0, pair(d))),
    (NearestSTDP(**PAIR), pair),
    (PresynapticCentredSTDP(**PAIR), pair),
    (ReducedSymmetricSTDP(**PAIR), pair),
    (MultiplicativeSTDP(**PAIR, mu_plus=0.4, w_max=2.0), lambda d: pair(d, 0.75**0.4, 0.25)),
    (PowerLawSTDP(**PAIR, mu=0.4, w_0=2.0), lambda d: pair(d, 2.0 * 0.25**0.4, W)),
    (TripletSTDP(A2_plus=0.02, A2_minus=0.03), pair),
    (AntiHebbianSTDP(**PAIR), lambda d: np.where(d > 1e-9, -0.03 * np.exp(-d / 33.7), 0.02 * np.exp(d / 16.8))),
    (SymmetricSTDP(), lambda d: 0.01 * np.exp(-np.abs(d) / 10.0) - 0.003 * np.exp(-np.abs(d) / 40.0)),
    (VogelsSprekeler(eta=0.05), lambda d: 0.05 * (np.exp(-np.abs(d) / 20.0) - 0.2)),
]


@pytest.mark.parametrize(("rule", "form", "engine"), [
    # The compiled engine is compared with the reference elsewhere, with every rule.
    pytest.param(rule, form, engine, id=f"{k}-{type(rule).__name__}-{type(engine).__name__}",
                 marks=pytest.mark.slow if k > 2 and isinstance(engine, snn.Reference) else [])
    for k, (rule, form) in enumerate(RULES) for engine in (snn.Reference(), snn.EventDriven(), snn.Clocked())])
def test_window(rule, form, engine):
    """Postsynaptic neurons fire so that their spikes are back at the synapse ``lag`` after the presynaptic ones."""
    dendritic = 1.5
    at_synapse = 50.0 + DELAY - dendritic
    post = [[round(at_synapse + lag - dendritic, 6)] for lag in LAGS]
    net = taught([[50.0]] * len(LAGS), post, snn.Plastic(rule, dendritic=dendritic), w=W, dt=DT, duration=95.0,
                 delay=DELAY, rule=snn.OneToOne())
    result = snn.simulate(net, 95.0, dt=DT, engine=engine, record=[snn.RecordWeights("plastic")], progress=False)
    got = np.asarray(result.weights["plastic"].data[-1], float) - W
    single = isinstance(engine, snn.Clocked)
    np.testing.assert_allclose(got, form(LAGS), rtol=1e-5 if single else 1e-11, atol=2e-7 if single else 2e-16)

"""What must hold before a figure is printed: spikes equal to the reference's, rates and CV of ISI equal to the
peers'.
"""
import numpy as np

from benchmarks.stats import Agreement

SIZES = {"cuba": 1000, "coba": 2000, "brunel": 1000}
DURATION = 150.0
LEAST_SPIKES = 200


def reference_difference(model, *, engine, seed=1):
    """How the spikes of ``engine`` (float64) differ from those of the reference; None where they are the same.

    Same network, same seed; 1,000 or 2,000 neurons, 150 ms, dt 0.1 ms; both times and neurons must be equal exactly.
    """
    import snn
    from benchmarks.networks import POPULATION, network
    ours, truth = (snn.simulate(network(model, SIZES[model]), DURATION, dt=0.1, seed=seed, engine=e, progress=False)
                   .spikes[POPULATION] for e in (engine, snn.Reference()))
    if len(truth) < LEAST_SPIKES:
        return f"only {len(truth)} spikes, too few to tell"
    if len(ours) == len(truth) and np.array_equal(ours.ids, truth.ids) and np.array_equal(ours.times, truth.times):
        return None
    return f"{len(ours)} spikes, the reference has {len(truth)}"


def disagreements(ours, theirs, n, duration):
    """What differs between two lists of runs: rate (Hz per neuron) and CV of ISI, as texts; empty where they agree."""
    quantities = {"rate": lambda run: run["spikes"] / n / duration * 1000.0, "CV of ISI": lambda run: run["cv_isi"]}
    found = []
    for name, of in quantities.items():
        a, b = ([of(run) for run in runs] for runs in (ours, theirs))
        if None in a or None in b:
            found.append(f"{name}: too few spikes in a run")
        elif not (agreement := Agreement.of(a, b)).green:
            found.append(f"{name}: {agreement}")
    return found

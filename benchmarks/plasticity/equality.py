"""What must hold before a figure of ``speed`` is printed."""
import numpy as np

from benchmarks import equality
from benchmarks.equality import LEAST_SPIKES
from benchmarks.networks import MODELS, POPULATION
from benchmarks.physics import PHYSICS
from benchmarks.stats import Agreement

N, DURATION = 300, 30.0


def reference_difference(model, *, engine, dendritic=None, seed=1):
    """How spikes and final weights of ``engine`` (float64) differ from the reference's; None where they are the same.

    300 neurons, 30 ms, dt 0.1 ms. Times, neurons and weights must be equal bit for bit, and weights must have moved.
    """
    import snn
    runs = []
    for e in (engine, snn.Reference()):
        net = MODELS[model](PHYSICS[model](N), dendritic)
        with snn.start(net, dt=0.1, seed=seed, engine=e, progress=False) as simulation:
            runs.append((simulation.run(DURATION).spikes[POPULATION], simulation.weights("learning")))
    (ours, our_w), (truth, true_w) = runs
    if len(truth) < LEAST_SPIKES or not np.ptp(true_w):
        return f"only {len(truth)} spikes, or no weight that moved: too little to tell"
    if len(ours) != len(truth) or not (np.array_equal(ours.ids, truth.ids) and np.array_equal(ours.times, truth.times)):
        return f"{len(ours)} spikes, the reference has {len(truth)}"
    if not np.array_equal(our_w, true_w):
        return f"weights differ from the reference's by up to {np.abs(our_w - true_w).max():.3g}"
    return None


def disagreements(ours, theirs, n, duration):
    """What differs between two lists of runs: rate, CV of ISI, mean and standard deviation of the weights."""
    found = equality.disagreements(ours, theirs, n, duration)
    for key in ("w_mean", "w_sd"):
        if key in theirs[0]:
            agreement = Agreement.of([run[key] for run in ours], [run[key] for run in theirs])
            found += [] if agreement.green else [f"{key}: {agreement}"]
    return found

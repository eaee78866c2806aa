"""What the sides of the update benchmark speak: a file with the job, a model's name per line, a JSON line per run.

The job: ``cases`` (``benchmarks.updates.cases.case``), ``n`` neurons, ``warm`` and ``steps``: untimed and timed steps
of ``dt`` ms, ``precision``. Every run starts at rest, so that the runs of all sides are the same; the answer holds the
seconds of processor time of the timed loop (what Brian2 measures), the spikes in it, and the states of some neurons at
its end.
"""

import argparse
import json
import sys

import numpy as np

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23)
SAMPLE = 500
"""Neurons whose states are compared, evenly spread."""


def job():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", required=True, help="JSON file")
    with open(parser.parse_args().job) as file:
        return json.load(file)


def spread(low, high, n, k=0):
    """``n`` numbers from ``low`` to ``high`` in an order that looks random: multiples of an irrational number, of
    another one for every ``k``."""
    return low + (high - low) * np.modf((np.arange(n) + 1) * PRIMES[k] ** 0.5)[0]


def arrays(case, n):
    """{port: one number per neuron} of the drives of a case."""
    return {port: spread(*ends, n, k) for k, (port, ends) in enumerate(case["drives"].items())}


def sampled(values):
    values = np.asarray(values, np.float64)
    return values[:: max(1, len(values) // SAMPLE)].tolist()


def serve(run, *, version, stdout):
    """Answer every model's name on stdin.

    ``run(name)`` returns ``(seconds, spikes, {state: values of all neurons})``.
    """
    print(json.dumps({"ready": True}), file=stdout, flush=True)
    for line in sys.stdin:
        seconds, spikes, states = run(line.strip())
        row = {"run_s": seconds, "spikes": int(spikes), "version": version}
        row["states"] = {name: sampled(values) for name, values in states.items()}
        print(json.dumps(row), file=stdout, flush=True)

"""Two kinds of homeostasis: scaling of synapses, and of the threshold, bring neurons to one rate whatever drives them.

Sixty neurons get Poisson input of different strength. Twenty are fixed; in twenty the weights are scaled towards a
target rate (Turrigiano et al. 1998; van Rossum et al. 2000), in twenty the threshold regulates itself (Lazar et al.
2009). Then a current inhibits all of them. Scaling is multiplicative: the weights of a cell keep their ratios.

Run: python examples/14_homeostasis.py
"""
import os

import numpy as np

import snn
from snn.neurons import LIF, HomeostaticLIF, PoissonSource
from snn.plasticity import SynapticScaling

tiny = os.environ.get("SNN_TINY") == "1"
inputs, n, part, late, early = (50, 4, 2e3, 1e3, 500.0) if tiny else (200, 20, 200e3, 50e3, 5e3)      # n, n, ms, ms, ms
target, rng = 5.0, np.random.default_rng(0)

# mV; in the order of the connections, a row per input. The mean of a cell differs from cell to cell.
weight = rng.uniform(0.5, 1.5, (inputs, n)) * np.linspace(0.27, 0.5, n) * 200 / inputs
arms = {"fixed": (LIF(), None),
        "scaling": (LIF(), SynapticScaling(target=target, tau=100_000.0, tau_rate=2_000.0, every=50.0, w_max=10.0)),
        "intrinsic": (HomeostaticLIF(target=target, theta_plus=0.05), None)}

net, inhibition = snn.Network("homeostasis"), snn.ControlledInput(0.0)
source = net.add("inputs", PoissonSource(rate=10.0), inputs)
for arm, (model, rule) in arms.items():
    cells = net.add(arm, model, n)
    net.connect(source, cells, snn.AllToAll(), port="delta", weight=weight.ravel(), delay=1.0, name=f"inputs_{arm}",
                plasticity=rule)
    net.drive(cells, inhibition, port="current")

with snn.start(net, dt=0.5, seed=1, record=[snn.RecordSpikes(arm) for arm in arms]) as run:
    first = run.run(part)
    before = run.weights("inputs_scaling").reshape(inputs, n)
    run.set_input(inhibition, -40.0)
    second = run.run(part)
    after = run.weights("inputs_scaling").reshape(inputs, n)

print("rate in Hz, mean +- sd of the cells")
print(" " * 10, "".join(f"{name:17}" for name in (" begin", " settled", " inhibited", " settled again")))
windows = [(first, 0.0, early), (first, part - late, part), (second, part, part + early),
           (second, 2 * part - late, 2 * part)]
for arm in arms:
    rates = [result.spikes[arm].between(a, b).rate() for result, a, b in windows]
    print(f"{arm:<10}", "".join(f"{r.mean():6.2f} +- {r.std():5.2f}  " for r in rates))
growth = after / before
print(f"weights grew by factors of {growth.min():.3f} to {growth.max():.3f}; within one cell the factors differ by at "
      f"most {np.ptp(growth, axis=0).max():.1e}")
assert np.ptp(growth, axis=0).max() < 1e-6
if not tiny:
    assert all(abs(r - target) < 0.5 for arm in ("scaling", "intrinsic")
               for r in second.spikes[arm].between(2 * part - late, 2 * part).rate())

"""Local learning in torch code: the rules of the simulations on a dense matrix, in batches, without backpropagation.

Spikes: a layer of LIF neurons sees inputs of which one fifth now and then fire together, all others independently and
at the same mean rate. STDP finds those that belong together, as in S. Song, K. D. Miller, L. F. Abbott (2000), Nat.
Neurosci. 3:919. 16 trials run side by side; their changes are averaged. Weights are fixed within a window of 25 ms, so
a window costs two matrix products (``learn_window``) instead of two outer products per step and trial (``learn``).

Rates: Sanger's rule on real numbers in place of spikes finds principal components, in order, and is compared with the
eigenvectors of the covariance.

Run: python examples/18_local_rules_in_torch.py        (about 20 s)
"""
import os
import time

import torch

from snn.neurons import LIF
from snn.plasticity import PairSTDP, Sanger
from snn.train import Layer, Plastic, scope

tiny = os.environ.get("SNN_TINY") == "1"
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(0)


def trials(steps, batch, n, together, rate=0.02, share=0.3):
    """Spikes [steps, batch, n]; of the first ``together`` inputs a ``share`` of the spikes comes from common events."""
    draw = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    x = draw(steps, batch, n) < rate
    event = draw(steps, batch, 1) < rate
    follow = draw(steps, batch, together) < share
    alone = draw(steps, batch, together) < rate * (1.0 - share)
    x[..., :together] = (event & follow) | alone
    return x.float()


def correlated_inputs(form, windows, n=200, cells=10, together=40):
    """Weights after learning from ``windows`` windows by a method of Plastic, the inputs that fire together first."""
    generator.manual_seed(1)
    neurons = Layer(LIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=2.0, tau_m=10.0), cells, dt=1.0)
    rule = PairSTDP(A_plus=0.005, A_minus=0.0055, w_max=0.1)
    synapses = Plastic(rule, n, cells, dt=1.0, weight=0.05 + 0.01 * torch.rand(cells, n, generator=generator))
    start = time.perf_counter()
    with scope(torch.nn.ModuleList([neurons, synapses])), torch.no_grad():
        for _ in range(windows):
            x = trials(25, 16, n, together)
            getattr(synapses, form)(x, neurons(synapses(x)))
    groups = synapses.weight[:, :together].mean(), synapses.weight[:, together:].mean()
    print(f"{form:<12} {windows:>4} windows {time.perf_counter() - start:6.1f} s    mean weight of inputs that fire "
          f"together {groups[0]:.3f}, of others {groups[1]:.3f}")
    return groups


def principal_components(steps, n=8, found=3):
    """|cosine| between the learned rows and the eigenvectors of the covariance of the inputs."""
    axes = torch.linalg.qr(torch.randn(n, n, generator=generator))[0]
    spread = torch.tensor([4.0, 2.5, 1.5] + [0.5] * (n - 3))
    # A spike adds 1000 / tau to a trace; with a tau far below the step a trace holds what this step brought.
    rule = Sanger(eta=2.0, every=1.0, tau_x=0.1, tau_y=0.1, w_min=-2.0, w_max=2.0)
    w = 0.1 * torch.randn(found, n, generator=generator)
    synapses = Plastic(rule, n, found, dt=1.0, weight=w, graded=True, step_mode="s")
    for _ in range(steps):
        x = 1e-4 * (torch.randn(32, n, generator=generator) * spread) @ axes.T
        synapses.learn(x, synapses(x))
    return torch.nn.functional.cosine_similarity(synapses.weight, axes.T[:found]).abs()


for form in ("learn", "learn_window"):
    correlated_inputs(form, 2 if tiny else 40)
together, others = correlated_inputs("learn_window", 10 if tiny else 800)
cosines = principal_components(20 if tiny else 3000)
print("Sanger: |cosine| to the eigenvectors", " ".join(f"{c:.3f}" for c in cosines))
assert tiny or (together > 2 * others and (cosines > 0.95).all())

"""What units remember, with an astrocyte and without: copy(delay), and the next character of a text.

All kinds of unit have the same number of parameters, and there is no recurrence: what is remembered is remembered by
the units.
"""
import numpy as np

BITS, UNITS, CUE, BATCH = 8, 32, 5, 64
DELAYS = (5, 20, 80)
TEXT, HELD_OUT, WIDTH, LENGTH = 100_000, 20_000, 128, 100


def kinds(n, *, tau_m=10.0, free=False):
    """{name: function that makes a layer of n units} with membranes of ``tau_m`` ms.

    Learnt per unit: tau_a and g, or tau_m and V_th; with ``free`` also tau_m, or V_reset. In all but one of them the
    membrane forgets within 15 ms.
    """
    from snn.neurons import LIF, AstrocyteLIF
    from snn.train import Bounded, Layer
    each = np.ones(n)
    lif = LIF(tau_m=tau_m * each, E_L=0.0, V_th=each, V_reset=0.0 * each, t_ref=0.0)
    am_su = AstrocyteLIF(tau_m=tau_m * each, tau_a=np.geomspace(20.0, 500.0, n), E_L=0.0, V_th=1.0, V_drop=0.0,
                         g=(0.1 if free else 1.0) * each)
    threshold = {"V_th": Bounded(0.1, 10.0), **({"V_reset": Bounded(-10.0, 0.09)} if free else {})}
    slow = {"tau_a": Bounded(15.0, 1000.0), "g": None, **({"tau_m": Bounded(0.5, 14.0)} if free else {})}
    return {
        "LIF": lambda: Layer(lif, n, dt=1.0, learn={"tau_m": Bounded(0.5, 15.0), **threshold}),
        "LIF, tau_m to 1000 ms": lambda: Layer(lif, n, dt=1.0, learn={"tau_m": Bounded(0.5, 1000.0), **threshold}),
        "AM-SU": lambda: Layer(am_su, n, dt=1.0, learn=slow),
    }


def copy(kind, delay, seed, steps):
    """copy(delay): ``(share of bits right on 2,000 new samples, number of parameters)`` after ``steps`` of Adam.

    Eight random bits arrive in the first step, each as a spike or none. After ``delay`` silent steps of 1 ms a cue is
    on for five; the bits are to be read from the spikes of 32 units during the cue.
    """
    import torch
    from torch import nn
    draw = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    into, units, out = nn.Linear(BITS + 1, UNITS), kinds(UNITS)[kind](), nn.Linear(UNITS, BITS)
    parameters = [p for module in (into, units, out) for p in module.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-2)

    def answers(samples):
        bits = torch.randint(0, 2, (samples, BITS), generator=draw).float()
        x = torch.zeros(1 + delay + CUE, samples, BITS + 1)
        x[0, :, :BITS], x[1 + delay:, :, BITS] = bits, 1.0
        return out(units.run(into(x)).out[-CUE:].mean(0)), bits

    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(*answers(BATCH)).backward()
        optimiser.step()
    with torch.no_grad():
        said, bits = answers(2000)
    return float(((said > 0) == (bits > 0.5)).float().mean()), sum(p.numel() for p in parameters)


def characters(kind, seed, steps):
    """Next character: ``(bits per character on text not seen, number of parameters)`` after ``steps`` of Adam.

    The first 100,000 characters of tiny Shakespeare are learnt, the next 20,000 are held out; a character lasts 1 ms.
    Two layers of 128 units between linear maps; sequences of 100 characters, 32 at a time, each begun at rest.
    """
    import torch
    from torch import nn

    from snn.datasets.local import find
    text = find("tinyshakespeare/input.txt").read_text()[:TEXT + HELD_OUT]
    letters = {c: k for k, c in enumerate(sorted(set(text)))}
    codes = torch.tensor([letters[c] for c in text])
    draw = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    make = kinds(WIDTH, tau_m=2.0, free=True)[kind]
    into, first, between, second, out = modules = (nn.Embedding(len(letters), WIDTH), make(), nn.Linear(WIDTH, WIDTH),
                                                   make(), nn.Linear(WIDTH, len(letters)))
    parameters = [p for module in modules for p in module.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=5e-3)

    def surprise(starts):
        x = codes[starts + torch.arange(LENGTH + 1)[:, None]]
        said = out(second.run(between(first.run(into(x[:-1])).out)).out)
        return nn.functional.cross_entropy(said.flatten(0, 1), x[1:].flatten()) / np.log(2.0)

    for _ in range(steps):
        optimiser.zero_grad()
        surprise(torch.randint(0, TEXT - LENGTH - 1, (32,), generator=draw)).backward()
        optimiser.step()
    with torch.no_grad():
        return float(surprise(torch.arange(TEXT, TEXT + HELD_OUT - LENGTH - 1, LENGTH))), sum(
            p.numel() for p in parameters)

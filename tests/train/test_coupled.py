"""Coupled: the numbers of the engines, gradients, and phases that are taught a pattern."""
import numpy as np
import pytest
import torch

import snn
from snn.errors import ModelError, RunError
from snn.neurons import LIF, Kuramoto, StuartLandau
from snn.train import Coupled, Layer

DT = 0.1


def oscillators(n=6, model=None, **options):
    layer = Layer(model or Kuramoto(), n, dt=DT, port="drive", emit="theta", **options)
    return Coupled(layer).double()


def phases(n, batch=1, seed=0):
    return 6.28 * torch.rand(batch, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize("Model", [Kuramoto, StuartLandau])
@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1)], ids=["reference", "event driven"])
def test_gives_the_numbers_of_the_engines(Model, difference, engine):
    n, steps, rng = 20, 150, np.random.default_rng(1)
    first, omega = Model.State._fields[0], rng.normal(0.4, 0.2, n)
    start, w = rng.uniform(0.0, 1.5, n), rng.normal(0.0, 0.1, (n, n)) * (rng.random((n, n)) < 0.3)
    net = snn.Network("units")
    units = net.add("units", Model(omega=omega), n, init={first: start})
    net.couple(units, units, snn.Matrix(w), difference=difference)
    net.drive(units, snn.CurrentInput(0.05), port="drive")
    record = [snn.RecordState("units", first), snn.RecordSpikes("units")]
    engine = snn.simulate(net, steps * DT, dt=DT, record=record, engine=engine, progress=False)
    layer = Layer(Model(omega=omega), n, dt=DT, port="drive", emit=first)
    ours = Coupled(layer, difference=difference, mask=w != 0).double()
    with torch.no_grad():
        ours.weight.copy_(torch.as_tensor(w))
        x = torch.full((steps, 1, n), 0.05, dtype=torch.float64)
        run = ours.run(x, state={first: torch.as_tensor(start)[None]}, traces=("z",) if Model is Kuramoto else ())
    np.testing.assert_allclose(run.out[:, 0], engine.traces["units", first].data, rtol=1e-11, atol=1e-11)
    if Model is Kuramoto:
        step, unit = np.nonzero(run.traces["z"][:, 0].numpy())
        assert len(unit) > 5 and unit.tolist() == engine.spikes["units"].ids.tolist()
        np.testing.assert_allclose((step + 1) * DT, engine.spikes["units"].times, atol=1e-9)


def test_gradients_are_right():
    net = oscillators(3, learn=("omega", "alpha"))
    x, start = 0.1 * torch.randn(4, 2, 3, dtype=torch.float64), phases(3, 2)
    leaves = [0.3 * torch.randn(3, 3, dtype=torch.float64), *(p.detach() for p in net.layer.parameters()), x]

    def last(weight, omega, alpha, x):
        values = {"weight": weight, "layer.raw.omega": omega, "layer.raw.alpha": alpha}
        return torch.func.functional_call(_Run(net), {f"net.{k}": v for k, v in values.items()}, (x, start))

    assert torch.autograd.gradcheck(last, [leaf.clone().requires_grad_() for leaf in leaves], atol=1e-6)


class _Run(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x, start):
        run = self.net.run(x, state={"theta": start}, traces=("sin", "cos"))
        return run.out, run.traces["sin"], run.traces["cos"]


def test_learns_a_coupling_that_makes_a_phase_pattern():
    """Two groups in antiphase, from any phases: the loss falls by more than ten times, also on phases never seen."""
    n, pattern = 6, torch.pi * torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    net = oscillators(n)
    optimiser, x = torch.optim.Adam(net.parameters(), lr=0.2), torch.zeros(30, 16, n, dtype=torch.float64)

    def loss(seed):
        out = net.run(x, state={"theta": phases(n, 16, seed)}).out[-1] - pattern
        return 1.0 - torch.hypot(torch.cos(out).mean(-1), torch.sin(out).mean(-1)).mean()

    before = float(loss(1000).detach())
    for k in range(20):
        optimiser.zero_grad()
        loss(k).backward()
        optimiser.step()
    assert float(loss(1000).detach()) < 0.1 * before


def test_learns_frequencies():
    target = torch.linspace(-0.2, 0.3, 5, dtype=torch.float64)
    net = oscillators(5, Kuramoto(omega=np.zeros(5)), learn="omega")
    net.weight.requires_grad_(False)
    optimiser, x = torch.optim.Adam(net.parameters(), lr=0.03), torch.zeros(15, 1, 5, dtype=torch.float64)
    losses = []
    for _ in range(50):
        optimiser.zero_grad()
        losses.append((1.0 - torch.cos(net.run(x).out[-1] - 1.5 * target)).mean())
        losses[-1].backward()
        optimiser.step()
    assert float(losses[-1].detach()) < 0.01 * float(losses[0].detach())
    np.testing.assert_allclose(net.layer.model.omega, target, atol=0.02)


def test_a_mask_keeps_connections_out():
    mask = torch.eye(4, dtype=torch.bool).roll(1, 0)
    net = Coupled(Layer(Kuramoto(), 4, dt=DT, port="drive", emit="theta"), mask=mask)
    torch.nn.init.constant_(net.weight, 0.5)
    net.run(torch.zeros(5, 1, 4), state={"theta": phases(4).float()}).out[-1].sum().backward()
    assert (net.weight.grad[~mask] == 0).all() and (net.weight.grad[mask] != 0).all()


def test_holds_its_state_between_calls():
    net, x = oscillators(4), torch.full((20, 2, 4), 0.3, dtype=torch.float64)
    torch.nn.init.normal_(net.weight, std=0.3)
    whole = net.run(x).out
    parts = torch.cat([net(x[:7]), net(x[7:])])
    torch.testing.assert_close(parts, whole, rtol=0, atol=0)
    snn.train.reset(net)
    assert net.theta is None
    torch.testing.assert_close(net(x), whole, rtol=0, atol=0)


def test_spikes_come_out_too():
    net = Coupled(Layer(Kuramoto(omega=0.5), 3, dt=DT, port="drive"))
    out = net(torch.zeros(300, 2, 3))
    assert out.shape == (300, 2, 3) and out.sum(0).unique().tolist() == [2.0]


def test_refuses_what_does_not_fit():
    layer = Layer(Kuramoto(), 4, dt=DT, emit="theta")
    with pytest.raises(ModelError, match=r"Coupled.layer: is a Kuramoto"):
        Coupled(Kuramoto())
    with pytest.raises(ModelError, match="has no number of neurons"):
        Coupled(Layer(Kuramoto(), dt=DT))
    with pytest.raises(ModelError, match="shows nothing by the name of a coupled port"):
        Coupled(Layer(LIF(), 4, dt=DT))
    with pytest.raises(ModelError, match=r"mask: is float32 of shape \[4, 4\]"):
        Coupled(layer, mask=torch.ones(4, 4))
    with pytest.raises(ModelError, match="values: is 'sine'. Did you mean 'sin'"):
        Coupled(layer, values={"sine": "sin"})
    with pytest.raises(RunError, match="state: is 'phase'"):
        Coupled(layer).run(torch.zeros(3, 1, 4), state={"phase": torch.zeros(1, 4)})
    with pytest.raises(RunError, match="traces: is 'tan'"):
        Coupled(layer).run(torch.zeros(3, 1, 4), traces="tan")
    with pytest.raises(RunError, match=r"N = 4"):
        Coupled(layer)(torch.zeros(3, 1, 5))

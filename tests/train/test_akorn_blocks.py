"""Blocks of vector oscillators: what passes from one to the next, batches, files; and bad input."""
import math
import re

import pytest
import torch
from torch import nn

import snn.train as st
from snn.errors import NetworkError, RunError
from snn.train.akorn import (
    AKOrN,
    AKOrNBlock,
    AttentionCoupling,
    ConvCoupling,
    DenseCoupling,
    FeedForward,
    KuramotoLayer,
    LearnedPositions,
    NormReadout,
    Omega,
    PairBias,
    Positions,
    RotaryPositions,
    oscillators,
    tangent,
    unit,
)


def block(channels=8, out=8, steps=3, coupling=None, **options):
    coupling = ConvCoupling(channels, (3, 3)) if coupling is None else coupling
    layer = KuramotoLayer(channels, 4, coupling, steps=steps)
    return AKOrNBlock(layer, NormReadout(channels, 6, n=3, kernel=(3, 3)), FeedForward(6, out, hidden=5), **options)


def net(seed=0):
    torch.manual_seed(seed)
    attention = AttentionCoupling(8, heads=2, positions=PairBias(4, 5, heads=2))
    return AKOrN(block(), block(out=3, steps=2, coupling=attention))


@pytest.fixture
def data():
    torch.manual_seed(7)
    return torch.randn(3, 8, 4, 5), torch.randn(3, 8, 4, 5)


def test_the_page_of_the_documentation_runs(root):
    text = (root / "docs" / "akorn.md").read_text()
    names = {"known": torch.ones(10, 64, 4, 4, dtype=torch.bool), "embedding": torch.randn(10, 64, 4, 4),
             "generator": None}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, names)                                # noqa: S102
    assert names["longer"].x.shape == names["start"].shape and names["run"].readout.shape == (10, 10, 4, 4)


def test_names():
    assert st.KuramotoLayer is KuramotoLayer and st.AKOrN is AKOrN


def test_x_seeds_the_next_block_and_the_readout_is_its_stimulus(data):
    model, (c, x) = net(), data
    run = model(c, x, energy=True)
    one = model.blocks[0].layer(c, x, energy=True)
    stimulus = model.blocks[0].feedforward(model.blocks[0].readout(one.x))
    two = model.blocks[1].layer(stimulus, one.x, energy=True)
    assert torch.equal(run.x, two.x)
    assert torch.equal(run.readout, model.blocks[1].feedforward(model.blocks[1].readout(two.x)))
    assert [e.shape for e in run.energy] == [(4, 3), (3, 3)] and torch.equal(run.energy[1], two.energy)
    assert run.readout.shape == (3, 3, 4, 5) and model(c, x).energy is None
    run.readout.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_steps_at_test_time(data):
    model, (c, x) = net(), data
    assert [len(e) for e in model(c, x, steps=5, energy=True).energy] == [6, 6]
    assert [len(e) for e in model(c, x, steps=[1, 4], energy=True).energy] == [2, 5]
    layer = model.blocks[0].layer
    assert torch.allclose(layer(c, layer(c, x, steps=4).x, steps=3).x, layer(c, x, steps=7).x, atol=1e-6)
    whole, start = layer(c, x, steps=7, energy=True).energy, layer(c, x, steps=4, energy=True).energy
    assert torch.equal(whole[:5], start)


def test_carry_brings_oscillators_to_other_channels_and_positions(data):
    carry = nn.Conv2d(8, 16, 1, stride=2, bias=False)
    layer = KuramotoLayer(8, 4, ConvCoupling(8, (3, 3)), steps=2)
    first = AKOrNBlock(layer, NormReadout(8, 16, kernel=(3, 3), stride=2), carry=carry)
    second = AKOrNBlock(KuramotoLayer(16, 4, ConvCoupling(16, (3, 3)), steps=2), NormReadout(16, 2))
    run = AKOrN(first, second)(*data)
    assert run.readout.shape == (3, 2, 2, 3) and run.x.shape == (3, 16, 2, 3)
    seeds = first(*data)
    assert torch.equal(seeds.x, carry(layer(*data).x))
    with pytest.raises(RunError, match=r"KuramotoLayer.x: is .*\[batch, 16, ...\]"):
        AKOrN(AKOrNBlock(layer, NormReadout(8, 16, kernel=(3, 3), stride=2)), second)(*data)


def test_readout_is_the_length_of_mixtures():
    torch.manual_seed(0)
    readout, x = NormReadout(8, 5, n=3), torch.randn(2, 8, 4)
    with torch.no_grad():
        readout.bias.copy_(torch.arange(5.0))
    y = readout(x)
    for k in range(5):
        mixture = torch.einsum("jc,bcs->bjs", readout.mix.weight[3 * k:3 * k + 3], x)
        assert torch.allclose(y[:, k], mixture.norm(dim=1) + k, atol=1e-5)
    torch.nn.functional.mse_loss(readout(torch.zeros(2, 8, 4)), y.detach()).backward()
    assert readout.mix.weight.grad.isfinite().all()


def test_feed_forward_adds_to_what_comes_in():
    part = FeedForward(6, 6, kernel=(3,))
    with torch.no_grad():
        part.branch[-1].weight.zero_()
        part.branch[-1].bias.zero_()
        part.head[-1].weight.copy_(torch.eye(6))
        part.head[-1].bias.zero_()
    y = torch.randn(2, 6, 9)
    flat = y.flatten(1)
    expected = (flat - flat.mean(1, keepdim=True)) / (flat.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    assert torch.allclose(part(y), expected.view(y.shape).relu(), atol=1e-5)


def test_samples_of_a_batch_do_not_see_each_other(data):
    model, (c, x) = net(), data
    whole = model(c, x, energy=True)
    for k in range(3):
        alone = model(c[k:k + 1], x[k:k + 1], energy=True)
        assert torch.allclose(alone.readout[0], whole.readout[k], atol=1e-5)
        assert torch.allclose(alone.energy[1][:, 0], whole.energy[1][:, k], atol=1e-3)


def test_state_dict_and_generator(tmp_path, data):
    model, other, (c, _) = net(0), net(1), data
    ends = [m(c, generator=torch.Generator().manual_seed(3)).readout for m in (model, model, other)]
    assert torch.equal(ends[0], ends[1]) and not torch.allclose(ends[0], ends[2], atol=1e-3)
    torch.save(model.state_dict(), tmp_path / "net.pt")
    other.load_state_dict(torch.load(tmp_path / "net.pt"))
    assert torch.equal(other(c, generator=torch.Generator().manual_seed(3)).readout, ends[0])
    assert "blocks.0.layer.rotation.omega" in model.state_dict()
    rotary = AttentionCoupling(8, heads=2, positions=RotaryPositions(4, 5))
    assert set(rotary.state_dict()) == {f"{name}.weight" for name in ("query", "key", "value", "out")}


def test_rotary_scores_depend_on_differences_of_places():
    positions = RotaryPositions(6, 6)
    positions.bind(8, 1)
    q, k = torch.randn(2, 1, 1, 1, 8).expand(2, 1, 1, 36, 8)
    scores = (positions.turn(q) @ positions.turn(k).mT)[0, 0].view(6, 6, 6, 6)
    assert torch.allclose(scores[1, 2, 3, 5], scores[0, 0, 2, 3], atol=1e-5)
    assert torch.allclose(scores[5, 5, 2, 1], scores[4, 4, 1, 0], atol=1e-5)
    assert scores[0, 0, 1:].std() > 0.01 and scores[0, 0, 0, 1:].std() > 0.01


def test_a_block_learns():
    """Which of two oscillator patterns a stimulus came from, out of noise, within 60 updates."""
    torch.manual_seed(0)
    centres = torch.randn(2, 8, 2, 2)
    model = AKOrN(AKOrNBlock(KuramotoLayer(8, 4, DenseCoupling(2, block=4), steps=3), NormReadout(8, 2)))
    draw = torch.Generator().manual_seed(0)
    for _ in range(60):
        y = torch.randint(2, (64,), generator=draw)
        scores = model(centres[y] + 0.3 * torch.randn(64, 8, 2, 2, generator=draw), generator=draw).readout
        loss = nn.functional.cross_entropy(scores.mean(dim=(2, 3)), y)
        with torch.no_grad():
            for p, slope in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
                p -= 0.3 * slope
    assert loss < 0.3


def test_autocast_and_double(data):
    model, (c, x) = net(), data
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = model(c, x)
    assert low.readout.isfinite().all() and torch.allclose(low.x.float(), model(c, x).x, atol=0.2)
    assert model.double()(c.double(), x.double()).readout.dtype == torch.float64


@pytest.mark.cuda
def test_on_a_device(data):
    model, (c, _) = net(), data
    here = model(c, generator=torch.Generator().manual_seed(0), energy=True)
    there = model.cuda()(c.cuda(), generator=torch.Generator().manual_seed(0), energy=True)
    assert torch.allclose(there.readout.cpu(), here.readout, atol=1e-4)
    assert torch.allclose(there.energy[1].cpu(), here.energy[1], rtol=1e-4)


X = torch.zeros(2, 8, 4, 4)
LAYER = KuramotoLayer(8, 4, None, steps=1)


@pytest.mark.parametrize(("error", "message", "action"), [
    (NetworkError, "KuramotoLayer.n: is 3 with 8 channels", lambda: KuramotoLayer(8, 3, None, steps=1)),
    (NetworkError, "KuramotoLayer.n: is 1. A whole number, 2 or more", lambda: KuramotoLayer(8, 1, None, steps=1)),
    (NetworkError, "KuramotoLayer.n: is 3. With rotation it must be even", lambda: KuramotoLayer(9, 3, None, steps=1)),
    (NetworkError, "KuramotoLayer.steps: is 0", lambda: KuramotoLayer(8, 4, None, steps=0)),
    (NetworkError, "KuramotoLayer.steps: is 2.0", lambda: LAYER(X, steps=2.0)),
    (NetworkError, "KuramotoLayer.gamma: is -1", lambda: KuramotoLayer(8, 4, None, steps=1, gamma=-1)),
    (NetworkError, "KuramotoLayer.gamma: is nan", lambda: KuramotoLayer(8, 4, None, steps=1, gamma=math.nan)),
    (NetworkError, "KuramotoLayer.omega: is 0.1", lambda: KuramotoLayer(8, 4, None, steps=1, omega=0.1)),
    (NetworkError, "KuramotoLayer.coupling: is a str", lambda: KuramotoLayer(8, 4, "conv", steps=1)),
    (NetworkError, "Omega.init: is inf", lambda: Omega(init=math.inf)),
    (NetworkError, "DenseCoupling.units: are 3, while 8 channels with n = 4 are 2 oscillators",
     lambda: KuramotoLayer(8, 4, DenseCoupling(3), steps=1)),
    (NetworkError, "DenseCoupling.block: is 2. 1, or n = 4",
     lambda: KuramotoLayer(8, 4, DenseCoupling(2, block=2), steps=1)),
    (NetworkError, "DenseCoupling.units: is 0", lambda: DenseCoupling(0)),
    (RunError, r"DenseCoupling.x: is torch.float32 of shape \[2, 8, 4, 4\]", lambda: DenseCoupling(3)(X)),
    (NetworkError, "ConvCoupling.channels: are 4 while the layer has 8",
     lambda: KuramotoLayer(8, 4, ConvCoupling(4, (3, 3)), steps=1)),
    (NetworkError, r"ConvCoupling.kernel: is \(3, 4\). One odd number per axis", lambda: ConvCoupling(8, (3, 4))),
    (NetworkError, "ConvCoupling.kernel: is 3", lambda: ConvCoupling(8, 3)),
    (RunError, r"ConvCoupling.x: is .* \[batch, 8, positions\]", lambda: ConvCoupling(8, (3,))(X)),
    (NetworkError, "AttentionCoupling.heads: are 3 for 8", lambda: AttentionCoupling(8, heads=3)),
    (NetworkError, "AttentionCoupling.positions: is a tuple", lambda: AttentionCoupling(8, heads=2, positions=(4, 4))),
    (NetworkError, "PairBias.heads: are 4 while",
     lambda: AttentionCoupling(8, heads=2, positions=PairBias(4, heads=4))),
    (NetworkError, "LearnedPositions.channels: are 6 while",
     lambda: AttentionCoupling(8, heads=2, positions=LearnedPositions(4, channels=6))),
    (NetworkError, "RotaryPositions.shape: has 2 axes, while a head is 2 wide",
     lambda: AttentionCoupling(8, heads=4, positions=RotaryPositions(4, 4))),
    (NetworkError, "RotaryPositions.base: is 1", lambda: RotaryPositions(4, base=1)),
    (NetworkError, "Positions.shape: is empty", lambda: Positions()),
    (RunError, r"AttentionCoupling.x: has the positions \[4, 4\]. PairBias was made for \[5\]",
     lambda: AttentionCoupling(8, heads=2, positions=PairBias(5, heads=2))(X)),
    (RunError, r"AttentionCoupling.x: has the positions \[4, 4\]. RotaryPositions was made for \[2, 8\]",
     lambda: AttentionCoupling(8, heads=2, positions=RotaryPositions(2, 8))(X)),
    (RunError, "KuramotoLayer.c: is missing", lambda: LAYER()),
    (RunError, r"KuramotoLayer.c: is .* of shape \[2, 4, 4, 4\].*\[batch, 8, ...\]", lambda: LAYER(X[:, :4])),
    (RunError, "KuramotoLayer.c: is a list", lambda: LAYER([1.0])),
    (RunError, "KuramotoLayer.c: is torch.int64", lambda: LAYER(X.long())),
    (RunError, "KuramotoLayer.c: is torch.float64 while the weights are torch.float32", lambda: LAYER(X.double())),
    (RunError, "KuramotoLayer.x: is torch.float32 .* Both must be the same", lambda: LAYER(X, X[:1])),
    (RunError, "KuramotoLayer.coupling: gave the shape", lambda: KuramotoLayer(8, 4, nn.Conv2d(8, 8, 3), steps=1)(X)),
    (RunError, "unit.n: is 3 with 8 channels", lambda: unit(X, 3)),
    (RunError, "tangent.y: has shape", lambda: tangent(X, X[:1], 4)),
    (RunError, "unit.n: is 5 with 8 channels", lambda: oscillators((2, 8), 5)),
    (NetworkError, "NormReadout.stride: is 2 without a kernel", lambda: NormReadout(8, 4, stride=2)),
    (RunError, "NormReadout.x: is .* positions", lambda: NormReadout(8, 4, kernel=(3,))(X)),
    (NetworkError, "FeedForward.hidden: is 0", lambda: FeedForward(8, 4, hidden=0)),
    (NetworkError, "AKOrNBlock.layer: is a Linear", lambda: AKOrNBlock(nn.Linear(2, 2), nn.Identity())),
    (NetworkError, "AKOrNBlock.readout: is a NoneType", lambda: AKOrNBlock(LAYER, None)),
    (NetworkError, "AKOrNBlock.readout: reads 6 channels", lambda: AKOrNBlock(LAYER, NormReadout(6, 2))),
    (NetworkError, "AKOrNBlock.feedforward: reads 3", lambda: AKOrNBlock(LAYER, NormReadout(8, 2), FeedForward(3, 2))),
    (NetworkError, r"AKOrN.blocks: are \['Identity'\]", lambda: AKOrN(nn.Identity())),
    (NetworkError, "AKOrN.blocks: number 0 gives 3 channels, while number 1 has 8",
     lambda: AKOrN(block(out=3), block())),
    (NetworkError, "AKOrN.steps: are 3 for 2 blocks", lambda: net()(torch.zeros(1, 8, 4, 5), steps=[1, 2, 3])),
])
def test_bad_input(error, message, action):
    with pytest.raises(error, match=message):
        action()

"""The training loop: what it does in a batch and an epoch, when it stops, what it writes, what it refuses."""
import io
import json
import sys

import pytest
import torch
from torch import nn
from toy import CLASSES, B, N, T, Toy, bits, make_net, our_net

from snn.errors import DataError, RunError
from snn.train import loop
from snn.train.fitting import evaluate, fit
from snn.train.logs import TensorBoard
from snn.train.losses import CrossEntropy, StepCrossEntropy, accuracy
from snn.train.options import Every, Options, PerBatch, PerEpoch
from snn.train.readout import EveryStep
from snn.train.regularise import SpikeCount

pytestmark = pytest.mark.usefixtures("one_thread")

LOSS = CrossEntropy()


def train(net=None, data=None, loss=LOSS, epochs=3, lr=0.05, **more):
    net = make_net() if net is None else net
    data = Toy() if data is None else data
    return net, fit(net, data, loss, torch.optim.Adam(net.parameters(), lr), epochs=epochs, **more)


# -- what it does ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", [make_net, our_net])
def test_it_learns(make):
    net, history = train(make(), epochs=12, validation=Toy(10, seed=1), score=LOSS.accuracy)
    assert history.values("loss")[-1] < 0.8 * history.values("loss")[0]
    assert history.best["validation_score"] > 0.8 and history.best["validation_score"] == max(
        history.values("validation_score"))
    net.load_state_dict(history.best_weights)
    test = evaluate(net, Toy(10, seed=1), LOSS, score=LOSS.accuracy)
    assert test == {"loss": history.best["validation_loss"], "score": history.best["validation_score"]}
    assert [r["epoch"] for r in history.records] == list(range(12)) and len(history) == 12


def test_it_is_the_loop_one_would_write():
    """Against a plain loop without any of this library's training code."""
    from spikingjelly.activation_based import functional
    net, other = make_net(dropout=0.0), make_net(dropout=0.0)
    net[0].limit = other[0].limit = 0.2
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 10)
    history = fit(net, Toy(), nn.CrossEntropyLoss(), optimiser, epochs=2, options=Options(
        clip=0.05, schedulers=[PerBatch(scheduler)]))
    theirs = torch.optim.SGD(other.parameters(), 0.1, momentum=0.9)
    schedule, losses = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 10), []
    for epoch in range(2):
        other[0].anneal(epoch / 2)
        for x, y in Toy().epoch(epoch):
            functional.reset_net(other)
            theirs.zero_grad()
            losses.append(nn.functional.cross_entropy(other(x), y))
            losses[-1].backward()
            assert nn.utils.clip_grad_norm_(other.parameters(), 0.05) > 0.05
            theirs.step()
            other[0].constrain()
            schedule.step()
    assert bits(net) == bits(other)
    assert history.values("loss") == pytest.approx([sum(losses[:5]).item() / 5, sum(losses[5:]).item() / 5])
    assert history.records[-1]["lr"] == schedule.get_last_lr()[0]
    assert net[0].progress == [0.0, 0.5] and net[0].weight.abs().max() <= 0.2


def test_schedulers_per_epoch():
    net = make_net()
    optimiser = torch.optim.SGD([{"params": net[0].parameters()}, {"params": net[3].parameters(), "lr": 3.0}], 0.01)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.1, patience=0, threshold=100.0,
                                                         threshold_mode="abs")
    history = fit(net, Toy(), LOSS, optimiser, epochs=4, validation=Toy(2), options=Options(
        schedulers=[PerEpoch(torch.optim.lr_scheduler.StepLR(optimiser, 1, 0.5)), plateau]))
    assert history.values("lr")[:2] == pytest.approx([0.01, 0.005])
    assert history.values("lr")[2:] == pytest.approx([0.0025 * 0.1, 0.00125 * 0.01])
    assert history.values("lr_1")[:2] == pytest.approx([3.0, 1.5])


def test_modes():
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append((self.training, torch.is_grad_enabled()))
            return x

    net = nn.Sequential(*make_net(), Spy()).eval()
    train(net, Toy(2), epochs=2, validation=Toy(1))
    assert seen == 2 * [(True, True), (True, True), (False, False)]
    assert not net.training and net[1].v == 0.0


def test_early_stopping():
    net, history = train(epochs=50, lr=0.0, validation=Toy(2, seed=1), options=Options(patience=3))
    assert history.stopped_early and len(history) == 4 and history.best["epoch"] == 0
    assert not train(epochs=2, validation=Toy(2), options=Options(patience=3))[1].stopped_early


def test_regularisers():
    lower = SpikeCount(["1"], lower=4.0, weight=10.0)
    quiet, driven = (make_net(dropout=0.0) for _ in range(2))
    train(quiet, epochs=6)
    train(driven, epochs=6, options=Options(regularisers=[lower]))
    counts = [net[1](net[0](Toy().batch(0, 0)[0])).sum(0).mean().item() for net in (quiet, driven)]
    assert counts[1] > counts[0] + 0.3
    assert not driven[1]._forward_hooks


@pytest.mark.parametrize("make", [make_net, our_net])
def test_bfloat16_keeps_states_in_float32(make):
    net, seen = make(), []
    net[1].register_forward_hook(lambda m, x, z: seen.append((x[0].dtype, m.v.dtype)))
    net[2].register_forward_hook(lambda m, x, z: seen.append(z.dtype)) if make is our_net else None
    _, history = train(net, epochs=12, options=Options(precision=torch.bfloat16))
    states = {s for s in seen if isinstance(s, tuple)}
    assert {v for _, v in states} == {torch.float32}
    assert make is make_net or torch.bfloat16 in seen
    assert all(p.dtype == torch.float32 for p in net.parameters())
    assert history.values("loss")[-1] < 0.8 * history.values("loss")[0]


def test_labels_per_step_and_several_inputs():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.read = make_net()[:4], EveryStep()

        def forward(self, x, mask):
            return self.read(self.inner(x), mask)

    mask = torch.ones(T, B, dtype=torch.bool)
    mask[5:, 0] = False
    data = [((x.bool(), mask), (y.expand(T, B), mask)) for x, y in Toy().epoch(0)]
    loss = StepCrossEntropy()
    _, history = train(Net(), data, loss, epochs=10, score=loss.accuracy)
    assert history.values("score")[-1] > history.values("score")[0]
    hits = evaluate(Net(), data[:1], score=loss.accuracy)["score"] * mask.sum().item()
    assert hits == pytest.approx(round(hits))


def test_other_kinds_of_data():
    loader = torch.utils.data.DataLoader([Toy().batch(0, b) for b in range(4)], batch_size=None, shuffle=True)
    assert len(train(data=loader, epochs=2)[1]) == 2
    arrays = [(x.numpy().astype(bool), y.numpy()) for x, y in Toy().epoch(0)]
    assert bits(train(data=arrays)[0]) == bits(train(data=list(Toy().epoch(0)))[0])


# -- what it writes -------------------------------------------------------------------------------------------------
def test_logs(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    _, history = train(validation=Toy(1), score=accuracy, out=tmp_path, options=Options(log=[TensorBoard()]))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line.pop("seconds") > 0 for line in lines] == 3 * [True] and lines == history.records
    assert set(lines[0]) == {"epoch", "loss", "score", "lr", "validation_loss", "validation_score"}
    board = events.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [e.value for e in board.Scalars("loss")] == pytest.approx(history.values("loss"))
    best = torch.load(tmp_path / "best.pt", weights_only=True)
    assert all(torch.equal(best[k], v) for k, v in history.best_weights.items())


def test_tensorboard_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(RunError, match="TensorBoard: the package tensorboard is not installed"):
        train(out=tmp_path, options=Options(log=[TensorBoard()]))


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize("terminal, delay", [(True, 0.0), (True, 2.0), (False, 0.0)])
def test_progress_is_shown_on_a_terminal_only_and_if_it_takes_long(monkeypatch, terminal, delay):
    assert loop.DELAY == 2.0
    stream = Stream(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(loop, "DELAY", delay)
    train(epochs=2, validation=Toy(1))
    text = stream.getvalue()
    assert ("fit:" in text and "/10" in text) if terminal and not delay else text == ""


# -- what it refuses ------------------------------------------------------------------------------------------------
def one_batch(x=(T, B, N), y=(B,)):
    return [(torch.zeros(x), torch.zeros(y, dtype=torch.int64))]


@pytest.mark.parametrize("data, pattern", [
    (one_batch((0, B, N)), r"fit\.data: batch 0 of epoch 0 has as x shape \(0, 6, 12\).*one step and one sample"),
    (one_batch((T, 0, N), (0,)), r"has as x shape \(8, 0, 12\)"),
    (one_batch((T, B, N), (B + 1,)), r"x of shape \(8, 6, 12\) and y of shape \(7,\)"),
    (one_batch((B, T, N), (B,)), r"axes of x may be swapped: time comes first"),
    ([torch.zeros(T, B, N)], r"fit\.data: batch 0 of epoch 0 is a Tensor\. It must be a pair"),
    ([], r"fit\.data: has no batches"),
    ([(torch.zeros(T, B, N), torch.full((B,), CLASSES))], r"CrossEntropy\.y: has the label 3 for 3 classes"),
    ([(torch.zeros(T, B, N), torch.zeros(B))], r"CrossEntropy\.y: is torch\.float32"),
], ids=range(8))
def test_wrong_batches(data, pattern):
    net = make_net()
    before = bits(net)
    with pytest.raises(DataError, match=pattern):
        train(net, data)
    assert bits(net) == before


class Hoarder(nn.Sequential):
    """Keeps a state that nobody can reset."""

    held = 0.0

    def forward(self, x):
        self.held = self.held + super().forward(x)
        return self.held

    def __init__(self):
        super().__init__(*make_net())


def test_wrong_shapes_for_the_net_or_a_foreign_loss():
    with pytest.raises(RunError, match=r"fit\.net: fails on x of shape \(8, 6, 5\).*\[T, B, \.\.\.\]"):
        train(data=one_batch((T, B, 5)))
    with pytest.raises(RunError, match=r"fit\.loss: CrossEntropyLoss fails on .* \(6, 3\) and \(6, 7\)"):
        train(data=one_batch(y=(B, 7)), loss=nn.CrossEntropyLoss())
    with pytest.raises(RunError, match=r"fit\.loss: CrossEntropyLoss gives shape \(6,\)"):
        train(data=one_batch(), loss=nn.CrossEntropyLoss(reduction="none"))
    with pytest.raises(RunError, match=r"fit\.loss: its backward pass fails .* must be a MemoryModule"):
        train(Hoarder())
    with pytest.raises(RunError, match=r"fit\.loss: has no gradient"):
        train(data=one_batch(), loss=lambda output, y: output.detach().sum())


@pytest.mark.parametrize("change, pattern", [
    ({"net": "net"}, r"fit\.net: is a str"),
    ({"loss": CrossEntropy}, r"fit\.loss: is <class"),
    ({"optimiser": 0.1}, r"fit\.optimiser: is a float"),
    ({"optimiser": torch.optim.Adam(make_net().parameters())}, r"fit\.optimiser: has no parameter of the net"),
    ({"epochs": 0}, r"fit\.epochs: is 0"),
    ({"epochs": 2.0}, r"fit\.epochs: is 2\.0"),
    ({"data": iter([])}, r"fit\.data: is a list_iterator.*used up"),
    ({"data": 3}, r"fit\.data: is a int"),
    ({"validation": 3}, r"fit\.validation: is a int"),
    ({"options": {}}, r"fit\.options: is a dict"),
    ({"options": Options(resume=True)}, r"fit\.out: is None with Options\(resume"),
    ({"options": Options(patience=3)}, r"fit\.validation: is None with Options\(patience"),
    ({"out": 3}, r"fit\.out: is 3"),
], ids=lambda v: next(iter(v)) if isinstance(v, dict) else "")
def test_wrong_arguments(change, pattern):
    net = make_net()
    optimiser = torch.optim.Adam(net.parameters())
    given = {"net": net, "data": Toy(), "loss": LOSS, "optimiser": optimiser, "epochs": 2} | change
    with pytest.raises(RunError, match=pattern):
        fit(**given)


@pytest.mark.parametrize("make, pattern", [
    (lambda: Options(clip=0.0), r"Options\.clip: is 0\.0"),
    (lambda: Options(patience=1.5), r"Options\.patience: is 1\.5"),
    (lambda: Options(precision=torch.float16), r"Options\.precision: is torch\.float16"),
    (lambda: Options(schedulers=3), r"Options\.schedulers: is a int"),
    (lambda: Options(schedulers=[3]), r"PerEpoch\.scheduler: is 3"),
    (lambda: Options(log=[TensorBoard]), r"Options\.log: has <class"),
    (lambda: Options(regularisers=["l1"]), r"Options\.regularisers: has 'l1'"),
    (lambda: Options(checkpoint=5), r"Options\.checkpoint: is 5"),
    (lambda: Options(seed=-1), r"Options\.seed: is -1"),
    (lambda: Options(resume="yes"), r"Options\.resume: is 'yes'"),
    (lambda: Every(batches=0), r"Every\.batches: is 0"),
    (lambda: Every(minutes=-1), r"Every\.minutes: is -1"),
])
def test_wrong_options(make, pattern):
    with pytest.raises(RunError, match=pattern):
        make()

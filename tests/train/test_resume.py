"""Checkpoints of training: interrupted equals uninterrupted, bit for bit, however it was interrupted."""
import json
import os
import signal
from concurrent.futures.process import BrokenProcessPool

import pytest
import torch
from processes import in_new_process
from toy import B, Toy, bits, make_net, our_net

from snn.train import checkpoint
from snn.train.fitting import fit
from snn.train.losses import CrossEntropy
from snn.train.options import Every, Options, PerBatch

pytestmark = pytest.mark.usefixtures("one_thread")

EPOCHS = 3


class Stop(Exception):
    pass


class Stopping(Toy):
    """Ends, as told, before one batch is given: by an exception, Ctrl-C, or SIGKILL."""

    def __init__(self, at, how):
        super().__init__()
        self.at, self.how = at, how

    def batch(self, *at):
        if at == self.at:
            self.how()
        return super().batch(*at)


def fail():
    raise Stop


def interrupt():
    signal.raise_signal(signal.SIGINT)


def train(out=None, data=None, *, resume=False, net=None, every=2, epochs=EPOCHS, make=torch.optim.Adam, **more):
    """A run with all that a checkpoint must bring back: dropout, momenta, two schedulers, history, best weights."""
    net = make_net(seed=3) if net is None else net
    optimiser = make(net.parameters(), 0.02)
    per_batch = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.05, total_steps=5 * EPOCHS)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=0)
    options = Options(schedulers=[PerBatch(per_batch), plateau], clip=1.0, resume=resume, seed=None if resume else 7,
                      checkpoint=Every(batches=every, minutes=None), **more)
    history = fit(net, Toy() if data is None else data, CrossEntropy(), optimiser, epochs=epochs, out=out,
                  validation=Toy(2, seed=1), score=CrossEntropy().accuracy, options=options)
    return net, history


def assert_same(one, other):
    assert bits(one[0]) == bits(other[0])
    assert one[1].records == other[1].records and one[1].best == other[1].best
    for name, value in one[1].best_weights.items():
        assert torch.equal(value, other[1].best_weights[name]), name


def epochs_logged(folder):
    return [json.loads(line)["epoch"] for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture
def whole():
    return train()


@pytest.mark.parametrize("at", [(0, 0), (0, 1), (1, 3), (2, 4)], ids=str)
def test_after_an_exception(tmp_path, whole, at):
    with pytest.raises(Stop):
        train(tmp_path, Stopping(at, fail))
    saved = checkpoint.load_run(tmp_path / "checkpoint.pt")
    assert (saved["epoch"], saved["batch"]) == (at[0], at[1] - at[1] % 2)
    assert_same(train(tmp_path, resume=True), whole)
    assert epochs_logged(tmp_path) == list(range(EPOCHS))


def test_layers_of_this_library(tmp_path):
    whole = train(net=our_net())
    with pytest.raises(Stop):
        train(tmp_path, Stopping((1, 3), fail), net=our_net())
    assert_same(train(tmp_path, resume=True, net=our_net(seed=5)), whole)


def test_after_ctrl_c(tmp_path, whole):
    before = signal.getsignal(signal.SIGINT)
    with pytest.warns(RuntimeWarning, match="fit: interrupted in epoch 1. The last good checkpoint is"):
        net, history = train(tmp_path, Stopping((1, 2), interrupt), every=None)
    assert history.interrupted and len(history) == 1 and signal.getsignal(signal.SIGINT) is before
    saved = checkpoint.load_run(tmp_path / "checkpoint.pt")
    assert (saved["epoch"], saved["batch"]) == (1, 3)
    assert all(torch.equal(saved["net"][k], v) for k, v in net.state_dict().items())
    resumed = train(tmp_path, resume=True)
    assert_same(resumed, whole)
    assert not resumed[1].interrupted


def train_and_be_killed():
    torch.set_num_threads(1)
    train("run", Stopping((1, 4), lambda: os.kill(os.getpid(), signal.SIGKILL)))


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_after_sigkill(tmp_path, whole):
    with pytest.raises(BrokenProcessPool):
        in_new_process(train_and_be_killed, cwd=tmp_path)
    assert checkpoint.load_run(tmp_path / "run" / "checkpoint.pt")["batch"] == 4
    assert_same(train(tmp_path / "run", resume=True), whole)


def test_data_that_can_only_be_entered_at_its_begin(tmp_path):
    """A shuffling DataLoader: resumed from the begin of the epoch, in the same order."""
    samples = [(x[:, b], y[b]) for x, y in Toy().epoch(0) for b in range(B)]

    def loader(stop=None):
        def collate(pairs):
            xs, ys = zip(*pairs, strict=True)
            if stop is not None and len(calls := stop) < 7:
                calls.append(1)
            elif stop is not None:
                raise Stop
            return torch.stack(xs, dim=1), torch.stack(ys)
        return torch.utils.data.DataLoader(samples, B, shuffle=True, collate_fn=collate)

    expected = train(data=loader())
    with pytest.raises(Stop):
        train(tmp_path, loader([]))
    saved = checkpoint.load_run(tmp_path / "checkpoint.pt")
    assert (saved["epoch"], saved["batch"]) == (1, 0)
    assert_same(train(tmp_path, loader(), resume=True), expected)


def test_ctrl_c_in_data_that_can_only_be_entered_at_its_begin(tmp_path):
    batches = list(Toy().epoch(0))

    class Interrupting:
        passes = 0

        def __iter__(self):
            self.passes += 1
            for k, batch in enumerate(batches):
                if (self.passes, k) == (2, 3):
                    interrupt()
                yield batch

    with pytest.warns(RuntimeWarning, match="interrupted in epoch 1"):
        history = train(tmp_path, Interrupting())[1]
    assert history.interrupted and len(history) == 1
    assert_same(train(tmp_path, batches, resume=True), train(data=batches))


def test_a_run_that_is_over(tmp_path, whole):
    first = train(tmp_path)
    assert_same(first, whole)
    again = train(tmp_path, resume=True)
    assert_same(again, whole)
    longer = train(tmp_path, resume=True, epochs=EPOCHS, patience=1)
    assert len(longer[1]) == EPOCHS


def test_a_log_that_is_ahead_or_cut_off(tmp_path, whole):
    with pytest.raises(Stop):
        train(tmp_path, Stopping((2, 1), fail))
    log = tmp_path / "log.jsonl"
    lines = log.read_text().splitlines()
    log.write_text(lines[0] + '\n{"epoch": 1, "lo\n{"epoch": 2, "loss": 9.0}\n')
    train(tmp_path, resume=True)
    assert epochs_logged(tmp_path) == [0, 1, 2]
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert [r["loss"] for r in records] == whole[1].values("loss")
    assert "seconds" in records[0] and "seconds" not in records[1]


SCHEDULERS = [
    lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
    lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [2, 4]),
    lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 0.9**step),
    lambda o: torch.optim.lr_scheduler.SequentialLR(
        o, [torch.optim.lr_scheduler.LinearLR(o), torch.optim.lr_scheduler.ExponentialLR(o, 0.9)], [2]),
]


@pytest.mark.parametrize("make", SCHEDULERS, ids=range(4))
def test_schedulers_come_back(tmp_path, make):
    def run(out, data, resume):
        net = make_net()
        optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
        options = Options(schedulers=[make(optimiser)], resume=resume)
        history = fit(net, data, CrossEntropy(), optimiser, epochs=5, out=out, options=options)
        return history.values("lr"), bits(net)

    with pytest.raises(Stop):
        run(tmp_path, Stopping((2, 0), fail), False)
    assert run(tmp_path, Toy(), True) == run(None, Toy(), False)

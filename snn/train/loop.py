"""The loop inside :func:`snn.train.fit`: epochs and batches, and the state between two of them."""
import contextlib
import math
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from snn.errors import DataError, RunError
from snn.train import checkpoint
from snn.train.folder import Folder
from snn.train.guard import refusal
from snn.train.history import History, Meter
from snn.train.options import Options, PerBatch
from snn.train.passes import Pass, Source, means, scalar

DELAY = 2.0
"""Seconds after which progress is shown."""


@dataclass
class Loop:
    """A run between two batches (``epoch`` and ``batch`` are those that come next), and what takes it to the next."""

    forward: Pass
    loss: Any
    score: Any
    optimiser: Any
    options: Options
    epochs: int
    data: Source
    held: Source | None
    folder: Folder
    epoch: int = field(init=False, default=0)
    batch: int = field(init=False, default=0)
    meter: Meter = field(init=False, default_factory=Meter)
    history: History = field(init=False, default_factory=History)

    def __post_init__(self):
        self.net = self.forward.net
        self.schedulers = [timed.scheduler for timed in self.options.schedulers]
        self.parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        self.bounded = [m for m in self.net.modules() if callable(getattr(m, "constrain", None))]
        self.annealed = [m for m in self.net.modules() if callable(getattr(m, "anneal", None))]

    def prepare(self):
        """Go back to where the checkpoint was written, or begin."""
        saved = self.folder.begin()
        if saved is None:
            if self.options.seed is not None:
                _seed(self.options.seed)
            self.folder.save(self._content)
            return
        if saved["batch"] and saved["batches"] != len(self.data):
            raise RunError(f"fit.data: has {len(self.data)} batches per epoch, in the checkpoint {saved['batches']}. "
                           "Resume with the data of that run.")
        checkpoint.restore(saved, self.net, self.optimiser, self.schedulers)
        self.epoch, self.batch, self.meter = saved["epoch"], saved["batch"], Meter(saved["sums"])
        self.history = History(**saved["history"])

    def _content(self):
        return checkpoint.collect(self.net, self.optimiser, self.schedulers, {
            "epoch": self.epoch, "batch": self.batch, "batches": len(self.data), "sums": self.meter.sums,
            "history": self.history.content()})

    def run(self, interrupt):
        """All epochs that are left, until patience is over or ``interrupt.asked``."""
        with contextlib.ExitStack() as stack:
            bar = stack.enter_context(self._bar())
            attached = [regulariser.attach(self.net) for regulariser in self.options.regularisers]
            for one in attached:
                stack.callback(one.remove)
            while self.epoch < self.epochs and not self._patience_is_over():
                self._one_epoch(attached, interrupt, bar)
                if interrupt.asked:
                    self.history.interrupted = self.epoch < self.epochs
                    return
        self.history.stopped_early = self.epoch < self.epochs

    def _bar(self):
        from tqdm import tqdm
        done = self.epoch * len(self.data) + self.batch
        return tqdm(total=self.epochs * len(self.data) or None, initial=done, desc="fit", unit="batch", delay=DELAY,
                    leave=False, disable=not sys.stderr.isatty())

    def _patience_is_over(self):
        patience = self.options.patience
        return patience is not None and len(self.history) > 0 and self.history.since_best() >= patience

    def _one_epoch(self, attached, interrupt, bar):
        started = time.monotonic()
        for module in self.annealed:
            module.anneal(self.epoch / self.epochs)
        self.net.train()
        for inputs, y in self.data.epoch(self.epoch, self.batch):
            self._one_batch(*self.forward.moved(inputs, y), attached)
            self.batch += 1
            bar.update()
            if self.data.keyed and (interrupt.asked or self.folder.due(self.batch)):
                self.folder.save(self._content)
            if interrupt.asked:
                return
        self._end_epoch(started)
        bar.set_postfix(self.history.records[-1], refresh=False)

    def _one_batch(self, inputs, y, attached):
        before = checkpoint.torch_random_state()
        self.optimiser.zero_grad(set_to_none=True)
        output, samples = self.forward(inputs), inputs[0].shape[1]
        loss = scalar(self.loss, output, y)
        total = loss + sum(one.penalty() for one in attached)
        if not total.requires_grad:
            raise RunError("fit.loss: has no gradient. It must depend on parameters of the net that require one.")
        if not total.isfinite():
            raise self._refusal(inputs, before, total.item())
        _backward(total)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = get_total_norm(gradients)
        if not norm.isfinite():
            raise self._refusal(inputs, before, total.item())
        if self.options.clip is not None:
            clip_grads_with_norm_(self.parameters, self.options.clip, norm)
        self.optimiser.step()
        for module in self.bounded:
            module.constrain()
        for timed in self.options.schedulers:
            if isinstance(timed, PerBatch):
                timed.scheduler.step()
        self.meter.add("loss", loss, samples)
        if self.score is not None:
            with torch.no_grad():
                self.meter.add("score", self.score(output.detach(), y), samples)

    def _refusal(self, inputs, before, loss):
        """The error for a batch whose loss or gradients are not finite."""
        place = f"epoch {self.epoch}, batch {self.batch}"
        x = inputs[0]
        if not x.isfinite().all():
            step, sample, *_ = (~x.isfinite()).nonzero()[0].tolist()
            return DataError(f"fit.data: x of {place} is not finite (time step {step}, sample {sample}). "
                             f"It must be finite. {self.folder.kept()}")

        def again():
            checkpoint.set_torch_random_state(before)
            self.forward(inputs)

        return refusal(self.net, again, x.shape, loss=loss, place=place, kept=self.folder.kept())

    def _end_epoch(self, started):
        record = {"epoch": self.epoch, **self.meter.means(), **_rates(self.optimiser)}
        if self.held is not None:
            held = means(self.forward, self.held, self.loss, self.score)
            record |= {f"validation_{name}": value for name, value in held.items()}
        for timed in self.options.schedulers:
            if not isinstance(timed, PerBatch):
                self._step(timed.scheduler, record.get("validation_loss", record.get("loss", math.nan)))
        if self.history.add(record, self.net):
            self.folder.best(self.history.best_weights)
        self.epoch, self.batch, self.meter = self.epoch + 1, 0, Meter()
        self.folder.log(record | {"seconds": time.monotonic() - started})
        self.folder.save(self._content)

    @staticmethod
    def _step(scheduler, loss):
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            scheduler.step(loss)
        else:
            scheduler.step()


def _backward(loss):
    try:
        loss.backward()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as err:
        raise RunError(f"fit.loss: its backward pass fails ({str(err).splitlines()[0]}). A module that keeps a state "
                       "between batches must be a MemoryModule of SpikingJelly, which fit resets.") from err


def _rates(optimiser):
    """Learning rates: ``lr`` of the first parameter group, ``lr_1`` and so on of the others."""
    return {f"lr_{k}" if k else "lr": float(group["lr"]) for k, group in enumerate(optimiser.param_groups)}


def _seed(seed):
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)

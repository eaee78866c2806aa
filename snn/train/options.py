"""How a training run goes: everything about ``fit`` that is neither the net, the data, the loss nor the optimiser.

Example::

    cycle = OneCycleLR(optimiser, 5e-3, total_steps=20 * len(data))
    options = Options(schedulers=[PerBatch(cycle)], clip=1.0, patience=5, checkpoint=Every(batches=500), seed=1)
    history = fit(net, data, loss, optimiser, epochs=20, validation=held_out, out="runs/first", options=options)
"""
import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import torch

from snn.errors import RunError


def _check_scheduler(timed):
    if isinstance(timed.scheduler, type) or not all(hasattr(timed.scheduler, a) for a in ("step", "state_dict")):
        raise RunError(f"{type(timed).__name__}.scheduler: is {timed.scheduler!r}. "
                       "Give a scheduler of torch.optim.lr_scheduler.")


def _check_positive(where, value):
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
        raise RunError(f"{where}: is {value!r}. It must be a finite number above 0, or None.")


def _check_count(where, value, what):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise RunError(f"{where}: is {value!r}. It must be a whole number of {what} of 1 or more, or None.")


@dataclass(frozen=True)
class PerEpoch:
    """A scheduler of ``torch.optim.lr_scheduler`` that takes one step after every epoch.

    ``ReduceLROnPlateau`` is given the loss of the validation, or the training loss where there is none.
    """

    scheduler: Any

    def __post_init__(self):
        _check_scheduler(self)


@dataclass(frozen=True)
class PerBatch:
    """A scheduler of ``torch.optim.lr_scheduler`` that takes one step after every batch."""

    scheduler: Any

    def __post_init__(self):
        _check_scheduler(self)
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            raise RunError("PerBatch.scheduler: is a ReduceLROnPlateau, which needs the loss of an epoch. "
                           "Use PerEpoch.")


@dataclass(frozen=True, kw_only=True)
class Every:
    """How often a checkpoint is written within an epoch: after so many ``batches``, after so many ``minutes``, or both.

    One is written at the end of every epoch and on Ctrl-C in any case.
    """

    batches: int | None = None
    minutes: float | None = 10.0

    def __post_init__(self):
        if self.batches is not None:
            _check_count("Every.batches", self.batches, "batches")
        if self.minutes is not None:
            _check_positive("Every.minutes", self.minutes)

    def due(self, batch, seconds):
        """Whether one is due ``batch`` batches after the begin of the epoch and ``seconds`` after the last."""
        counted = self.batches is not None and batch % self.batches == 0
        return counted or (self.minutes is not None and seconds >= 60 * self.minutes)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of :func:`snn.train.fit`.

    Fields
        ``schedulers``    learning rate schedulers, each in :class:`PerEpoch` (or bare, which means that) or in
                          :class:`PerBatch`
        ``clip``          largest norm of all gradients together; None: as they are
        ``precision``     ``torch.float32``, or ``torch.bfloat16``: matrix products and convolutions in bfloat16
                          (``torch.autocast``), while weights, neuron states, readout and loss stay in float32
        ``patience``      stop after so many epochs in a row without a better validation; None: never
        ``regularisers``  what is added to the loss, see ``snn.train.regularise``
        ``checkpoint``    how often within an epoch, :class:`Every`; checkpoints need ``fit(out=...)``
        ``resume``        go on from the checkpoint in ``out``; where there is none yet, begin
        ``seed``          seed of torch, numpy and ``random`` set at the begin; None: they go on from where they are
        ``log``           further logs beside ``log.jsonl``: :class:`~snn.train.logs.TensorBoard`

    Errors: RunError for a value that is not allowed.
    """

    schedulers: tuple = ()
    clip: float | None = None
    precision: torch.dtype = torch.float32
    patience: int | None = None
    regularisers: tuple = ()
    checkpoint: Every = Every()
    resume: bool = False
    seed: int | None = None
    log: tuple = ()

    def __post_init__(self):
        for name in ("schedulers", "regularisers", "log"):
            value = getattr(self, name)
            if not isinstance(value, tuple | list):
                raise RunError(f"Options.{name}: is a {type(value).__name__}. Give a list, for instance [x].")
            object.__setattr__(self, name, tuple(value))
        timed = tuple(s if isinstance(s, PerEpoch | PerBatch) else PerEpoch(s) for s in self.schedulers)
        object.__setattr__(self, "schedulers", timed)
        for name, kind in (("regularisers", "attach"), ("log", "open")):
            for thing in getattr(self, name):
                if isinstance(thing, type) or not hasattr(thing, kind):
                    raise RunError(f"Options.{name}: has {thing!r}. Each must be an object with `{kind}`.")
        self._check_numbers()

    def _check_numbers(self):
        if self.clip is not None:
            _check_positive("Options.clip", self.clip)
        if self.patience is not None:
            _check_count("Options.patience", self.patience, "epochs")
        if self.precision not in (torch.float32, torch.bfloat16):
            raise RunError(f"Options.precision: is {self.precision!r}. It must be torch.float32 or torch.bfloat16 "
                           "(float16 would need the loss to be scaled).")
        if not isinstance(self.checkpoint, Every):
            raise RunError(f"Options.checkpoint: is {self.checkpoint!r}. Give Every(batches=..., minutes=...).")
        if not isinstance(self.resume, bool):
            raise RunError(f"Options.resume: is {self.resume!r}. It must be True or False.")
        if self.seed is not None and (isinstance(self.seed, bool) or not isinstance(self.seed, Integral)
                                      or not 0 <= self.seed < 2**32):
            raise RunError(f"Options.seed: is {self.seed!r}. It must be a whole number from 0 to 2^32 - 1, or None.")

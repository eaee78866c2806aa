"""The training loop.

Example::

    net = nn.Sequential(Linear(140, 256), Layer(LIF(...), 256, dt=1.0), Linear(256, 20),
                        Layer(LeakyReadout(tau=20.0), 20, dt=1.0), SumOfSoftmax())
    loss = CrossEntropy()
    history = fit(net, data, loss, torch.optim.Adam(net.parameters()), epochs=20, validation=held_out,
                  score=loss.accuracy, out="runs/first", options=Options(patience=5))
    net.load_state_dict(history.best_weights)
    print(history.best, evaluate(net, test, loss, score=loss.accuracy))
"""
import os
import warnings
from numbers import Integral

import torch
from torch import nn

from snn.errors import RunError
from snn.interrupt import Interrupt
from snn.train.folder import Folder
from snn.train.loop import Loop
from snn.train.options import Options
from snn.train.passes import Pass, Source, means


def fit(net, data, loss, optimiser, *, epochs, validation=None, score=None, out=None, options=Options()):  # noqa: B008
    """Train ``net``; gives the :class:`~snn.train.history.History`. The net keeps the weights of the last batch.

    One batch
        All neurons begin at rest (``reset``); forward; ``loss(output, y)`` plus regularisers; backward; gradients
        clipped; ``optimiser.step()``; then ``constrain()`` of every module that has it. At the begin of every epoch
        ``anneal(progress)`` of every module that has it, where ``progress = epoch / epochs`` is the share that is done.

    Parameters
        net         a module from ``x`` [T, B, ...] to what ``loss`` takes; a tuple ``x`` becomes several arguments
        data        ``epoch(number, start=0)`` gives the pairs ``(x, y)`` of an epoch from batch ``start`` on, and
                    ``len(data)`` is the number of batches; a DataLoader or a list of pairs will do, but can only be
                    entered at its begin: such a run resumes at the begin of an epoch
        loss        called with ``(output, y)``, gives a scalar
        optimiser   of ``torch.optim``, over parameters of the net
        epochs      how many in all, those before a resume included
        validation  data as above; gone through after every epoch in ``net.eval()`` without gradients
        score       called with ``(output, y)``, gives one value per sample or the mean of a batch; larger is better
        out         folder for ``checkpoint.pt``, ``best.pt`` and ``log.jsonl``; None: nothing is written
        options     :class:`~snn.train.options.Options`

    Ctrl-C ends it after the batch; it writes a checkpoint, warns, and returns what there is. A run that is resumed
    equals one that was never stopped, on the CPU bit for bit.

    Errors: RunError for arguments that do not fit, before anything starts; RunError where the loss or a gradient is not
    finite, with the layer and time step it came from, the last good checkpoint kept; DataError for wrong batches and
    labels and for a damaged checkpoint; OutputError where writing fails.
    """
    _check(net, loss, optimiser, epochs, validation, out, options)
    loop = Loop(Pass(net, options.precision), loss, score, optimiser, options, int(epochs), Source(data, "fit.data"),
               None if validation is None else Source(validation, "fit.validation"), Folder(out, options))
    loop.prepare()
    was_training = net.training
    try:
        with loop.folder.open(loop.history.records), loop.forward, Interrupt() as interrupt:
            loop.run(interrupt)
    finally:
        net.train(was_training)
    if loop.history.interrupted:
        warnings.warn(f"fit: interrupted in epoch {loop.epoch}. {loop.folder.kept()}", RuntimeWarning, stacklevel=2)
    return loop.history


def evaluate(net, data, loss=None, *, score=None, precision=torch.float32):
    """``{"loss": mean, "score": mean}`` over the samples of ``data``, in ``net.eval()`` and without gradients.

    Parameters as in :func:`fit`; what is None is left out. The mode of the net and its held state are as before, at
    rest.
    """
    with Pass(net, precision) as forward:
        return means(forward, Source(data, "evaluate.data"), loss, score)


def _check(net, loss, optimiser, epochs, validation, out, options):
    if not isinstance(net, nn.Module):
        raise RunError(f"fit.net: is a {type(net).__name__}. Give a torch.nn.Module.")
    if isinstance(loss, type) or not callable(loss):
        raise RunError(f"fit.loss: is {loss!r}. Give an object called with (output, y), like CrossEntropy().")
    if not isinstance(optimiser, torch.optim.Optimizer) or isinstance(optimiser, torch.optim.LBFGS):
        raise RunError(f"fit.optimiser: is a {type(optimiser).__name__}. Give an optimiser of torch.optim that takes "
                       "one step per gradient, for instance torch.optim.Adam(net.parameters()).")
    mine = {id(p) for p in net.parameters()}
    if not any(id(p) in mine for group in optimiser.param_groups for p in group["params"]):
        raise RunError("fit.optimiser: has no parameter of the net. Make it from net.parameters() of this net.")
    if isinstance(epochs, bool) or not isinstance(epochs, Integral) or epochs < 1:
        raise RunError(f"fit.epochs: is {epochs!r}. It must be a whole number of 1 or more.")
    if not isinstance(options, Options):
        raise RunError(f"fit.options: is a {type(options).__name__}. Give Options(...).")
    if out is None:
        for name in ("resume", "log"):
            if getattr(options, name):
                raise RunError(f"fit.out: is None with Options({name}=...). Give a folder.")
    elif not isinstance(out, str | os.PathLike):
        raise RunError(f"fit.out: is {out!r}. Give the name of a folder, or None to write nothing.")
    if options.patience is not None and validation is None:
        raise RunError("fit.validation: is None with Options(patience=...). Give data to stop by.")

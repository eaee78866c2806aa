"""Training files: data, layers and how they are trained, in TOML. ``snn train FILE``.

What it is
    :func:`load` gives a :class:`Training`, everything that ``snn.train.fit`` needs; :func:`run` trains, tests and
    writes ``log.jsonl``, ``checkpoint.pt``, ``best.pt`` and ``summary.json`` into a folder. A Python file leaves the
    same things under the names ``net``, ``data``, ``loss``, ``optimiser`` and, where they exist, ``validation``,
    ``test``, ``epochs``, ``options``.

    As in experiment files, whatever is a class in Python is a table with the ``name`` of the class and its arguments; a
    bare string is a class without arguments. ``dt`` of the file stands for that of every layer, delay and frame without
    one.

Units: ms. Errors: as those of :mod:`snn.experiment`; each message starts with the file and the place in it.

Example: ``docs/train.toml``
"""
import functools
import inspect
import json
import runpy
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from snn.errors import DataError, RunError, SnnError
from snn.experiment import Item, Table, parse, read
from snn.items import Builder, at, named
from snn.train import checkpoint
from snn.train.fitting import evaluate, fit
from snn.train.held import reset
from snn.train.options import Options, PerBatch, PerEpoch
from snn.train_file_data import Data

LAYERS = {name: thing for module, names in {
    "snn.train.layer": "Layer", "snn.train.recurrent": "Recurrent", "snn.train.linear": "Linear",
    "snn.train.delay": "Delay AxonalDelay", "snn.train.folded": "Folded Dropout",
    "snn.train.readout": "Last Max Mean SumOfSoftmax EveryStep",
    "torch.nn": "BatchNorm1d BatchNorm2d Conv2d AvgPool2d MaxPool2d Flatten",
}.items() for name, thing in named(module, names.split()).items()}
SURROGATES = named("snn.train.surrogate", "ATan Sigmoid Triangle Rectangle SuperSpike SoftSign PiecewiseExp Erf "
                                          "MultiGaussian".split())
KERNELS = named("snn.train.kernels_of_delay", "Gaussian Linear SmoothedGradient".split())
LOSSES = named("snn.train.losses", "CrossEntropy StepCrossEntropy RateLoss FirstSpikeLoss VanRossum".split())
OPTIMISERS = named("torch.optim", "Adam AdamW SGD RMSprop".split())
SCHEDULERS = named("torch.optim.lr_scheduler", "OneCycleLR CosineAnnealingLR StepLR ExponentialLR".split())


class DataTable(Table):
    set: Item
    encode: Item | None = None
    augment: list[Item] = []
    batch: int
    validation: float | None = None
    train: int | None = None
    test: int | None = None


class TrainingTable(Table):
    loss: Item = "CrossEntropy"
    optimiser: Item
    rates: dict[str, float] = {}
    schedule: Item | None = None
    epochs: int
    clip: float | None = None
    patience: int | None = None
    out: str | None = None


class File(Table):
    name: str = "training"
    seed: int = 0
    dt: float
    data: dict[str, Any]
    layers: list[dict[str, Any]]
    training: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Training:
    """What a file describes: arguments of ``snn.train.fit``, the test set (or None) and where to write."""

    net: torch.nn.Module
    data: Any
    loss: Any
    optimiser: Any
    epochs: int
    validation: Any = None
    test: Any = None
    options: Options = Options()
    out: Path | None = None


class Layers(Builder):
    """Builds modules: ``dt`` is put in where a class takes one and none is given."""

    def __init__(self, folder, dt):
        super().__init__(folder)
        self.dt = dt
        self.known = {"model": named("snn.neurons"), "fire": SURROGATES, "layer": LAYERS, "modules": LAYERS,
                      "kernel": KERNELS}

    def item(self, raw, known, place):
        raw = {"name": raw} if isinstance(raw, str) else dict(raw)
        thing = known.get(raw.get("name"))
        if thing is None:
            return super().item(raw, known, place)
        parameters = inspect.signature(thing).parameters
        if "dt" in parameters and "dt" not in raw:
            raw["dt"] = self.dt
        several = next((p.name for p in parameters.values() if p.kind is p.VAR_POSITIONAL), None)
        if several in raw:
            parts = [self.item(one, self.known[several], f"{place}.{several}[{k}]")
                     for k, one in enumerate(raw.pop(several))]
            return super().item(raw, {raw["name"]: functools.partial(thing, *parts)}, place)
        return super().item(raw, known, place)

    def value(self, raw, place):
        key = place.rpartition(".")[2]
        if key in self.known:
            return self.item(raw, self.known[key], place)
        if key == "learn" and isinstance(raw, dict):
            from snn.train.bounded import Bounded
            return {name: self.item({"name": "Bounded", **ends}, {"Bounded": Bounded}, f"{place}.{name}")
                    for name, ends in raw.items()}
        return super().value(raw, place)


def load(path, *, epochs=None, seed=None):
    """The :class:`Training` of a training file; ``epochs`` and ``seed`` replace those of the file."""
    path = Path(path)
    with at(path.name):
        file = parse(File, read(path), "")
        seed = file.seed if seed is None else seed
        table, builder = parse(TrainingTable, file.training, "training"), Layers(path.parent, file.dt)
        epochs = table.epochs if epochs is None else epochs
        data = Data(parse(DataTable, file.data, "data"), builder, seed)
        net = _net(file, builder, seed, data.sample()[0])
        optimiser = _optimiser(net, table, builder)
        options = Options(schedulers=_schedulers(optimiser, table, builder, epochs, len(data.train)), clip=table.clip,
                          patience=table.patience, seed=seed)
        return Training(net, data.train, builder.item(table.loss, LOSSES, "training.loss"), optimiser, epochs,
                        data.validation, data.test, options, None if table.out is None else path.parent / table.out)


def _net(file, builder, seed, x):
    """The modules one after the other, tried on a batch: what does not fit is said with its place."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [builder.item(raw, LAYERS, f"layers[{k}]") for k, raw in enumerate(file.layers)]
    net = torch.nn.Sequential(*layers).eval()
    with torch.no_grad():
        for k, layer in enumerate(layers):
            shape = list(x.shape)
            with at(f"layers[{k}]"):
                try:
                    x = layer(x)
                except SnnError:
                    raise
                except (RuntimeError, ValueError) as error:
                    raise DataError(f"{type(layer).__name__}: does not take an input of shape {shape}, [T, B, ...] "
                                    f"({str(error).splitlines()[0]}). Its size must be that of the layer before."
                                    ) from error
    return reset(net).train()


def _optimiser(net, table, builder):
    """Parameters whose name ends with a key of ``rates`` have a learning rate of their own."""
    named_parameters, groups = dict(net.named_parameters()), []
    for ending, rate in table.rates.items():
        mine = [name for name in named_parameters if name.rpartition(".")[2] == ending]
        if not mine:
            ends = sorted({name.rpartition(".")[2] for name in net.state_dict()})
            raise DataError(f"training.rates.{ending}: no parameter has this name. The net has: {', '.join(ends)}.")
        groups.append({"params": [named_parameters.pop(name) for name in mine], "lr": rate})
    groups.insert(0, {"params": list(named_parameters.values())})
    known = {name: functools.partial(kind, groups) for name, kind in OPTIMISERS.items()}
    return _made(table.optimiser, known, builder, "training.optimiser")


def _schedulers(optimiser, table, builder, epochs, batches):
    if table.schedule is None:
        return ()
    rates = [group["lr"] for group in optimiser.param_groups]
    known = {name: functools.partial(kind, optimiser) for name, kind in SCHEDULERS.items()}
    known["OneCycleLR"] = functools.partial(known["OneCycleLR"], max_lr=rates, total_steps=epochs * batches)
    known["CosineAnnealingLR"] = functools.partial(known["CosineAnnealingLR"], T_max=epochs)
    made = _made(table.schedule, known, builder, "training.schedule")
    return (PerBatch(made) if type(made).__name__ == "OneCycleLR" else PerEpoch(made),)


def _made(raw, known, builder, place):
    """An object of torch; what torch says about its arguments is said with the place."""
    try:
        return builder.item(raw, known, place)
    except (ValueError, TypeError) as error:
        raise DataError(f"{place}: torch refuses it ({error}). See its documentation.") from error



def load_script(path, *, epochs=None):
    """The :class:`Training` that a Python file leaves under the names of its fields."""
    left = runpy.run_path(str(path), run_name="training")
    for name in ("net", "data", "loss", "optimiser"):
        if name not in left:
            raise RunError(f"{path}: leaves nothing under the name `{name}`. A training file in Python defines net, "
                           "data, loss and optimiser; validation, test, epochs and options where it has them.")
    names = ("net", "data", "loss", "optimiser", "validation", "test", "options")
    found = {name: left[name] for name in names if name in left}
    epochs = left.get("epochs") if epochs is None else epochs
    if epochs is None:
        raise RunError(f"{path}: leaves no number under the name `epochs`. Define it, or give --epochs.")
    return Training(**found, epochs=epochs)


def run(path, *, out=None, epochs=None, seed=None, resume=False):
    """Train what a file describes; ``log.jsonl``, ``checkpoint.pt``, ``best.pt`` and ``summary.json`` go into ``out``.

    Returns: the summary, a dict. What is tested are the weights of the best epoch where there is a validation part,
    else those of the last.
    """
    path, started = Path(path), time.monotonic()
    if path.suffix == ".py" and seed is not None:
        raise RunError("--seed: is for training files in TOML. Set the seed in the script.")
    training = load_script(path, epochs=epochs) if path.suffix == ".py" else load(path, epochs=epochs, seed=seed)
    out = out or training.out
    if out is None:
        raise RunError(f"{path.name}: training.out: is missing. Give it, or --out DIR.")
    with at(path.name):
        _check_folder(Path(out), training.options, resume)
        score = getattr(training.loss, "accuracy", None)
        options = replace(training.options, resume=resume)
        history = fit(training.net, training.data, training.loss, training.optimiser, epochs=training.epochs,
                      validation=training.validation, score=score, out=out, options=options)
        if training.validation is not None and history.best_weights is not None:
            training.net.load_state_dict(history.best_weights)
        # The test part is seen once, when the training is over.
        over = training.test is not None and not history.interrupted
        test = evaluate(training.net, training.test, training.loss, score=score) if over else None
    summary = {"file": path.name, "out": str(out), "epochs": len(history), "interrupted": history.interrupted,
               "stopped_early": history.stopped_early, "last": history.records[-1] if history.records else None,
               "best": history.best, "test": test, "seconds": round(time.monotonic() - started, 1),
               "parameters": sum(p.numel() for p in training.net.parameters())}
    (Path(out) / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def _check_folder(out, options, resume):
    """Refuse a folder that holds a run, and a resume whose schedule was laid out for another number of batches."""
    file = out / "checkpoint.pt"
    if not file.exists():
        return
    if not resume:
        raise RunError(f"--out: holds a run already ({str(out)!r}). Give --resume to go on with it, or another folder.")
    saved = [state.get("total_steps") for state in checkpoint.load_run(file)["schedulers"]]
    mine = [timed.scheduler.state_dict().get("total_steps") for timed in options.schedulers]
    for there, here in zip(saved, mine, strict=False):
        if there != here:
            raise RunError(f"--epochs: the schedule of the run in {str(out)!r} was laid out for {there} batches, this "
                           f"one for {here}. Resume with the epochs it began with, or begin in another folder.")


def lines(summary):
    """What the command line prints of a summary."""
    def row(name, record):
        numbers = [f"{key} {value:.4g}" for key, value in (record or {}).items() if isinstance(value, float)]
        return f"{name:<10}  {', '.join(numbers) or '-'}"
    state = "interrupted" if summary["interrupted"] else "stopped early" if summary["stopped_early"] else "complete"
    best = summary["best"]
    return [f"{summary['epochs']} epochs ({state}), {summary['parameters']} parameters, {summary['seconds']:g} s",
            row("last epoch", summary["last"]), row("best epoch", best) + (f" (epoch {best['epoch']})" if best else ""),
            row("test", summary["test"]), f"written: {summary['out']}"]

"""Checkpoints of training: everything that a run needs to go on as if it had never stopped.

What it holds
    Net, optimiser, schedulers, epoch and batch, the loss summed so far in that epoch, the history, the best weights,
    and the states of the random generators of torch (CPU and CUDA), numpy and ``random``. Neuron states are not in it:
    every batch begins from rest.

The file
    ``checkpoint.pt`` of a run's folder. It gets its name only when it is complete, so that it is always the last good
    one. It is what ``torch.save`` writes, of tensors, numbers, text, lists and dicts only, so that
    ``torch.load(path, weights_only=True)`` reads it too; ``["net"]`` is the ``state_dict``. Behind it stands a
    checksum, which torch does not see. ``best.pt`` is the ``state_dict`` of the best epoch, in the same form.
"""
import hashlib
import io
import os
import random

import numpy as np
import torch

from snn.errors import DataError, MissingFile, OutputError, RunError

FORMAT, VERSION = "snn-training", 1
_SEAL = 32


def save(content, path):
    """Write a dict of tensors and plain values. Errors: OutputError; the file of that name stays what it was."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    image, path = buffer.getvalue(), os.fspath(path)
    beside = path + ".part"
    try:
        with open(beside, "wb") as f:
            f.write(image)
            f.write(hashlib.sha256(image).digest())
            f.flush()
            os.fsync(f.fileno())
        os.replace(beside, path)
    except OSError as err:
        if os.path.exists(beside):
            os.remove(beside)
        raise OutputError(f"fit.out: cannot write {path} ({err}). Free some space or choose another place.") from err


def load(path):
    """Read what :func:`save` wrote; tensors come to the CPU.

    Errors: MissingFile, DataError for a file that is damaged, cut off, or something else.
    """
    path = os.fspath(path)
    try:
        with open(path, "rb") as f:
            image = f.read()
    except FileNotFoundError:
        raise MissingFile(f"load.path: {path} does not exist. Give the checkpoint of a run of fit.") from None
    except OSError as err:
        raise DataError(f"load.path: cannot read {path} ({err}). Give the checkpoint of a run of fit.") from err
    if hashlib.sha256(image[:-_SEAL]).digest() != image[-_SEAL:]:
        raise DataError(f"load.path: {path} is damaged, cut off, or no file of fit ({len(image)} bytes). "
                        "Give an intact checkpoint, or begin again in another folder.")
    return torch.load(io.BytesIO(image[:-_SEAL]), map_location="cpu", weights_only=True)


def load_run(path):
    """The checkpoint of a run. Errors: as :func:`load`, and DataError for a file of another kind or a newer version."""
    content = load(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"load.path: {path} is no checkpoint of a training run. Give the checkpoint.pt of one.")
    if content["version"] > VERSION:
        raise DataError(f"load.path: {path} has version {content['version']}; this library reads up to {VERSION}. "
                        "Update the library.")
    return content


def collect(net, optimiser, schedulers, position):
    """The content of a checkpoint; ``position`` is the part that ``fit`` keeps (epoch, batch, history ...)."""
    return {"format": FORMAT, "version": VERSION, "net": net.state_dict(), "optimiser": optimiser.state_dict(),
            "kinds": _kinds(optimiser, schedulers), "schedulers": [s.state_dict() for s in schedulers],
            "random": random_state(), **position}


def restore(content, net, optimiser, schedulers):
    """Put the state of a checkpoint into the objects of this run and into the random generators.

    Errors: RunError naming the first thing that differs, before anything is changed.
    """
    check_weights("fit.net", net, content["net"])
    _check_kinds(content["kinds"], _kinds(optimiser, schedulers))
    net.load_state_dict(content["net"])
    optimiser.load_state_dict(content["optimiser"])
    for scheduler, state in zip(schedulers, content["schedulers"], strict=True):
        scheduler.load_state_dict(state)
    set_random_state(content["random"])


def check_weights(where, net, saved):
    """Raise RunError where ``saved`` is not the ``state_dict`` of such a net."""
    mine = net.state_dict()
    for name in [*mine, *saved]:
        has, other = (_shape(d[name]) if name in d else "nothing" for d in (mine, saved))
        if has != other:
            raise RunError(f"{where}: '{name}' is {has} here and {other} in the checkpoint. "
                           "Resume with the net that was trained, or begin anew in another folder.")


def _shape(value):
    return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, torch.Tensor) else type(value).__name__


def _kinds(optimiser, schedulers):
    groups = [[list(p.shape) for p in group["params"]] for group in optimiser.param_groups]
    return {"optimiser": type(optimiser).__name__, "parameter groups of the optimiser": groups,
            "schedulers": [type(s).__name__ for s in schedulers]}


def _check_kinds(saved, mine):
    for name, value in mine.items():
        if saved[name] != value:
            raise RunError(f"fit.optimiser: the {name} here: {value}; in the checkpoint: {saved[name]}. "
                           "Resume with the same ones, or begin anew in another folder.")


def random_state():
    """States of all random generators that a net or its data may draw from, as tensors and lists."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, second = random.getstate()
    return {**torch_random_state(), "python": [version, list(words), second],
            "numpy": [kind, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss]}


def torch_random_state():
    """States of torch's generators alone, which take a few microseconds to copy."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    return {"torch": torch.get_rng_state(), "cuda": cuda}


def set_random_state(state):
    """Put the random generators back to what :func:`random_state` gave."""
    set_torch_random_state(state)
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, words, second = state["python"]
    random.setstate((version, tuple(words), second))


def set_torch_random_state(state):
    """Put torch's generators back to what :func:`torch_random_state` gave."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])

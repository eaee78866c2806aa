"""Logs of a training run: one line per epoch.

What it is
    A log is opened by ``log.open(folder, records)``, where ``records`` are the epochs that a resumed run has behind it,
    and gives an object with ``write(record)`` and ``close()``. A record is a flat dict: ``epoch`` (counted from 0),
    ``loss``, ``lr``, and where they exist ``validation_loss`` and ``score``; the log adds what the history leaves out,
    ``seconds``.

    :class:`Jsonl` is always written where ``fit`` has a folder. :class:`TensorBoard` is for those who ask for it.
"""
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

from snn.errors import OutputError, RunError


@dataclass(frozen=True)
class Jsonl:
    """``log.jsonl``: one JSON object per line and epoch, written at once. A number that is not finite is ``null``.

    A resumed run keeps the lines of the epochs that its checkpoint has and drops later ones, which will come again.
    """

    name: str = "log.jsonl"

    def open(self, folder, records=()):
        path = Path(folder) / self.name
        kept = {line.get("epoch"): line for line in _lines(path)}
        beside = path.with_name(path.name + ".part")
        try:
            # Lines of epochs that come after the checkpoint go away, and one that was cut off is made again.
            beside.write_text("".join(_line(kept.get(r["epoch"], {}) | r) for r in records))
            os.replace(beside, path)
            return _JsonlFile(path, open(path, "a"))
        except OSError as err:
            raise OutputError(f"fit.out: cannot write {path} ({err}). Free some space or choose another.") from err


@dataclass
class _JsonlFile:
    path: Path
    file: object

    def write(self, record):
        try:
            self.file.write(_line(record))
            self.file.flush()
        except OSError as err:
            raise OutputError(f"fit.out: cannot write {self.path} ({err}). Free some space and resume.") from err

    def close(self):
        self.file.close()


@dataclass(frozen=True)
class TensorBoard:
    """Scalars per epoch for TensorBoard, in the folder ``name`` of the run: ``tensorboard --logdir <out>``.

    Errors: RunError where the package tensorboard is not installed.
    """

    name: str = "tensorboard"

    def open(self, folder, records=()):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as err:
            raise RunError("TensorBoard: the package tensorboard is not installed. Install it by pip install "
                           "tensorboard, or leave TensorBoard() out; log.jsonl is written without it.") from err
        return _Scalars(SummaryWriter(str(Path(folder) / self.name), purge_step=len(records)))


@dataclass
class _Scalars:
    writer: object

    def write(self, record):
        for name, value in record.items():
            if name != "epoch":
                self.writer.add_scalar(name, value, record["epoch"])
        self.writer.flush()

    def close(self):
        self.writer.close()


def _lines(path):
    """The whole lines of a log as dicts; what is no JSON object is left out."""
    try:
        text = path.read_text()
    except OSError:
        return
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def _line(record):
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}
    return json.dumps(finite) + "\n"

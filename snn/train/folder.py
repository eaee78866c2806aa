"""The folder of a training run: its checkpoint, its best weights, its logs."""
import contextlib
import os
import time
from pathlib import Path

from snn.errors import OutputError, RunError
from snn.train import checkpoint
from snn.train.logs import Jsonl


class Folder:
    """Writes what a run leaves behind. Where ``out`` is None it does nothing."""

    def __init__(self, out, options):
        self.path, self.options = None if out is None else Path(os.fspath(out)), options
        self.saved_at, self.logs, self._open = time.monotonic(), [], contextlib.ExitStack()

    def begin(self):
        """Make the folder; the content of its checkpoint where the run resumes one, else None.

        Errors: RunError where the folder has a checkpoint and nobody asked to resume, DataError where it is damaged.
        """
        if self.path is None:
            return None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise OutputError(f"fit.out: cannot make the folder {self.path} ({err}). Choose another place.") from err
        file = self.path / "checkpoint.pt"
        if not file.exists():
            return None
        if not self.options.resume:
            raise RunError(f"fit.out: {file} exists. Go on with that run by Options(resume=True), or choose another "
                           "folder.")
        return checkpoint.load_run(file)

    def open(self, records):
        """Open the logs; ``records`` are the epochs that the run has behind it."""
        if self.path is not None:
            for log in (Jsonl(), *self.options.log):
                self.logs.append(log.open(self.path, records))
                self._open.callback(self.logs[-1].close)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open.close()

    def due(self, batch):
        """Whether a checkpoint is due after ``batch`` batches of an epoch."""
        return self.path is not None and self.options.checkpoint.due(batch, time.monotonic() - self.saved_at)

    def save(self, content):
        """Write the checkpoint; ``content`` is called only if there is a folder."""
        if self.path is not None:
            checkpoint.save(content(), self.path / "checkpoint.pt")
            self.saved_at = time.monotonic()

    def best(self, weights):
        """Write the weights of the best epoch."""
        if self.path is not None:
            checkpoint.save(weights, self.path / "best.pt")

    def log(self, record):
        for log in self.logs:
            log.write(record)

    def kept(self):
        """A sentence that says where the last checkpoint is."""
        if self.path is None:
            return "There is no checkpoint, since fit had no `out`."
        return f"The last good checkpoint is {self.path / 'checkpoint.pt'}."

"""Processes that simulate on request, so that the repetitions of several simulators can be interleaved."""
import json
import os
import queue
import subprocess
import tempfile
import threading
from collections import defaultdict

from benchmarks.environments import python_of
from benchmarks.registry import ROOT

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
ANSWER_S = 3600.0
ATTEMPTS = 4
"""Seeds tried per run that is needed: a network may fall silent, and a silent one measures nothing."""


class WorkerFailed(RuntimeError):
    """A simulator's process ended or did not answer; the message is the last line it wrote."""


class Worker:
    """One simulator's process for one network. ``run(seed)`` gives its answer as a dict; use it as a context."""

    def __init__(self, side, job, folder):
        self.side = side
        self._command, self._variables = command(side, job, folder), environment_variables(job["threads"])
        self._lines = queue.Queue()
        self._process = None

    def start(self):
        """Start the process and wait until its imports and seedless compilation are done, so that they disturb
        nobody.
        """
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._errors, text=True, cwd=ROOT, env=self._variables)
        threading.Thread(target=self._read, daemon=True).start()
        self._answer()

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def run(self, seed):
        try:
            self._process.stdin.write(f"{seed}\n")
            self._process.stdin.flush()
        except OSError:
            raise WorkerFailed(f"{self.side}: {self._last_words()}") from None
        return self._answer()

    def _answer(self):
        try:
            line = self._lines.get(timeout=ANSWER_S)
        except queue.Empty:
            line = None
        if line is None:
            raise WorkerFailed(f"{self.side}: {self._last_words()}")
        return json.loads(line)

    def _last_words(self):
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "no answer in time"
        if code < 0:
            return f"killed by signal {-code}"
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return lines[-1] if lines else f"ended with {code}"

    def __enter__(self):
        self._errors = tempfile.TemporaryFile(mode="w+")
        return self

    def __exit__(self, *exception):
        if self._process is not None:
            self._end()
        self._errors.close()

    def _end(self):
        try:
            self._process.stdin.close()
            self._process.wait(timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()


def command(side, job, folder):
    """Command line of a simulator's script for one network."""
    options = {"model": job["model"], "n": job["n"], "duration": job["duration"], "warm": job["warm"], "dt": job["dt"],
               "threads": job["threads"], "precision": side.precision}
    words = [str(python_of(side.simulator.environment, folder)), "-m", side.simulator.module]
    for name, value in options.items():
        words += [f"--{name}", str(value)]
    if side.simulator.variant:
        words += ["--variant", side.simulator.variant]
    if job.get("idle_copies"):
        words += ["--idle-copies", str(job["idle_copies"])]
    return words


def environment_variables(threads):
    """The environment of a worker: every library is held to ``threads``; with 0 each may choose."""
    return {**os.environ, **(dict.fromkeys(THREAD_VARIABLES, str(threads)) if threads else {})}


class Sitting:
    """Runs collected from several workers in turns. ``runs[side]`` holds those that stayed alive, ``silent`` counts
    the rest.
    """

    def __init__(self, workers, *, say=lambda text: None):
        self.workers, self.say = workers, say
        self.runs, self.silent, self.failed = defaultdict(list), defaultdict(int), {}
        self._seed = defaultdict(int)
        for side, worker in workers.items():
            try:
                worker.start()
            except WorkerFailed as error:
                self.failed[side] = str(error)

    def collect(self, sides, count):
        """Until each of ``sides`` has ``count`` runs, one run of each in turn; a failing side is set down in
        ``failed``.
        """
        for _ in range(ATTEMPTS * count):
            waiting = [side for side in sides if side not in self.failed and len(self.runs[side]) < count]
            if not waiting:
                return
            for side in waiting:
                self._one(side)
        for side in sides:
            if len(self.runs[side]) < count:
                self.failed.setdefault(side, f"{side}: silent in {self.silent[side]} of {self._seed[side]} networks")

    def _one(self, side):
        self._seed[side] += 1
        try:
            row = self.workers[side].run(self._seed[side])
        except WorkerFailed as error:
            self.failed[side] = str(error)
            return
        self.say(f"{side}, seed {row['seed']}: {row['run_s']:.4g} s" + ("" if row["alive"] else ", fell silent"))
        if row["alive"]:
            self.runs[side].append(row)
        else:
            self.silent[side] += 1

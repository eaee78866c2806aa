"""The published experiments with the hippocampal memory, and checksums of what was recorded on SpiNNaker.

Source: the authors' repository dancasmor/An-aproach-to-a-spike-based-Content-Addressable-Memory-bio-inspired-in-the-
Hippocampus (GPL, so its tables are not here). A checksum is the SHA-256 of a recorded raster as :func:`text`.
"""
import hashlib
from dataclasses import dataclass

import numpy as np

from snn.circuits.cam import Hippocampus, Recall, Store

POPULATIONS = ("cue_cue", "cont_cue", "cond", "cond_int", "cue_cont", "cont_cont", "merge_cue", "merge_cont",
               "out_cue", "out_cont")


@dataclass(frozen=True)
class Experiment:
    """``operations`` on a memory of ``cues`` and ``contents``, ``duration`` in ms, checksum of the recorded raster."""

    cues: int
    contents: int
    operations: tuple
    duration: int
    recorded: str

    def run(self, engine=None, parameters=None):
        """The :class:`snn.circuits.cam.Recording` of a new memory."""
        memory = Hippocampus(self.cues, self.contents, parameters=parameters, engine=engine)
        return memory.run(self.operations, duration=self.duration)


def mixed():
    """Learn, recall by cue and by content, learn anew."""
    return (Store(0, (0, 1, 8, 9), at=0), Store(4, (1, 5, 6), at=10), Store(3, (4, 5, 6), at=20), Recall(cue=0, at=30),
            Recall(content=(6,), at=40), Recall(content=(0, 4), at=50), Store(3, (1, 3, 4, 8), at=60),
            Recall(cue=3, at=70), Recall(content=(6,), at=80))


def stress():
    """Three rounds of learning all cues, recalling all by cue and all by content bit; cue k holds the number k + 1,
    its complement, the number again."""
    done = []
    for turn in range(3):
        for k in range(5):
            done.append(Store(k, tuple(b for b in range(10) if (k + 1 >> b) % 2 != turn % 2)))
        done += [Recall(cue=k) for k in range(5)] + [Recall(content=(b,)) for b in range(10)]
    return tuple(moved(op, 1 + 14 * k) for k, op in enumerate(done))


def state_map():
    """A map of 16 places with one of 6 states each, and questions where a state is."""
    states = (0, 5, 1, 3, 0, 3, 4, 5, 0, 5, 4, 3, 2, 4, 4, 3)
    learned = tuple(Store(k, (state,), at=7 * k) for k, state in enumerate(states))
    return learned + tuple(Recall(content=c, at=112 + 6 * k) for k, c in enumerate(((1, 2, 4), (3,), (5,), (0,))))


def moved(op, at):
    """``op`` at another time."""
    return Store(op.cue, op.content, at=at) if isinstance(op, Store) else Recall(cue=op.cue, content=op.content, at=at)


EXPERIMENTS = {
    1: Experiment(5, 10, mixed(), 90, "bccf6812fcfda42d500ffe06fef206a8979dbd6ccdce7f155c86ece14694b7ae"),
    2: Experiment(5, 10, stress(), 851, "2a7044d482f91c934d3a7491f0068ec556f3857949f20b0cef8f5c20a03df196"),
    3: Experiment(16, 6, state_map(), 140, "d5f4847e54c766331d9ad05ce15ec6a515a6dff095b122febeaed9de3d754a42"),
}


def text(raster):
    """{population: bool [ms, neurons]} as one line per ms: the neurons of each population that fired."""
    steps = len(raster["out_cue"])
    return "".join(";".join(" ".join(map(str, np.flatnonzero(raster[name][t]))) for name in POPULATIONS) + "\n"
                   for t in range(steps))


def checksum(raster):
    return hashlib.sha256(text(raster).encode()).hexdigest()


def wrong_rasters(engine=None):
    """Numbers of the experiments whose raster is not the recorded one."""
    wrong = []
    for k, experiment in EXPERIMENTS.items():
        recording = experiment.run(engine)
        if checksum({name: recording.raster(name) for name in POPULATIONS}) != experiment.recorded:
            wrong.append(k)
    return wrong

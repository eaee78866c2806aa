"""A process that damages files in many ways and reads them; whatever happens to it is seen by the one that began it.

    python worker.py FOLDER JOBS FIRST

JOBS is a JSON file with a list of [reader, kind, seed, k]. Kinds: "cut", "flip", "bytes", "blocks" (damage to
bytes), "spoil" (way ``k`` of the shuffled ones of :mod:`spoil`), "link" (to the intact file), those of
:mod:`no_files`. For every job from number FIRST on a line ``number [what]`` is written before reading, and ``read``,
``refused`` or ``wrong ...`` behind it after. Memory is limited to 1 GB above what the process has when it has read
every intact file, so that a blow-up is an error here; an error of ours that hides a failed allocation counts as
wrong, because elsewhere it would have succeeded. A job that takes longer than 30 s ends the process.
"""
import faulthandler
import json
import os
import resource
import sys
import traceback
from pathlib import Path

import h5py
import no_files
import numpy as np
import spoil
from readers import READERS

GROWTH, SECONDS = 1 << 30, 30


def damaged(intact, kind, seed, k):
    """Case ``k`` of a kind of damage to the bytes of a file."""
    draw = np.random.default_rng([seed, k])
    if kind == "cut":
        return intact[:int(draw.integers(0, len(intact)))]
    image = bytearray(intact)
    # Much of a file is padding: most damage goes to what is not zero.
    full = np.flatnonzero(np.frombuffer(intact, np.uint8)) if draw.random() < 0.75 else np.arange(len(image))
    if kind == "flip":
        for place in draw.choice(full, int(draw.choice([1, 1, 1, 2, 8]))):
            image[place] ^= 1 << int(draw.integers(8))
    elif kind == "bytes":
        for place in draw.choice(full, int(draw.choice([1, 2, 4]))):
            image[place] = int(draw.choice([0, 1, 127, 128, 255, int(draw.integers(256))]))
    elif kind == "blocks":
        at, length = int(draw.choice(full)), int(draw.choice([8, 64, 512, 4096]))
        end = min(at + length, len(image))
        other = int(draw.integers(0, len(image)))
        image[at:end] = draw.choice([b"\0", b"\xff"]) * (end - at) if draw.random() < 0.5 else (
            (image + image)[other:other + end - at])
    return bytes(image)


def spoiled(way, reader, path, outside):
    """Make the intact file at ``path`` hostile in one way."""
    with h5py.File(path, "r+") as file:
        way(file, str(outside))
    reader.seal(path)


def judged(reader, path, intact, *, strict):
    """``read``, ``refused``, or what is wrong with the way in which a file was read or refused."""
    from snn.errors import MissingFile, NetworkError, SnnError
    try:
        found = reader.read(path)
        return "wrong: other values than were written" if strict and not _part(found, intact) else "read"
    except SnnError as err:
        cause, chain = err, []
        while cause is not None and cause not in chain:
            chain.append(cause)
            cause = cause.__cause__ or cause.__context__
        if any(isinstance(e, MemoryError) or "llocat" in str(e) and "virtual" in str(e) for e in chain):
            return "wrong: too much memory: " + _one_line(err)
        if str(path.parent) not in str(err) and not isinstance(err, NetworkError | MissingFile):
            return "wrong: the file is not named: " + _one_line(err)
        return "refused"
    except BaseException as err:
        return f"wrong: {type(err).__name__}: {_one_line(err)} at {_place(err)}"


def _part(found, intact):
    """Whether two readings are the same, or the first ends earlier: what is left where the last block is damaged."""
    if not isinstance(found, dict):
        return found == intact
    return found.keys() == intact.keys() and all(intact[key].startswith(found[key]) for key in intact)


def _one_line(err):
    return " ".join(str(err).split())[:300]


def _place(err):
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(err.__traceback__)[:-6:-1])


def limit_memory():
    with open("/proc/self/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize() + GROWTH
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


class Case:
    """One reader in this process: its intact file, what is read from it, the ways to spoil it."""

    def __init__(self, name, folder):
        self.reader = READERS[name]
        self.intact = Path(folder) / f"{name}{self.reader.suffix}"
        if not self.intact.exists():
            self.reader.make(self.intact)
        self.image, self.known, self.shuffled = self.intact.read_bytes(), self.reader.read(self.intact), {}

    def ways(self, seed):
        if seed not in self.shuffled:
            self.shuffled[seed] = spoil.ways(self.intact)
            np.random.default_rng(seed).shuffle(self.shuffled[seed])
        return self.shuffled[seed]

    def damage(self, path, outside, kind, seed, k):
        """Write the file of one job; says what it is, and whether it must be read as intact or not at all."""
        if kind == "link":
            path.symlink_to(self.intact)
            return kind, True
        if kind in no_files.WAYS:
            no_files.WAYS[kind](path)
            return kind, True
        if kind != "spoil":
            path.write_bytes(damaged(self.image, kind, seed, k))
            return kind, kind in self.reader.exact
        ways = self.ways(seed)
        what, where, strict, way = ways[k % len(ways)]
        path.write_bytes(self.image)
        spoiled(way, self.reader, path, outside)
        return f"{what}: {where}", strict


def main(folder, jobs, first):
    jobs = json.loads(Path(jobs).read_text())
    cases = {name: Case(name, folder) for name in dict.fromkeys(job[0] for job in jobs)}
    outside = Path(folder) / "outside.pipe"
    if not outside.exists():
        # Whoever follows a link to it waits for ever.
        os.mkfifo(outside)
    limit_memory()
    for number, (name, kind, seed, k) in list(enumerate(jobs))[int(first):]:
        case = cases[name]
        # A name of its own for each: h5py does not open a file again that a failed reading has left open.
        path = Path(folder) / f"damaged-{number}{case.reader.suffix}"
        what, strict = case.damage(path, outside, kind, seed, k)
        print(f"{number} [{name}: {what}]", end=" ", flush=True)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        print(judged(case.reader, path, case.known, strict=strict), flush=True)
        faulthandler.cancel_dump_traceback_later()
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

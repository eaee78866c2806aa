"""Writers of archives, killed at random moments: does the file open, how many blocks are lost, is the rest as it was?

A child writes a made-up run whose values depend on the step alone: spikes, an even trace, a trace in windows, weights.
At a random end it closes the file and goes on with it, mostly from an earlier step, as a run does that goes on from
its last checkpoint; so the kill finds it laying out a new file, cutting an old one, streaming, or closing. It tells
the parent what it is about to do and what is done.
"""
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np

from benchmarks.registry import ROOT
from snn.errors import MissingFile
from snn.export import archive
from snn.sink import SpikeChannel, TraceChannel, WeightChannel

COLUMNS = ("what", "kills", "opened", "blocks_lost", "most_blocks_lost", "wrong", "while_cutting", "committed_blocks")
DT, N, WIDTH = 0.1, 50, 40
LONGEST, LONG = 0.6, 60_000


def measure(options, folder):
    """A row for new files and one for files gone on with; RuntimeError when one does not open or holds wrong values."""
    kills = 8 if options.quick else options.kills
    for again in (False, True):
        code = f"from benchmarks.recording.kills import kill; kill({folder!r}, {kills - kills // 2}, {again})"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1])
        row = {"what": "gone on with" if again else "new", **json.loads(done.stdout)}
        if row["wrong"] or row["most_blocks_lost"] > 1:
            raise RuntimeError(f"{row}: more was lost than a block")
        yield row


def kill(folder, kills, again):
    """Kill so many writers and print what was found as one JSON object."""
    draw, found = random.Random(0), []
    path = os.path.join(folder, f"{again}.h5")
    for _ in range(kills):
        if not again and os.path.exists(path):
            os.remove(path)
        before = reached(path)
        told = killed_writer(path, draw.random(), draw.uniform(0, LONGEST), again)
        found.append(judged(path, told, before))
    print(json.dumps({"kills": kills, "opened": sum(f["opened"] for f in found),
                      "blocks_lost": sum(f["lost"] for f in found), "most_blocks_lost": max(f["lost"] for f in found),
                      "wrong": sum(f["wrong"] for f in found), "while_cutting": sum(f["cutting"] for f in found),
                      "committed_blocks": sum(f["blocks"] for f in found)}))


def killed_writer(path, seed, wait, again):
    """What a writer told before it was killed ``wait`` s after it had begun: pairs (word, step)."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write(path, random.Random(seed), again, lambda *words: os.write(into, b"%s %d\n" % words))
        except BaseException as err:
            os.write(into, f"{err!r} -1\n".encode())
        os._exit(1)
    os.close(into)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(out, "rb") as pipe:
        lines = [line.rsplit(maxsplit=1) for line in pipe.read().decode().splitlines()]
    return [(word, int(step)) for word, step in lines]


def write(path, draw, again, tell):
    """Write to ``path`` until killed; a new file is written once and in one go, without an end."""
    while True:
        end = reached(path)
        begin = max(end - draw.choice([0, 1, 700, 5000]), 0) if end < LONG else draw.randrange(LONG)
        tell(b"open", begin)
        sink = archive.ArchiveSink(path, append=again)
        channels = make_channels(begin)
        sink.open({"dt": DT}, channels)
        step, rows = begin, 0
        for _ in range(draw.randint(1, 40) if again else 1 << 30):
            block = draw.randint(1, 900)
            rows = give(sink, channels, step, step + block, rows)
            step += block
            tell(b"given", step)
            sink.commit(step)
            tell(b"committed", step)
        sink.close()


def make_channels(first):
    return (SpikeChannel("exc", N, DT, first_step=first),
            TraceChannel("exc", "v", "mV", np.arange(WIDTH), DT, 1, first_step=first),
            TraceChannel("exc", "w", "pA", np.arange(3), DT, 1, np.float32, first, gated=True),
            WeightChannel("e_e", np.arange(4), np.arange(4), DT, "mV", first_step=first))


def give(sink, channels, start, stop, rows):
    """The data of steps ``start`` <= k < ``stop``; the number of samples of the even trace so far."""
    steps = np.arange(start, stop)
    spikes, (_, data), (times, windows), weights = expected(steps)
    sink.spikes("exc", *spikes)
    sink.trace(channels[1], rows, data)
    sink.samples(channels[2], times, windows)
    for step, row in weights:
        sink.weights(channels[3], step, row)
    return rows + len(data)


def expected(steps):
    """What is recorded in these steps: spikes, the even trace, the trace in windows, weights."""
    times = (steps + 1) * DT
    ids = np.arange(N)
    at, who = np.nonzero((steps[:, None] * 7 + ids * 13) % 11 == 0)
    inside = steps % 1000 < 50
    return ((steps[at], who), (times, np.sin(times)[:, None] * (1 + np.arange(WIDTH))),
            (times[inside], np.cos(times[inside])[:, None].astype(np.float32) + np.arange(3, dtype=np.float32)),
            [(step, np.full(4, step)) for step in steps if step % 100 == 99])


def reached(path):
    """Steps recorded in the file, 0 where there is none."""
    try:
        return round(archive.open(path).spikes["exc"].end / DT)
    except MissingFile:
        return 0


def judged(path, told, before):
    """What a kill did: was the file readable, how many blocks were lost, was anything wrong, was it being cut."""
    errors = [word for word, step in told if step < 0]
    words, floor, given = [word for word, _ in told], before, []
    for word, step in told:
        if word == "open":
            floor, given = min(floor, step), []
        elif word == "given":
            given.append(step)
        elif word == "committed":
            floor = step
    facts = {"opened": False, "lost": 0, "wrong": bool(errors), "cutting": words[-1:] == ["open"],
             "blocks": words.count("committed")}
    if not os.path.exists(path):
        # Killed before the file had its name: nothing was committed.
        return facts | {"opened": "committed" not in words}
    stop = reached(path)
    good = not errors and stop >= floor and right(archive.open(path), stop)
    return facts | {"opened": True, "lost": sum(step > stop for step in given), "wrong": not good}


def right(result, stop):
    """Whether everything in a Result is what a run of so many steps records."""
    spikes, even, windows, weights = expected(np.arange(stop))
    recorded = result.spikes["exc"]
    pairs = [(recorded.times, (spikes[0] + 1) * DT), (recorded.ids, spikes[1])]
    for trace, (times, data) in ((result.traces["exc", "v"], even), (result.traces["exc", "w"], windows)):
        pairs += [(trace.times, times), (trace.data, data)]
    w = result.weights["e_e"]
    pairs += [(w.times, np.array([(step + 1) * DT for step, _ in weights])), (w.data[:, 0], [s for s, _ in weights])]
    return all(np.array_equal(a, b) for a, b in pairs)

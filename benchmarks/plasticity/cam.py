"""The hippocampal memory: recall over load, fragment size, spacing and history, after the recorded rasters.

Contents are random: ``ACTIVE`` of ``BITS`` bits each; the load is the share of the cues that hold one. By cue, right is
the whole content and nothing else. By fragment (some bits of one content, asked together right after learning) the
circuit should answer with every cue that has one of the bits: ``as_specified`` counts that, ``found`` whether the cue
is among the answers, ``alone`` whether it is the only one, and ``alone_at_best`` how often the contents themselves
allow that: where other contents share a bit, interference is inherent. ``questions`` counts those of all networks.
"""
import itertools

import numpy as np

from benchmarks import output
from benchmarks.plasticity.cam_golden import EXPERIMENTS, wrong_rasters
from snn.circuits.cam import Forget, Hippocampus, Recall, Store

CUES, BITS, ACTIVE = 40, 100, 5
COLUMNS = ("what", "load", "spacing_ms", "fragment", "questions", "by_cue", "as_specified", "found", "alone",
           "alone_at_best", "false_recall", "bits_intact", "equal", "note")


def measure(*, seeds=3, quick=False):
    """Rows as they are found. RuntimeError where a recorded raster is not met."""
    wrong = wrong_rasters()
    if wrong:
        raise RuntimeError(f"cam: the rasters of experiments {wrong} are not the recorded ones")
    yield {"what": "recorded rasters", "equal": f"{len(EXPERIMENTS)} of {len(EXPERIMENTS)}"}
    mark = {"preliminary": True} if quick else {}
    asked = 4 if quick else 10
    for load in (0.1, 0.5) if quick else (0.1, 0.25, 0.5, 1.0):
        yield from ({**row, **mark} for row in over_fragments(load, seeds, asked))
    for spacing in (7, 14, 24) if quick else (7, 10, 14, 19, 24):
        yield {**over_spacing(spacing, seeds, asked), **mark}
    for forget in (False, True):
        yield from ({**row, **mark} for row in learned_anew(forget, seeds))
    for together in (True, False):
        yield {**after_questions(together, seeds), **mark}


def contents(rng, n):
    """``n`` random contents."""
    return [frozenset(rng.choice(BITS, ACTIVE, replace=False).tolist()) for _ in range(n)]


def learned(stored, spacing=24):
    """A memory that holds them under the cues 0, 1, ..., ``spacing`` ms apart."""
    memory = Hippocampus(CUES, BITS)
    memory.run([Store(cue, content, at=spacing * cue) for cue, content in enumerate(stored)],
               duration=spacing * len(stored) + 24)
    return memory


def ask(memory, question):
    """The answer to one question, which leaves the memory as it was."""
    before = memory.state
    answer, = memory.run([question]).answers
    memory.state = before
    return answer


def by_cue(memory, stored):
    """Per stored content, whether its cue recalls it and nothing else."""
    answers = memory.run([Recall(cue=k) for k in range(len(stored))]).answers
    return [answer == content for answer, content in zip(answers, stored, strict=True)]


def by_fragment(memory, stored, rng, size, asked):
    """Rows ``(as specified, found, alone, alone at best)`` of questions for ``size`` bits of one content."""
    rows = []
    for cue in rng.permutation(len(stored))[:asked]:
        fragment = set(rng.choice(sorted(stored[cue]), size, replace=False).tolist())
        sharing = {k for k, content in enumerate(stored) if content & fragment}
        answer = ask(memory, Recall(content=fragment))
        rows.append((answer == sharing, cue in answer, answer == {cue}, len(sharing) == 1))
    return rows


def over_fragments(load, seeds, asked):
    sizes = (1, 2, 3, ACTIVE)
    found, whole = {size: [] for size in sizes}, []
    for seed in range(seeds):
        rng = np.random.default_rng((seed, 1))
        stored = contents(rng, round(load * CUES))
        memory = learned(stored)
        for size in sizes:
            found[size] += by_fragment(memory, stored, rng, size, asked)
        whole += by_cue(memory, stored)
    yield {"what": "by cue", "load": load, "questions": len(whole), "by_cue": share(whole)}
    for size in sizes:
        names = ("as_specified", "found", "alone", "alone_at_best")
        yield {"what": "by fragment", "load": load, "fragment": f"{size} of {ACTIVE}", "questions": len(found[size]),
               **{name: share(column) for name, column in zip(names, zip(*found[size], strict=True), strict=True)}}


def over_spacing(spacing, seeds, asked):
    """Learning faster than the traces decay: bits of one content get some weight to the next cue."""
    whole, fragments = [], []
    for seed in range(seeds):
        rng = np.random.default_rng((seed, 2))
        stored = contents(rng, CUES // 2)
        memory = learned(stored, spacing)
        fragments += by_fragment(memory, stored, rng, ACTIVE, asked)
        whole += by_cue(memory, stored)
    specified, found, *_ = zip(*fragments, strict=True)
    return {"what": "learned fast", "load": 0.5, "spacing_ms": spacing, "fragment": f"{ACTIVE} of {ACTIVE}",
            "questions": len(fragments), "by_cue": share(whole), "as_specified": share(specified),
            "found": share(found)}


def learned_anew(forget, seeds):
    """A cue learns a second content that shares no bit with the first; do bits of the first still recall it?"""
    sizes, false = (1, 2, ACTIVE), {}
    for seed, size in itertools.product(range(seeds), sizes):
        rng = np.random.default_rng((seed, 3))
        stored = contents(rng, 5)
        memory, operations = learned(stored), []
        for cue, old in enumerate(stored):
            new = rng.choice(sorted(set(range(BITS)) - old), ACTIVE, replace=False).tolist()
            operations += [*([Forget(cue)] if forget else []), Store(cue, new)]
        memory.run(operations)
        for cue, old in enumerate(stored):
            answer = ask(memory, Recall(content=rng.choice(sorted(old), size, replace=False).tolist()))
            false.setdefault(size, []).append(cue in answer)
    what = "forgotten, then learned anew" if forget else "learned anew"
    for size in sizes:
        yield {"what": what, "fragment": f"{size} of {ACTIVE}", "questions": len(false[size]),
               "false_recall": share(false[size])}


def after_questions(together, seeds):
    """What is left of the associations of single bits after 20 questions for two bits, together or one by one."""
    intact = []
    for seed in range(seeds):
        rng = np.random.default_rng((seed, 4))
        stored = contents(rng, CUES // 4)
        memory = learned(stored)
        pairs = [rng.choice(sorted(stored[k % len(stored)]), 2, replace=False).tolist() for k in range(20)]
        memory.run([Recall(content=bits) for pair in pairs for bits in ([pair] if together else [[b] for b in pair])])
        answers = memory.run([Recall(content=[bit]) for bit in range(BITS)]).answers
        intact += [a == {k for k, content in enumerate(stored) if bit in content} for bit, a in enumerate(answers)]
    return {"what": "20 questions, " + ("two bits together" if together else "bit by bit"), "load": 0.25,
            "questions": len(intact), "bits_intact": share(intact)}


def share(right):
    return round(float(np.mean(right)), 3)


def table(rows):
    return output.table(rows, COLUMNS)

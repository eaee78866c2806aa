"""What the hippocampal memory can be asked to do, and when: volleys of input spikes, checked and placed in time."""
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from snn.errors import RunError

ANSWER = 6
"""ms from the input spike of a recall to the answer at the output."""
MOST = 10**9


@dataclass(frozen=True)
class Store:
    """Learn ``content`` under ``cue``: both fire in three consecutive ms.

    ``content``: numbers of bits, at least one; ``at``: ms from the beginning of the run, or None: after the operation
    before. An old content of the cue is overwritten, but half of the weight from its bits back to the cue comes again:
    one old bit no longer recalls the cue, two together do. :class:`Forget` first where that matters.
    """

    cue: int
    content: object
    at: int | None = field(default=None, kw_only=True)

    least: ClassVar[int] = 7
    lasts: ClassVar[int] = 24

    def checked(self, cues, contents):
        return replace(self, cue=_cue(self, cues), content=_content(self, contents))

    def spikes(self, contents):
        volley = ("in_cue", (self.cue,)), ("in_cont", self.content)
        return [(name, row, ids) for row in range(3) for name, ids in volley]

    def answer(self, output):
        return None


@dataclass(frozen=True)
class Recall:
    """Ask for the content of ``cue``, or for all cues that have one of the bits in ``content``: one spike each.

    ``at``: ms from the beginning of the run, or None: after the operation before.
    Several bits at once leave a trace: the rule binds each of them to every cue that answers, by half of the largest
    weight each time. Ask for one bit at a time where that matters, as :meth:`Hippocampus.recall` does.
    """

    cue: int | None = field(default=None, kw_only=True)
    content: object = field(default=None, kw_only=True)
    at: int | None = field(default=None, kw_only=True)

    least: ClassVar[int] = 6
    lasts: ClassVar[int] = 24

    def checked(self, cues, contents):
        if (self.cue is None) == (self.content is None):
            raise RunError(f"Recall: cue is {self.cue!r} and content is {self.content!r}. Give one of the two.")
        if self.cue is None:
            return replace(self, content=_content(self, contents))
        return replace(self, cue=_cue(self, cues))

    def spikes(self, contents):
        return [("in_cont", 0, self.content) if self.cue is None else ("in_cue", 0, (self.cue,))]

    def answer(self, output):
        row = output["out_cue" if self.cue is None else "out_cont"][self.at + ANSWER]
        return set(np.flatnonzero(row).tolist())


@dataclass(frozen=True)
class Forget:
    """Erase the content of ``cue``, whatever it is, without touching other memories.

    First the cue (ms 0 and 2) and behind it all content bits (ms 3): those that belong to the cue fire behind it, and
    their weights back to the cue are depressed to 0. Then, when the traces have decayed, the cue alone as if to store
    nothing (ms 24 to 26): the old bits answer between two spikes of the cue, which depresses the weights to them to 0.
    ``at``: as for :class:`Store`. The order is this library's; the published circuit forgets by storing something else.
    """

    cue: int
    at: int | None = field(default=None, kw_only=True)

    least: ClassVar[int] = 31
    lasts: ClassVar[int] = 48

    def checked(self, cues, contents):
        return replace(self, cue=_cue(self, cues))

    def spikes(self, contents):
        return [("in_cont", 3, range(contents)), *(("in_cue", row, (self.cue,)) for row in (0, 2, 24, 25, 26))]

    def answer(self, output):
        return None


def placed(operations, cues, contents, duration):
    """Checked operations, each with its time ``at``, and the duration of their run in ms. Errors: RunError."""
    if isinstance(operations, Store | Recall | Forget) or not hasattr(operations, "__iter__"):
        raise RunError(f"Hippocampus.run.operations: is {operations!r}. Give a list of Store, Recall and Forget.")
    done, earliest, follows = [], 0, 0
    for k, op in enumerate(operations):
        if not isinstance(op, Store | Recall | Forget):
            raise RunError(f"Hippocampus.run.operations[{k}]: is {op!r}. Give Store(...), Recall(...) or Forget(...).")
        op = op.checked(cues, contents)
        at = follows if op.at is None else _whole(op.at, f"{type(op).__name__}.at")
        if at < earliest:
            raise RunError(f"{type(op).__name__}.at: operation {k} begins at {at} ms, too close to the one before. "
                           f"Begin at {earliest} ms or later.")
        done.append(replace(op, at=at))
        earliest, follows = at + op.least, at + op.lasts
    if not done:
        raise RunError("Hippocampus.run.operations: is empty. Give at least one.")
    least = done[-1].at + max(done[-1].least, ANSWER + 1)
    duration = follows if duration is None else _whole(duration, "Hippocampus.run.duration")
    if duration < least:
        raise RunError(f"Hippocampus.run.duration: is {duration} ms. The operations need at least {least} ms.")
    return tuple(done), duration


def _whole(value, where):
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or value < 0 or value != np.floor(value) or value > MOST:
        raise RunError(f"{where}: is {value!r}. A whole number of ms from 0 to {MOST:g} is needed.")
    return int(value)


def _cue(op, cues):
    if isinstance(op.cue, bool) or not isinstance(op.cue, int | np.integer) or not 0 <= op.cue < cues:
        raise RunError(f"{type(op).__name__}.cue: is {op.cue!r}. The memory has the cues 0 to {cues - 1}.")
    return int(op.cue)


def _content(op, contents):
    where, right = f"{type(op).__name__}.content", f"Give numbers of bits, from 0 to {contents - 1}"
    try:
        bits = list(op.content)
    except TypeError:
        raise RunError(f"{where}: is {op.content!r}. {right}, as a set or list.") from None
    wrong = [b for b in bits if isinstance(b, bool) or not isinstance(b, int | np.integer) or not 0 <= b < contents]
    if wrong or not bits:
        raise RunError(f"{where}: {f'has {wrong[0]!r}' if wrong else 'is empty'}. {right}, at least one.")
    return tuple(sorted({int(b) for b in bits}))

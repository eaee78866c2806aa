"""A population in memory: state rows, input rings, spike lists, constants, and the kernel that advances it."""

import numpy as np
import torch

from snn.contract import values_of
from snn.exact import exact_math
from snn.graph import reachable, trace
from snn.run import inputs, ir, loops, native
from snn.run.memory import Words, aligned, part_bounds, stride_of
from snn.run.state import PopulationState, in_flight
from snn.run.vectors import signed

SHOWN_MARGIN = 32
"""Numbers behind a row of shown values that a sum may read."""
MAX_SKIP = 1024
"""Most steps that are passed over at once; constants are tabulated for each number."""


class PopulationCells:
    """Arrays of one population. ``spikes`` (depth, stride) and ``counts`` (depth, parts) hold the recent spikes."""

    def __init__(self, plan, whole, parts, kept, stop_cell, saved=None):
        self.plan, self.parts, self.dtype, self.kept = plan, parts, np.dtype(whole.dtype), kept
        self.stop_cell, self.nan = stop_cell, np.full(parts, -1, np.int64)
        self.schedule = plan.model.schedule(whole.dt) if plan.replayed else None
        self.n, self.stride = plan.n, stride_of(max(plan.n, self._busiest()), np.dtype(whole.dtype).itemsize)
        self.bounds = part_bounds(plan.n, parts)
        self.spikes = aligned((plan.depth, self.stride), np.int32)
        self.counts = np.zeros((plan.depth, parts), np.int64)
        self.rings = [aligned((depth, self.stride), self.dtype) for depth in plan.rings]
        chunks = -(-plan.n // ir.CHUNK)
        self.touched, self.elapsed = np.zeros(chunks, np.uint8), np.zeros(chunks, np.int64)
        self.busy = np.full(chunks, plan.quiet_steps or 0, np.int64)
        self.rows, self.pitch = aligned((0, self.stride), self.dtype), self.stride + SHOWN_MARGIN
        tuples = 1 << max(0, len(plan.shows) - 1).bit_length()
        self.shown = aligned((2 * plan.shown * bool(plan.shows), self.pitch, tuples), self.dtype)
        self.code, self.skips, self.controls = None, plan.quiet_steps is not None, []
        if not plan.replayed:
            self._compile(whole, saved)

    def _busiest(self):
        """Most spikes that a replaying population puts into one step."""
        return 0 if self.schedule is None else int(np.unique(self.schedule[0], return_counts=True)[1].max(initial=0))

    # -- a computed population
    def _compile(self, whole, saved):
        p = self.plan
        self.sources = inputs.sources(p, whole)
        arriving = inputs.nodes(p, self.sources)
        self.traced = self._trace(whole, arriving, p.initial)
        revived = self._revived(saved)
        if revived or self._differ():
            # Saved under other drives, a state still moves, so that nothing here is at rest for good.
            self.skips = False
            self.traced = self._trace(whole, arriving, {**p.initial, **revived})
        probes = {k: self._arriving(k[2:], arriving) for k in self.kept if k.startswith("x.")}
        self.code = ir.update_kernel(
            self.traced, whole.dtype, n_ports=len(p.ports), skips=self.skips, probes=probes
        )
        self.rows = aligned((max(1, len(self.code.rows)), self.stride), self.dtype)
        self._fill(p.model.bind(p.n, torch.float64).rest(), p.initial)
        self.uniforms = self._table(self.code.uniforms, MAX_SKIP if self.skips else 1)
        self.lanes = aligned((max(1, len(self.code.lanes)), self.stride), self.dtype)
        for r, node in enumerate(self.code.lanes):
            self.lanes[r, : self.n] = node.value.expand(self.n).numpy()

    def _trace(self, whole, arriving, initial):
        lengths = torch.arange(1, MAX_SKIP + 1, dtype=torch.float64)[:, None] * whole.dt if self.skips else whole.dt
        states = [k for k in self.kept if not k.startswith("x.")]
        return trace(self.plan.model, self.n, lengths, arriving, keep=states, initial=initial,
                     show=self.plan.shows)

    def _differ(self):
        """Whether a constant depends on the neuron and on the steps taken at once: where nothing ever arrives."""
        t = self.traced
        nodes = reachable([*(t.state[name] for name in t.live), *([] if t.fired is None else [t.fired])])
        return any(node.value is not None and node.value.ndim == 2 and node.value.shape[-1] > 1 for node in nodes)

    def _revived(self, saved):
        """{state: saved values} of the states that would be constants, were they not saved away from rest."""
        values = {} if saved is None else saved.values
        at_rest = {k: rest.numpy().astype(self.dtype) for k, rest in self.traced.constant.items() if k in values}
        return {k: values[k] for k, rest in at_rest.items() if not (values[k] == rest).all()}

    def _arriving(self, port, arriving):
        graph = self.traced.graph
        return arriving[port](graph) if port in arriving else graph.node(0.0)

    def _fill(self, rest, initial):
        for r, name in enumerate(self.code.rows):
            if not name.startswith("x."):
                value = initial.get(name, getattr(rest, name))
                self.rows[r, : self.n] = np.asarray(value, dtype=np.float64)

    def _table(self, nodes, rows):
        table = aligned((rows, max(1, len(nodes))), self.dtype)
        for j, node in enumerate(nodes):
            table[:, j] = node.value.to(torch.float64).reshape(-1).numpy()
        return table

    def _row_names(self):
        return self.code.rows if self.code is not None else ()

    def row(self, name):
        """Number of the row that holds a state or a recorded port."""
        return self.code.rows.index(name)

    def kernel(self):
        """``(address, Words)`` of the kernel that advances this population."""
        return self._replay_kernel() if self.plan.replayed else self._update_kernel()

    def _update_kernel(self):
        W, n_ports = ir.Words, len(self.plan.ports)
        words = Words(W.source(n_ports, len(self.sources)))
        for k, value in {
            W.BOUNDS: self.bounds,
            W.STATE: self.rows,
            W.STRIDE: self.stride,
            W.UNIFORM: self.uniforms,
            W.LANE: self.lanes,
            W.IDS: self.spikes,
            W.DEPTH: self.plan.depth,
            W.COUNTS: self.counts,
            W.PARTS: self.parts,
            W.SIZE: self.n,
            W.TOUCHED: self.touched,
            W.ELAPSED: self.elapsed,
            W.BUSY: self.busy,
            W.HOLD: self.plan.quiet_steps or 0,
            W.UNIFORMS: self.uniforms.shape[1],
            W.SKIPS: MAX_SKIP,
            W.STOP: self.stop_cell,
            W.NAN: self.nan,
            W.SHOWN: self.shown,
            W.DEPTH_SHOWN: self.plan.shown,
            W.PITCH: self.pitch,
        }.items():
            words[k] = value
        for q, ring in enumerate(self.rings):
            words[W.port(q)], words[W.port(q) + 1] = ring, len(ring)
        for j, s in enumerate(self.sources):
            self._source_words(words, W.source(n_ports, j), s)
        return native.address(self.code.text, self.code.name), words

    def show(self, saved, step):
        """Fill what was shown before ``step``: from a checkpoint, else as if the present had always been."""
        if not self.plan.shows:
            return
        model, depth = self.plan.model.bind(self.n, torch.float64), self.plan.shown
        # A state that nothing reads has no row.
        known = {**self.plan.initial, **{k: self.rows[r, : self.n] for r, k in enumerate(self.code.rows)}}
        state = self.plan.model.State(*(torch.as_tensor(np.asarray(known.get(k, v), np.float64))
                                        for k, v in model.rest()._asdict().items()))
        with exact_math(), torch.no_grad():
            now = values_of(model, state, self.plan.shows)
        for name, rows in self._shown_rows():
            rows[:, : self.n] = np.asarray(now[name])
            for r, value in enumerate(saved.get(name, ())[:depth]):
                slot = (step - 1 - r) % depth
                rows[slot, : self.n] = rows[slot + depth, : self.n] = value

    def _shown_rows(self):
        """(name, rows (2 depth, units)) of what is shown."""
        return [(name, self.shown[:, :, j]) for j, name in enumerate(self.plan.shows)]

    def first_nan(self):
        """The first neuron found with a value that is no number, or None."""
        found = self.nan[self.nan >= 0]
        return int(found.min()) if len(found) else None

    def counter(self):
        """``(address, Words)`` of a kernel that counts the spikes of this population into ``fired``, one per part."""
        self.fired = np.zeros(self.parts, np.int64)
        C, words = loops.CountWords, Words(loops.CountWords.SIZE)
        words[C.DEPTH], words[C.COUNTS], words[C.PARTS] = self.plan.depth, self.counts, self.parts
        words[C.TOTAL] = self.fired
        return native.address(*loops.count_spikes()), words

    def _source_words(self, words, at, s):
        if s.kind in ("noise", "normal", "poisson"):
            words[at] = np.uint64(s.key)
        if s.kind == "poisson":
            words[at + 1] = signed(s.limits)
        if s.kind == "series":
            table = s.value.numpy()
            padded = aligned((len(table), self.stride) if table.ndim == 2 else table.shape, self.dtype)
            padded[..., : table.shape[-1]] = table
            if s.control is not None:
                self.controls.append((s.control, padded[0]))
            words[at], words[at + 1], words[at + 2] = padded, s.every, len(table)

    def set_input(self, control, value):
        """Write ``value`` into the tables of the inputs that are ``control``; whether there is one."""
        mine = [row for c, row in self.controls if c is control]
        for row in mine:
            inputs.check_length(value, self.n)
            row[: self.n] = value
        return bool(mine)

    def _replay_kernel(self):
        W, L = Words(loops.ReplayWords.SIZE), loops.ReplayWords
        for k, value in {
            L.GIVEN: self.schedule[1].astype(np.int32),
            L.IDS: self.spikes,
            L.DEPTH: self.plan.depth,
            L.COUNTS: self.counts,
            L.PARTS: self.parts,
            L.STRIDE: self.stride,
        }.items():
            W[k] = value
        self._replay = W
        return native.address(*loops.replay()), W

    def prepare(self, start, stop):
        """Before a block of steps: tell a replaying population which of its spikes belong to which step."""
        if self.plan.replayed:
            self._first = np.searchsorted(self.schedule[0], np.arange(start, stop + 1)).astype(np.int64)
            self._replay.array[loops.ReplayWords.FIRST] = self._first.ctypes.data
            self._replay.array[loops.ReplayWords.START] = start

    # -- checkpoints
    def snapshot(self, step):
        """This population as a :class:`PopulationState`, in an order that does not depend on ring positions or
        parts."""
        values = {
            name: self.rows[r, : self.n].copy() for r, name in enumerate(self._row_names()) if not name.startswith("x.")
        }
        rings = {
            port: np.roll(ring, -(step % len(ring)), axis=0)[:, : self.n].copy()
            for port, ring in zip(self.plan.ports, self.rings, strict=True)
        }
        recent = {s: self._spikes_of(s) for s in range(max(0, step - self.plan.depth + 1), step)}
        return PopulationState(
            values,
            rings,
            *in_flight(recent, step, self.plan.depth),
            self.elapsed.copy() if self.skips else np.zeros(0, np.int64),
            np.maximum(self.busy - step, -1) if self.skips else np.zeros(0, np.int64),
            {name: rows[[(step - 1 - r) % self.plan.shown for r in range(self.plan.shown)], : self.n]
             for name, rows in self._shown_rows()},
        )

    def _spikes_of(self, step):
        slot = step % self.plan.depth
        return np.concatenate(
            [self.spikes[slot, lo : lo + count] for lo, count in zip(self.bounds[:-1], self.counts[slot], strict=True)]
        ).astype(np.int64)

    def restore(self, saved, step, dt):
        saved = saved if self.skips else saved.awake(self.plan.model, self.n, dt)
        for r, name in enumerate(self._row_names()):
            if name in saved.values:
                self.rows[r, : self.n] = saved.values[name]
        for port, ring in zip(self.plan.ports, self.rings, strict=True):
            if port in saved.inputs:
                ring[:, : self.n] = np.roll(saved.inputs[port], step % len(ring), axis=0)
        for s in np.unique(saved.spike_steps):
            self._put_spikes(int(s), saved.spike_ids[saved.spike_steps == s])
        if self.skips and len(saved.elapsed):
            self.elapsed[:] = saved.elapsed
            self.busy[:] = saved.busy + step
            self.touched[:] = 0
        elif self.skips:
            # Saved by an engine that steps: what lies in the rings arrives within their depth.
            self.busy[:] = step + max([self.plan.quiet_steps, *self.plan.rings])

    def _put_spikes(self, step, ids):
        slot = step % self.plan.depth
        for part, (lo, hi) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            mine = ids[(ids >= lo) & (ids < hi)] if not self.plan.replayed else ids[: len(ids) * (part == 0)]
            self.spikes[slot, lo : lo + len(mine)] = mine
            self.counts[slot, part] = len(mine)

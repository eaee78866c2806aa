"""Content-addressable memory of the hippocampus (CA3): learn in a few spikes, recall from a cue or a fragment, forget.

What it is
    Memories are pairs of a cue (one of n neurons) and a content (any of m bits). Two all-to-all projections with
    pair-based STDP hold them: from cues to contents, which answers a cue, and from contents to cues, which answers a
    part of a content with all cues that have one of its bits. Contents may share bits (non-orthogonal patterns).
    Interneurons decide which of the two is asked, and that a cue that is stored anew loses its old content.

Source: D. Casanueva-Morato, A. Ayuso-Martinez, J. P. Dominguez-Morales, A. Jimenez-Fernandez, G. Jimenez-Moreno (2024),
Neural Networks, 106474. Populations, weights, delays and timing are theirs; so are the spikes, one for one, in their
three experiments on SpiNNaker (``tests/circuits/test_cam.py``).
"""
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snn.circuits.cam_operations import Forget, Recall, Store, placed
from snn.connect import AllToAll, Edges, OneToOne
from snn.errors import NetworkError, RunError
from snn.network import Network
from snn.neurons import IFCurrExp, SpikeSource
from snn.plasticity import PairSTDP
from snn.record import RecordSpikes
from snn.run.simulate import simulate
from snn.spikes import Spikes

__all__ = ["CA3", "Forget", "Hippocampus", "Recall", "Recording", "Store"]

DT = 1.0
POPULATIONS = {"in_cue": "cues", "in_cont": "contents", "cue_cue": "cues", "cont_cue": "contents", "cond": "contents",
               "cond_int": "one", "cue_cont": "cues", "cont_cont": "contents", "merge_cue": "cues",
               "merge_cont": "contents", "out_cue": "cues", "out_cont": "contents"}
"""Populations and their sizes. ``cue_cont`` is the cue as recalled by content, ``cont_cue`` the content by cue."""


def _cell(**different):
    return IFCurrExp(**{"C_m": 270.0, "tau_m": 3.0, "E_L": -60.0, "V_reset": -60.0, "V_th": -57.0, "t_ref": 1.0,
                        "tau_exc": 0.3, "tau_inh": 0.3, **different})


@dataclass(frozen=True, kw_only=True, eq=False)
class CA3:
    """Parameters of the circuit; the defaults are the published ones, in pF and pA.

    Fields
        ``principal``, ``interneuron``, ``output``  neuron models
        ``learning``  rule of both plastic projections (delay 1 ms, dendritic; weights begin at 0)
        ``weight``    pA of an ordinary synapse: one spike makes its target fire
        ``gate``      pA from a content bit to its interneuron, which must win against an inhibition of ``weight``
        ``help``      pA from the common interneuron: with it a gate opens although a cue is there
        ``lateral``   factor on the inhibition between cues; None: the number of content bits
    Errors: NetworkError for weights that are not positive numbers.
    """

    principal: Any = field(default_factory=_cell)
    interneuron: Any = field(default_factory=lambda: _cell(C_m=140.0, tau_m=0.5))
    output: Any = field(default_factory=lambda: _cell(V_th=-57.5))
    learning: Any = field(default_factory=lambda: PairSTDP(A_plus=6000.0, A_minus=6000.0, tau_plus=3.0, tau_minus=3.0,
                                                           w_max=6000.0))
    weight: float = 6000.0
    gate: float = 9000.0
    help: float = 2000.0
    lateral: float | None = None

    def __post_init__(self):
        for name in ("weight", "gate", "help", "lateral"):
            x = getattr(self, name)
            if not (x is None and name == "lateral"):
                if isinstance(x, bool) or not isinstance(x, int | float) or not np.isfinite(x) or x <= 0:
                    raise NetworkError(f"CA3.{name}: is {x!r}. It must be a number above 0.")

    def model(self, population):
        """The neuron model of a population that is not a source."""
        if population.startswith("out"):
            return self.output
        return self.interneuron if population in ("cond", "cond_int", "cue_cont") else self.principal


def network(cues, contents, inputs, parameters):
    """The circuit as a :class:`snn.Network`; ``inputs``: Spikes of the populations ``in_cue`` and ``in_cont``."""
    p, net = parameters, Network("hippocampus")
    sizes = {"cues": cues, "contents": contents, "one": 1}
    for name, size in POPULATIONS.items():
        net.add(name, SpikeSource(inputs[name]) if name in inputs else p.model(name), sizes[size])

    def connect(pre, post, weight, delay, rule=None, **options):
        pre, post = net.populations[pre], net.populations[post]
        net.connect(pre, post, rule or OneToOne(), port="exc" if weight >= 0 else "inh", weight=weight, delay=delay,
                    **options)

    for kind in ("cue", "cont"):
        connect(f"in_{kind}", f"{kind}_cue", p.weight, 1.0)
        connect(f"{kind}_cue", f"merge_{kind}", p.weight, 3.0)
        connect(f"{kind}_cont", f"merge_{kind}", p.weight, 1.0)
        connect(f"merge_{kind}", f"out_{kind}", p.weight, 1.0)
    connect("cue_cue", "cue_cont", p.weight, 2.0)
    connect("cue_cue", "cond", -p.weight, 2.0, AllToAll())
    connect("cont_cue", "cond", p.gate, 1.0)
    connect("cont_cue", "cond_int", p.weight, 1.0, AllToAll())
    connect("cond_int", "cond", p.help, 1.0, AllToAll())
    connect("cond", "cont_cont", p.weight, 1.0)
    if cues > 1:
        others = Edges(*np.nonzero(~np.eye(cues, dtype=bool)))
        lateral = -p.weight * (contents if p.lateral is None else p.lateral)
        connect("cue_cue", "cue_cont", lateral, 3.0, others)
        connect("cue_cont", "cue_cont", lateral, 2.0, others)
    for pre, post, name in (("cue_cue", "cont_cue", "cue_to_content"), ("cont_cont", "cue_cont", "content_to_cue")):
        connect(pre, post, 0.0, 1.0, AllToAll(), name=name, plasticity=p.learning)
    return net


@dataclass(frozen=True, eq=False)
class Recording:
    """What the circuit did during :meth:`Hippocampus.run`.

    Fields: ``operations``, each with the time ``at`` which it began; ``answers``, one per operation: the set of content
    bits or cues that a Recall brought to the output, None for others; ``result`` the :class:`snn.Result`, whose
    times are those of the memory and lie one step behind the rows of :meth:`raster`.
    """

    operations: tuple
    answers: tuple
    result: Any

    def raster(self, population):
        """Spikes of a population as bool [ms, neurons]: row k is the k-th ms, and operations begin at their row."""
        if population not in POPULATIONS:
            raise RunError(f"Recording.raster: there is no population {population!r}. "
                           f"The circuit has: {', '.join(POPULATIONS)}.")
        return _raster(self.result, population)

    def __str__(self):
        lines = []
        for name in POPULATIONS:
            raster = self.raster(name)
            for k in range(raster.shape[1]):
                marks = "".join("|" if fired else "." for fired in raster[:, k])
                lines.append(f"{name if k == 0 else '':10} {k:3} {marks}")
        return "\n".join(lines)


def _raster(result, population):
    spikes, first = result.spikes[population], round(result.meta["start"] / DT)
    raster = np.zeros((round(result.meta["duration"] / DT), spikes.n), bool)
    raster[np.rint(spikes.times / DT).astype(int) - 1 - first, spikes.ids] = True
    return raster


class Hippocampus:
    """A memory of ``cues`` addresses and ``contents`` bits in a spiking circuit; time passes with every call.

    Parameters
        cues, contents  how many
        parameters      :class:`CA3`
        engine          of the simulation (default: ``snn.EventDriven()``)
        state           that of another memory of the same size and parameters, to go on from

    ``state`` is a checkpoint for :func:`snn.save` (None before the first operation), ``time`` the ms that passed.
    Errors: NetworkError for sizes below 1; RunError for operations that are not possible, before anything runs.

    Example::

        memory = Hippocampus(cues=5, contents=10)
        memory.store(0, {0, 1, 8, 9})
        memory.store(3, {1, 4})
        memory.recall(cue=0)           # {0, 1, 8, 9}
        memory.recall(content={1})     # {0, 3}: bit 1 belongs to both
        memory.forget(0)
    """

    def __init__(self, cues, contents, *, parameters=None, engine=None, state=None):
        for name, n in (("cues", cues), ("contents", contents)):
            if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
                raise NetworkError(f"Hippocampus.{name}: is {n!r}. A whole number of at least 1 is needed.")
        if not isinstance(parameters, CA3 | None):
            raise NetworkError(f"Hippocampus.parameters: is {parameters!r}. Give a snn.circuits.CA3(...).")
        if getattr(engine, "seeds", None) is not None:
            raise RunError("Hippocampus.engine: runs several seeds at once. Nothing is random here; leave them out.")
        self.cues, self.contents = int(cues), int(contents)
        self.parameters, self.engine, self.state = parameters or CA3(), engine, state

    @property
    def time(self):
        return 0.0 if self.state is None else self.state.time

    def store(self, cue, content):
        """Learn ``content`` (numbers of its bits) under ``cue``; an old content of that cue is overwritten."""
        self.run([Store(cue, content)])

    def recall(self, *, cue=None, content=None):
        """The content of ``cue``, or the cues that have at least one bit of ``content``, as a set.

        Bits are asked one after the other, because bits asked together are learned as such (:class:`Recall`).
        """
        whole = Recall(cue=cue, content=content).checked(self.cues, self.contents)
        asked = [whole] if content is None else [Recall(content=[bit]) for bit in whole.content]
        return set().union(*self.run(asked).answers)

    def forget(self, cue):
        """Erase what ``cue`` holds, in both directions."""
        self.run([Forget(cue)])

    def run(self, operations, *, duration=None, record=()):
        """Perform operations in one run.

        Parameters
            operations  list of :class:`Store`, :class:`Recall`, :class:`Forget`; one without ``at`` follows the one
                        before at a safe distance
            duration    whole ms, at least until the last answer; default: until the next operation may follow
            record      more for the simulation to record, such as ``snn.RecordWeights("content_to_cue")``
        Returns: :class:`Recording`. Errors: RunError.
        """
        operations, duration = placed(operations, self.cues, self.contents, duration)
        result = simulate(network(self.cues, self.contents, self._inputs(operations, duration), self.parameters),
                          duration, dt=DT, engine=self.engine, state=self.state,
                          record=[*(RecordSpikes(name) for name in POPULATIONS), *record])
        if result.meta["interrupted"]:
            raise RunError("Hippocampus.run: interrupted. The memory is as it was before; run the operations again.")
        self.state = result.state
        answers = tuple(op.answer({name: _raster(result, name) for name in ("out_cue", "out_cont")})
                        for op in operations)
        return Recording(operations, answers, result)

    def _inputs(self, operations, duration):
        """Spikes of the two sources; one of row k has the time at which its step ends."""
        fires = {"in_cue": np.zeros((duration, self.cues), bool), "in_cont": np.zeros((duration, self.contents), bool)}
        for op in operations:
            for name, row, ids in op.spikes(self.contents):
                fires[name][op.at + row, list(ids)] = True
        return {name: Spikes.from_dense(rows, DT, start=self.time) for name, rows in fires.items()}

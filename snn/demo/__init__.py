"""The main job of the library on real input: ``snn demo --out DIR``.

Two networks are simulated with the event-driven engine: the COBA benchmark (:mod:`snn.demo.coba`), and a recurrent
network with a delay per synapse that hears spoken digits (:mod:`snn.demo.digits`). A third one learns its delays and
weights from the same digits and is deployed into that engine (:mod:`snn.demo.training`). Everything is exported:
archives, SONATA, pictures, accuracies. All numbers printed are computed in the run and depend on nothing but the seed.
"""
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from snn.demo.coba import facts, network
from snn.demo.digits import Reservoir, Slots, score
from snn.errors import RunError

__all__ = ["Sizes", "run"]

PARTS = ("coba", "digits", "training")
FULL_SET_FLOOR = {"known": 0.80, "unseen": 0.22}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large the parts are; the defaults make the demo, smaller ones a test.

    ``coba_cells``, ``coba_ms``: size and duration of the first part; ``reservoir`` and ``slots``: the second part;
    ``recipe``: the third, a :class:`snn.demo.training.Recipe` (None: the usual one).
    """

    coba_cells: int = 4000
    coba_ms: float = 1000.0
    reservoir: Reservoir = field(default_factory=Reservoir)
    slots: Slots = field(default_factory=Slots)
    recipe: Any = None


class Folder:
    """The output folder; remembers what each file is, for the listing at the end."""

    def __init__(self, path):
        self.path, self.entries = Path(path), []
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunError(f"demo.out: exists and is not an empty folder ({self.path}). Give a new or empty folder.")
        self.path.mkdir(parents=True, exist_ok=True)

    def file(self, name, text):
        """Path of a file to be written; its folder is made."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.entries.append((name, text))
        return path

    def listing(self):
        """One line per entry: path, size, what it is."""
        rows = [(str(self.path / name), _size(self.path / name), text) for name, text in self.entries]
        width = max(len(path) for path, _, _ in rows)
        return [f"  {path:<{width}}  {size:>8}  {text}" for path, size, text in rows]


def run(out, *, quiet=False, seed=1, sizes=None, data=None, only=None):
    """Run the main job and write everything into the folder ``out``.

    Parameters: ``out`` a new or empty folder; ``quiet`` no progress bars (else where stderr is a terminal);
    ``seed`` int; ``sizes`` :class:`Sizes`; ``data`` a function that returns ``(train, test)`` (default: the bundled
    :func:`snn.datasets.excerpt`; :func:`snn.datasets.full` where the full files are on the machine); ``only`` names of
    the parts to run, of :data:`PARTS` (default: all).
    Returns: dict of the numbers printed. Errors: :class:`~snn.errors.RunError` when ``out`` holds something.

    Example::

        numbers = run("demo-out", seed=1)
        print(numbers["digits"][-1]["known"])
    """
    from snn.datasets import excerpt
    for name in only or ():
        if name not in PARTS:
            raise RunError(f"demo.only: there is no part {name!r}. There are: {', '.join(PARTS)}.")
    folder, sizes, started = Folder(out), sizes or Sizes(), time.perf_counter()
    progress = False if quiet else None   # None: a bar when stderr is a terminal
    numbers, parts = {"seed": seed}, only or PARTS
    if "coba" in parts:
        numbers["coba"] = _coba(folder, sizes, seed, progress)
    if "digits" in parts or "training" in parts:
        train, test = (data or excerpt)()
    if "digits" in parts:
        numbers["digits"] = _digits(folder, sizes, seed, progress, train, test)
    if "training" in parts:
        numbers["training"] = _training(folder, sizes, seed, train, test)
    folder.file("numbers.json", "all numbers above").write_text(json.dumps(numbers, indent=1))
    print(f"\nDone in {time.perf_counter() - started:.0f} s. What lies where:")
    print("\n".join(folder.listing()))
    return numbers


def _coba(folder, sizes, seed, progress):
    import snn
    from snn.export import sonata
    net = network(sizes.coba_cells)
    print(f"1. COBA network: {sizes.coba_cells} cells, {sizes.coba_ms:g} ms")
    result, wall = _simulate(
        net, sizes.coba_ms, dt=0.1, seed=seed, progress=progress,
        to=folder.file("coba/run.h5", "archive of the COBA run: spikes and three potentials"),
        record=[snn.RecordSpikes("exc"), snn.RecordSpikes("inh"), snn.RecordState("exc", "v", ids=range(3), every=5)])
    found = facts(result.spikes)
    found["spikes"] = sum(len(s) for s in result.spikes.values())
    irregular = "" if found["cv_isi"] is None else f", CV of intervals {found['cv_isi']:.2f}"
    print(f"   {found['spikes']} spikes, {found['rate_hz']:.1f} Hz{irregular}; "
          f"{wall:.1f} s, building and compiling included")
    sonata.export(result, folder.file("coba/sonata", "the same as SONATA spikes and report"))
    from snn.demo.pictures import save_overview
    save_overview(result, folder.file("coba/overview.png", "raster, rates and traces of the COBA run"))
    return found


def _simulate(net, duration, **options):
    """The result and the seconds it took. Ctrl-C ends the demo: half a run has no accuracy."""
    import snn
    started = time.perf_counter()
    result = snn.simulate(net, duration, **options)
    if result.meta.get("interrupted"):
        raise KeyboardInterrupt
    return result, time.perf_counter() - started


def _digits(folder, sizes, seed, progress, train, test):
    import snn
    from snn.datasets.fsdd import UNSEEN
    from snn.demo.pictures import save_digits
    from snn.export import sonata
    samples = [*train, *test]
    stimulus = sizes.slots.lay(samples)
    print(f"\n2. Spoken digits: {len(train)} recordings to train, {len(test)} to test, {len(stimulus)} input spikes, "
          f"{stimulus.duration / 1000:.0f} s of model time")
    result, wall = _simulate(
        sizes.reservoir.network(stimulus, seed=seed), stimulus.duration, dt=1.0, seed=seed, progress=progress,
        to=folder.file("digits/run.h5", "archive: all spikes of the cells that heard the digits"),
        record=[snn.RecordSpikes("cells")])
    cells = result.spikes["cells"]
    print(f"   {cells.n} LIF cells, {len(cells)} spikes; {wall:.1f} s, building and compiling included")
    floor = sizes.slots.counts(stimulus, bins=10, width=80.0, group=-(-stimulus.n // 70))
    states = sizes.slots.counts(cells, bins=7, width=120.0)
    scores = [score("channel counts (the floor)", floor, train, test, UNSEEN),
              score("square roots of channel counts", floor ** 0.5, train, test, UNSEEN),
              score("square roots of cell counts", states ** 0.5, train, test, UNSEEN)]
    _print_scores(scores, test.speakers == UNSEEN)
    end = min(10 * sizes.slots.length, stimulus.duration)
    ten = {"channels": stimulus.between(0.0, end), "cells": cells.between(0.0, end)}
    sonata.write_spikes(ten, folder.file("digits/sonata_spikes.h5", "SONATA spikes of the first ten digits"))
    new = test.speakers == UNSEEN
    errors = [(_error(s.known, (~new).sum()), _error(s.unseen, new.sum())) for s in scores]
    save_digits(ten, list(zip(scores, errors, strict=True)), samples, sizes.slots,
                folder.file("digits/digits.png", "three digits in input and cells; accuracies"))
    return [asdict(s) for s in scores]


def _training(folder, sizes, seed, train, test):
    import snn
    from snn.datasets.fsdd import UNSEEN
    from snn.demo.pictures import save_trained
    from snn.demo.training import Recipe, floor, learn
    recipe = sizes.recipe or Recipe()
    print(f"\n3. Learned delays: {recipe.hidden} LIF cells, a weight and a delay per synapse, {recipe.epochs} epochs")
    deployed, x, found = learn(recipe, train, test, UNSEEN, seed=seed,
                               out=folder.file("training", "log, checkpoint and weights of the training"))
    new = test.speakers == UNSEEN
    known, unseen = int((~new).sum()), int(new.sum())
    print(f"   trained in {found.seconds:.0f} s; mean delay {found.delay_ms:.0f} ms")
    print(f"   {'':<32}  known speakers ({known})  unseen speaker ({unseen})")
    ridge = floor(train, test, UNSEEN)
    for name, row in (("channel counts (the floor)", ridge), ("learned delays, deployed", found)):
        print(f"   {name:<32}  {_with_error(row.known, known):>19}  {_with_error(row.unseen, unseen):>19}")
    same = "the same" if found.differing == 0 else f"all but {found.differing} the same"
    print(f"   The event-driven engine fired {found.spikes} spikes in {len(test)} recordings, {same} as torch.")
    result = snn.simulate(deployed.feed(x[:, 0]), deployed.duration(len(x)), dt=deployed.dt, progress=False,
                          to=folder.file("training/run.h5", "archive: one recording through the deployed network"))
    save_trained(result, deployed, next(iter(test)),
                 folder.file("training/training.png", "that recording in input and cells; the learned delays"))
    return {k: v for k, v in asdict(found).items() if "seconds" not in k}


def _print_scores(scores, new):
    known, unseen = int((~new).sum()), int(new.sum())
    print(f"   {'ridge readout on':<32}  validation  known speakers ({known})  unseen speaker ({unseen})")
    for s in scores:
        print(f"   {s.name:<32}  {s.validation:>10.2f}  {_with_error(s.known, known):>19}  "
              f"{_with_error(s.unseen, unseen):>19}")
    print("   Chance 0.10. Validation: training recordings left out in turn. +-: standard error of a share.\n"
          f"   The floor of the full set (800 to train, 350 to test) is {FULL_SET_FLOOR['known']:.2f} for known "
          f"speakers and {FULL_SET_FLOOR['unseen']:.2f} for the unseen one.")


def _error(share, count):
    """Binomial standard error of a share."""
    return float((share * (1 - share) / max(count, 1)) ** 0.5)


def _with_error(share, count):
    return f"{share:.2f} +- {_error(share, count):.2f}"


def _size(path):
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return f"{sum(p.stat().st_size for p in files) / 1e6:.2f} MB"

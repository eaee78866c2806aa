"""The ``[data]`` table of a training file: which set, how it becomes steps, how it is divided into batches."""
from typing import Any

import numpy as np

from snn.datasets import fsdd, mnist, nmnist, shd
from snn.datasets.augment import Compose
from snn.datasets.loader import Loader, split
from snn.errors import DataError
from snn.items import at, meant, named

ENCODERS = {**named("snn.datasets.frames", ["Frames"]),
            **named("snn.datasets.encode", "Repeat Bernoulli Latency".split())}
AUGMENTATIONS = named("snn.datasets.augment", "ChannelJitter ShiftChannels Shift TimeJitter TimeWarp Drop DropChannels "
                                              "ShiftFrame DropFrame".split())
DRAWN = {**named("snn.datasets.synthetic", "DelayedCoincidence YinYang Adding".split()),
         **named("snn.datasets.manifolds", ["RandomManifolds"])}


def sets(folder):
    """{name: function that gives (train, test), or (train, validation, test)}; relative paths start at ``folder``."""
    def at_file(where):
        return None if where is None else folder / where

    def recordings(train: str, test: str, units: int = 700):
        return tuple(shd.SHD(at_file(file), units=units) for file in (train, test))

    def in_folder(load):
        def found(folder: str | None = None):
            return load(folder=at_file(folder))
        return found

    loads = {"fsdd": fsdd.full, "shd": shd.load, "ssc": shd.load_ssc, "nmnist": nmnist.load, "mnist": mnist.load,
             "fashion_mnist": mnist.load_fashion}
    return {"SHD": recordings, "excerpt": lambda: fsdd.excerpt(), **{k: in_folder(f) for k, f in loads.items()}}


class Data:
    """Loaders of the parts ``train``, ``validation`` (or None) and ``test`` (or None) that a table asks for.

    ``table`` has set, encode, augment, batch, validation, train, test (see ``snn.train_file``).
    """

    def __init__(self, table, builder, seed):
        self.table, self.builder, self.seed = table, builder, seed
        encode = None if table.encode is None else builder.item(table.encode, ENCODERS, "data.encode")
        augment = [builder.item(raw, AUGMENTATIONS, f"data.augment[{k}]") for k, raw in enumerate(table.augment)]
        parts = self._parts()
        self.classes = None if parts[0][1].dtype.kind == "f" else 1 + max(int(y.max()) for _, y in parts)
        with at("data"):
            train, validation, test = self._three(parts)
            self.train = self._loader(train, encode, Compose(*augment) if augment else None)
            self.validation = None if validation is None else self._loader(validation, encode, None, shuffle=False)
            self.test = None if test is None else self._loader(test, encode, None, shuffle=False)

    def _parts(self):
        """[(items, labels)] of train (, validation) and test."""
        raw, table = self.table.set, self.table
        name = raw if isinstance(raw, str) else raw.get("name")
        known = sets(self.builder.folder)
        if name not in known and name not in DRAWN:
            raise DataError(f"data.set: is unknown ({name!r}). {meant(name, [*known, *DRAWN])}")
        if name in DRAWN:
            if table.train is None:
                raise DataError(f"data.train: is missing. {name} needs the number of samples to draw.")
            drawn = self.builder.item(raw, DRAWN, "data.set")
            counts = [n for n in (table.train, table.test) if n is not None]
            with at("data.set"):
                return [drawn.draw(n, seed=2 * self.seed + k) for k, n in enumerate(counts)]
        for key in ("train", "test"):
            if getattr(table, key) is not None:
                raise DataError(f"data.{key}: is a number of samples to draw, and {name} is not drawn. Leave it out.")
        return [(getattr(part, "images", part), part.labels) for part in self.builder.item(raw, known, "data.set")]

    def _three(self, parts):
        share = self.table.validation
        if len(parts) == 3 and share is None:
            return parts
        (x, y), test = parts[0], parts[-1] if len(parts) > 1 else None
        if share is None:
            return (x, y), None, test
        kept, held = split(y if y.ndim == 1 and y.dtype.kind != "f" else np.zeros(len(y)), getattr(x, "speakers", None),
                           share=share, seed=self.seed)
        return (_taken(x, kept), y[kept]), (_taken(x, held), y[held]), test

    def _loader(self, part, encode, transform, **options):
        x, y = part
        if encode is not None and transform is None and not isinstance(x, np.ndarray):
            x, encode = encode(x), None   # the same frames in every epoch
        return Loader(x, y, batch=self.table.batch, seed=self.seed, transform=transform, encode=encode, **options)

    def sample(self) -> Any:
        """``(x, y)`` of one batch, to see what the net will get."""
        return next(self.train.epoch(0))


def _taken(x, index):
    return x[index] if isinstance(x, np.ndarray) else x.take(index)

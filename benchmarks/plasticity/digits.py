"""Handwritten digits learnt without labels, beside the accuracies that were published for this network.

Each network sees the training images of MNIST once, gets its neurons named by the first of them, and is asked about all
test images. Published: Diehl and Cook (2015), Front. Comput. Neurosci. 9:99, whose networks see the training images
several times; the two figures are quoted from secondary sources. ``python -m benchmarks plasticity --part digits``
takes about half an hour. ``ms_per_image`` is the wall clock of learning, repeated showings included.
"""
import time

import numpy as np

from benchmarks import output
from snn.circuits.digits import DigitNet
from snn.datasets import mnist
from snn.errors import MissingFile

PUBLISHED = {100: 0.829, 400: 0.870}
COLUMNS = ("neurons", "seed", "images", "named_by", "tested", "accuracy", "published", "ms_per_image", "note")


def measure(*, seeds=1, quick=False):
    """Rows as they are found: one per size and seed; one that says ``skipped`` where there are no images."""
    try:
        parts = mnist.load()
    except MissingFile as missing:
        yield {"skipped": str(missing)}
        return
    mark = {"preliminary": True} if quick else {}
    images, named, tested = (300, 200, 100) if quick else (60_000, 10_000, 10_000)
    for n in (20,) if quick else PUBLISHED:
        for seed in range(1, 1 + (1 if quick else seeds)):
            yield {**learn(n, seed, parts, images, named, tested), **mark}


def learn(n, seed, parts, images, named, tested):
    """One row: a network of ``n`` neurons learns ``images``, is named by ``named`` and asked about ``tested``."""
    train, test = parts
    net, begin = DigitNet(n, seed=seed), time.perf_counter()
    net.fit(train.images[:images])
    seconds = time.perf_counter() - begin
    net.assign(train.images[:named], train.labels[:named])
    confusion = net.confusion(test.images[:tested], test.labels[:tested])
    return {"neurons": n, "seed": seed, "images": images, "named_by": named, "tested": tested,
            "accuracy": round(float(np.trace(confusion) / tested), 4), "published": PUBLISHED.get(n),
            "ms_per_image": round(1e3 * seconds / images, 2), "confusion": confusion.tolist()}


def table(rows):
    return output.table(rows, COLUMNS)

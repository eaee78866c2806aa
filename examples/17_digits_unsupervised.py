"""Handwritten digits learnt without labels: competing neurons, STDP, thresholds that adapt (Diehl and Cook 2015).

Labels are used after learning only, to name the neurons. The picture shows what the neurons have come to respond to and
which digits are taken for which. More images make it better: all 60000, once, are what the published network learns
from several times.

Run: python examples/17_digits_unsupervised.py [FOLDER]     (needs mnist/ in SNN_DATA; about three minutes)
The picture goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from snn.circuits import DigitNet
from snn.datasets import mnist
from snn.errors import MissingFile

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
n, images, named, tested = (16, 60, 40, 40) if tiny else (100, 10_000, 5_000, 2_000)

try:
    train, test = mnist.load()
except MissingFile as missing:
    raise SystemExit(print(missing) if tiny else f"{missing}") from None

net, begin = DigitNet(n, seed=1), time.perf_counter()
net.fit(train.images[:images])
print(f"{n} neurons learnt {images} images, {1e3 * (time.perf_counter() - begin) / images:.1f} ms each")
net.assign(train.images[:named], train.labels[:named])
confusion = net.confusion(test.images[:tested], test.labels[:tested])
right = np.trace(confusion) / tested
print(f"{right:.3f} right of {tested} test images; neurons per digit:",
      np.bincount(net.names[net.names >= 0], minlength=10).tolist())

figure = Figure(figsize=(11, 5.5), layout="constrained")
left, other = figure.subplots(1, 2)
side = int(np.sqrt(n))
order = np.argsort(net.names, kind="stable")[:side * side]
mosaic = net.fields[order].reshape(side, side, 28, 28).transpose(0, 2, 1, 3).reshape(28 * side, 28 * side)
left.imshow(mosaic, cmap="hot_r")
left.set(title="receptive fields, by digit", xticks=[], yticks=[])
other.imshow(confusion / np.maximum(confusion.sum(1, keepdims=True), 1), cmap="Blues", vmin=0.0, vmax=1.0)
for row, column in np.argwhere(confusion):
    dark = confusion[row, column] > 0.5 * confusion[row].sum()
    other.text(column, row, confusion[row, column], ha="center", va="center", fontsize=8,
               color="white" if dark else "black")
digits = range(len(confusion))
other.set(title=f"{right:.1%} right", xlabel="answer", ylabel="digit", xticks=digits, yticks=digits)
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "digits.png", dpi=120)
print(f"picture: {folder / 'digits.png'}")
assert (net.fields >= 0).all() and confusion.sum() == tested and (tiny or right > 0.7)

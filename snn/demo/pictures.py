"""Pictures of the demo, made with :mod:`snn.plot`."""


def save_overview(result, path):
    """The overview of a result as a PNG."""
    from snn.plot import overview
    overview(result).savefig(path, dpi=120)


def save_digits(spikes, scores, samples, slots, path):
    """Input and answer of the cells to the first three recordings, and the accuracies, as a PNG.

    ``spikes``: {"channels", "cells"}; ``scores``: list of (:class:`~snn.demo.digits.Score`, standard errors of
    known and unseen); ``samples``: list of :class:`~snn.datasets.Sample`; ``slots``: :class:`~snn.demo.digits.Slots`.
    """
    from matplotlib.figure import Figure

    from snn.datasets.fsdd import SPEAKERS
    from snn.plot import raster
    figure = Figure(figsize=(11, 6), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[5, 2])
    shown = min(3, len(samples))
    for row, (name, text) in enumerate((("channels", "channel of the ear"), ("cells", "cell"))):
        part = spikes[name].between(0.0, shown * slots.length)
        ax = raster(part, ax=figure.add_subplot(grid[row, 0]), max_neurons=part.n)
        ax.set_ylabel(text)
        if row == 0:
            ax.set_xlabel("")
            for k, sample in enumerate(samples[:shown]):
                ax.text((k + 0.02) * slots.length, 1.02, f"“{sample.label}”, {SPEAKERS[sample.speaker]}",
                        transform=ax.get_xaxis_transform())
    _bars(figure.add_subplot(grid[:, 1]), scores)
    figure.savefig(path, dpi=120)


def save_trained(result, deployed, sample, path):
    """One recording through the deployed network, and the delays that it learned, as a PNG.

    ``result`` of the run; ``deployed``: :class:`~snn.train.deploy.Deployed`; ``sample``: the recording.
    """
    import numpy as np
    from matplotlib.figure import Figure

    from snn.datasets.fsdd import SPEAKERS
    from snn.plot import raster
    figure = Figure(figsize=(11, 5), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[3, 2])
    for row, (name, text) in enumerate((("input", "group of channels"), ("layer1", "cell"))):
        part = result.spikes[name]
        ax = raster(part, ax=figure.add_subplot(grid[row, 0]), max_neurons=part.n)
        ax.set_ylabel(text)
        if row == 0:
            ax.set(xlabel="", title=f"“{sample.label}”, {SPEAKERS[sample.speaker]}")
    synapses = result.plan.projection("input_layer1")
    delays = (np.broadcast_to(synapses.delay, len(synapses.weight)) - 1) * deployed.dt
    ax = figure.add_subplot(grid[:, 1])
    ax.hist(delays, bins=np.arange(delays.max() / deployed.dt + 2) * deployed.dt, weights=np.abs(synapses.weight),
            color="#0072b2")
    ax.set(xlabel="delay (ms)", ylabel="sum of |weights|", title="what was learned")
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def _bars(ax, scores):
    for k, ((s, errors), colour) in enumerate(zip(scores, ("#bbbbbb", "#888888", "#0072b2"), strict=True)):
        ax.bar([k, k + 4], [s.known, s.unseen], yerr=errors, color=colour, ecolor="#444444", label=s.name)
    ax.axhline(0.1, color="black", lw=0.8, ls=":", label="chance")
    ax.set(xticks=[1, 5], yticks=[0.2 * k for k in range(6)], ylim=(0, 1.3), ylabel="accuracy")
    ax.set_xticklabels(["known speakers", "unseen speaker"])
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=9, loc="upper left")

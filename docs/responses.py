"""The response of a neuron model to a step of input, as a small picture: ``python docs/responses.py MODEL PNG``.

A step is given on the first port that takes currents or rates, for 100 ms after 25 ms of nothing. Its size is the
smallest of a geometric series at which the model fires five times more than without; for a model that never fires,
the one that moves its first state by about one.
"""
import sys

import numpy as np

import snn

PORTS = ("current", "drive", "input", "rate", "signal", "delta", "exc")
BEFORE, DURING, AFTER, DT = 25.0, 100.0, 50.0, 0.05
SIZES = 10.0 ** np.arange(-2.0, 4.25, 0.25)


def port_of(Model):
    """The port on which the step is given, or None for a model without one of them."""
    names = Model.Ports._fields
    return next((p for p in PORTS if p in names), None)


def run(Model, port, sizes):
    """``(times, first state [steps, sizes], spikes)`` of one unit under a step of each of ``sizes``."""
    net, dt = snn.Network(), min(DT, Model().max_dt() or DT)
    units, duration = net.add("units", Model(), len(sizes)), BEFORE + DURING + AFTER
    if port is not None:
        course = np.zeros((round(duration), len(sizes)))
        course[round(BEFORE):round(BEFORE + DURING)] = sizes
        net.drive(units, snn.CurrentInput(course, interval=1.0), port=port)
    state = Model.State._fields[0]
    result = snn.simulate(net, duration, dt=dt, engine=snn.EventDriven(threads=1), progress=False,
                          record=[snn.RecordSpikes("units"), snn.RecordState("units", state)])
    return result.traces["units", state].times, result.traces["units", state].data, result.spikes["units"]


def response(Model):
    """``(port, size, times, first state, spike times)`` with the size of the step chosen as said above."""
    port = port_of(Model)
    times, y, spikes = run(Model, port, [0.0] if port is None else [0.0, *SIZES])
    counts = spikes.count()
    if Model.margin is snn.Neuron.margin:
        moved = np.abs(y - y[:, :1]).max(0) >= 1.0
    else:
        moved = counts >= min(counts[0] + 5, counts.max())
    chosen = 0 if port is None else int(np.argmax(moved))
    return port, [0.0, *SIZES][chosen], times, y[:, chosen], spikes.train(chosen)


def draw(Model, path):
    """Draw the response of ``Model`` into the file ``path``."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    port, size, times, y, spikes = response(Model)
    figure, (top, axes) = plt.subplots(2, 1, figsize=(4.5, 2.4), sharex=True, height_ratios=[1, 5],
                                       layout="constrained")
    top.eventplot([spikes], colors="k", linewidths=0.8)
    top.set_axis_off()
    axes.plot(times, y, lw=0.9)
    state = Model.State._fields[0]
    axes.set(xlabel="ms", ylabel=f"{state} ({Model.units(Model.State)[state]})")
    if port is not None:
        axes.axvspan(BEFORE, BEFORE + DURING, color="0.93", zorder=0)
        top.set_title(f"{port} {size:.3g} {Model.units(Model.Ports)[port]}", fontsize=8, loc="left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    draw(getattr(snn.neurons, sys.argv[1]), sys.argv[2])

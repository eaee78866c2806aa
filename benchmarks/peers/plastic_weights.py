"""What is read from the weights that learn, in the same way on every side: those among the first neurons."""
import numpy as np

from benchmarks.peers.protocol import RECORDED


def moments(w, p):
    """Mean, standard deviation and mean change of weights in mV, for the answer of a side."""
    w = np.asarray(w, np.float64)
    return {"w_mean": float(w.mean()), "w_sd": float(w.std()), "w_change": float(w.mean() - p.w_exc),
            "w_sampled": len(w)}


def sampled(p):
    """How many of the excitatory neurons; the weights among them are read."""
    return min(RECORDED, p.n_exc)


def settle(w, pre, post, ids, times, p, end):
    """Weights with the potentiation that a synapse of NEST leaves to the next presynaptic spike.

    ``w``, ``pre``, ``post`` per synapse; ``ids``, ``times``: all spikes of these neurons, ``end``: now, in ms. A
    postsynaptic spike is back at the synapse one delay later and adds lam (w_max - w)^mu w_max^(1 - mu) x.
    """
    w = np.array(w, np.float64)
    trains = {neuron: np.sort(times[ids == neuron]) for neuron in np.unique(np.concatenate([pre, post]))}
    back = {neuron: train + p.delay for neuron, train in trains.items()}
    last = {neuron: train[-1] if len(train) else None for neuron, train in trains.items()}
    traces = {neuron: np.exp((train - last[neuron]) / p.tau_plus).sum() for neuron, train in trains.items()
              if len(train)}
    for k, (i, j) in enumerate(zip(pre, post, strict=True)):
        if last[i] is None:
            continue
        for t in back[j][(back[j] > last[i] + 1e-6) & (back[j] < end + 1e-6)]:
            x = traces[i] * np.exp((last[i] - t) / p.tau_plus)
            w[k] = min(w[k] + p.lam * p.w_max * (1.0 - w[k] / p.w_max) ** p.mu * x, p.w_max)
    return w

"""The peers' side of the NIR exchange. It imports nothing of ours, so that it runs in a peer's own environment.

``run(peer, graph, frames, dt)`` steps a graph in a peer; ``export(peer, case, path, frames, dt)`` lets a peer make a
net, write it as NIR and say what it does. As a script it reads jobs from
its input, JSON as of :func:`done`, and prints what that returns. dt in seconds, frames [T, B, ...].
"""
import contextlib
import io
import json
import logging
import sys
import warnings

import numpy as np
import torch
from torch import nn


def run(peer, path, frames, dt):
    """What a peer makes of the graph in the file ``path``: [T, B, ...]."""
    import nir
    with _quiet():
        net = _IMPORT[peer](nir.read(path), dt)
        return _stepped(net, frames)


def export(peer, case, path, frames, dt):
    """Let a peer write a net of its own to ``path``; returns what the net gives."""
    import nir
    torch.manual_seed(3)
    with _quiet():
        graph, out = _EXPORT[peer](case, torch.from_numpy(frames), dt)
        nir.write(path, graph)
    return out


@contextlib.contextmanager
def _quiet():
    """Peers print warnings of all kinds."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _stepped(net, frames):
    state, found = None, []
    for x in torch.from_numpy(frames):
        out, state = net(x, state)
        found.append(out.detach().numpy().copy())
    return np.stack(found)


def _import_snntorch(graph, dt):
    from snntorch.import_nir import import_from_nir
    return import_from_nir(graph)


def _import_spikingjelly(graph, dt):
    from spikingjelly.activation_based.nir_exchange import import_from_nir
    return import_from_nir(graph, dt=dt)


def _import_norse(graph, dt):
    import norse.torch
    return norse.torch.from_nir(graph, ignore_warnings=True, dt=dt)


def _uniform(layer, low, high):
    nn.init.uniform_(layer.weight, low, high)
    return layer


def _export_snntorch(case, x, dt):
    """snnTorch's steps are 0.1 ms, whatever dt is; only reset to zero at once is what NIR says."""
    import snntorch
    from snntorch.export_nir import export_to_nir
    options = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
    n = int(np.prod(x.shape[2:]))
    first = _uniform(nn.Linear(n, 12), -0.1, 0.4)
    beta = torch.linspace(0.7, 0.95, 12)
    full = torch.full
    if case == "lif":
        layers = [first, snntorch.Leaky(beta=beta, threshold=full((12,), 1.0), **options),
                  _uniform(nn.Linear(12, 5), -0.3, 0.6),
                  snntorch.Leaky(beta=full((5,), 0.8), threshold=full((5,), 0.8), **options)]
    elif case == "cuba":
        layers = [first, snntorch.Synaptic(alpha=full((12,), 0.6), beta=beta, threshold=full((12,), 3.0), **options)]
    elif case == "recurrent":
        layers = [first, snntorch.RLeaky(beta=beta, all_to_all=True, linear_features=12, **options)]
    elif case == "conv":
        shape = (4, *x.shape[3:])
        layers = [_uniform(nn.Conv2d(x.shape[2], 4, 3, padding=1), -0.1, 0.3),
                  snntorch.Leaky(beta=full(shape, 0.9), threshold=full(shape, 1.0), **options), nn.AvgPool2d(2),
                  nn.Flatten(), _uniform(nn.Linear(4 * x.shape[3] * x.shape[4] // 4, 6), -0.2, 0.3),
                  snntorch.Leaky(beta=full((6,), 0.9), threshold=full((6,), 1.0), **options)]
    else:
        raise NotImplementedError(f"snnTorch exports no {case}")
    net = nn.Sequential(*layers)
    out = torch.stack([_spikes(net(frame)) for frame in x]).numpy()
    return export_to_nir(net, x[0], ignore_dims=[0]), out


def _spikes(out):
    """The spikes of a module that gives its state too."""
    return out[0] if isinstance(out, tuple) else out


def _export_spikingjelly(case, x, dt):
    from spikingjelly.activation_based import functional, layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir
    n = int(np.prod(x.shape[2:]))
    first = _uniform(layer.Linear(n, 12), -0.1, 0.5)
    kinds = {"lif": lambda: neuron.LIFNode(tau=3.0, decay_input=False), "lif_input": lambda: neuron.LIFNode(tau=1.5),
             "if": neuron.IFNode, "plif": lambda: neuron.ParametricLIFNode(init_tau=1.6),
             "cuba": lambda: neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_threshold=2.0, v_reset=0.0)}
    if case in kinds:
        net = nn.Sequential(first, kinds[case](), _uniform(layer.Linear(12, 5), -0.3, 0.8), kinds[case]())
    elif case == "conv":
        net = nn.Sequential(_uniform(layer.Conv2d(x.shape[2], 4, 3, padding=1), -0.2, 0.5), neuron.LIFNode(tau=2.0),
                            layer.AvgPool2d(2), layer.Flatten(),
                            _uniform(layer.Linear(4 * x.shape[3] * x.shape[4] // 4, 6), -0.2, 0.4), neuron.IFNode())
    else:
        raise NotImplementedError(f"SpikingJelly exports no {case}")
    functional.reset_net(net)
    graph = export_to_nir(net, x[0], dt=dt)
    functional.reset_net(net)
    return graph, torch.stack([net(frame) for frame in x]).numpy()


def _export_norse(case, x, dt):
    """``to_nir`` of Norse writes dt times the time constants, so it is told dt = 1; and the shape of the sample as that
    of the Input, so it gets no batch."""
    import norse.torch as norse
    n = int(np.prod(x.shape[2:]))
    first = _uniform(nn.Linear(n, 12), 0.0, 4.0)
    rates = torch.linspace(50.0, 400.0, 12)
    box = norse.LIFBoxParameters(tau_mem_inv=rates, v_leak=torch.zeros(12), v_th=torch.linspace(0.5, 1.0, 12))
    if case == "lif":
        net = norse.SequentialState(first, norse.LIFBoxCell(box, dt=dt))
    elif case == "if":
        net = norse.SequentialState(_uniform(first, 0.0, 0.3), norse.IAFCell(norse.IAFParameters(v_th=torch.ones(12))))
    elif case == "readout":
        box_li = norse.LIBoxParameters(tau_mem_inv=rates, v_leak=torch.zeros(12))
        net = norse.SequentialState(first, norse.LIBoxCell(box_li, dt=dt))
    elif case == "conv":
        conv = _uniform(nn.Conv2d(x.shape[2], 4, 3, padding=1), -1.0, 4.0)
        net = norse.SequentialState(conv, norse.LIFBoxCell(dt=dt))
    else:
        raise NotImplementedError(f"Norse exports no {case}")
    return norse.to_nir(net, x[0, 0], dt=1.0), _stepped(net, x.numpy())


_IMPORT = {"snnTorch": _import_snntorch, "SpikingJelly": _import_spikingjelly, "Norse": _import_norse}
_EXPORT = {"snnTorch": _export_snntorch, "SpikingJelly": _export_spikingjelly, "Norse": _export_norse}


def done(jobs):
    """Every job ``{"task", "peer", "case", "path", "frames", "dt", "out"}``; returns why each failed, or None."""
    reasons = []
    for job in jobs:
        frames, reason = np.load(job["frames"]), None
        try:
            if job["task"] == "run":
                out = run(job["peer"], job["path"], frames, job["dt"])
            else:
                out = export(job["peer"], job["case"], job["path"], frames, job["dt"])
            np.save(job["out"], out)
        except Exception as err:  # a peer may raise anything
            reason = f"{type(err).__name__}: {err}".splitlines()[0]
        reasons.append(reason)
    return reasons


if __name__ == "__main__":
    print(json.dumps(done(json.loads(sys.stdin.read()))))

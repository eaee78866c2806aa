"""NIR beside its peers: what we write runs in snnTorch, SpikingJelly and Norse, and what they write runs here.

``python -m benchmarks.interchange.nir_peers`` prints the table. Norse runs in an environment of its own
(``python -m benchmarks peers --install norse``), the other two where they can be imported.
"""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.environments import missing, peers_dir, python_of
from benchmarks.interchange import nir_worker
from snn.errors import SnnError
from snn.exchange.nir_file import write_nir
from snn.exchange.nir_read import from_nir, network_from_nir
from snn.exchange.nir_write import to_nir
from snn.neurons import IF, LIF, IFCurrExp, LeakyReadout
from snn.train import Delay, Folded, Layer, Linear, Recurrent

PEERS = {"snnTorch": "snntorch", "SpikingJelly": "spikingjelly", "Norse": "norse"}
DT = {"snnTorch": 0.1, "SpikingJelly": 1.0, "Norse": 1.0}
"""ms of a step as each peer takes it; snnTorch's cannot be chosen."""

OPTIONS = {"snnTorch": {}, "SpikingJelly": {"scale_weights": True}, "Norse": {"scale_weights": True}}
"""How a graph is best written for each peer."""

OURS = ("LIF", "LIF, a tau per neuron", "LIF, a threshold per neuron", "LIF in mV", "IF", "CubaLIF", "recurrent LIF",
        "recurrent CubaLIF", "convolution and mean pool", "convolution and sum pool", "batch norm and bias",
        "LI readout", "delay per synapse", "IF that meets its threshold")
THEIRS = {"snnTorch": ("lif", "cuba", "recurrent", "conv"),
          "SpikingJelly": ("lif", "lif_input", "if", "plif", "cuba", "conv"),
          "Norse": ("lif", "if", "readout", "conv")}
IMAGE, FLAT = (2, 6, 6), (8,)


@dataclass(frozen=True)
class Outcome:
    """``verdict``: "same", "differs" or "refused"; ``detail``: how much, or why."""

    verdict: str
    detail: str = ""


def absent(peer):
    """Why a peer cannot be used, or None."""
    if importlib.util.find_spec(PEERS[peer]):
        return None if importlib.util.find_spec("nirtorch") else "nirtorch is not installed"
    return missing(PEERS[peer], peers_dir())


def peer_jobs(peer, jobs):
    """Let a peer do ``jobs``, [("run", path, frames, dt) or ("export", case, path, frames, dt)], in one process.

    Frames [T, B, ...], dt in ms. Returns for each what the net gives, or a RuntimeError.
    """
    with tempfile.TemporaryDirectory() as folder:
        given = []
        for k, (task, *names, path, frames, dt) in enumerate(jobs):
            inputs, out = str(Path(folder) / f"{k}.npy"), str(Path(folder) / f"out{k}.npy")
            np.save(inputs, np.ascontiguousarray(frames, np.float32))
            given.append({"task": task, "peer": peer, "case": names[0] if names else None, "path": str(path),
                          "frames": inputs, "dt": dt / 1000.0, "out": out})
        reasons = _in_its_place(peer, given)
        return [np.load(job["out"]) if why is None else RuntimeError(why)
                for job, why in zip(given, reasons, strict=True)]


def _in_its_place(peer, jobs):
    """The jobs done in this process where the peer can be imported, else in its environment."""
    if importlib.util.find_spec(PEERS[peer]):
        return nir_worker.done(jobs)
    command = [str(python_of(PEERS[peer], peers_dir())), nir_worker.__file__]
    # How Norse fails on a node that it does not know depends on the order of sets.
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PYTHONHASHSEED": "0"})
    if done.returncode:
        raise RuntimeError(f"{peer}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def our_net(case, dt=1.0):
    """A net of :data:`OURS` in evaluation, with the same weights in every call."""
    rest = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0}
    lif, cuba = LIF(tau_m=5.0, **rest), IFCurrExp(tau_m=8.0, tau_exc=3.0, C_m=3.0, **rest)
    torch.manual_seed(11)
    first, second = Linear(8, 12, bias=False), Linear(12, 5, bias=False)
    nn.init.uniform_(first.weight, -0.1, 0.5)
    nn.init.uniform_(second.weight, -0.3, 0.8)
    models = {"LIF": lif, "IF": IF(**rest), "CubaLIF": cuba,
              "LIF, a tau per neuron": LIF(tau_m=np.linspace(2.0, 20.0, 12), **rest),
              "LIF, a threshold per neuron": LIF(tau_m=5.0, **{**rest, "V_th": np.linspace(0.7, 1.3, 12)})}
    if case in models:
        second_model = models[case] if case in ("IF", "CubaLIF") else lif
        net = [first, Layer(models[case], 12, dt=dt), second, Layer(second_model, 5, dt=dt)]
    elif case == "LIF in mV":
        first.weight.data *= 15.0
        net = [first, Layer(LIF(tau_m=5.0, t_ref=0.0), 12, dt=dt)]
    elif case in ("recurrent LIF", "recurrent CubaLIF"):
        net = [first, Recurrent(Layer(cuba if "Cuba" in case else lif, 12, dt=dt)), second, Layer(lif, 5, dt=dt)]
    elif case.startswith("convolution"):
        net = _convolutions(lif, dt, "sum" in case)
    elif case == "batch norm and bias":
        norm = nn.BatchNorm1d(12)
        nn.init.uniform_(norm.weight, 0.8, 1.4)
        nn.init.uniform_(norm.bias, 0.0, 0.2)
        net = [Linear(8, 12), Folded(norm), Layer(lif, 12, dt=dt), second, Layer(lif, 5, dt=dt)]
    elif case == "LI readout":
        net = [first, Layer(lif, 12, dt=dt), second, Layer(LeakyReadout(tau=10.0), 5, dt=dt)]
    elif case == "IF that meets its threshold":
        first.weight.data = torch.round(4.0 * first.weight.data) / 4.0
        net = [first, Layer(IF(**rest), 12, dt=dt)]
    elif case == "delay per synapse":
        late = Delay(8, 12, longest=6.0, dt=1.0)
        late.weight.data.copy_(first.weight.data)
        late.steps.data.round_()
        net = [late, Layer(lif, 12, dt=1.0)]
    else:
        raise ValueError(f"our_net.case: is {case!r}. There are: {', '.join(OURS)}.")
    return nn.Sequential(*net).eval()


def _convolutions(lif, dt, total):
    """A convolution, a pool and a dense layer; ``total``: the pool gives sums, else means."""
    conv, last = nn.Conv2d(2, 4, 3, padding=1), Linear(36, 5)
    nn.init.uniform_(conv.weight, -0.1, 0.4)
    nn.init.uniform_(last.weight, *((-0.05, 0.08) if total else (-0.1, 0.3)))
    pool = nn.AvgPool2d(2, divisor_override=1 if total else None)
    return [Folded(conv), Layer(lif, dt=dt), Folded(pool, nn.Flatten()), last, Layer(lif, 5, dt=dt)]


def frames_for(case, steps=40, batch=2, seed=5):
    """Random spikes [T, B, ...] for a net of :data:`OURS` or :data:`THEIRS`."""
    shape = IMAGE if "conv" in case else FLAT
    return (np.random.default_rng(seed).random((steps, batch, *shape)) < 0.35).astype(np.float32)


def ours_there(peer, cases=OURS, **options):
    """{case: Outcome} of our nets, written as NIR and run by a peer; ``options`` go to ``to_nir``."""
    found, jobs, expected = {}, [], {}
    with tempfile.TemporaryDirectory() as folder:
        for k, case in enumerate(cases):
            net, frames = our_net(case), frames_for(case)
            with torch.no_grad():
                expected[case] = net(torch.from_numpy(frames)).numpy()
            write_nir(to_nir(net, dt=DT[peer], shape=frames.shape[2:], **options), Path(folder) / f"{k}.nir")
            jobs.append(("run", Path(folder) / f"{k}.nir", frames, DT[peer]))
        for case, got in zip(cases, peer_jobs(peer, jobs), strict=True):
            found[case] = compared(got, expected[case])
    return found


def theirs_here(peer, cases=None, *, readers=("torch", "engine"), **options):
    """{case: {reader: Outcome}} of nets of a peer, written by it and run here."""
    cases = THEIRS[peer] if cases is None else cases
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{k}.nir" for k in range(len(cases))]
        jobs = [("export", case, path, frames_for(case), DT[peer]) for case, path in zip(cases, paths, strict=True)]
        given = peer_jobs(peer, jobs)
        return {case: {how: read_here(path, frames_for(case), expected, DT[peer], how, **options)
                       for how in readers}
                for case, path, expected in zip(cases, paths, given, strict=True)}


def read_here(path, frames, expected, dt, how, **options):
    """The Outcome of a graph in a file, run in ``torch`` or in the ``engine``."""
    if isinstance(expected, RuntimeError):
        return Outcome("refused", f"by the peer: {expected}")
    frames = torch.as_tensor(frames)
    try:
        if how == "engine":
            return compared(network_from_nir(path, dt=dt, **options).run(frames).output.numpy(), expected)
        with torch.no_grad():
            return compared(from_nir(path, dt=dt, **options).eval()(frames).numpy(), expected)
    except SnnError as err:
        return Outcome("refused", str(err))


def compared(got, expected):
    """Spikes must be equal; potentials to 1e-4 of the largest, which is what single precision gives."""
    if isinstance(got, RuntimeError):
        return Outcome("refused", str(got))
    if got.shape != expected.shape:
        return Outcome("differs", f"gives {got.shape} for {expected.shape}")
    if not expected.any() or not np.unique(expected).size > 1:
        return Outcome("differs", "nothing happened, so nothing was compared")
    if np.isin(expected, (0.0, 1.0)).all():
        wrong = int((got != expected).sum())
        return Outcome("differs", f"{wrong} of {expected.size} differ") if wrong else Outcome(
            "same", f"{int(expected.sum())} spikes")
    error = np.abs(got - expected).max() / np.abs(expected).max()
    return Outcome("same" if error < 1e-4 else "differs", f"potentials to {error:.0e}")


def matrix():
    """``[(peer, direction, case, Outcome)]`` of all peers that are there."""
    rows = []
    for peer in PEERS:
        if why := absent(peer):
            print(f"{peer}: left out, {why}", file=sys.stderr)
            continue
        plain, scaled = ours_there(peer), ours_there(peer, scale_weights=True)
        for case in OURS:
            rows.append((peer, "we write", case, plain[case]))
            if plain[case].verdict != scaled[case].verdict:
                rows.append((peer, "we write, scale_weights", case, scaled[case]))
        for case, readers in theirs_here(peer).items():
            rows += [(peer, f"it writes, {how} reads", case, outcome) for how, outcome in readers.items()]
    return rows


def main():
    for peer, direction, case, outcome in matrix():
        print(f"{peer:12}  {direction:24}  {case:28}  {outcome.verdict:8}  {outcome.detail[:110]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

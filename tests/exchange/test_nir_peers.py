"""NIR beside live peers: a graph of ours runs in snnTorch, SpikingJelly and Norse with the same spikes, theirs here."""
import pytest
import torch
from torch import nn

from benchmarks.interchange.nir_peers import (
    OPTIONS,
    OURS,
    PEERS,
    THEIRS,
    absent,
    compared,
    frames_for,
    ours_there,
    read_here,
    theirs_here,
)

# What each peer cannot read, by its own word or, where it says nothing, by another result.
CANNOT_READ = {
    "snnTorch": {"LIF, a threshold per neuron": "refused", "LIF in mV": "refused", "IF": "refused",
                 "IF that meets its threshold": "refused", "LI readout": "refused", "delay per synapse": "refused"},
    "SpikingJelly": {"LIF, a tau per neuron": "refused", "LIF, a threshold per neuron": "refused",
                     "LI readout": "refused", "delay per synapse": "refused"},
    "Norse": {"LIF in mV": "differs", "convolution and mean pool": "differs", "LI readout": "differs",
              "delay per synapse": "refused"},
}
# Norse's convolutions cannot be written by nir.write, and its IF counts time in steps where NIR counts in seconds.
CANNOT_WRITE = {"Norse": {"conv": "refused", "if": "differs"}}


@pytest.fixture(scope="module", params=PEERS)
def peer(request):
    if why := absent(request.param):
        pytest.skip(f"{request.param}: {why}")
    return request.param


def test_our_graphs_run_there_with_the_same_spikes(peer):
    found = ours_there(peer, OURS, **OPTIONS[peer])
    assert {case: outcome.verdict for case, outcome in found.items()} == {
        **dict.fromkeys(OURS, "same"), **CANNOT_READ[peer]}, found


def test_their_graphs_run_here_with_the_same_spikes(peer):
    found = {case: by["torch"] for case, by in theirs_here(peer, readers=("torch",)).items()}
    assert {case: outcome.verdict for case, outcome in found.items()} == {
        **dict.fromkeys(THEIRS[peer], "same"), **CANNOT_WRITE.get(peer, {})}, found


def test_potentials_that_meet_the_threshold_of_spikingjelly(tmp_path):
    """It fires at the threshold, as we do; NIR fires above it. Weights are multiples of 1/4, so that it is met."""
    if why := absent("SpikingJelly"):
        pytest.skip(why)
    from spikingjelly.activation_based import functional, layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir
    frames, path = torch.from_numpy(frames_for("if")), tmp_path / "if.nir"
    net = nn.Sequential(layer.Linear(8, 12), neuron.IFNode())
    net[0].weight.data = torch.randint(0, 3, (12, 8), generator=torch.Generator().manual_seed(0)) / 4.0
    nn.init.zeros_(net[0].bias)
    with torch.no_grad():
        export_to_nir(net, frames[0], save_path=path, dt=1e-3)
        functional.reset_net(net)
        expected = torch.stack([net(x) for x in frames]).numpy()
    assert read_here(path, frames, expected, 1.0, "torch", exact_threshold=False).verdict == "same"
    assert read_here(path, frames, expected, 1.0, "torch").verdict == "differs"


def test_nothing_is_equal_to_nothing():
    silent = frames_for("if") * 0.0
    assert compared(silent, silent).verdict == "differs"

"""What is measured: networks and their sizes, simulators and the environments they run in."""
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Model:
    """A network, the sizes at which it is measured, and the timed model time in ms for each size."""

    name: str
    durations: dict

    @property
    def sizes(self):
        return tuple(self.durations)

    def duration(self, n):
        """Timed ms at ``n`` neurons: that of the next listed size, the longest-listed one beyond."""
        return next((ms for size, ms in self.durations.items() if n <= size), list(self.durations.values())[-1])


MODELS = {model.name: model for model in (
    Model("cuba", {4000: 1000.0, 16000: 1000.0, 64000: 1000.0}),
    Model("coba", {4000: 1000.0, 16000: 500.0, 64000: 200.0}),
    Model("brunel", {12500: 500.0}),
)}


@dataclass(frozen=True)
class Simulator:
    """One way of running a network: a script in ``benchmarks.peers``, an environment (None: this one) and precisions.
    """

    name: str
    module: str
    environment: str | None
    precisions: tuple
    variant: str = ""


OURS = Simulator("snn", "benchmarks.peers.snn_peer", None, ("float32", "float64"))

PEERS = {peer.name: peer for peer in (
    Simulator("nest", "benchmarks.peers.nest_peer", "nest", ("float64",)),
    Simulator("brian2-cpp", "benchmarks.peers.brian2_peer", "brian2", ("float32", "float64"), "cpp"),
    Simulator("brian2-cython", "benchmarks.peers.brian2_peer", "brian2", ("float32", "float64"), "cython"),
    Simulator("brainpy", "benchmarks.peers.brainpy_peer", "brainpy", ("float32",)),
)}

ENVIRONMENTS = {
    "nest": ("nest-simulator==3.10.0", "numpy==2.4.6"),
    "brian2": ("brian2==2.9.0", "numpy==2.3.5", "cython==3.3.1", "setuptools==65.5.0"),
    "brainpy": ("brainpy==2.8.2", "brainevent==0.2.1", "jax==0.10.2", "numba==0.68.1", "numpy==2.4.6"),
}
"""Environment -> what pip installs into it. Brian2 2.9 fails with numpy 2.4; BrainPy's event-driven operators are dense
work on the CPU without numba."""


@dataclass(frozen=True)
class Side:
    """A simulator in one precision: what gets a row of its own."""

    simulator: Simulator
    precision: str

    def __str__(self):
        return f"{self.simulator.name} {self.precision}"


def chosen_peers(text):
    """Peers named in a comma-separated list; an environment's name stands for all peers in it, ``none`` for no peer."""
    names = [name for name in text.split(",") if name and name != "none"]
    chosen = []
    for name in names:
        found = [peer for peer in PEERS.values() if name in (peer.name, peer.environment)]
        if not found:
            raise ValueError(f"peers: no peer is named {name!r}. There are: {', '.join(PEERS)}.")
        chosen += [peer for peer in found if peer not in chosen]
    return chosen

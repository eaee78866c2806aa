"""Spiking networks, described once: simulated event-driven, trained with torch, exported for analysis.

Names are imported when they are first used, so that ``import snn`` stays fast::

    import snn
    from snn.neurons import LIF

    net = snn.Network("one")
    cell = net.add("cell", LIF(), 1)
    net.drive(cell, snn.CurrentInput(400.0), port="current")
    print(snn.simulate(net, 100.0, dt=0.1).spikes["cell"].times)
"""
from importlib import import_module
from pathlib import Path

from snn.errors import DataError, MissingFile, ModelError, NetworkError, OutputError, RunError, SnnError

__version__ = "0.1.0"

_HERE = Path(__file__).resolve().parent
if (_HERE.parent / "pyproject.toml").is_file() and not (_HERE / "neurons").exists():
    # A checkout that is not installed: the sibling folders are sub-packages, as the wheel maps them.
    __path__.append(str(_HERE.parent))

_HOME = {
    name: module
    for module, names in {
        "snn.contract": "Neuron param",
        "snn.composition": "compose",
        "snn.kinetics": "Kinetics Conductance",
        "snn.network": "Network Population View Projection PoissonInput CurrentInput GaussianInput ControlledInput",
        "snn.plastic": "Plastic Modulator PopulationModulator",
        "snn.rule": "SynapticRule",
        "snn.connect": "AllToAll OneToOne Probability FixedInDegree FixedOutDegree FixedTotal DistanceDependent "
                       "Edges Matrix",
        "snn.distributions": "Uniform Normal LogNormal Exponential Choice",
        "snn.spikes": "Spikes",
        "snn.record": "RecordSpikes RecordState RecordMean RecordWeights RecordPlasticity Windows Around Trace Weights "
                      "Result",
        "snn.run": "EventDriven Reference Clocked",
        "snn.run.simulate": "simulate start",
        "snn.run.state": "save load",
        "snn.export.archive": "open",
    }.items()
    for name in names.split()
}
_MODULES = ("circuits", "connect", "contract", "datasets", "distributions", "export", "neurons", "plasticity", "plot",
            "run", "train")
_ERRORS = (DataError, MissingFile, ModelError, NetworkError, OutputError, RunError, SnnError)

# `open` is left out: a star import must not hide the builtin.
__all__ = sorted({*_HOME, *_MODULES, *(error.__name__ for error in _ERRORS)} - {"open"})


def __getattr__(name):
    if name in _MODULES:
        return import_module(f"snn.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'snn' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__():
    return sorted({*__all__, "open", "__version__", "__doc__", "__path__"})

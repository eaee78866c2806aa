"""What is measured of every model of the catalogue: what drives it, and the job that both sides read."""

from dataclasses import asdict

from benchmarks.updates.text import RANDOM, text_of

DT_MS = 0.1
RANGES = {
    ("current", "pA"): (100.0, 500.0),
    ("exc", "pA"): (0.0, 4.0),
    ("inh", "pA"): (0.0, 1.0),
    ("exc", "nS"): (0.05, 0.3),
    ("inh", "nS"): (0.0, 0.05),
    ("delta", "mV"): (0.0, 0.02),
    ("current", "1"): (5.0, 15.0),
    ("phase", "rad"): (0.0, 1e-3),
    ("rate", "Hz"): (0.0, 50.0),
}
"""(port, its unit) -> lowest and highest number of a neuron, the same in every step: of the order of what a network
would send."""
OTHERS = (0.0, 0.02)
FOR_MODELS = {
    "AdEx": {"current": (500.0, 1200.0)},
    "AdaptiveGain": {"input": (0.5, 1.5)},
    "ClopathAdEx": {"current": (600.0, 1200.0)},
    "DendriticSegment": {"delta": (0.0, 0.5)},
    "EIPair": {"drive": (0.0, 3.0), "feedback": (0.0, 1.0)},
    "HodgkinHuxley": {"current": (300.0, 900.0), "exc": (0.0, 0.05)},
    "IFCurrExp": {"current": (200.0, 500.0)},
    "ParametricLIF": {"delta": (0.5, 1.02)},
    "ResonateFire": {"current": (0.3, 1.03)},
    "ThetaNeuron": {"drive": (0.1, 0.5)},
}
"""Models that need another input to work as in use: {port: (lowest, highest)}."""


def models(names=None):
    """Neuron models of the catalogue that are stepped, by name; those named in the list ``names`` if given."""
    import snn.neurons
    from snn.contract import Neuron

    catalogue = {name: getattr(snn.neurons, name) for name in snn.neurons.__all__}
    found = {k: M for k, M in catalogue.items() if issubclass(M, Neuron) and M.State._fields}
    unknown = [name for name in names or [] if name not in found]
    if unknown:
        raise ValueError(f"updates.models: no model is named {unknown[0]!r}. There are: {', '.join(found)}.")
    return {name: found[name] for name in names or found}


def drives(model):
    """{port: (lowest, highest)} of every port that the engine does not fill."""
    units = model.units(model.Ports)
    ports = [port for port in model.Ports._fields if port not in RANDOM]
    ranges = {port: RANGES.get((port, units[port]), OTHERS) for port in ports}
    return ranges | FOR_MODELS.get(type(model).__name__, {})


def case(name):
    """What a side is told of a model: its text, and the range of every drive."""
    model = models([name])[name]()
    return {"name": name, "text": asdict(text_of(model, DT_MS)), "drives": drives(model)}

"""Checks of what is put into a network."""
import numpy as np

from snn.drives import PoissonInput
from snn.errors import NetworkError


def check_name(where, name):
    if not (isinstance(name, str) and name and all(c.isalnum() or c in "_-" for c in name)):
        raise NetworkError(f"{where}: name {name!r} is not allowed. Use letters, digits, '_' and '-'.")


def check_model(name, model, n):
    """NetworkError where ``model`` of population ``name`` is no model of ``n`` neurons."""
    if hasattr(model, "schedule"):
        if model.spikes.n != n:
            raise NetworkError(
                f"Network.add: population {name!r} has n = {n} but its spikes are of {model.spikes.n} neurons. "
                f"Use n = {model.spikes.n}."
            )
    elif hasattr(model, "bind"):
        model.bind(n, None)
    elif hasattr(model, "state_dict"):
        raise NetworkError(
            f"Network.add: {type(model).__name__} of population {name!r} is a layer of many units, not a model of "
            "one; no engine runs it. Use it as a module of torch, or give a neuron of snn.neurons."
        )
    else:
        raise NetworkError(
            f"Network.add: {model!r} of population {name!r} is not a neuron model. "
            "Give an instance of a Neuron (for example LIF()) or a SpikeSource."
        )


def check_drive(population, source):
    """NetworkError where an input has another number of values than there are neurons."""
    value = source.weight if isinstance(source, PoissonInput) else source.value
    shape = np.shape(value)
    per_neuron = shape[1:] if getattr(source, "interval", None) is not None else shape
    if per_neuron not in ((), (population.n,)):
        raise NetworkError(
            f"Network.drive: {type(source).__name__} has {per_neuron[0]} values per step for the {population.n} "
            "neurons of "
            f"{population.name!r}. Give one number or one per neuron."
        )

"""Objects of the library from plain data: a table with the ``name`` of a class and its arguments, or just the name.

Used by experiment files. Errors: :class:`DataError` that names the place in the file; errors of the class made keep
their kind and get the place in front.
"""
import difflib
import inspect
from contextlib import contextmanager

import snn
from snn.errors import DataError, MissingFile, SnnError

PROFILES = "Gaussian ExponentialDecay Disc".split()
DISTRIBUTIONS = "Uniform Normal LogNormal Exponential Choice".split()


@contextmanager
def at(place):
    """Put ``place`` in front of the message of an error of ours."""
    try:
        yield
    except SnnError as error:
        raise type(error)(f"{place}: {error}") from error


def meant(name, known):
    """The end of a message about an unknown name."""
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."


def named(module, names=None):
    """``{name: class}`` for names of a module; the whole catalogue where ``names`` is None."""
    home = __import__(module, fromlist=["_"])
    return {name: getattr(home, name) for name in (names or home.__all__) if inspect.isclass(getattr(home, name, None))}


class Builder:
    """Turns items into objects; ``folder`` is where relative paths start."""

    def __init__(self, folder):
        self.folder = folder

    def item(self, raw, known, place):
        """The object that ``raw`` names; ``known`` maps names to classes."""
        arguments = {"name": raw} if isinstance(raw, str) else dict(raw)
        name = arguments.pop("name", None)
        if name is None:
            raise DataError(f"{place}.name: is missing. Known: {', '.join(known)}.")
        if name not in known:
            raise DataError(f"{place}: is unknown ({name!r}). {meant(name, list(known))}")
        signature = inspect.signature(known[name])
        for key in arguments:
            if key not in signature.parameters:
                raise DataError(f"{place}.{key}: is no argument of {name}. {meant(key, list(signature.parameters))}")
        for key, parameter in signature.parameters.items():
            required = parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_KEYWORD,
                                                                                       parameter.VAR_POSITIONAL)
            if required and key not in arguments:
                raise DataError(f"{place}.{key}: is missing. {name} needs it.")
        arguments = {key: self.value(value, f"{place}.{key}") for key, value in arguments.items()}
        with at(place):
            return known[name](**arguments)

    def value(self, raw, place):
        """A number, text or list as it is; a table as the object that it names."""
        if not isinstance(raw, dict):
            return raw
        raw = dict(raw)
        step = raw.pop("grid", None)
        known = {**named("snn.distributions", DISTRIBUTIONS), **named("snn.connect", PROFILES),
                 **named("snn.record", ["Around", "Windows"]), "Spikes": snn.Spikes, "SpikesFile": self.spikes_file}
        thing = self.item(raw, known, place)
        if step is None:
            return thing
        if not hasattr(thing, "grid"):
            raise DataError(f"{place}.grid: {type(thing).__name__} has no grid. Only distributions do.")
        with at(f"{place}.grid"):
            return thing.grid(step)

    def spikes_file(self, file, population):
        """The spikes of one population in an archive or a SONATA file."""
        from snn.files import load_spikes
        path = self.folder / file
        if not path.is_file():
            raise MissingFile(f"file: is not there ({str(path)!r}). Paths are relative to the experiment file.")
        spikes = load_spikes(path)
        if population not in spikes:
            raise DataError(f"population: is not in the file ({population!r}). {meant(population, list(spikes))}")
        return spikes[population]

"""Errors of the library.

Every error raised on purpose is an :class:`SnnError` and also the builtin that a caller would expect to catch.
Messages have one form: ``Where.field: what is wrong (the value). What would be right.``
"""


class SnnError(Exception):
    """Base class of all errors raised by this library on purpose."""


class ModelError(SnnError, ValueError):
    """A neuron or rule has a parameter, a state or a method that is not allowed."""


class NetworkError(SnnError, ValueError):
    """The description of a network is wrong: names, sizes, ports, connections, weights, delays."""


class RunError(SnnError, ValueError):
    """Arguments of a run do not fit: dt, duration, recorders, state, engine, output file."""


class DataError(SnnError, ValueError):
    """Data given by the user or read from a file is damaged, foreign or out of range."""


class MissingFile(SnnError, FileNotFoundError):
    """A file that is needed is not there; the message says where to get it and where to put it."""


class OutputError(SnnError, OSError):
    """Writing failed (for instance a full disk); what was written before stays readable."""

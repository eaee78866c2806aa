"""Engines and the entry :func:`snn.simulate`. An engine is an object with ``dtype`` and ``start(plan, channels,
state)``."""

_ENGINES = {"EventDriven": "snn.run.event", "Reference": "snn.run.reference", "Clocked": "snn.run.clocked"}


def __getattr__(name):
    if name in _ENGINES:
        import importlib

        return getattr(importlib.import_module(_ENGINES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

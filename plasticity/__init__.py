"""The catalogue of synaptic rules: one rule per file, each a text of :mod:`snn.contract`."""

__all__: list[str] = []

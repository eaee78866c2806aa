"""Benchmarks of plasticity: speed and memory beside the peers, and what the rules and circuits learn.

``command`` is the command line; every other module is one part, with ``measure`` (rows) and ``table`` (their text).
"""

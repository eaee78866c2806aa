"""Benchmarks of the library, beside its peers and beside the limits of the machine.

``python -m benchmarks --help`` lists the parts. No figure is printed while the equality tests of its part are red.
"""

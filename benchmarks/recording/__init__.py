"""Benchmarks of recording to an archive."""

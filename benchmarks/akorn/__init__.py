"""Vector oscillators (AKOrN) beside networks of equal size: ``python -m benchmarks akorn --help``."""

"""One script per simulator. Each runs in the simulator's own environment; see README.md in this folder."""

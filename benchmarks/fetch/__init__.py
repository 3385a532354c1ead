"""What clients cost: every one reads the same recorded bytes from a server that costs nothing.

``python -m benchmarks --help``.  Figures of a run compare clients within that run: they are taken
in turns, round after round, and the ratios of CPU time are what to read.
"""

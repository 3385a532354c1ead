"""Measurements that anyone can repeat: ``make bench``, or ``python -m benchmarks NAME …``.

Clients are compared inside one run, in turns, by the CPU time of their process; what counts is the
ratio.
"""

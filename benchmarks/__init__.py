"""Benchmarks: `python -m benchmarks` prints a line each with name, figure, limit and ok or over; exit 1 if any is over.

These machines are noisy, so limits are ratios within one run wherever they can be: against a bare simpy loop, a bare Python, or another
size of the same work. Each measurement runs in a fresh process; peak memory is that process's own.
"""

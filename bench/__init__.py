"""Benchmarks, run by hand: ``make bench``. What they measure and what they showed is in docs/performance.md.

Whatever can be compared is measured side by side in one run, on the CPU time of the process under test: wall time on a shared
machine is noise. Load and vendors run in processes of their own, and count for nothing.
"""

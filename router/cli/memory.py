"""The memory of the process: big blocks go back to the system when they are free."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3
BIG_BYTES = 1_000_000


def give_big_blocks_back() -> None:
    """Have blocks of `BIG_BYTES` and more, such as large bodies, mapped by themselves and unmapped when they are free.

    glibc raises its own threshold to the biggest block it has seen free, and trims its heaps only beyond twice of that: after
    one body of 10 MB the process would keep up to a hundred. Other C libraries give back by themselves, or not at all.

    Source: mallopt(3), M_MMAP_THRESHOLD and its notes on the dynamic threshold.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, BIG_BYTES)

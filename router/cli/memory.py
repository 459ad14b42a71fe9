"""The memory of the process: free memory goes back to the system instead of being kept for the next peak.

The functions about the allocator are for glibc. Other C libraries give memory back by themselves or not at all.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

_M_MMAP_THRESHOLD = -3
BIG_BYTES = 1_000_000


def give_big_blocks_back() -> None:
    """Let blocks of `BIG_BYTES` and more, such as large bodies, be mapped separately and unmapped when they are freed.

    glibc raises its own threshold to the biggest block that it has seen freed, and trims its heaps only beyond twice that:
    after one body of 10 MB the process would keep up to a hundred.

    Source: mallopt(3), M_MMAP_THRESHOLD and its notes on the dynamic threshold.
    """
    mallopt = _of_the_c_library("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, BIG_BYTES)


def give_free_pages_back() -> None:
    """Give back whole free pages between those in use, of which thousands of connections leave many. Takes some milliseconds.

    Source: malloc_trim(3).
    """
    malloc_trim = _of_the_c_library("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def spare_the_collector() -> None:
    """Let the garbage collector run less often, and never look at what exists by now: it took a fifth of the CPU.

    An event on its way leaves no cycles behind. The few things that do (a failed request, say) wait a little longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _of_the_c_library(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None)

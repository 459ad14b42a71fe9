"""The span of sequences in the log that belongs to a span of time, found without reading all that comes before."""

from __future__ import annotations

from router.log.interface import Log
from router.log.record import Gap

MARGIN_S = 86_400.0
"""The span is widened by this much on either side, since the gateway's clock may have jumped."""


async def span_of(log: Log, partition: int, since_s: float | None, until_s: float | None) -> tuple[int, int]:
    """The first and the last sequence that may have been received at or after *since_s* and before *until_s* (Unix seconds;
    None: no limit). An empty span ends before it begins."""
    first, last = log.start(partition), log.end(partition)
    if since_s is not None:
        first = await _first_from(log, partition, since_s - MARGIN_S)
    if until_s is not None:
        last = min(last, await _first_from(log, partition, until_s + MARGIN_S) - 1)
    return first, last


async def _first_from(log: Log, partition: int, moment_s: float) -> int:
    """The first sequence received at *moment_s* or later; one past the end if there is none. By bisection."""
    low, high = log.start(partition), log.end(partition) + 1
    while low < high:
        middle = (low + high) // 2
        sequence, received_s = await _look(log, partition, middle)
        if received_s is not None and received_s < moment_s:
            low = sequence + 1
        else:
            high = middle
    return low


async def _look(log: Log, partition: int, sequence: int) -> tuple[int, float | None]:
    """The first readable event at or after *sequence*: its sequence, and when it was received (None past the end)."""
    while True:
        found = await log.read(partition, sequence - 1, 1)
        if not found:
            return sequence, None
        if not isinstance(found[0], Gap):
            return found[0].sequence, found[0].received_at_s
        sequence = found[0].last + 1

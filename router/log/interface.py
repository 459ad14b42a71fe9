"""The log as the rest of the router sees it, whichever engine keeps it.

    append ──▶ [ 1 … n ] ──read(after=k)──▶ records k+1 … in order, gaps named
                  │
                  └── trim(before): what no destination needs any more is given up, whole files at a time

An append returns when its entries are on disk (fsync). Only the gateway appends. Readers only read: they keep their own
positions, beside which they keep `Log.id`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from router.log.record import Appended, Entry, Gap, Record


class LogFull(Exception):
    """The entries were not stored: no disk space, or all the space allowed is used by events still needed. Try later."""


class Log(Protocol):
    """One durable, ordered, partitioned record of accepted events."""

    @property
    def id(self) -> str:
        """Made once with the log. A position that carries another id is of another log."""

    @property
    def partitions(self) -> Sequence[int]:
        """The partitions there are; the embedded log has one, 0."""

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        """Store *entries*, in order, and return when they are durable; all of them or none.

        An entry whose (source, message_id) was stored within the deduplication window is not stored again and comes back
        as a duplicate, also when the first of its kind is in the same call; never before the first is durable.

        Whoever is cancelled while it waits does not know whether its entries are stored: they may be.

        Raises:
            LogFull: nothing was stored.
            ValueError: one of *entries* can't be stored (half a surrogate pair, a time that is no number); nothing was.
        """

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        """Up to *limit* records with a sequence above *after*, in order; what is missing between them as gaps.

        Only at the end of the log there is nothing. Fewer than *limit* are not the end: they are bounded in bytes too.
        """

    async def wait(self, partition: int, after: int) -> None:
        """Return when there is something above *after*."""

    def end(self, partition: int) -> int:
        """The last sequence, 0 for an empty log."""

    def start(self, partition: int) -> int:
        """The first sequence that can still be read (end + 1 when there is none)."""

    async def find(self, message_id: str) -> list[Record]:
        """Every stored event with this messageId, one a source at most per window; slow, for operators."""

    async def trim(self, needed_from: Mapping[int, int]) -> None:
        """Give up old segments. *needed_from*: per partition the first sequence that somebody still needs.

        A partition that is not named is needed whole.
        """

    async def close(self) -> None: ...

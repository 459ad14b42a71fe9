"""The log as the rest of the router sees it, whichever engine keeps it.

    append ──▶ [ 1 … n ] ──read(after=k)──▶ records k+1 … in order, gaps named
                  │
                  └── trim(before): what no destination needs any more is given up, in large pieces

An append returns when its entries are as durable as the engine makes them: the embedded one has them on disk (fsync), the
distributed one on a quorum of its replicas. Only gateways append: one to an embedded log, any number to a distributed one.
Readers only read: they keep their own positions, beside which they keep `Log.id`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from router.log.record import Appended, Entry, Gap, Record


class NotStored(Exception):
    """No promise is made for the entries; try later. A log of many partitions may have stored some of them all the same: when
    they come again they are duplicates."""


class LogFull(NotStored):
    """There is no disk space, or all the space allowed is used by events still needed."""


class LogAway(NotStored):
    """What keeps the log does not answer, or can't store anything just now."""


class Log(Protocol):
    """One durable, ordered, partitioned record of accepted events."""

    @property
    def id(self) -> str:
        """Made once with the log. A position that carries another id is of another log."""

    @property
    def partitions(self) -> Sequence[int]:
        """The partitions there are, from 0 on; which one an event is in is decided by its user. An embedded log has one."""

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        """Store *entries*, those of each partition in order, and return when they are durable.

        An entry whose (source, message_id) was stored within the deduplication window is not stored again and comes back
        as a duplicate, also when the first of its kind is in the same call; never before the first is durable. Where many
        routers append that is said of what this one knows; the others' repeats are found by whoever delivers (`Repeats`).

        Whoever is cancelled while it waits does not know whether its entries are stored: they may be.

        Raises:
            NotStored: `LogFull` or `LogAway`; not all of them are stored, or nobody knows.
            ValueError: one of *entries* can't be stored (half a surrogate pair, a time that is no number); it was not.
        """

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        """Up to *limit* records with a sequence above *after*, in order; what is missing between them as gaps.

        Only at the end of the log there is nothing. Fewer than *limit* are not the end: they are bounded in bytes too.
        """

    async def wait(self, partition: int, after: int) -> None:
        """Return when there is something above *after*."""

    def end(self, partition: int) -> int:
        """The last sequence, 0 for an empty log; as far as is known here, see `look`."""

    def start(self, partition: int) -> int:
        """The first sequence that can still be read (end + 1 when there is none)."""

    async def find(self, message_id: str) -> list[Record]:
        """Every stored event with this messageId, one a source at most per window; slow, for operators."""

    async def trim(self, needed_from: Mapping[int, int]) -> None:
        """Give up what is old. *needed_from*: per partition the first sequence that somebody still needs.

        A partition that is not named is needed whole.
        """

    async def close(self) -> None:
        """Store what waits, then close; a second time does nothing."""


class Engine(Log, Protocol):
    """A log as the process that opened it holds it: what housekeeping, metrics and operators need besides."""

    async def look(self) -> None:
        """See what others have stored and given up since: for who asks now and then, and does not `wait`."""

    def wake(self) -> None:
        """Have all who wait look again."""

    @property
    def size_bytes(self) -> int:
        """What the log takes on disk, about."""

    @property
    def max_bytes(self) -> int:
        """What `size_bytes` may come to before appends are refused."""

    @property
    def stuck(self) -> Sequence[str]:
        """What is wrong inside this process, for which a restart may help."""

    @property
    def obstacle(self) -> str:
        """Why nothing could be stored the last time; "" if it could."""

    def sequence_at_backlog(self, partition: int, max_bytes: int) -> int:
        """The last sequence to give up so that what follows takes at most about *max_bytes* on disk; 0 for none."""

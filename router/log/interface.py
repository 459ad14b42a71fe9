"""The interface of the log: what the rest of the router sees, whichever engine keeps it.

    append ──▶ [ 1 … n ] ──read(after=k)──▶ records k+1 … in order, gaps named
                  │
                  └── trim(before): what no destination needs any more is given up, in large pieces

An append returns when its entries are durable: on disk (fsync) with the embedded engine, on a quorum of the replicas with the
distributed one. Only gateways append: one to an embedded log, any number to a distributed one. Readers keep their own
positions, and `Log.id` with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from router.log.record import Appended, Entry, Gap, Record


class NotStored(Exception):
    """The entries are not promised to be stored; try later. A log of many partitions may have stored some of them: those are
    duplicates when they come again."""


class LogFull(NotStored):
    """There is no disk space, or events that are still needed use all the space allowed."""


class PartitionFull(LogFull):
    """There is no room in one partition: the events of its users are refused, while those of others are taken."""


class LogAway(NotStored):
    """The disk or cluster that keeps the log does not answer, or can't store anything now."""


class Log(Protocol):
    """One durable, ordered, partitioned record of accepted events."""

    @property
    def id(self) -> str:
        """Made once, with the log. A position kept with another id belongs to another log."""

    @property
    def partitions(self) -> Sequence[int]:
        """The partitions, numbered from 0. An event's user decides its partition. An embedded log has one."""

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        """Store *entries*, in order within each partition, and return when they are durable.

        An entry whose (source, message_id) was stored within the deduplication window is not stored again. It is answered as a
        duplicate, even if the first one is in the same call, but never before the first one is durable. If many routers append,
        each recognises only the events that it knows of; the router that delivers finds the other repeats (`Repeats`).

        A caller that is cancelled while it waits does not know whether its entries are stored.

        Raises:
            NotStored: `LogFull` or `LogAway`. Not all entries are stored, or nobody knows.
            ValueError: one of *entries* can't be stored (half a surrogate pair, a time that is not a number), and was not.
        """

    @property
    def obstacle(self) -> str:
        """Why nothing could be stored the last time; "" if something could."""

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        """Up to *limit* records with a sequence above *after*, in order, with gaps for missing ones.

        Empty only at the end of the log. Fewer than *limit* do not mean the end, since the answer is bounded in bytes too.
        """

    async def wait(self, partition: int, after: int) -> None:
        """Return when there is something above *after*."""

    def end(self, partition: int) -> int:
        """The last sequence known here (see `look`); 0 for an empty log."""

    def start(self, partition: int) -> int:
        """The first sequence that can still be read; end + 1 if there is none."""

    async def find(self, message_id: str) -> list[Record]:
        """Every stored event with this messageId: at most one per source and window. Slow; for operators."""

    async def trim(self, needed_from: Mapping[int, int]) -> None:
        """Give up what is old. *needed_from*: by partition, the first sequence that somebody still needs.

        All of a partition that is not in it is needed.
        """

    async def close(self) -> None:
        """Store what waits, then close. A second call does nothing."""


class Engine(Log, Protocol):
    """The log as held by the process that opened it, with what housekeeping, metrics and operators need as well."""

    async def look(self) -> None:
        """See what others have stored and given up since. For callers that ask now and then instead of using `wait`."""

    def wake(self) -> None:
        """Make all who wait look again."""

    @property
    def size_bytes(self) -> int:
        """Roughly what the log takes on disk."""

    @property
    def max_bytes(self) -> int:
        """The size at which appends are refused."""

    @property
    def stuck(self) -> Sequence[str]:
        """What is wrong inside this process, if a restart may help."""

    def sequence_at_backlog(self, partition: int, max_bytes: int) -> int:
        """The last sequence to give up so that the rest takes at most about *max_bytes* on disk; 0 for none."""

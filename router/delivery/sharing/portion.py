"""A portion: one partition of a log, seen as a whole log. One fleet delivers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from router.log.interface import Engine
from router.log.record import Appended, Entry, Gap, Record


class Portion:
    """An `Engine` that can only be read."""

    def __init__(self, log: Engine, partition: int) -> None:
        self._log = log
        self._partition = partition
        self.partitions: Sequence[int] = (partition,)

    @property
    def id(self) -> str:
        return self._log.id

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        raise NotImplementedError("a portion is read only")

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        return await self._log.read(partition, after, limit)

    async def wait(self, partition: int, after: int) -> None:
        await self._log.wait(partition, after)

    def end(self, partition: int) -> int:
        return self._log.end(partition)

    def start(self, partition: int) -> int:
        return self._log.start(partition)

    async def find(self, message_id: str) -> list[Record]:
        return [record for record in await self._log.find(message_id) if record.partition == self._partition]

    async def trim(self, needed_from: Mapping[int, int]) -> None:
        await self._log.trim(needed_from)

    async def look(self) -> None:
        await self._log.look()

    def wake(self) -> None:
        self._log.wake()

    @property
    def size_bytes(self) -> int:
        """Of the whole log."""
        return self._log.size_bytes

    @property
    def max_bytes(self) -> int:
        """Of the whole log."""
        return self._log.max_bytes

    @property
    def stuck(self) -> Sequence[str]:
        return self._log.stuck

    @property
    def obstacle(self) -> str:
        return self._log.obstacle

    def sequence_at_backlog(self, partition: int, max_bytes: int) -> int:
        """*max_bytes* is for all partitions; this one has an equal part of it."""
        return self._log.sequence_at_backlog(partition, max_bytes // len(self._log.partitions))

    async def close(self) -> None:
        """The log is somebody else's to close."""

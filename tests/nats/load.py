"""Routers that append side by side while the cluster suffers, and what must be true of the log afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from router.log.interface import NotStored
from router.log.jetstream.log import NatsLog
from router.log.record import Appended, Record
from tests.log.harness import entry, read_all_of


@dataclass
class Load:
    """*callers* append through each of *logs*, one entry or a few at a time, until `stop`."""

    logs: list[NatsLog]
    callers: int = 8
    placed: dict[str, Appended] = field(default_factory=dict)
    """What was acknowledged."""
    refused: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        for number, log in enumerate(self.logs):
            for caller in range(self.callers):
                self._tasks.append(asyncio.create_task(self._call(log, f"{number}-{caller}")))

    async def _call(self, log: NatsLog, caller: str) -> None:
        count = 0
        while not self._stop.is_set():
            events = [entry(count + n, message_id=f"{caller}-{count + n}") for n in range(1 + count % 3)]
            count += len(events)
            try:
                answers = await log.append(events)
            except NotStored:
                self.refused += 1
                self._news.set()
                await asyncio.sleep(0.2)
                continue
            for event, answer in zip(events, answers, strict=True):
                self.placed[event.message_id] = answer
            self._news.set()

    async def until_acknowledged(self, more: int, patience_s: float = 60.0) -> None:
        """Wait until so many more events are acknowledged than now."""
        target = len(self.placed) + more
        await self._until(lambda: len(self.placed) >= target, patience_s)

    async def until_refused(self, patience_s: float = 60.0) -> None:
        """Wait until a caller is told to come again."""
        before = self.refused
        await self._until(lambda: self.refused > before, patience_s)

    async def _until(self, condition: Callable[[], bool], patience_s: float) -> None:
        async with asyncio.timeout(patience_s):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


async def check(log: NatsLog, placed: dict[str, Appended]) -> None:
    """L = 0: whatever was acknowledged lies where the answer said; sequences follow one another; nothing lies there twice."""
    await log.look()
    found: dict[tuple[int, int], str] = {}
    for partition in log.partitions:
        for item in await read_all_of(log, partition):
            assert isinstance(item, Record), item
            found[partition, item.sequence] = item.message_id
    assert {m: found.get((a.partition, a.sequence)) for m, a in placed.items()} == {m: m for m in placed}
    assert len(set(found.values())) == len(found), "stored twice"

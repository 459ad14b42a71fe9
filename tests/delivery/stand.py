"""A fleet of destinations over a real log, with a clock that runs a thousand times as fast."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router.delivery.assignment import Assignment
from router.delivery.fleet import Fleet
from router.delivery.ledger import Books
from router.delivery.options import DeliveryOptions
from router.delivery.pace import Backoff
from router.delivery.state.directory import StateDirectory
from router.delivery.state.letters import DeadLetter
from router.destination import Destination
from router.event import Event
from router.log.record import Entry
from router.log.sqlite import LogOptions, SqliteLog
from tests.delivery.harness import FastClock, Settings, plugin

DAY_S = 86_400.0
NOBODY_LISTENS = "http://127.0.0.1:9"
"""The discard port: a connection to it is refused at once."""
LOG = LogOptions(segment_bytes=16_384, retention_s=0.0, dedup_window_s=DAY_S, tail_bytes=20_000)
"""Small segments that nobody keeps for their own sake: what is still there, somebody needs."""
QUICK = DeliveryOptions(backoff=Backoff(0.5, 4.0, 4.0), batch_wait_s=0.0, max_in_flight=50)
MANY = 120
"""Events, over several segments."""


PLUGIN = plugin()


def assignment(name: str, **options: Any) -> Assignment:
    """A destination whose vendor is down; or, with ``is_opt_in``, one that skips everything and so keeps up."""
    is_opt_in = options.pop("is_opt_in", False)
    destination = Destination(name, PLUGIN, Settings(base_url=NOBODY_LISTENS), is_opt_in=is_opt_in)
    return Assignment(destination, **{"options": QUICK, "timeout_s": 1.0, **options})


DOWN = assignment("down")
UP = assignment("up", is_opt_in=True)


@dataclass
class Stand:
    """A fleet over a log in *directory*; `close` it and `open` it again as a restart does."""

    directory: Path
    clock: FastClock = field(default_factory=FastClock)
    added: int = 0

    async def open(self, *assignments: Assignment) -> None:
        self.log = await SqliteLog.open(self.directory / "log", LOG, self.clock.now)
        self.states = StateDirectory(self.directory / "destinations", self.log.id)
        self.fleet = Fleet(self.log, self.states, self.clock, random.Random(7))
        await self.fleet.apply(assignments)

    async def close(self) -> None:
        await self.fleet.stop(5_000.0)
        await self.log.close()

    async def add(self, count: int, size: int = 200) -> None:
        """Append *count* events of seven users, a few at a time: a segment ends between two commits."""
        for _ in range(0, count, 10):
            first, self.added = self.added + 1, self.added + min(10, count)
            await self.log.append([self._entry(number, size) for number in range(first, self.added + 1)])

    def _entry(self, number: int, size: int) -> Entry:
        moment = "2026-01-01T00:00:00.000Z"
        event = Event(
            type="track",
            message_id=f"m{number}",
            user_id=f"u{number % 7}",
            event="Tested",
            properties={"n": number, "text": "x" * size},
            timestamp=moment,
            received_at=moment,
        )
        key = event.user_key
        return Entry("website", event.message_id, key, key, None, None, "track", self.clock.now(), event.to_json())

    async def trim(self) -> int:
        """Let the log give up what nobody needs; returns where it starts then."""
        await self.log.trim(self.fleet.needed_from())
        return self.log.start(0)

    def books(self, name: str) -> Books:
        return self.fleet.berths[name].ledger.books(self.log.end)

    def has_kept_up(self, name: str) -> Callable[[], bool]:
        ledger = self.fleet.berths[name].ledger
        return lambda: ledger.written_positions[0] == self.log.end(0)

    async def letters(self, name: str) -> list[DeadLetter]:
        ledger = self.fleet.berths[name].ledger
        await ledger.flushed()
        return await ledger.ask(lambda state: state.letters.find(limit=100_000))

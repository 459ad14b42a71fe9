"""Logs of both kinds with destinations that stand somewhere in them, and what of them must come over in a copy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from router.admin.carrying import Side
from router.cli.log.copy import _side
from router.config import Config, load_config
from router.delivery.state.changes import Changes, Outcome, ParkedUser, Place, Tries
from router.delivery.state.letters import DeadLetter
from router.log.interface import Log
from router.log.record import Record
from router.registry import Registry
from tests.log.harness import entries, read_all_of

EVENTS = 60
WINDOW_S = 7 * 86_400.0


@dataclass
class Engines:
    """Makes configs of logs of either kind."""

    folder: Path
    url: str
    name: str
    max_disk: str = "20MB"
    partitions: dict[str, int] = field(default_factory=dict)
    """By role; 3 where nothing is said."""
    windows: dict[str, str] = field(default_factory=dict)
    """In which a repeat is one, by role; 7 days where nothing is said."""

    def config(self, kind: str, role: str) -> Config:
        path = self.path(kind, role)
        return load_config(path, Registry.load())

    def path(self, kind: str, role: str) -> Path:
        home = self.folder / role
        home.mkdir(exist_ok=True)
        path = home / "router.yaml"
        document = {
            "data": str(home / "var"),
            "log": self.url if kind == "nats" else "sqlite",
            "nats": {"name": f"{self.name}{role}", "partitions": self.partitions.get(role, 3)},
            "retention": {
                "max_disk": self.max_disk,
                "reserve": "0B",
                "dedup_window": self.windows.get(role, "7d"),
            },
            "sources": {"website": {"write_key": "demo"}},
        }
        path.write_text(json.dumps(document))
        return path


async def fill(side: Side, events: int = EVENTS) -> None:
    """Two destinations: ``fast`` has settled nearly all; ``slow`` has come a third of the way, and of what lies before it, one
    event is parked and one is a dead letter."""
    for first in range(1, events + 1, 1_000):
        await side.log.append(entries(first, min(first + 999, events)))
    for partition in side.log.partitions:
        end = side.log.end(partition)
        records = [r for r in await read_all_of(side.log, partition) if isinstance(r, Record)]
        third = end // 3
        fast = side.states[partition].take("fast")
        fast.add_partition(partition, 0)
        settled = [Outcome(Place(partition, n), "delivered", "", 5.0) for n in range(1, end)]
        changes = Changes(positions={partition: max(0, end - 1)}, outcomes=settled)
        changes.counts["delivered", ""] = len(settled)
        fast.commit(changes)
        fast.close()
        slow = side.states[partition].take("slow")
        slow.add_partition(partition, 0)
        parked, dead, *others = records[:third]
        changes = Changes(
            positions={partition: third},
            outcomes=[
                Outcome(Place(partition, dead.sequence), "dead", "400 no", 6.0),
                *(Outcome(Place(partition, r.sequence), "skipped", "flags: off", 6.0) for r in others),
            ],
            tries={Place(partition, third + 1): Tries(7.0, 3)},
            park=[(parked, "404")],
            parked_users={parked.user_key: ParkedUser(99.0, 2)},
            dead_letters=[DeadLetter(dead, "400 no", 1, 6.0)],
        )
        changes.counts.update({("dead", ""): 1, ("skipped", "flags"): len(others)})
        slow.commit(changes)
        slow.close()


@asynccontextmanager
async def sides(engines: Engines, source: str, target: str) -> AsyncIterator[tuple[Side, Side]]:
    async with _side(engines.config(source, "old")) as one, _side(engines.config(target, "new")) as other:
        yield one, other


async def stored(log: Log) -> dict[str, list[str]]:
    """Per user, the events in order."""
    found: dict[str, list[str]] = {}
    for partition in log.partitions:
        for record in await read_all_of(log, partition):
            assert isinstance(record, Record)
            found.setdefault(record.user_key, []).append(record.message_id)
    return found


def pending(side: Side, name: str) -> tuple[set[str], dict[str, str], list[str], int]:
    """Of a destination: what is parked, the dead letters with their reasons, and how many events are pending beyond that."""
    parked: set[str] = set()
    letters: dict[str, str] = {}
    skipped: list[str] = []
    count = 0
    for partition, states in side.states.items():
        state = states.look(name)
        for user in state.parked.places():
            parked |= {r.message_id for r in state.parked.first_of(user, 100) if r.partition == partition}
        letters |= {each.record.message_id: each.reason for each in state.letters.find()}
        _, position = state.positions()[partition]
        above = {n for n in state.settled_above_position().get(partition, set()) if n > position}
        count += side.log.end(partition) - position - len(above)
        state.close()
    return parked, letters, skipped, count


def books_balance(side: Side, name: str) -> bool:
    accepted = settled = waiting = 0
    for partition, states in side.states.items():
        state = states.look(name)
        start, position = state.positions()[partition]
        above = state.settled_above_position().get(partition, set())
        end = side.log.end(partition)
        accepted += end - start
        waiting += end - position - len(above) + sum(len(places) for places in state.parked.places().values())
        settled += sum(n for (kind, _), n in state.counts().items() if kind in ("delivered", "skipped", "dead"))
        state.close()
    return accepted == settled + waiting

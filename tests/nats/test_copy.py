"""Row 26 of the battery: from one engine to another, with all that is pending."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from router.admin.carrying import Carrying, Copied, Side, to_entry
from router.cli.log_copy import _side
from router.config import Config, load_config
from router.delivery.letters import DeadLetter
from router.delivery.state import Changes, Outcome, ParkedUser, Place, Tries
from router.errors import OperatorError
from router.log.interface import Log
from router.log.record import Record
from router.registry import Registry
from tests.log.harness import entries, read_all_of
from tests.nats.server import Cluster
from tests.system.harness import run_command

EVENTS = 60
WINDOW_S = 7 * 86_400.0


@dataclass
class Engines:
    """Makes configs of logs of either kind."""

    folder: Path
    url: str
    name: str

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
            "nats": {"name": f"{self.name}{role}", "partitions": 3},
            "retention": {"max_disk": "20MB", "reserve": "0B"},
            "sources": {"website": {"write_key": "demo"}},
        }
        path.write_text(json.dumps(document))
        return path


@pytest.fixture
def engines(tmp_path: Path, shared_server: Cluster, log_name: str) -> Engines:
    return Engines(tmp_path, shared_server.url, log_name)


async def fill(side: Side) -> None:
    """Two destinations: ``fast`` has settled nearly all; ``slow`` has come a third of the way, and of what lies before it, one
    event is parked and one is a dead letter."""
    await side.log.append(entries(1, EVENTS))
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
        for user in state.parked_places():
            parked |= {r.message_id for r in state.parked(user, 100) if r.partition == partition}
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
        waiting += end - position - len(above) + sum(len(places) for places in state.parked_places().values())
        settled += sum(n for (kind, _), n in state.counts().items() if kind in ("delivered", "skipped", "dead"))
        state.close()
    return accepted == settled + waiting


ROUTES = [("sqlite", "nats"), ("nats", "sqlite"), ("nats", "nats"), ("sqlite", "sqlite")]


@pytest.mark.parametrize(("source", "target"), ROUTES, ids=["to nats", "back", "between clusters", "between folders"])
async def test_row_26_what_is_pending_moves_with_its_order_and_its_standing(
    engines: Engines, source: str, target: str
) -> None:
    async with sides(engines, source, target) as (old, new):
        await fill(old)
        carrying = Carrying(old, new, WINDOW_S)
        copied = await carrying.run()
        carrying.close()

        before, after = await stored(old.log), await stored(new.log)
        assert copied.destinations == ["fast", "slow"]
        for name in copied.destinations:
            assert pending(old, name) == pending(new, name)
            assert books_balance(new, name)
        for user, moved in after.items():
            kept = set(moved)
            assert moved == [message for message in before[user] if message in kept]
        parked, letters, _, count = pending(old, "slow")
        assert copied.events == len(parked) + len(letters) + count


class Interrupted(Exception):
    pass


async def test_an_interrupted_copy_goes_on_where_it_was(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off after any batch of events, and in the middle of the states."""
    monkeypatch.setattr("router.admin.carrying.BATCH", 7)
    async with sides(engines, "sqlite", "nats") as (old, new):
        await fill(old)
        copied = await run_with_interruptions(old, new, monkeypatch)

        after = await stored(new.log)
        assert sum(map(len, after.values())) == copied.events
        assert copied.there_before == copied.events
        assert pending(old, "slow") == pending(new, "slow")
        assert pending(old, "fast") == pending(new, "fast")


async def run_with_interruptions(old: Side, new: Side, monkeypatch: pytest.MonkeyPatch) -> Copied:
    """Each run ends after one step more than the last."""
    steps = [0, 0]

    def breaking_off(step: Callable[..., object], allowed: int) -> Callable[..., object]:
        def take(*arguments: object) -> object:
            steps[0] += 1
            if steps[0] > allowed:
                raise Interrupted
            return step(*arguments)

        return take

    append, begin = Carrying._append, Carrying._begin
    for allowed in range(1, 40):
        steps[0] = 0
        monkeypatch.setattr(Carrying, "_append", breaking_off(append, allowed))
        monkeypatch.setattr(Carrying, "_begin", breaking_off(begin, allowed))
        carrying = Carrying(old, new, WINDOW_S)
        try:
            copied = await carrying.run()
        except Interrupted:
            continue
        finally:
            carrying.close()
        return copied
    raise AssertionError("it never ends")


async def test_a_log_that_holds_something_else_is_refused(engines: Engines) -> None:
    async with sides(engines, "sqlite", "nats") as (old, new):
        await fill(old)
        await new.log.append(entries(500, 503))
        carrying = Carrying(old, new, WINDOW_S)
        with pytest.raises(OperatorError, match="the target is no copy of this source"):
            await carrying.run()
        carrying.close()


def test_the_command_copies_and_says_what_is_next(engines: Engines) -> None:
    old, new = engines.path("sqlite", "old"), engines.path("nats", "new")

    async def prepare() -> None:
        async with _side(engines.config("sqlite", "old")) as side:
            await fill(side)

    asyncio.run(prepare())
    done = run_command("log", "copy", old, new)

    assert (done.code, done.err) == (0, "")
    assert "are in the new log; parked among them: 1, dead letters: 1. Destinations: fast, slow." in done.out
    again = run_command("log", "copy", old, new, "--json")
    assert again.json["there_before"] == again.json["events"]


def test_an_event_gets_its_keys_back_on_the_way() -> None:
    event = {"type": "track", "event": "A", "userId": "u1", "anonymousId": "a1", "messageId": "m1"}
    record = Record(2, 7, "website", "m1", "u1", "track", 5.0, json.dumps(event).encode())

    entry = to_entry(record)

    assert (entry.user_id, entry.anonymous_id, entry.user_key, entry.event) == ("u1", "a1", "u1", record.event)
    assert to_entry(record._replace(event=b"\xff")).user_id is None

"""Row 26 of the battery: from one engine to another, with all that is pending."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from router.admin.carrying import Carrying, Copied, Side, to_entry
from router.cli.log.copy import _copy, _side
from router.delivery.order import in_line, line_of, out_of_line
from router.delivery.state.changes import Changes, ParkedUser, Place
from router.errors import OperatorError
from router.log.jetstream.connection import ClusterAway
from router.log.record import Record
from tests.log.harness import NOW_S, entries, entry, read_all_of
from tests.nats.copying import WINDOW_S, Engines, books_balance, fill, pending, sides, stored
from tests.nats.server import Cluster
from tests.system.harness import run_command


@pytest.fixture
def engines(tmp_path: Path, shared_server: Cluster, log_name: str) -> Engines:
    return Engines(tmp_path, shared_server.url, log_name)


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


async def _away(*asked: object) -> None:
    raise ClusterAway("no leader just now")


def _refuse(*asked: object) -> None:
    raise ClusterAway("no leader just now")


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("router.delivery.state.journal.journal.Journal.append", _refuse),
        ("router.delivery.state.journal.states.destinations_of", _away),
    ],
    ids=["a state is written", "a partition is looked at"],
)
async def test_a_cluster_that_goes_away_meanwhile_is_told_as_that(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, place: str, fault: Callable[..., object]
) -> None:
    """The command goes on where it was, if it is given again; a traceback does not say so."""
    async with _side(engines.config("sqlite", "old")) as old:
        await fill(old)
    monkeypatch.setattr("router.cli.cluster.states.COMMAND_S", 0.1)
    monkeypatch.setattr(place, fault)

    with pytest.raises(OperatorError, match=r"no leader just now.* (again|quorum)"):
        await _copy(engines.config("sqlite", "old"), engines.config("nats", "new"))


async def test_a_log_is_not_copied_onto_itself_however_its_cluster_is_addressed(
    engines: Engines, shared_server: Cluster
) -> None:
    """Where everything is pending it is a copy of itself; its states would be removed to be written anew."""
    config = engines.config("nats", "old")
    async with _side(config) as old:
        await old.log.append(entries(1, 9))
        for partition, states in old.states.items():
            with closing(states.take("crm")) as state:
                state.add_partition(partition, 0)
    elsewhere = shared_server.url.replace("127.0.0.1", "localhost")
    to = config.model_copy(update={"log": SecretStr(elsewhere), "data": engines.folder / "other"})

    with pytest.raises(OperatorError, match="the target is the log of the source"):
        await _copy(config, to)


@pytest.mark.parametrize("target", ["sqlite", "nats"])
async def test_a_message_id_that_two_users_share_does_not_stop_a_copy(engines: Engines, target: str) -> None:
    """A cluster looks for repeats within a partition; the users of two may share one in the target."""
    engines.partitions["new"] = 1
    async with sides(engines, "nats", target) as (old, new):
        await old.log.append([entry(number, message_id="same") for number in range(1, 8)])
        assert sum(old.log.end(partition) > 0 for partition in old.log.partitions) > 1
        for partition in old.log.partitions:
            with closing(old.states[partition].take("crm")) as state:
                state.add_partition(partition, 0)
        for is_again in (False, True):
            carrying = Carrying(old, new, WINDOW_S)
            copied = await carrying.run()
            carrying.close()

            assert (copied.events, copied.repeats) == (1, 2)
            assert copied.there_before == (1 if is_again else 0)
            assert books_balance(new, "crm")


async def test_what_was_no_repeat_in_the_old_log_is_none_in_the_new_one(engines: Engines) -> None:
    """Whatever window the new one has: it was taken, and is to be delivered."""
    engines.windows["old"] = "1h"
    old, new = engines.config("sqlite", "old"), engines.config("sqlite", "new")
    async with _side(old) as side:
        await side.log.append([entry(1), entry(1, received_at_s=NOW_S + 7_200)])
        with closing(side.states[0].take("crm")) as state:
            state.add_partition(0, 0)

    copied = await _copy(old, new)

    assert (copied.events, copied.repeats) == (2, 0)


@pytest.mark.parametrize("is_gone", [False, True], ids=["in the log", "gone from the log"])
async def test_what_is_parked_in_a_line_of_its_own_keeps_its_turn_and_its_user(engines: Engines, is_gone: bool) -> None:
    """A destination with `order: none` parks each event by itself, under a name that tells its place in the log."""
    async with sides(engines, "sqlite", "sqlite") as (old, new):
        await old.log.append(entries(1, 9))
        records = [record for record in await read_all_of(old.log, 0) if isinstance(record, Record)]
        parked = records[6]
        line, turn = line_of(parked, is_ordered=False), ParkedUser(99.0, 2)
        with closing(old.states[0].take("crm")) as state:
            state.add_partition(0, 0)
            changes = Changes(positions={0: 9}, park=[(in_line(parked, line), "404")], parked_users={line: turn})
            state.commit(changes)
        if is_gone:
            old.log._store._active_since_s = 0.0  # type: ignore[attr-defined]
            await old.log.trim({0: 10})
            assert old.log.start(0) > 7
        carrying = Carrying(old, new, WINDOW_S)
        await carrying.run()
        carrying.close()

        [moved] = await read_all_of(new.log, 0)
        assert isinstance(moved, Record)
        assert moved.user_key == parked.user_key
        line = line_of(moved, is_ordered=False)
        with closing(new.states[0].look("crm")) as state:
            assert state.parked.places() == {line: {Place(0, 1)}}
            assert state.parked.users() == {line: turn}
            assert [out_of_line(record) for record in state.parked.first_of(line, 9)] == [moved]


async def test_an_event_that_the_new_log_can_not_hold_is_told_of(engines: Engines) -> None:
    async with sides(engines, "sqlite", "nats") as (old, new):
        await old.log.append([entry(1, size=new.log._connection.max_payload)])  # type: ignore[attr-defined]
        with closing(old.states[0].take("crm")) as state:
            state.add_partition(0, 0)
        carrying = Carrying(old, new, WINDOW_S)
        with pytest.raises(OperatorError, match="max_payload"):
            await carrying.run()
        carrying.close()


def test_the_command_copies_and_says_what_is_next(engines: Engines) -> None:
    old, new = engines.path("sqlite", "old"), engines.path("nats", "new")

    async def prepare() -> None:
        async with _side(engines.config("sqlite", "old")) as side:
            await fill(side)
            with closing(side.states[0].look("slow")) as state:
                state.add_job("replay", {"last": 9}, 9, 1.0)
                done = state.add_job("replay", {"last": 5}, 5, 1.0)
                state.commit(Changes(jobs={done.id: replace(done, state="done")}))

    asyncio.run(prepare())
    done = run_command("log", "copy", old, new)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("In the new log: ")
    assert "; parked among them: 1, dead letters: 1. Destinations: fast, slow." in done.out
    assert "Left behind: 1 job under way." in done.out
    again = run_command("log", "copy", old, new, "--json")
    assert again.json["there_before"] == again.json["events"]


def test_an_event_gets_its_keys_back_on_the_way() -> None:
    event = {"type": "track", "event": "A", "userId": "u1", "anonymousId": "a1", "messageId": "m1"}
    record = Record(2, 7, "website", "m1", "u1", "track", 5.0, json.dumps(event).encode())

    entry = to_entry(record)

    assert (entry.user_id, entry.anonymous_id, entry.user_key, entry.event) == ("u1", "a1", "u1", record.event)
    assert to_entry(record._replace(event=b"\xff")).user_id is None

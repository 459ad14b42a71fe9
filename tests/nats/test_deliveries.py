"""The deliveries of a router in a cluster, in this process and against the real server: what they do when something fails."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from nats.aio.msg import Msg

from router.cli.cluster.deliveries import ClusterDeliveries
from router.cli.engine import open_log
from router.clock import SystemClock
from router.config import load_config
from router.delivery.ledger import Ledger
from router.delivery.state.journal.entry import Draft
from router.delivery.state.journal.journal import Journal
from router.delivery.state.journal.state import JournaledState
from router.delivery.state.journal.states import JournaledStates
from router.delivery.state.state import StateUnusable
from router.errors import OperatorError
from router.log.jetstream.answered import START_S
from router.log.jetstream.connection import ClusterAway, Connection, Denied, Stored
from router.log.jetstream.log import NatsLog
from router.log.lock import Lock
from router.log.options import LogOptions
from router.log.record import Record
from router.log.tail import Tail
from router.registry import Registry
from router.suppressed import NOBODY
from tests.delivery.harness import until
from tests.log.harness import entry
from tests.nats.server import Cluster


@pytest.fixture
async def deliveries(shared_server: Cluster, log_name: str, tmp_path: Path) -> AsyncIterator[ClusterDeliveries]:
    """Of one partition and one destination, and at work."""
    deliveries, stop, running = await begin(shared_server, log_name, tmp_path, {})
    yield deliveries
    stop.set()
    with suppress(Exception):
        await running
    await deliveries.stop(0.0)
    await deliveries._log.close()


async def begin(
    server: Cluster, log_name: str, folder: Path, settings: dict[str, str]
) -> tuple[ClusterDeliveries, asyncio.Event, asyncio.Task[None]]:
    document = {
        "data": str(folder / "var"),
        "log": server.url,
        "nats": {"name": log_name, "partitions": 1},
        "retention": {"max_disk": "20MB", "reserve": "0B"},
        "sources": {"website": {"write_key": "demo"}},
        "destinations": {"crm": {"plugin": "mixpanel", "settings": {"project_token": "t", **settings}}},
    }
    path, registry = folder / "router.yaml", Registry.load()
    path.write_text(json.dumps(document))
    config, clock = load_config(path, registry), SystemClock()
    log = await open_log(config, clock)
    deliveries = await ClusterDeliveries.open(log, config, registry, clock, tuple, delivers=True)
    await deliveries.apply(config, {}, NOBODY)
    stop = asyncio.Event()
    running = asyncio.create_task(deliveries.run(stop))
    await until(lambda: any("crm" in fleet.berths for fleet in deliveries._fleets.all.values()))
    return deliveries, stop, running


async def end(deliveries: ClusterDeliveries, stop: asyncio.Event, running: asyncio.Task[None]) -> None:
    stop.set()
    await running
    await deliveries.stop(0.0)
    await deliveries._log.close()


async def test_a_full_disk_on_this_machine_ends_no_housekeeping(deliveries: ClusterDeliveries, tmp_path: Path) -> None:
    """What another router wrote does not fit into the view; the next write tells of it again."""
    berth = deliveries._fleets.all[0].berths["crm"]
    pages = "PRAGMA max_page_count = 1"  # no fewer than there are
    await berth.ledger.ask(lambda state: state._connection.execute(pages).fetchall())  # type: ignore[attr-defined]
    elsewhere = deliveries._states[0]
    elsewhere = type(elsewhere)(
        deliveries._blocking, elsewhere._names, 0, tmp_path / "other", elsewhere._log_id, "other"
    )

    def add_a_job() -> None:
        state = elsewhere.look("crm")
        state.add_job("replay", {"last": 9, "note": "x" * 100_000}, 9, 1.0)
        state.close()

    await asyncio.to_thread(add_a_job)

    await deliveries._fleets.catch_up(0)


async def test_what_a_restart_helps_against_in_the_log_keeps_the_watchdog_from_hearing_that_all_is_well(
    deliveries: ClusterDeliveries,
) -> None:
    """The daemon asks its deliveries alone: for an embedded log's disk a restart would do nothing."""
    await deliveries._log._connection.close()

    assert list(deliveries.stuck) == ["the connection to the cluster has ended for good"]


@pytest.mark.parametrize("which", ["claims", "states"])
async def test_a_connection_that_has_ended_for_good_is_told_as_stuck(deliveries: ClusterDeliveries, which: str) -> None:
    """A server that says why it closes one, such as a user whose time is up, is not connected to again."""
    assert list(deliveries.stuck) == []

    if which == "claims":
        await deliveries._connection.close()
    else:
        await asyncio.to_thread(deliveries._blocking.ask, lambda connection: connection.close())

    assert list(deliveries.stuck) == [f"the connection to the cluster for {which} has ended for good"]


async def test_a_destination_starts_where_another_router_noted_its_place_behind_what_is_known_here(
    shared_server: Cluster, log_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are reloaded at once, and who delivers has not heard yet of the latest events: this is no log of an older backup."""

    async def hear(log: NatsLog, message: Msg) -> None: ...

    monkeypatch.setattr(NatsLog, "_hear", hear)
    deliveries, stop, running = await begin(shared_server, log_name, tmp_path, {})
    gateway = await NatsLog.open(
        [shared_server.url], LogOptions(max_bytes=20_000_000), SystemClock().now, name=log_name, partitions=1
    )
    event = json.dumps({"type": "page", "userId": "u1", "messageId": "m1", "integrations": {"All": False}}).encode()
    await gateway.append([replace(entry(1), event=event)])
    ours = deliveries._states[0]
    elsewhere = JournaledStates(deliveries._blocking, ours._names, 0, tmp_path / "other", ours._log_id, "other")

    def note() -> None:
        with closing(elsewhere.look("sales")) as state:
            state.add_partition(0, gateway.end(0))

    await asyncio.to_thread(note)
    config = deliveries._config
    sales = config.destinations["crm"].model_copy(update={"name": "sales"})
    both = config.model_copy(update={"destinations": {**config.destinations, "sales": sales}})
    assert deliveries._log.end(0) == 0

    await deliveries.apply(both, {}, NOBODY)

    assert sorted(deliveries._fleets.all[0].berths) == ["crm", "sales"]
    await end(deliveries, stop, running)
    await gateway.close()


async def test_what_can_not_be_tried_again_for_a_bug_ends_no_router(
    deliveries: ClusterDeliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()

    async def fail() -> None:
        stop.set()
        raise KeyError("a bug")

    fleet = deliveries._fleets.all[0]
    fleet.problems["sales"] = "it could not start"
    monkeypatch.setattr(fleet, "retry", fail)

    await deliveries._retry(stop)

    assert stop.is_set()


def add_sales(deliveries: ClusterDeliveries) -> None:
    """To the config, as a reload does."""
    config = deliveries._config
    added = {**config.destinations, "sales": config.destinations["crm"].model_copy(update={"name": "sales"})}
    deliveries.configure(config.model_copy(update={"destinations": added}), {})


def go_away(journal: Journal, draft: Draft, head: int) -> tuple[int, int]:
    raise ClusterAway("no answer in time")


async def test_a_cluster_that_goes_away_as_a_config_is_applied_is_told_as_that(
    deliveries: ClusterDeliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the new destination begins in the partitions of others can't be noted: no bug, and no reason to end."""

    add_sales(deliveries)
    monkeypatch.setattr(Journal, "append", go_away)

    with pytest.raises(OperatorError, match="the cluster does not take"):
        await asyncio.to_thread(deliveries._beginnings.note_in, 0)


async def test_what_could_not_be_noted_for_the_cluster_was_away_is_noted_once_it_is_back(
    deliveries: ClusterDeliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload suppresses it: events that come meanwhile are for the new destination too, whoever delivers them later."""

    add_sales(deliveries)
    monkeypatch.setattr(deliveries._fleets, "all", {})  # another router's
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", go_away)
        with pytest.raises(OperatorError):
            await deliveries._beginnings.note(0.0)
    assert ["the cluster does not take" in problem for problem in deliveries.problems] == [True]

    await until(lambda: not deliveries.problems)

    assert deliveries._states[0].has("sales")


async def test_what_lands_as_a_partition_is_given_up_is_broken_off_when_that_is_lost(
    shared_server: Cluster, log_name: str, tmp_path: Path
) -> None:
    """Another router delivers by then: what went on beside it could overtake what that one sends."""
    came, broken_off = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        came.set()
        try:
            await asyncio.sleep(60)
        finally:
            broken_off.set()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hang)
    async with TestServer(app, handler_cancellation=True) as vendor:
        address = {"base_url": str(vendor.make_url("")).rstrip("/")}
        deliveries, stop, running = await begin(shared_server, log_name, tmp_path, address)
        try:
            event = {"type": "track", "event": "Bought", "userId": "u1", "messageId": "m1"}
            await deliveries._log.append([replace(entry(1), event=json.dumps(event).encode())])
            await asyncio.wait_for(came.wait(), 10)
            deliveries._claims.release(0)
            await until(lambda: not deliveries._fleets.all)
            deliveries._claims.lose(0)
            async with asyncio.timeout(5):  # a flight has seven seconds to land
                await broken_off.wait()
        finally:
            await end(deliveries, stop, running)


@pytest.mark.parametrize("operation", ["CREATE.{}-state-0", "CREATE.{}-claims", "INFO.{}-state-0"])
async def test_a_start_waits_for_a_cluster_that_has_no_leader_just_now(
    shared_server: Cluster, log_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """As it does for the streams of the log: a node may die between one and the other."""
    call, awaited = Connection.call, f"STREAM.{operation.format(log_name)}"
    failures = [ClusterAway("no leader just now")] * 2

    async def lead_soon(connection: Connection, asked: str, *more: Any) -> dict[str, Any]:
        if asked == awaited and failures:
            raise failures.pop()
        return await call(connection, asked, *more)

    monkeypatch.setattr("router.cli.cluster.beginnings.RETRY_S", 0.05)
    monkeypatch.setattr(Connection, "call", lead_soon)

    deliveries, stop, running = await begin(shared_server, log_name, tmp_path, {})

    assert not failures
    await end(deliveries, stop, running)


async def test_who_asks_as_a_partition_is_lost_is_answered_all_the_same(
    deliveries: ClusterDeliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question waits for what is not written yet; by then another router may deliver."""
    flushed = Ledger.flushed

    async def lose_meanwhile(ledger: Ledger) -> None:
        await flushed(ledger)
        deliveries._claims.lose(0)
        await asyncio.wait(deliveries._fleets._tasks.values())

    monkeypatch.setattr(Ledger, "flushed", lose_meanwhile)

    assert await deliveries.calls()["jobs"](destination="crm") == []


async def test_a_start_waits_for_nothing_but_the_cluster(
    shared_server: Cluster, log_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that a newer program wrote does not become older."""

    def fail(state: JournaledState) -> None:
        raise StateUnusable("the journal can't be read: the operation 'new' of version 9")

    monkeypatch.setattr(JournaledState, "catch_up", fail)

    async with asyncio.timeout(15):  # for the cluster it would wait for 30 seconds
        with pytest.raises(StateUnusable, match="version 9"):
            await begin(shared_server, log_name, tmp_path, {})


async def test_a_start_does_not_wait_for_what_its_user_may_not_do(
    deliveries: ClusterDeliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(connection: Connection, operation: str, *more: Any) -> dict[str, Any]:
        raise Denied("permissions violation for publish")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "call", fail)
        async with asyncio.timeout(15):
            with pytest.raises(OperatorError, match="permissions violation"):
                await deliveries._beginnings.note(START_S)


@pytest.mark.parametrize(
    "place", ["router.cli.cluster.deliveries.BlockingConnection.open", "router.cli.cluster.deliveries.Claims.ensure"]
)
async def test_a_start_that_fails_leaves_nothing_open(
    shared_server: Cluster, log_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fail(*asked: Any) -> None:
        raise OperatorError("refused")

    threads = set(threading.enumerate())
    monkeypatch.setattr(place, fail)

    with pytest.raises(OperatorError, match="refused"):
        await begin(shared_server, log_name, tmp_path, {})

    assert not [
        each for each in set(threading.enumerate()) - threads if each.name == "blocking connection to the cluster"
    ]
    Lock.take_file(tmp_path / "var" / "router.lock").release()


@pytest.mark.full
async def test_a_router_stops_although_it_waits_for_the_log_in_a_partition_that_it_has_gained(
    shared_server: Cluster, log_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster goes away as it reads back which events were there: that may take hours, and a stop may not."""

    async def fail(connection: Connection, *asked: Any) -> list[Stored]:
        raise ClusterAway("no answer in time")

    deliveries, stop, running = await begin(shared_server, log_name, tmp_path, {})
    event = {"type": "page", "userId": "u1", "messageId": "m1", "integrations": {"All": False}}
    await deliveries._log.append([replace(entry(1), event=json.dumps(event).encode())])
    await until(lambda: deliveries._fleets.all[0].berths["crm"].ledger.written_positions == {0: 1})
    deliveries._log._readers[0]._tail = Tail(0)
    deliveries._log._readers[0]._chunks.clear()
    monkeypatch.setattr(Connection, "get_batch", fail)
    deliveries._claims.lose(0)
    await until(lambda: 0 in deliveries._fleets.all)

    async with asyncio.timeout(12):
        await end(deliveries, stop, running)


async def test_a_cluster_that_goes_away_in_the_middle_of_a_trace_is_told_as_that(
    deliveries: ClusterDeliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = NatsLog.find

    async def find_none(log: NatsLog, message_id: str) -> list[Record]:
        monkeypatch.setattr(Connection, "call", fail)
        return await find(log, message_id)

    async def fail(connection: Connection, operation: str, *more: Any) -> dict[str, Any]:
        raise ClusterAway("no leader just now")

    with monkeypatch.context() as patch:
        patch.setattr(NatsLog, "find", find_none)
        with pytest.raises(OperatorError, match="no leader just now"):
            await deliveries.calls()["trace"]("m1")
    monkeypatch.undo()

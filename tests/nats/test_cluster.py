"""Rows 26 to 28 of the battery, at the log: a cluster of three that loses nodes, and nothing that was acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from router.delivery.state.journal.blocking_connection import BlockingConnection
from router.delivery.state.journal.entry import Draft
from router.delivery.state.journal.journal import Journal, Overtaken
from router.delivery.state.journal.streams import JournalNames, ensure_journals
from router.errors import OperatorError
from router.log.interface import LogAway
from router.log.jetstream.answered import START_S, until_answered
from router.log.jetstream.connection import ClusterAway, Connection
from router.log.jetstream.log import NatsLog
from router.log.options import LogOptions
from tests.log.harness import StillClock, entry
from tests.nats.load import Load, check
from tests.nats.server import Cluster
from tests.system.proxy import Proxy

pytestmark = [pytest.mark.full, pytest.mark.timeout(180)]

OPTIONS = LogOptions(max_bytes=1_000_000_000)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster.make(tmp_path, 3, is_synced=True)
    cluster.start()
    yield cluster
    cluster.clear()


async def open_log(cluster: Cluster) -> NatsLog:
    return await NatsLog.open(cluster.url.split(","), OPTIONS, StillClock(), partitions=4)


@pytest.fixture
async def load(cluster: Cluster) -> AsyncIterator[Load]:
    logs = [await open_log(cluster), await open_log(cluster)]
    load = Load(logs)
    load.start()
    yield load
    await asyncio.gather(*(log.close() for log in logs))


async def finish(load: Load, cluster: Cluster) -> None:
    await load.stop()
    log = await open_log(cluster)
    await check(log, load.placed)
    await log.close()


async def test_row_27_one_node_after_the_other_is_killed_under_load(load: Load, cluster: Cluster) -> None:
    for node in [*cluster.nodes, *cluster.nodes]:
        await load.until_acknowledged(200)
        await asyncio.to_thread(node.kill)
        await load.until_acknowledged(50)
        node.start()
        await asyncio.to_thread(node.wait_healthy)

    await finish(load, cluster)


async def test_row_28_a_node_that_stood_still_comes_back(load: Load, cluster: Cluster) -> None:
    for node in cluster.nodes:
        await load.until_acknowledged(200)
        node.freeze()
        await load.until_acknowledged(50)
        node.thaw()
        await asyncio.to_thread(node.wait_healthy)

    await finish(load, cluster)


async def test_a_log_that_is_made_while_a_node_is_still_to_come_waits_for_it(tmp_path: Path) -> None:
    """One replica for good would be a high price for a start that is a little early."""
    cluster = Cluster.make(tmp_path, 3)
    try:
        for node in cluster.nodes[:2]:
            node.start()
        opening = asyncio.create_task(open_log(cluster))
        await asyncio.sleep(1.5)  # for the others to have a leader, who finds no place for three replicas
        assert not opening.done()
        cluster.nodes[2].start()

        log = await opening
        assert log.replicas == 3
        await log.close()
    finally:
        cluster.clear()


async def test_a_cluster_of_two_nodes_has_a_log_with_one_replica(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.log.jetstream.log.NODES_S", 2.0)
    cluster = Cluster.make(tmp_path, 2)
    try:
        cluster.start()
        log = await open_log(cluster)
        assert log.replicas == 1
        await log.close()
    finally:
        cluster.clear()


async def test_a_log_is_made_while_a_node_has_just_died(cluster: Cluster) -> None:
    """One choice of a leader comes after the other: the cluster's, then those of the streams."""
    cluster.nodes[0].kill()

    log = await NatsLog.open(cluster.url.split(","), OPTIONS, StillClock(), partitions=16)

    assert log.replicas == 3
    await log.close()


async def test_a_node_without_room_is_told_as_that_and_costs_no_replica(tmp_path: Path) -> None:
    """The cluster says of it that it has no place for so many: a log with one replica would be a high price for that."""
    cluster = Cluster.make(tmp_path, 3)
    config = cluster.nodes[2].folder / "server.conf"
    config.write_text(config.read_text().replace("100GB", "10MB"))
    try:
        cluster.start()
        with pytest.raises(OperatorError, match=r"insufficient storage .* lower that, or raise max_file_store"):
            await open_log(cluster)
    finally:
        cluster.clear()


async def test_whose_node_is_cut_off_from_the_others_goes_to_another(tmp_path: Path) -> None:
    """That node still takes connections, and answers pings."""
    proxies: dict[tuple[int, int], Proxy] = {}

    def way(node: int, other: int, port: int) -> int:
        proxies[node, other] = Proxy(port)
        return proxies[node, other].port

    cluster = Cluster.make(tmp_path, 3, way=way)
    cluster.start()
    log = await open_log(cluster)
    try:
        await log.append([entry(1)])
        url = log._connection.client.connected_url
        assert url is not None
        [number] = [number for number, node in enumerate(cluster.nodes) if node.port == url.port]
        for pair, proxy in proxies.items():
            if number in pair:
                proxy.cut()

        async with asyncio.timeout(60):
            while True:
                try:
                    await log.append([entry(2)])
                    break
                except LogAway:
                    await asyncio.sleep(0.2)
    finally:
        await log.close()
        cluster.clear()
        for proxy in proxies.values():
            proxy.close()


async def test_two_who_write_a_state_at_once_both_do_so_after_all(cluster: Cluster) -> None:
    """Of three nodes the leader refuses whatever comes while it still waits for the others' word of what came before."""
    names = JournalNames("two")
    connections = [await asyncio.to_thread(BlockingConnection.open, [node.url]) for node in cluster.nodes[:2]]

    def make(connection: Connection) -> Coroutine[None, None, None]:
        return until_answered(lambda: ensure_journals(connection, names, [0], 3))

    await asyncio.to_thread(connections[0].ask, make, 2 * START_S)

    def write(number: int) -> int:
        journal, written = Journal(connections[number], names, 0, "crm"), 0
        while written < 50:
            with suppress(Overtaken, ClusterAway):  # a stream just made may still be choosing its leader
                journal.append(Draft("operation", f"w{number}", written + 1, b"x"), journal.last())
                written += 1
        return written

    try:
        assert await asyncio.gather(*(asyncio.to_thread(write, number) for number in range(2))) == [50, 50]
    finally:
        for each in connections:
            await asyncio.to_thread(each.close)


async def test_a_cluster_without_a_quorum_takes_nothing_and_goes_on_when_it_has_one(
    load: Load, cluster: Cluster
) -> None:
    await load.until_acknowledged(100)
    for node in cluster.nodes[:2]:
        node.kill()
    await load.until_refused()
    for node in cluster.nodes[:2]:
        node.start()
    await load.until_acknowledged(200)

    await finish(load, cluster)

"""Claims on partitions, against the real server: shared out evenly, given up in an orderly way, taken over, lost at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from nats.aio.msg import Msg

from router.clock import SystemClock
from router.delivery.sharing import claims as claims_module
from router.delivery.sharing.claim import Claim
from router.delivery.sharing.claims import Claims
from router.log.jetstream.connection import ClusterAway, Connection, Stored
from tests.delivery.harness import until
from tests.nats.server import Cluster

PARTITIONS = range(4)
SHORT_LEASE_S = 1.5


class Router:
    """One that delivers whatever it has a claim on."""

    def __init__(self, name: str, connection: Connection, log: str, delivers: bool = True) -> None:
        self.lost: list[int] = []
        self.claims = Claims(
            connection, log, name, PARTITIONS, SystemClock(), self.gained, self.lost.append, self.give_up, delivers
        )
        self.held: dict[int, Claim] = {}
        self.ended: list[int] = []
        self.stop = asyncio.Event()
        self.task = asyncio.ensure_future(self.claims.run(self.stop))

    def gained(self, claim: Claim) -> None:
        self.held[claim.partition] = claim

    async def give_up(self, partition: int) -> None:
        self.ended.append(partition)

    async def die(self) -> None:
        """Without a word to anybody. A library may let a cancellation slip: again, then."""
        while not self.task.done():
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=0.05)


@pytest.fixture
def lease_s() -> float:
    """So long that no machine is too slow for it; a test that waits for its end has a shorter one."""
    return 30.0


@pytest.fixture
async def start(
    shared_server: Cluster, log_name: str, lease_s: float, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[str], Router]]:
    monkeypatch.setattr(claims_module, "LEASE_S", lease_s)
    monkeypatch.setattr(claims_module, "MARGIN_S", 0.3)
    monkeypatch.setattr(claims_module, "BEAT_S", 0.1)
    connection = await Connection.open([shared_server.url])
    routers: list[Router] = []

    def start(name: str, delivers: bool = True) -> Router:
        router = Router(name, connection, log_name, delivers)
        routers.append(router)
        return router

    probe = Claims(connection, log_name, "probe", PARTITIONS, SystemClock(), lambda _: None, lambda _: None, _nothing)
    await probe.ensure(1)
    yield start
    for router in routers:
        await router.die()
    await connection.close()


async def _nothing(partition: int) -> None: ...


Start = Callable[..., Router]


async def test_partitions_are_shared_out_and_given_up_in_an_orderly_way(start: Start) -> None:
    first = start("a")
    await until(lambda: first.claims.partitions == [0, 1, 2, 3])

    second = start("b")
    await until(lambda: len(second.claims.partitions) == len(first.claims.partitions) == 2)

    assert sorted(first.claims.partitions + second.claims.partitions) == [0, 1, 2, 3]
    assert first.ended == [2, 3]
    assert first.lost == second.lost == []


@pytest.mark.parametrize("lease_s", [SHORT_LEASE_S])
async def test_what_a_dead_router_had_is_taken_over(start: Start) -> None:
    first, second = start("a"), start("b")
    await until(lambda: len(second.claims.partitions) == len(first.claims.partitions) == 2)
    theirs = [first.held[partition] for partition in first.claims.partitions]

    await first.die()
    await until(lambda: len(second.claims.partitions) == 4)

    assert not any(claim.is_good() for claim in theirs), "it had found out by then that it must not send"
    assert second.claims.alive == {"b"}


async def test_one_that_does_not_deliver_has_no_share_and_is_known_to_run(start: Start) -> None:
    first, gateway = start("a"), start("g", delivers=False)
    await until(lambda: len(first.claims.partitions) == 4 and bool(gateway.claims.alive))

    await first.claims.look()
    assert await first.claims.words(is_of_all=True) == {"g": b"g"}
    assert await first.claims.words() == {}
    assert first.claims.alive == gateway.claims.alive == {"a"}

    gateway.stop.set()
    await gateway.claims.close()
    await first.claims.look()
    assert await first.claims.words(is_of_all=True) == {}


async def test_who_stops_leaves_nothing_behind(start: Start) -> None:
    first, second = start("a"), start("b")
    await until(lambda: len(second.claims.partitions) == len(first.claims.partitions) == 2)

    first.stop.set()
    await first.claims.close()
    await second.claims.look()

    assert second.claims.alive == {"b"}
    assert second.claims.claimed == set(second.held)


async def test_a_claim_that_another_router_has_by_now_is_lost(start: Start, log_name: str) -> None:
    router = start("a")
    await until(lambda: router.claims.partitions == [0, 1, 2, 3])
    held = router.held[2]

    await router.claims._connection.request(f"{log_name}.claims.partition.2", b"b")
    await until(lambda: router.lost == [2])

    assert not held.is_good()
    assert router.claims.partitions == [0, 1, 3]


async def test_entries_that_no_router_wrote_disturb_nobody(start: Start, log_name: str) -> None:
    router = start("a")
    await until(lambda: router.claims.partitions == [0, 1, 2, 3])

    for entry in ("partition.x", "partition.99", "partition.1"):
        await router.claims._connection.request(f"{log_name}.claims.{entry}", b"\xff")
    await until(lambda: router.lost == [1])

    for _ in range(3):
        await router.claims._beat()
    assert router.claims.partitions == [0, 2, 3]
    assert router.claims.claimed == {0, 1, 2, 3}
    assert not router.task.done()


async def test_a_partition_that_is_lost_as_a_beat_begins_ends_no_router(start: Start) -> None:
    """A worker notices that another router has written, or what was given up is given up, at any moment."""
    router = start("a")
    await until(lambda: router.claims.partitions == [0, 1, 2, 3])
    await router.die()

    beat = asyncio.ensure_future(router.claims._beat())
    asyncio.get_running_loop().call_soon(router.claims.lose, 2)
    await beat

    assert router.lost == [2]
    assert router.claims.partitions == [0, 1, 3]


async def test_what_is_renewed_while_it_is_given_up_is_free_at_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody delivers the partition until the entry vanishes."""
    router = start("a")
    await until(lambda: router.claims.partitions == [0, 1, 2, 3])
    await router.die()
    publish = Claims._publish

    async def slow(claims: Claims, entry: str, expected: int | None, data: bytes = b"") -> int | None:
        sequence = await publish(claims, entry, expected, data)
        claims.release(2)
        await until(lambda: 2 not in claims._held and not claims._leaving)
        return sequence

    monkeypatch.setattr(Claims, "_publish", slow)
    await router.claims._renew(2)
    await router.claims.look()

    assert router.claims.claimed == {0, 1, 3}


@pytest.mark.parametrize("lease_s", [SHORT_LEASE_S])
async def test_a_partition_is_lost_when_its_time_is_up_and_not_only_when_the_cluster_has_not_answered(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is under way there is broken off by then: a request to the cluster may take longer than another router's start."""
    router = start("a")
    await until(lambda: router.claims.partitions == [0, 1, 2, 3])
    came = asyncio.Event()

    async def hang(connection: Connection, *asked: Any) -> Msg:
        came.set()
        await asyncio.sleep(60)
        raise ClusterAway("no answer in time")

    monkeypatch.setattr(Connection, "request", hang)
    await came.wait()

    await until(lambda: sorted(router.lost) == [0, 1, 2, 3])


WRONG_LAST = b'{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 0"}}'


@pytest.mark.parametrize("is_refused", [False, True], ids=["no answer came", "a leader that stood still refused it"])
async def test_a_partition_whose_claim_was_made_although_no_answer_said_so_is_delivered_soon(
    start: Start, monkeypatch: pytest.MonkeyPatch, is_refused: bool
) -> None:
    """Else nobody would until the entry vanishes, for nobody knows that it is this router's."""
    request, lost = Connection.request, ["claims.partition.2"]

    async def lose(connection: Connection, subject: str, *more: Any) -> Msg:
        answer = await request(connection, subject, *more)
        if lost and subject.endswith(lost[0]):
            lost.clear()
            if not is_refused:
                raise ClusterAway("lost on the way back")
            answer.data = WRONG_LAST
        return answer

    monkeypatch.setattr(Connection, "request", lose)
    router = start("a")

    await until(lambda: router.claims.partitions == [0, 1, 2, 3])

    assert not lost


@pytest.mark.parametrize(
    "stale",
    [None, Stored(1, {}, b"b"), Stored(1, {}, b"a")],
    ids=["vanished", "who had it before", "ours, of some beats ago"],
)
async def test_what_a_leader_that_stood_still_says_of_a_claim_loses_no_partition(
    start: Start, monkeypatch: pytest.MonkeyPatch, stale: Stored | None
) -> None:
    """It refuses, as it wakes, what its successor has stored, and knows entries of before: nobody would deliver the partition
    until the entry vanishes, and what is under way would be broken off."""
    router = start("a")
    claims = router.claims
    await until(lambda: claims.partitions == [0, 1, 2, 3])
    await router.die()
    request, get_last = Connection.request, Connection.get_last

    async def refuse(connection: Connection, subject: str, *more: Any) -> Msg:
        answer = await request(connection, subject, *more)
        if subject.endswith("claims.partition.2"):
            answer.data = WRONG_LAST
        return answer

    async def know_old(connection: Connection, stream: str, subject: str) -> Stored | None:
        return stale

    monkeypatch.setattr(Connection, "request", refuse)
    monkeypatch.setattr(Connection, "get_last", know_old)
    await claims._renew(2)
    monkeypatch.setattr(Connection, "request", request)
    monkeypatch.setattr(Connection, "get_last", get_last)

    assert router.lost == []
    await claims._renew(2)
    found = await claims._find(2)
    assert found is not None
    assert claims._held[2].sequence == found.sequence
    assert router.held[2].is_good()


async def test_an_answer_that_comes_after_its_beat_was_given_up_ends_no_router(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beat that one answer ends does not wait for the others; the next one asks the same."""
    router = start("a")
    claims = router.claims
    await until(lambda: claims.partitions == [0, 1, 2, 3])
    await router.die()
    find, comes = Claims._find, asyncio.Event()

    async def find_later(claims: Claims, partition: int) -> Stored | None:
        if partition == 0:
            raise ClusterAway("no leader just now")
        await comes.wait()
        return await find(claims, partition)

    monkeypatch.setattr(Claims, "_find", find_later)
    claims._unsure |= {0: 0.0, 1: 0.0}
    with pytest.raises(ClusterAway):
        await claims._share()
    claims._unsure.pop(0)

    comes.set()
    await claims._share()

    assert not claims._unsure


async def test_how_long_a_claim_lasts_is_set_back_where_somebody_changed_it(start: Start, log_name: str) -> None:
    """Where entries vanish early, two routers deliver one partition; where they stay, nobody takes over from who died."""
    claims, stream = start("a").claims, f"{log_name}-claims"
    info = f"STREAM.INFO.{stream}"
    before = (await claims._connection.call(info))["config"]
    changed = {**before, "max_age": 500_000_000, "duplicate_window": 100_000_000, "max_msgs": 2}
    await claims._connection.call(f"STREAM.UPDATE.{stream}", changed)

    await claims.ensure(1)

    after = (await claims._connection.call(info))["config"]
    assert (after["max_age"], after["max_msgs"]) == (before["max_age"], before["max_msgs"])

"""What only a log in a cluster has to face: many writers, answers that get lost, no room, messages that nobody can read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from nats.aio.msg import Msg
from structlog.testing import capture_logs

from router.errors import OperatorError
from router.gateway.admission import USUAL_KEY_LENGTH, admit
from router.gateway.calls import Calls
from router.gateway.limits import Limits
from router.log.interface import LogAway, LogFull, PartitionFull
from router.log.jetstream.appender import Appender
from router.log.jetstream.connection import ClusterAway, Connection, Stored
from router.log.jetstream.extent import Span
from router.log.jetstream.log import NatsLog
from router.log.options import LogOptions
from router.log.partition import partition_of
from router.log.record import Appended, Entry, Gap, Record
from router.normalise import MAX_MESSAGE_ID_LENGTH
from tests.log.harness import (
    DAY_S,
    PARTITION,
    StillClock,
    entries,
    entry,
    message_ids,
    read_all,
    read_all_of,
    sequences,
)
from tests.nats.load import Load, check
from tests.nats.server import Cluster

OPTIONS = LogOptions(max_bytes=20_000_000)

OpenLog = Callable[..., Awaitable[NatsLog]]


@pytest.fixture
async def open_log(shared_server: Cluster, log_name: str) -> AsyncIterator[OpenLog]:
    opened: list[NatsLog] = []

    async def open_log(options: LogOptions = OPTIONS, partitions: int = 1, **more: Any) -> NatsLog:
        log = await NatsLog.open(
            [shared_server.url], options, StillClock(), name=log_name, partitions=partitions, **more
        )
        opened.append(log)
        return log

    yield open_log
    for log in opened:
        await log.close()


# --- many writers ---


async def test_who_knows_of_messages_that_the_cluster_has_lost_refuses_and_does_not_hang(open_log: OpenLog) -> None:
    log = await open_log(patience_s=0.5)
    await log.append([entry(1)])
    log._extents[0].last_message += 1

    with pytest.raises(LogAway, match="ends before the last message"):
        await log.append([entry(2)])


async def test_who_was_overtaken_takes_along_what_has_queued_up(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hears how far the other one got, and asks nothing."""
    first, second = await open_log(), await open_log()
    await first.append([entry(1)])
    await second.look()
    extent = second._extents[0]
    heard = extent.last_message, Span(1, 1, 5.0)
    extent.last_message = extent.end = 0  # the word of it comes later
    extent.others.clear()
    later: list[asyncio.Task[list[Appended]]] = []
    hears_of_another = Appender._hears_of_another

    async def hear(appender: Appender, expected: int) -> bool:
        later.append(asyncio.create_task(second.append([entry(3)])))
        await asyncio.sleep(0)
        extent.hear(*heard)
        return await hears_of_another(appender, expected)

    monkeypatch.setattr(Appender, "_hears_of_another", hear)
    monkeypatch.setattr(Connection, "get_last", None)

    assert await second.append([entry(2)]) == [Appended(0, 2)]
    assert await later[0] == [Appended(0, 3)]
    assert extent.last_message == 2


async def test_who_does_not_hear_of_another_asks(open_log: OpenLog) -> None:
    """The server's word of news may be lost."""
    first, second = await open_log(), await open_log()
    await first.append([entry(1)])
    await second.look()
    second._extents[0].last_message = second._extents[0].end = 0
    second._extents[0].others.clear()

    assert await second.append([entry(2)]) == [Appended(0, 2)]


@pytest.mark.parametrize("is_found_at_once", [True, False], ids=["the leader has it", "the leader has not caught up"])
async def test_what_a_leader_that_stood_still_refuses_may_be_stored_by_its_successor(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch, is_found_at_once: bool
) -> None:
    """Both get the message; the old one answers first, and wrongly. Then another router's message follows ours."""
    ours, another = await open_log(), await open_log()
    request, get = ours._connection.request, ours._connection.get
    refused: list[str] = []

    async def refuse_first(subject: str, data: bytes = b"", *args: Any) -> Msg:
        answer = await request(subject, data, *args)
        if subject == ours._streams.names.subject(0) and not refused:
            refused.append(subject)
            await another.append([entry(2)])
            answer.data = b'{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 0"}}'
        return answer

    async def get_late(stream: str, number: int) -> Stored | None:
        if refused and len(refused) == 1:
            refused.append("not there yet")
            return None
        return await get(stream, number)

    monkeypatch.setattr(ours._connection, "request", refuse_first)
    if not is_found_at_once:
        monkeypatch.setattr(ours._connection, "get", get_late)

    assert await ours.append([entry(1)]) == [Appended(0, 1)]
    assert await message_ids(await open_log()) == ["m1", "m2"]


async def test_two_routers_that_append_at_once_leave_no_hole_and_lose_nothing(open_log: OpenLog) -> None:
    load = Load([await open_log(partitions=2), await open_log(partitions=2)], callers=4)
    load.start()
    await load.until_acknowledged(300)
    await load.stop()

    await check(await open_log(partitions=2), load.placed)
    assert not load.refused


async def test_what_another_router_stored_is_read_without_asking(open_log: OpenLog) -> None:
    writer, reader = await open_log(), await open_log(read_only=True)
    wait = asyncio.create_task(reader.wait(PARTITION, 0))

    await writer.append(entries(1, 3))

    await asyncio.wait_for(wait, 20)
    assert await message_ids(reader) == ["m1", "m2", "m3"]


async def test_a_user_keeps_to_one_partition_and_to_the_order_of_its_events(open_log: OpenLog) -> None:
    log = await open_log(partitions=5)
    for start in range(1, 101, 10):
        await log.append(entries(start, start + 9))

    found: dict[str, list[tuple[int, int]]] = {}
    for partition in log.partitions:
        for item in await read_all_of(log, partition):
            assert isinstance(item, Record)
            found.setdefault(item.user_key, []).append((partition, int(item.message_id[1:])))
    assert sum(map(len, found.values())) == 100
    for places in found.values():
        assert len({partition for partition, _ in places}) == 1
        assert places == sorted(places)


async def test_a_position_is_found_with_few_looks(open_log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """However uneven the messages are, and however long the log."""
    writer = await open_log()
    first = 1
    for number in range(200):
        size = 1 + (number % 7) ** 3
        await writer.append(entries(first, first + size - 1, size=20))
        first += size
    looks = 0
    get = Connection.get

    async def counted(connection: Connection, stream: str, sequence: int) -> Any:
        nonlocal looks
        looks += 1
        return await get(connection, stream, sequence)

    monkeypatch.setattr(Connection, "get", counted)
    log = await open_log(replace(OPTIONS, tail_bytes=0))
    for position in range(0, first - 1, first // 20):
        looks = 0
        [found] = await log.read(PARTITION, position, 1)
        assert isinstance(found, Record)
        assert found.sequence == position + 1
        assert looks <= 10


# --- answers that get lost ---


class Losing:
    """Loses the answers to some of the messages that are published, before or behind the server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plan: list[str] = []
        request = Connection.request

        async def lossy(connection: Connection, subject: str, *arguments: Any, **more: Any) -> Msg:
            fate = self.plan.pop(0) if ".log." in subject and self.plan else "answered"
            if fate == "never sent":
                raise ClusterAway("lost on the way")
            answer = await request(connection, subject, *arguments, **more)
            if fate == "stored":
                raise ClusterAway("lost on the way back")
            return answer

        monkeypatch.setattr(Connection, "request", lossy)


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> Losing:
    return Losing(monkeypatch)


@pytest.mark.parametrize(
    "plan",
    [["stored"], ["never sent"], ["never sent", "stored"], ["stored", "stored"], ["answered", "stored", "never sent"]],
    ids=", ".join,
)
async def test_a_message_whose_answer_is_lost_is_stored_once(
    open_log: OpenLog, losing: Losing, plan: list[str]
) -> None:
    log = await open_log()
    losing.plan = list(plan)

    answers = [await log.append([entry(n)]) for n in range(1, 5)]

    assert answers == [[Appended(PARTITION, n)] for n in range(1, 5)]
    assert await message_ids(log) == ["m1", "m2", "m3", "m4"]


async def test_an_answer_that_is_lost_while_another_router_writes_is_found_all_the_same(
    open_log: OpenLog, losing: Losing
) -> None:
    log, other = await open_log(), await open_log()
    losing.plan = ["stored"]
    call = asyncio.create_task(log.append([entry(1)]))
    await other.wait(PARTITION, 0)
    await other.append([entry(2)])
    await log.wait(PARTITION, 1)

    assert await call == [Appended(PARTITION, 1)]
    assert await message_ids(other) == ["m1", "m2"]


async def test_a_cluster_that_does_not_answer_refuses_within_its_patience_then_at_once_and_recovers(
    open_log: OpenLog, losing: Losing
) -> None:
    log = await open_log(patience_s=0.3)
    losing.plan = ["never sent"] * 1_000

    with pytest.raises(LogAway):
        await asyncio.wait_for(log.append([entry(1)]), 5)  # six, if it had not been told
    assert "does not take events" in log.obstacle
    losing.plan.clear()
    answer = await until_stored(log, 2)

    assert answer == Appended(PARTITION, 1)
    assert log.obstacle == ""


async def until_stored(log: NatsLog, number: int) -> Appended:
    async with asyncio.timeout(10):
        while True:
            try:
                [answer] = await log.append([entry(number)])
            except (LogAway, LogFull):
                await asyncio.sleep(0.05)
            else:
                return answer


# --- no room ---


async def until_full(log: NatsLog, number: int) -> bool:
    """Whether an event of 10 kB was taken."""
    try:
        await log.append([entry(number, size=10_000)])
    except LogFull:
        return False
    return True


async def test_a_full_log_refuses_and_takes_events_again_when_there_is_room(open_log: OpenLog) -> None:
    log = await open_log(replace(OPTIONS, max_bytes=200_000, retention_s=1.0))
    answers = [await until_full(log, number) for number in range(1, 100)]
    stored = sum(answers)
    assert 0 < stored < 30
    assert "has no room" in log.obstacle
    assert await sequences(log) == list(range(1, stored + 1))

    log._clock = StillClock(StillClock().now_s + DAY_S)
    await log.trim({PARTITION: stored})
    answer = await until_stored(log, 1_000)

    assert answer.sequence == stored + 1


async def test_one_user_who_fills_a_partition_fills_no_log(open_log: OpenLog) -> None:
    log = await open_log(replace(OPTIONS, max_bytes=200_000), partitions=2)
    loud, other = ({partition_of(f"u{user}", 2): user for user in range(7)}[number] for number in (0, 1))

    async def fill(user: int) -> None:
        for number in range(1, 100):
            await log.append([entry(7 * number + user, size=10_000)])

    with pytest.raises(PartitionFull, match="partition 0"):
        await fill(loud)
    await log.append([entry(other)])
    with pytest.raises(LogFull) as full:
        await fill(other)

    assert not isinstance(full.value, PartitionFull)


async def test_a_log_that_is_nearly_full_takes_events_again_after_an_outage(open_log: OpenLog, losing: Losing) -> None:
    """Until it is full it takes what fits; that the cluster was away is no reason to take less."""
    log = await open_log(replace(OPTIONS, max_bytes=200_000), patience_s=0.3)
    number = 0
    while log.size_bytes < 192_000:
        number += 1
        await log.append([entry(number, size=2_000)])
        await log.look()
    losing.plan = ["never sent"] * 1_000
    with pytest.raises(LogAway):
        await log.append([entry(1_000)])
    losing.plan.clear()

    answer = await until_stored(log, 1_001)

    assert answer.sequence == number + 1


async def test_where_room_is_short_what_nobody_needs_goes_whatever_its_age(open_log: OpenLog) -> None:
    log = await open_log(replace(OPTIONS, max_bytes=200_000))
    for number in range(1, 18):
        await log.append([entry(number, size=10_000)])

    await log.trim({PARTITION: 9})
    assert 1 < log.start(PARTITION) <= 9
    assert await sequences(log) == list(range(log.start(PARTITION), 18))
    start = log.start(PARTITION)
    await log.trim({PARTITION: 18})

    assert log.start(PARTITION) == start  # there is room enough again


async def test_what_retention_has_just_given_up_is_in_no_backlog(open_log: OpenLog) -> None:
    """Else events would be given up for want of room that is there."""
    log = await open_log(replace(OPTIONS, max_bytes=400_000, retention_s=1.0))
    for number in range(1, 19):
        await log.append([entry(number, size=10_000)])
    await log.look()
    assert 0 < log.sequence_at_backlog(PARTITION, 100_000) < 16

    log._clock = StillClock(StillClock().now_s + DAY_S)
    await log.trim({PARTITION: 16})

    assert log.start(PARTITION) == 16
    assert log.sequence_at_backlog(PARTITION, 100_000) == 0


async def test_what_retention_gives_up_while_it_is_read_has_expired_and_is_not_lost(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server sends what it still has of the messages that it was asked for; another router has removed some meanwhile."""
    log = await open_log(replace(OPTIONS, tail_bytes=0))
    writer = await open_log(replace(OPTIONS, retention_s=1.0))
    for number in range(1, 11):
        await writer.append([entry(number)])
    await log.look()
    get_batch = Connection.get_batch

    async def overtaken(connection: Connection, stream: str, message: int, *limits: Any) -> Any:
        found = await get_batch(connection, stream, message, *limits)
        writer._clock = StillClock(StillClock().now_s + DAY_S)
        await writer.trim({PARTITION: 6})
        return [each for each in found if each.sequence in (1, 2) or each.sequence >= 6]

    monkeypatch.setattr(Connection, "get_batch", overtaken)
    found = await read_all(log)

    assert found[2] == Gap(PARTITION, 3, 5, "expired")
    assert [item.sequence for item in found if isinstance(item, Record)] == [1, 2, 6, 7, 8, 9, 10]


async def test_what_a_replica_lacks_is_not_lost(open_log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor in the middle of what it sends."""
    log = await open_log(replace(OPTIONS, tail_bytes=0))
    for number in range(1, 11):
        await log.append([entry(number)])
    get_batch, behind = Connection.get_batch, [True, True]

    async def lagging(connection: Connection, stream: str, message: int, *limits: Any) -> Any:
        found = await get_batch(connection, stream, message, *limits)
        lacking = (4, 5) if behind and behind.pop() else ()
        return [each for each in found if each.sequence not in lacking]

    monkeypatch.setattr(Connection, "get_batch", lagging)

    assert await sequences(log) == list(range(1, 11))


async def test_an_event_that_no_message_can_hold_is_refused_alone(open_log: OpenLog) -> None:
    log = await open_log()

    with pytest.raises(ValueError, match="max_payload"):
        await log.append([entry(1, size=8_400_000)])

    assert await log.append([entry(2)]) == [Appended(PARTITION, 1)]


async def test_what_a_replica_lacks_and_a_leader_that_stood_still_does_not_know_is_not_lost(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delivery skips for ever what was called lost once."""
    log = await open_log(replace(OPTIONS, tail_bytes=0))
    for number in range(1, 11):
        await log.append([entry(number)])
    get, get_batch = Connection.get, Connection.get_batch
    behind, stale = [True, True], [True]

    async def lagging(connection: Connection, stream: str, message: int, *limits: Any) -> Any:
        found = await get_batch(connection, stream, message, *limits)
        lacking = (4, 5) if behind and behind.pop() else ()
        return [each for each in found if each.sequence not in lacking]

    async def know_old(connection: Connection, stream: str, message: int) -> Stored | None:
        return None if message == 4 and stale and stale.pop() else await get(connection, stream, message)

    monkeypatch.setattr(Connection, "get_batch", lagging)
    monkeypatch.setattr(Connection, "get", know_old)

    assert await sequences(log) == list(range(1, 11))
    assert not stale


async def test_what_a_leader_that_stood_still_says_of_a_size_gives_up_no_event(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the size before retention gave up much of it, as a backlog that is too big."""
    log = await open_log(replace(OPTIONS, max_bytes=400_000, retention_s=1.0))
    for number in range(1, 19):
        await log.append([entry(number, size=10_000)])
    await log.look()
    call = Connection.call
    before = await call(log._connection, f"STREAM.INFO.{log._streams.names.stream(0)}")

    async def know_old(connection: Connection, operation: str, *more: Any) -> dict[str, Any]:
        return before if operation.startswith("STREAM.INFO") else await call(connection, operation, *more)

    log._clock = StillClock(StillClock().now_s + DAY_S)
    await log.trim({PARTITION: 16})
    assert log.sequence_at_backlog(PARTITION, 100_000) == 0
    monkeypatch.setattr(Connection, "call", know_old)
    await log.look()

    assert log.sequence_at_backlog(PARTITION, 100_000) == 0


@pytest.mark.parametrize("length", [1, USUAL_KEY_LENGTH, USUAL_KEY_LENGTH + 1, 500_000])
async def test_the_biggest_event_that_a_gateway_lets_in_is_stored(open_log: OpenLog, length: int) -> None:
    """Whatever lies beside it."""
    log = await open_log()
    limits = Limits(max_event_bytes=log.max_event_bytes)

    async def let_in(size: int) -> list[Entry]:
        wide = "\N{PILE OF POO}"
        call = {"type": "track", "event": "e", "userId": wide * length, "messageId": wide * MAX_MESSAGE_ID_LENGTH}
        calls = Calls([{**call, "properties": {"a": "x" * size}}])
        return (await admit(calls, 0, "source", 5.0, lambda: "made", limits)).entries

    [small] = await let_in(0)
    spare = log.max_event_bytes - len(small.event) - (4 * length if length > USUAL_KEY_LENGTH else 0)
    assert not await let_in(spare + 1)

    assert await log.append(await let_in(spare)) == [Appended(PARTITION, 1)]


async def test_what_is_more_than_a_message_holds_is_stored_in_several(open_log: OpenLog) -> None:
    log = await open_log(replace(OPTIONS, max_bytes=100_000_000))

    answers = await log.append(entries(1, 30, size=1_000_000))

    assert [answer.sequence for answer in answers] == list(range(1, 31))
    assert await sequences(log) == list(range(1, 31))


# --- messages that nobody can read ---


async def test_a_damaged_message_is_a_gap_and_the_rest_is_read(open_log: OpenLog, log_name: str) -> None:
    log = await open_log()
    await log.append(entries(1, 3))
    headers = {"Router-First": "4", "Router-Count": "2", "Router-Newest": "5.0"}
    await log._connection.request(f"{log_name}.log.0", b"no chunk", headers)
    again = await open_log()
    await again.append(entries(6, 7))

    found = await read_all(await open_log())

    assert [item if isinstance(item, Gap) else item.sequence for item in found] == [
        1,
        2,
        3,
        Gap(PARTITION, 4, 5, "damaged"),
        6,
        7,
    ]


async def test_messages_that_no_router_wrote_disturb_nobody(open_log: OpenLog, log_name: str) -> None:
    log = await open_log()
    for number in range(1, 4):
        await log._connection.request(f"{log_name}.log.0", b"hello")
        await log.append([entry(number)])
    await log._connection.request(f"{log_name}.log.0", b"hello")

    fresh = await open_log()
    assert await sequences(fresh) == [1, 2, 3]
    assert await fresh.append([entry(4)]) == [Appended(PARTITION, 4)]
    assert await log.append([entry(5)]) == [Appended(PARTITION, 5)]


async def test_what_somebody_changed_by_hand_is_set_back_at_a_start(open_log: OpenLog, log_name: str) -> None:
    """Events would expire before they are delivered, could not be read, or nobody would hear of them."""
    with capture_logs() as told:
        log = await open_log()
        await (await open_log()).append([entry(1)])
    assert not told
    stream = f"STREAM.{{}}.{log_name}-log-0"
    before = (await log._connection.call(stream.format("INFO")))["config"]
    changed = {**before, "max_age": 3_600_000_000_000, "allow_direct": False, "discard": "old", "republish": None}
    await log._connection.call(stream.format("UPDATE"), changed)

    with capture_logs() as told:
        again = await open_log(replace(OPTIONS, tail_bytes=0))

    assert await message_ids(again) == ["m1"]
    after = (await log._connection.call(stream.format("INFO")))["config"]
    assert {key: after.get(key) for key in changed} == {key: before.get(key) for key in changed}
    [warning] = [each for each in told if each["log_level"] == "warning"]
    assert warning["changed"] == ["allow_direct", "discard", "max_age", "republish"]


async def test_a_command_waits_less_for_a_cluster_than_a_start(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it, where the streams are found and their leaders go then: somebody sits there."""

    async def fail(log: NatsLog, partition: int | None = None) -> None:
        raise ClusterAway("no leader just now")

    await open_log()
    monkeypatch.setattr(NatsLog, "look", fail)
    monkeypatch.setattr("router.log.jetstream.log.COMMAND_S", 0.1)

    async with asyncio.timeout(10.0):  # a start has 30 seconds
        with pytest.raises(OperatorError, match="no leader just now"):
            await open_log(read_only=True)


# --- what only a restart can help ---


async def test_a_connection_that_has_ended_for_good_is_told_as_stuck(open_log: OpenLog) -> None:
    log = await open_log(patience_s=0.2)
    assert log.stuck == []

    await log._connection.close()

    assert log.stuck == ["the connection to the cluster has ended for good"]
    with pytest.raises(LogAway):
        await log.append([entry(1)])

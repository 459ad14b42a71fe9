"""Promise 8: slow senders and too many connections cost their own makers, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import orjson
import pytest

from router.gateway import Limits
from router.gateway.connections import Connection
from router.gateway.crowd import Crowd
from tests.gateway.harness import IDENTIFY, KEY, SOURCES, Answer, Harness, basic, read_answer

BODY = orjson.dumps(IDENTIFY)
HEAD = (
    f"POST /v1/identify HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(KEY + ':')}\r\nContent-Length: {len(BODY)}\r\n\r\n"
)
REQUEST = HEAD.encode() + BODY
QUICK = Limits(head_timeout_s=0.05, body_timeout_s=0.05, idle_timeout_s=30.0)
ORIGIN = "https://shop.example.com"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(harness: Harness, count: int = 1) -> AsyncIterator[list[Streams]]:
    """So many connections, made one after the other."""
    made: list[Streams] = []
    try:
        for _ in range(count):
            made.append(await harness.connect())
            await settled(harness, len(made))
        yield made
    finally:
        for _, writer in made:
            writer.close()


async def settled(harness: Harness, connections: int) -> None:
    """Return when the gateway has so many, as its own metric says."""
    await until(lambda: harness.metrics.get_sample_value("router_gateway_connections") == connections)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens at the other end of a socket
            await asyncio.sleep(0.001)


def lost(harness: Harness, reason: str) -> float:
    return harness.metrics.get_sample_value("router_gateway_connections_ended_total", {"reason": reason}) or 0.0


async def is_ended(reader: asyncio.StreamReader) -> bool:
    """Wait for the end of a connection on which nothing more is sent."""
    try:
        async with asyncio.timeout(20):
            return await reader.read() == b""
    except ConnectionError:
        return True


# --- a head that does not come ---


HALVES = [
    pytest.param(b"P", id="one byte"),
    pytest.param(HEAD.encode()[:-2], id="all but the last line end"),
    pytest.param(b"\r\n\r\n\r\nPOST", id="line ends before it"),
]


@pytest.mark.parametrize("start", HALVES)
async def test_promise_8_a_head_that_does_not_come_to_its_end_is_answered_408(start: bytes) -> None:
    async with Harness(QUICK) as harness, connected(harness) as [(reader, writer)]:
        writer.write(start)
        answer = await read_answer(reader)

        assert (answer.status, answer.json["code"]) == (408, "head_timeout")
        assert answer.headers["Connection"] == "close"
        assert await is_ended(reader)
        assert lost(harness, "head_timeout") == 1


@pytest.mark.parametrize("start", HALVES)
async def test_promise_8_so_is_a_later_one_on_the_same_connection(start: bytes) -> None:
    async with Harness() as harness, connected(harness) as [(reader, writer)]:
        writer.write(REQUEST)
        assert (await read_answer(reader)).status == 200
        harness.gateway.configure(SOURCES, QUICK)
        writer.write(start)
        answer = await read_answer(reader)

        assert (answer.status, answer.json["code"]) == (408, "head_timeout")
        assert answer.headers["Connection"] == "close"
        assert await is_ended(reader)
        assert lost(harness, "head_timeout") == 1


async def test_promise_8_a_head_that_trickles_in_is_not_given_more_time() -> None:
    async with Harness(QUICK) as harness, connected(harness) as [(reader, writer)]:
        trickle = asyncio.create_task(send_slowly(writer, HEAD.encode()))
        answer = await read_answer(reader)
        trickle.cancel()

    assert (answer.status, answer.json["code"]) == (408, "head_timeout")


async def send_slowly(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in data:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.01)


async def test_a_page_sees_that_its_head_came_too_late() -> None:
    async with Harness(QUICK) as harness, connected(harness) as [(reader, writer)]:
        writer.write(f"POST /v1/t HTTP/1.1\r\nOrigin: {ORIGIN}\r\nX-".encode())
        answer = await read_answer(reader)

    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("start", [b"", b"\r\n", b"\r\n\r\n"], ids=["nothing", "a line end", "two line ends"])
async def test_a_connection_that_a_browser_made_ahead_may_wait_for_its_first_request(start: bytes) -> None:
    async with Harness(QUICK) as harness, connected(harness) as [(reader, writer)]:
        writer.write(start)
        waiting = asyncio.create_task(reader.read(1))
        done, _ = await asyncio.wait({waiting}, timeout=0.15)
        assert not done
        writer.write(REQUEST)
        await waiting

        assert (await waiting) == b"H"
        assert len(harness.log.entries) == 1


async def test_promise_8_an_idle_connection_is_ended() -> None:
    async with Harness() as harness:
        async with connected(harness) as [(used, writer)]:
            harness.gateway.configure(SOURCES, Limits(idle_timeout_s=0.05))  # so it had time for its request
            writer.write(REQUEST)
            assert (await read_answer(used)).status == 200
            assert await is_ended(used)

        fresh, writer = await harness.connect()
        assert await is_ended(fresh)
        writer.close()


@pytest.mark.parametrize("cut", [1, 20, len(HEAD) - 1, len(HEAD), len(HEAD) + 1, len(REQUEST) - 1])
async def test_a_request_may_come_in_pieces(cut: int) -> None:
    async with Harness() as harness, connected(harness) as [(reader, writer)]:
        for request in (REQUEST, REQUEST.replace(b'"m1"', b'"m2"')):
            writer.write(request[:cut])
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(request[cut:])
            assert (await read_answer(reader)).status == 200

    assert [entry.message_id for entry in harness.log.entries] == ["m1", "m2"]


async def test_a_head_that_came_in_time_is_not_too_late_afterwards() -> None:
    async with Harness() as harness, connected(harness) as [(reader, writer)]:
        writer.write(REQUEST)
        assert (await read_answer(reader)).status == 200
        harness.gateway.configure(SOURCES, QUICK)
        [connection] = harness.gateway._crowd._members
        assert isinstance(connection, Connection)
        connection.data_received(REQUEST[:20])
        connection.data_received(REQUEST[20:])
        assert (await read_answer(reader)).status == 200

        await asyncio.sleep(2 * QUICK.head_timeout_s)

        assert lost(harness, "head_timeout") == 0
        writer.write(REQUEST)
        assert (await read_answer(reader)).status == 200


async def test_many_requests_sent_at_once_are_answered_in_their_order() -> None:
    async with Harness(QUICK) as harness, connected(harness) as [(reader, writer)]:
        writer.write(b"".join(REQUEST.replace(b'"m1"', b'"%02d"' % number) for number in range(50)))
        answers = [await read_answer(reader) for _ in range(50)]

    assert [answer.json["messageId"] for answer in answers] == [f"{number:02d}" for number in range(50)]


# --- before the first request ---


async def test_promise_8_a_connection_costs_no_task_until_its_first_head_is_whole() -> None:
    """Thousands that are slow on purpose must leave next to nothing behind."""
    async with Harness() as harness, connected(harness, 20) as slow:
        before = len(asyncio.all_tasks())
        for _, writer in slow:
            writer.write(HEAD.encode()[:-2])
        answer = await harness.post("/v1/identify", IDENTIFY)  # what was sent before it is there by now
        waiting = len(asyncio.all_tasks()) - before
        for _, writer in slow:
            writer.write(HEAD.encode()[-2:] + BODY)
        answers = [await read_answer(reader) for reader, _ in slow]

    assert answer.status == 200
    assert waiting <= 1, "the good one's own"
    assert {each.status for each in answers} == {200}


@pytest.mark.parametrize("start", [b"\x16\x03\x01\x02\x00\x01\x00", b"{}", b"\0", b"\xff", b" GET / HTTP/1.1"])
async def test_what_does_not_begin_as_http_is_told_so_at_once(harness: Harness, start: bytes) -> None:
    """A client that speaks TLS to a port without it must not have to wait for a time-out."""
    async with connected(harness) as [(reader, writer)]:
        writer.write(start + b"\r\n")
        answer = await read_answer(reader)

        assert (answer.status, answer.json["code"]) == (400, "bad_http")
        assert harness.count("requests_refused", code="bad_http") == 1
        assert await is_ended(reader)


@pytest.mark.parametrize("start", [b"", b"POST /v1/identify HTTP/1.1\r\nX-"], ids=["nothing", "half a head"])
async def test_a_stop_does_not_wait_for_connections_without_a_request(start: bytes) -> None:
    async with Harness() as harness:
        reader, writer = await harness.connect()
        writer.write(start)
        await settled(harness, 1)
        async with asyncio.timeout(20):
            await harness.client.close()

        assert await is_ended(reader)
        writer.close()


# --- a head that does not end ---


@pytest.mark.parametrize("piece", [500, 100_000], ids=["in pieces", "at once"])
async def test_promise_8_a_head_is_cut_at_its_limit(piece: int) -> None:
    head = b"POST /v1/identify HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (number, b"x" * 400) for number in range(20))
    async with Harness(Limits(max_head_bytes=4_000)) as harness, connected(harness) as [(reader, writer)]:
        for start in range(0, len(head), piece):
            writer.write(head[start : start + piece])
        answer = await read_answer(reader)

        assert (answer.status, answer.json["code"]) == (431, "head_too_big")
        assert "4000 bytes" in answer.json["message"]
        assert lost(harness, "head_too_big") == harness.count("requests_refused", code="head_too_big") == 1


@pytest.mark.parametrize(
    ("length", "status"),
    [(7_000, 200), (30_000, 200), (59_000, 200), (61_000, 431)],
    ids=["short", "beyond the default of the server", "just within", "beyond"],
)
@pytest.mark.parametrize("place", ["a header", "the address"])
async def test_one_line_may_be_all_of_a_head(place: str, length: int, status: int) -> None:
    """A page's cookies come in one header, however many they are."""
    added = "x" * length
    head = (
        HEAD.replace("Host:", f"Cookie: c={added}\r\nHost:")
        if place == "a header"
        else HEAD.replace("/identify", f"/identify?c={added}")
    )
    async with Harness(Limits(max_head_bytes=60_000)) as harness, connected(harness) as [(reader, writer)]:
        writer.write(head.encode() + BODY)
        answer = await read_answer(reader)

    assert answer.status == status


async def test_a_body_is_not_taken_for_a_head() -> None:
    """Also not the rest of one that was answered before it was read."""
    head = HEAD.replace(f"Content-Length: {len(BODY)}", "Content-Length: 20000")
    refused = head.replace(basic(KEY + ":"), basic("unknown:")).replace("identify", "nowhere")
    async with Harness(Limits(max_head_bytes=4_000)) as harness, connected(harness) as [(reader, writer)]:
        writer.write(refused.encode())
        first = await read_answer(reader)
        writer.write(b"x" * 20_000)
        await writer.drain()
        writer.write(REQUEST)
        second = await read_answer(reader)

    assert (first.status, second.status) == (404, 200)


# --- a body that does not come, and an answer that is not taken ---


async def test_what_comes_at_one_go_with_the_head_of_the_next_request_is_not_taken_for_one() -> None:
    """A busy loop reads in pieces what there is, before anybody gets to the request that has begun with one of them."""
    large = orjson.dumps({**IDENTIFY, "traits": {"note": "x" * 25_000}})
    head = HEAD.replace(f"Content-Length: {len(BODY)}", f"Content-Length: {len(large)}").encode()
    async with Harness(Limits(max_head_bytes=10_000)) as harness, connected(harness) as [(reader, writer)]:
        writer.write(HEAD.replace("identify", "nowhere").encode())
        refused = await read_answer(reader)
        [connection] = harness.gateway._crowd._members
        assert isinstance(connection, Connection)
        for piece in (BODY + head, large[:20_000], large[20_000:]):
            connection.data_received(piece)
        answer = await read_answer(reader)

    assert (refused.status, answer.status) == (404, 200)


@pytest.mark.parametrize("sent", [b"", b"{", BODY[:-1]], ids=["none of it", "one byte", "all but one byte"])
async def test_promise_8_a_body_that_does_not_come_is_answered_408(sent: bytes) -> None:
    async with Harness(QUICK) as harness, connected(harness) as [(reader, writer)]:
        writer.write(HEAD.encode() + sent)
        answer = await read_answer(reader)

    assert (answer.status, answer.json["code"]) == (408, "body_timeout")
    assert harness.log.appends == []


async def test_promise_8_a_body_that_trickles_in_is_not_given_more_time() -> None:
    async with Harness(QUICK) as harness, connected(harness) as [(reader, writer)]:
        writer.write(HEAD.encode())
        trickle = asyncio.create_task(send_slowly(writer, BODY))
        answer = await read_answer(reader)
        trickle.cancel()

    assert (answer.status, answer.json["code"]) == (408, "body_timeout")


async def test_promise_8_who_takes_no_answers_is_ended() -> None:
    """Else anybody could have as many answers kept for them as they like."""
    async with Harness(QUICK) as harness, connected(harness) as [(_, writer)]:
        transport = writer.transport
        transport.pause_reading()  # type: ignore[attr-defined]
        many = [{"type": "nonsense"}] * 2_000
        body = orjson.dumps({"batch": many})
        head = HEAD.replace("identify", "batch").replace(f"Length: {len(BODY)}", f"Length: {len(body)}")
        for _ in range(50):
            writer.write(head.encode() + body)
        await until(lambda: lost(harness, "answer_timeout") > 0)
        await settled(harness, 0)

        assert (await harness.post("/v1/identify", IDENTIFY)).status == 200


async def test_who_takes_an_answer_late_but_in_time_keeps_the_connection() -> None:
    async with Harness() as harness, connected(harness) as [(reader, writer)]:
        writer.write(REQUEST)
        assert (await read_answer(reader)).status == 200
        harness.gateway.configure(SOURCES, QUICK)
        [connection] = harness.gateway._crowd._members
        assert isinstance(connection, Connection)

        connection.pause_writing()
        connection.resume_writing()
        await asyncio.sleep(2 * QUICK.body_timeout_s)

        assert lost(harness, "answer_timeout") == 0
        writer.write(REQUEST)
        assert (await read_answer(reader)).status == 200


# --- too many connections ---


@pytest.mark.parametrize("is_used", [False, True], ids=["fresh", "used"])
async def test_promise_8_bytes_that_trickle_in_are_no_step_further(is_used: bool) -> None:
    """Else who sends one now and then would keep their place, and the others would have to leave."""
    async with Harness() as harness, connected(harness, 2) as streams:
        for reader, writer in streams if is_used else []:
            writer.write(REQUEST)
            assert (await read_answer(reader)).status == 200
        members = harness.gateway._crowd._members
        trickling, other = before = list(members)
        for each, piece in ((trickling, REQUEST[:1]), (other, REQUEST[:1]), (trickling, REQUEST[1:3])):
            cast(asyncio.Protocol, each).data_received(piece)

        assert list(members) == before


@pytest.mark.parametrize("used", [0, 3], ids=["new ones", "used ones"])
async def test_promise_8_a_new_connection_takes_the_place_of_the_one_that_keeps_us_waiting_longest(used: int) -> None:
    async with Harness(Limits(max_connections=3)) as harness, connected(harness, 3) as slow:
        for reader, writer in slow[:used]:
            writer.write(REQUEST)
            await read_answer(reader)
        slow[0][1].write(REQUEST)
        await read_answer(slow[0][0])  # so that the second is the slowest now

        async with connected_beyond(harness) as (reader, writer):
            writer.write(REQUEST)
            assert (await read_answer(reader)).json["duplicate"] is True
            assert await is_ended(slow[1][0])
            assert lost(harness, "crowded_out") == 1


@asynccontextmanager
async def connected_beyond(harness: Harness) -> AsyncIterator[Streams]:
    """One more connection, where there are as many as may be."""
    reader, writer = await harness.connect()
    try:
        yield reader, writer
    finally:
        writer.close()


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="that send nothing"),
        pytest.param(b"POST /v1/identify HTTP/1.1\r\nX-", id="that stop within their head"),
        pytest.param(HEAD.encode() + b"{", id="that stop within their body"),
        pytest.param(REQUEST, id="that keep their connection"),
    ],
)
async def test_promise_8_any_number_of_slow_connections_lets_the_next_good_request_through(start: bytes) -> None:
    """Row 42 of the battery in facts/reliability.md, in short; tests/system/test_siege.py has it in full."""
    async with Harness(Limits(max_connections=10)) as harness:
        crowd = [await harness.connect() for _ in range(40)]
        for _, writer in crowd:
            writer.write(start)
        await until(lambda: lost(harness, "crowded_out") >= 30)
        answers: list[Answer] = []
        for number in range(5):
            async with connected_beyond(harness) as (reader, writer):
                writer.write(REQUEST.replace(b'"m1"', b'"n%d"' % number))
                answers.append(await read_answer(reader))
        for _, writer in crowd:
            writer.close()

    assert [answer.status for answer in answers] == [200] * 5
    assert lost(harness, "refused") == 0


async def test_promise_1_a_request_that_is_being_stored_is_never_crowded_out() -> None:
    async with Harness(Limits(max_connections=2)) as harness, connected(harness, 2) as busy:
        harness.log.gate.clear()
        for number, (_, writer) in enumerate(busy):
            writer.write(REQUEST.replace(b'"m1"', b'"m%d"' % number))
        await until(lambda: len(harness.log.appends) == 2)

        async with connected_beyond(harness) as (reader, _):
            assert await is_ended(reader)
        harness.log.gate.set()

        assert [(await read_answer(reader)).status for reader, _ in busy] == [200, 200]
        assert lost(harness, "refused") == 1


async def test_connections_that_end_by_themselves_make_room() -> None:
    async with Harness(Limits(max_connections=2)) as harness:
        for number in range(10):
            async with connected_beyond(harness) as (reader, writer):
                writer.write(REQUEST.replace(b'"m1"', b'"m%d"' % number))
                assert (await read_answer(reader)).status == 200
            await settled(harness, 0)

    assert lost(harness, "crowded_out") == 0


async def test_a_reload_changes_what_connections_may_cost() -> None:
    async with Harness(Limits(max_connections=100)) as harness, connected(harness, 3):
        harness.gateway.configure({}, Limits(max_connections=3))
        async with connected_beyond(harness):
            await until(lambda: lost(harness, "crowded_out") > 0)
            await settled(harness, 3)


async def test_a_stop_ends_each_connection_with_its_next_answer() -> None:
    """So that callers make a new one, elsewhere, and none of them is refused."""
    patient = Limits(idle_timeout_s=600.0)
    async with Harness(patient) as harness, connected(harness, 2) as [(reader, writer), _]:
        draining = asyncio.create_task(harness.gateway.drain(0.1))
        await asyncio.sleep(0)
        writer.write(REQUEST)
        answer = await read_answer(reader)

        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert await is_ended(reader)
        async with asyncio.timeout(20):
            await draining  # and waits no longer for one on which nothing comes


async def test_a_stop_goes_on_when_the_last_connection_has_left() -> None:
    crowd = Crowd(lambda: Limits(max_connections=2), on_loss=lambda reason: None, on_refusal=lambda code: None)
    first, last = object(), object()
    crowd.enter(first)  # type: ignore[arg-type]
    crowd.enter(last)  # type: ignore[arg-type]
    empty = asyncio.create_task(crowd.empty())
    await asyncio.sleep(0)

    crowd.leave(first)  # type: ignore[arg-type]
    done, _ = await asyncio.wait({empty}, timeout=0.01)
    assert not done

    crowd.leave(last)  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        await empty

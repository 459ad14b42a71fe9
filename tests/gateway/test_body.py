"""Promise 8: what a request may cost has limits, and they hold while it is read."""

from __future__ import annotations

import asyncio
import gzip
import threading
import tracemalloc
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from router.gateway import Limits, intake
from router.gateway.admission import Admitted, admit
from router.gateway.body import HeldBytes, Inflation
from router.gateway.calls import Calls
from router.gateway.refusal import Refused
from tests.gateway.harness import IDENTIFY, Harness

BODY = orjson.dumps(IDENTIFY)
SMALL = Limits(max_body_bytes=1_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def inflate(parts: Iterable[bytes], encoding: str, limits: Limits = SMALL) -> bytes:
    inflation = Inflation(encoding, limits)
    inflated = b"".join([piece for part in parts for piece in inflation.take(part)])
    inflation.end()
    return inflated


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        pytest.param("gzip", gzip.compress(BODY), id="gzip"),
        pytest.param("deflate", zlib.compress(BODY), id="deflate with a header"),
        pytest.param("deflate", raw_deflate(BODY), id="deflate without a header"),
    ],
)
def test_compressed_bodies_are_read_however_they_are_cut(encoding: str, packed: bytes, size: int) -> None:
    parts = [packed[start : start + size] for start in range(0, len(packed), size)]

    assert inflate(parts, encoding) == BODY


@pytest.mark.parametrize("size", [999, 1_000])
def test_a_body_of_the_very_limit_is_read(size: int) -> None:
    assert len(inflate([gzip.compress(b"a" * size)], "gzip")) == size


@pytest.mark.parametrize(
    ("parts", "encoding"),
    [
        pytest.param([gzip.compress(BODY)[:-9]], "gzip", id="truncated"),
        pytest.param([gzip.compress(BODY)[:1]], "gzip", id="one byte"),
        pytest.param([zlib.compress(BODY)[:1]], "deflate", id="one byte of deflate"),
        pytest.param([gzip.compress(BODY)[:-8] + bytes(8)], "gzip", id="wrong checksum"),
        pytest.param([BODY], "gzip", id="not packed"),
        pytest.param([BODY], "deflate", id="not packed either"),
        pytest.param([zlib.compress(BODY)], "gzip", id="the other packing"),
        pytest.param([gzip.compress(BODY) + b"{}"], "gzip", id="something behind it"),
        pytest.param([gzip.compress(BODY), b"{}"], "gzip", id="something behind it, in a chunk of its own"),
    ],
)
def test_promise_6_what_is_not_packed_as_it_says_is_refused(parts: list[bytes], encoding: str) -> None:
    with pytest.raises(Refused) as caught:
        inflate(parts, encoding)

    assert (caught.value.status, caught.value.code) == (400, "unreadable_encoding")


def test_promise_8_a_gzip_bomb_stops_while_it_is_read() -> None:
    bomb = gzip.compress(bytes(2_000_000))
    chunks = iter([bomb[start : start + 100] for start in range(0, len(bomb), 100)])
    left = len(bomb) // 100

    with pytest.raises(Refused) as caught:
        inflate(chunks, "gzip")

    assert caught.value.status == 413
    assert len(list(chunks)) > left - 5


def test_promise_8_the_limit_is_for_all_pieces_together() -> None:
    packer = zlib.compressobj()
    parts = [packer.compress(b"a" * 400) + packer.flush(zlib.Z_SYNC_FLUSH) for _ in range(3)]

    with pytest.raises(Refused) as caught:
        inflate([*parts, packer.flush()], "deflate")

    assert caught.value.status == 413


def test_promise_8_a_gzip_bomb_in_one_piece_takes_no_more_memory_than_the_limit() -> None:
    bomb = gzip.compress(bytes(20_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(Refused):
            inflate([bomb], "gzip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 500_000


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZip", "identity, gzip"])
async def test_gzip_is_read_over_http(harness: Harness, encoding: str) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/x-www-form-urlencoded"}

    answer = await harness.post("/v1/identify", data=gzip.compress(BODY), headers=headers)

    assert answer.status == 200
    assert harness.log.events[0]["traits"]["firstName"] == "Ada"


@pytest.mark.parametrize(
    ("encoding", "data", "status", "code"),
    [
        pytest.param("gzip", BODY, 400, "unreadable_encoding", id="labelled gzip, but is not"),
        pytest.param("gzip", gzip.compress(b""), 400, "empty_body", id="nothing, packed"),
        pytest.param("gzip", b"", 400, "empty_body", id="nothing"),
        pytest.param("gzip", gzip.compress(gzip.compress(BODY)), 400, "invalid_json", id="packed twice, labelled once"),
        pytest.param("gzip, gzip", gzip.compress(gzip.compress(BODY)), 400, "unknown_encoding", id="packed twice"),
        pytest.param("br", BODY, 400, "unknown_encoding", id="another packing"),
        pytest.param("gzip", gzip.compress(bytes(12_000_000)), 413, "body_too_big", id="bomb"),
        pytest.param("deflate", zlib.compress(bytes(12_000_000)), 413, "body_too_big", id="deflate bomb"),
    ],
)
async def test_promise_8_what_can_not_be_unpacked_is_answered(
    harness: Harness, encoding: str, data: bytes, status: int, code: str
) -> None:
    answer = await harness.post("/v1/identify", data=data, headers={"Content-Encoding": encoding})

    assert (answer.status, answer.json["code"]) == (status, code)
    assert harness.log.appends == []
    assert (await harness.post("/v1/identify", IDENTIFY)).status == 200


async def test_promise_8_a_body_that_says_it_is_too_big_is_refused_unread() -> None:
    async with Harness(SMALL) as harness:
        answer = await harness.send_raw(["POST /v1/identify HTTP/1.1", "Content-Length: 100000000"])

    assert answer is not None
    assert (answer.status, answer.json["code"]) == (413, "body_too_big")
    assert answer.headers["Connection"] == "close"


async def test_promise_8_a_body_without_a_length_is_cut_at_the_limit() -> None:
    chunk = b"190\r\n" + b"a" * 400 + b"\r\n"
    async with Harness(SMALL) as harness:
        head = ["POST /v1/identify HTTP/1.1", "Transfer-Encoding: chunked"]
        answer = await harness.send_raw(head, chunk * 10)

    assert answer is not None
    assert (answer.status, answer.json["code"]) == (413, "body_too_big")


async def test_promise_8_a_content_length_that_promises_too_much_ends_in_a_timeout() -> None:
    async with Harness(Limits(body_timeout_s=0.05)) as harness:
        head = ["POST /v1/identify HTTP/1.1", f"Content-Length: {len(BODY) + 1}"]
        answer = await harness.send_raw(head, BODY)

    assert answer is not None
    assert (answer.status, answer.json["code"]) == (408, "body_timeout")
    assert harness.log.appends == []


async def test_promise_8_a_caller_who_hangs_up_early_leaves_nothing_behind(harness: Harness) -> None:
    head = ["POST /v1/identify HTTP/1.1", f"Content-Length: {len(BODY) + 1}"]

    await harness.send_raw(head, BODY, hang_up=True)

    assert harness.log.appends == []
    assert (await harness.post("/v1/identify", IDENTIFY)).status == 200


async def test_promise_8_a_content_length_that_promises_too_little_is_an_unreadable_body(harness: Harness) -> None:
    head = ["POST /v1/identify HTTP/1.1", f"Content-Length: {len(BODY) - 5}"]

    answer = await harness.send_raw(head, BODY)

    assert answer is not None
    assert answer.status == 400
    assert harness.log.appends == []


async def test_promise_8_a_broken_chunk_is_answered_400(harness: Harness) -> None:
    head = ["POST /v1/identify HTTP/1.1", "Transfer-Encoding: chunked"]

    answer = await harness.send_raw(head, b"5\r\n{}   \r\nzz\r\n")

    assert answer is not None
    assert answer.status == 400
    assert harness.log.appends == []


async def test_promise_8_many_big_bodies_at_a_time_are_refused_and_the_room_comes_back() -> None:
    async with Harness(Limits(max_held_bytes=len(BODY) + 10)) as harness:
        harness.log.gate.clear()
        first = asyncio.create_task(harness.post("/v1/identify", data=BODY))
        await harness.log.is_asked.wait()

        second = await harness.post("/v1/identify", data=BODY)
        harness.log.gate.set()

        assert (second.status, second.json["code"]) == (503, "busy")
        assert int(second.headers["Retry-After"]) > 0
        assert (await first).status == 200
        assert (await harness.post("/v1/identify", data=BODY)).status == 200


def test_a_lease_gives_back_what_it_took_also_after_a_refusal() -> None:
    held = HeldBytes()
    with held.lease(100) as outer:
        outer.take(60)
        with held.lease(100) as inner:
            inner.take(40)
            with pytest.raises(Refused):
                inner.take(1)
            assert held.total == 100
        assert held.total == 60

    assert held.total == 0


async def test_promise_2_a_large_body_waits_for_nobody_who_opens_a_state(harness: Harness) -> None:
    """On a disk that hangs each of them keeps one of the few threads that all share."""
    loop, is_over = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    opening = loop.run_in_executor(None, is_over.wait)
    try:
        async with asyncio.timeout(10):
            answer = await harness.post(
                "/v1/batch", {"batch": [{"type": "identify", **IDENTIFY}, *["x" * 1_000] * 300]}
            )
    finally:
        is_over.set()
        await opening

    assert (answer.status, answer.json["accepted"]) == (200, 1)


@pytest.mark.parametrize(
    "filler", [pytest.param("1", id="plain"), pytest.param("NaN", id="odd, which is mended beside the loop")]
)
async def test_promise_8_few_bodies_are_read_at_a_time(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, filler: str
) -> None:
    """What is read takes up to thirty times its size: a hundred megabytes of bodies that had their turns came to gigabytes."""
    under_way: list[int] = []
    most = 0

    async def admit_and_count(calls: Calls, **options: Any) -> Admitted:
        nonlocal most
        under_way.append(1)
        most = max(most, len(under_way))
        try:
            return await admit(calls, **options)
        finally:
            under_way.pop()

    monkeypatch.setattr(intake, "admit", admit_and_count)
    call = f'{{"type":"page","userId":"u1","properties":{{"a":[{",".join([filler] * 1_000)}]}}}}'
    body = f'{{"batch":[{",".join([call] * 30)}]}}'.encode()

    answers = await asyncio.gather(*(harness.post("/v1/batch", data=body) for _ in range(20)))

    assert {(answer.status, answer.json["accepted"]) for answer in answers} == {(200, 30)}
    assert 1 < most <= 8

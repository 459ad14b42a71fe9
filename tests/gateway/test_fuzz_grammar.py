"""Row 39 of the battery in facts/reliability.md: a grammar's bodies and mutated real ones, by the thousand in every run and by
the hundred thousand in a full one. Each is taken or refused in the published words; nothing is ever the router's fault.

The million of the battery: ``FUZZ_SCALE=4 pytest -m full tests/gateway/test_fuzz_grammar.py``.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

import pytest

from router.event import EVENT_TYPES, Event
from router.gateway import Limits
from router.gateway.admission import admit
from router.gateway.calls import read_batch, read_single
from router.gateway.document import read_document
from router.gateway.refusal import RefusalCode, Refused
from router.gateway.rejection import LimitCode
from router.rejection import RejectionCode
from tests.gateway.fuzz import Grammar, mutations
from tests.gateway.harness import KEY, NOW_S, Answer, Harness, assert_published, basic, read_answer
from tests.gateway.recording import recorded

RECORDED = ["seg-py", "cio-py", "rud-py", "seg-node", "cio-node", "rud-node", "seg-web", "cio-web", "rud-web", "jitsu"]
AT_ONCE = 50
"""Requests that are sent before the first answer is read."""
LIMITS = Limits()
SCALE = int(os.environ.get("FUZZ_SCALE", "1"))
LONG = [pytest.mark.full, pytest.mark.timeout(900 * SCALE)]


def real_bodies() -> list[bytes]:
    bodies = []
    for name in RECORDED:
        head, _, body = recorded(name).partition(b"\r\n\r\n")
        bodies.append(gzip.decompress(body) if b"Content-Encoding: gzip" in head else body)
    return bodies


def generated(seed: int) -> Iterator[bytes]:
    grammar = Grammar(seed)
    while True:
        yield grammar.body()


async def read_whole(bodies: Iterable[bytes]) -> dict[str, int]:
    """All that becomes of a body behind HTTP and before the log: how often each end was met. Raises what is our fault."""
    met: dict[str, int] = {}
    for number, body in enumerate(bodies):
        try:
            document = read_document(body).document
            kind = EVENT_TYPES[number % len(EVENT_TYPES)]
            calls = read_batch(document, None) if "batch" in document else read_single(document, kind, None)
            admitted = await admit(calls, len(body), "website", NOW_S, lambda: "made", LIMITS)
        except Refused as refused:
            ends = [str(RefusalCode(refused.code))]
        else:
            assert all(isinstance(each.code, RejectionCode | LimitCode) for each in admitted.rejections)
            assert len(admitted.entries) + sum(each.count for each in admitted.rejections) == len(calls.calls)
            for entry in admitted.entries:
                assert Event.from_json(entry.event).user_key == entry.user_key
            ends = ["taken"] * len(admitted.entries) + [str(each.code) for each in admitted.rejections]
        for end in ends:
            met[end] = met.get(end, 0) + 1
    return met


async def ask_all(harness: Harness, bodies: Iterable[bytes]) -> int:
    """Post every body; returns how many answers there were. The harness knows which are right."""
    answers = 0
    waiting = list(bodies)
    while waiting:
        reader, writer = await harness.connect()
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # it was closed with an answer: go on behind that
            while waiting:
                sent = waiting[:AT_ONCE]
                writer.writelines(_request(number, body) for number, body in enumerate(sent))
                for _ in sent:
                    check(await read_answer(reader))
                    answers += 1
                    waiting.pop(0)
        writer.close()
    return answers


def _request(number: int, body: bytes) -> bytes:
    path = "/v1/batch" if b'"batch"' in body else f"/v1/{EVENT_TYPES[number % len(EVENT_TYPES)]}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(KEY + ':')}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def check(answer: Answer) -> None:
    assert answer.status in {200, 400}
    if answer.status == 400:
        assert_published(answer)
    else:
        assert answer.json["success"] is True


@pytest.mark.parametrize(
    ("generated_count", "mutated_count"),
    [
        pytest.param(3_000, 1_000, id="thousands"),
        pytest.param(250_000 * SCALE, 25_000 * SCALE, id="hundreds of thousands", marks=LONG),
    ],
)
async def test_row_39_generated_and_mutated_bodies_are_taken_or_refused(
    generated_count: int, mutated_count: int
) -> None:
    met = await read_whole(itertools.islice(generated(1), generated_count))
    of_real_ones = await read_whole(itertools.islice(mutations(real_bodies(), 2), mutated_count))

    assert met.keys() >= {
        "taken",
        "invalid_json",
        "invalid_batch",
        "too_deep",
        "not_an_object",
        "missing_id",
        "invalid_id",
    }
    assert of_real_ones.keys() >= {"taken", "invalid_json"}


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(500, id="hundreds"),
        pytest.param(25_000 * SCALE, id="ten thousands", marks=LONG),
    ],
)
async def test_row_39_over_http_none_of_them_is_answered_500_or_not_at_all(harness: Harness, count: int) -> None:
    half = count // 2
    bodies = [*itertools.islice(generated(3), half), *itertools.islice(mutations(real_bodies(), 4), half)]

    assert await ask_all(harness, bodies) == count

"""Whatever comes in, an answer goes out, and never one that blames the router."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.harness import Answer, Harness

PATHS = st.sampled_from(["/v1/identify", "/v1/track", "/v1/page", "/v1/screen", "/v1/group", "/v1/alias", "/v1/batch"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
IDS = ("userId", "anonymousId", "groupId", "previousId", "messageId")
OBJECTS = ("context", "traits", "properties", "integrations")
TIMES = ("timestamp", "originalTimestamp", "sentAt")
FIELDS = st.sampled_from((*IDS, *OBJECTS, *TIMES, "type", "event", "name", "channel", "version"))
CALLS = st.dictionaries(FIELDS, VALUES | st.sampled_from(["identify", "track"]), max_size=8)
BATCHES = st.fixed_dictionaries(
    {"batch": st.lists(CALLS | VALUES, max_size=4)},
    optional={"sentAt": VALUES, "context": VALUES, "integrations": VALUES, "writeKey": VALUES},
)

Post = Callable[[str, bytes, dict[str, str]], Answer]


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    """One gateway for all examples of this file, from code that is not async: hypothesis runs none."""
    with asyncio.Runner() as runner:
        harness = runner.run(_start())

        def ask(path: str, data: bytes, headers: dict[str, str]) -> Answer:
            answer: Awaitable[Answer] = harness.post(path, data=data, headers=headers)
            return runner.run(_wait(answer))

        yield ask
        runner.run(harness.__aexit__())


async def _start() -> Harness:
    return await Harness().__aenter__()


async def _wait(answer: Awaitable[Answer]) -> Answer:
    return await answer


def check(answer: Answer) -> None:
    assert answer.status in {200, 400, 413}
    document: dict[str, Any] = answer.json
    if answer.status == 200:
        assert document["success"] is True
    else:
        assert isinstance(document["code"], str)
        assert isinstance(document["message"], str)


MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(path=PATHS, data=st.binary(max_size=300), encoding=st.sampled_from(["", "gzip", "deflate"]))
def test_promise_6_any_bytes_have_an_answer(post: Post, path: str, data: bytes, encoding: str) -> None:
    check(post(path, data, {"Content-Encoding": encoding}))


@MANY
@given(path=PATHS, document=CALLS | VALUES, is_packed=st.booleans())
def test_promise_6_any_json_has_an_answer(post: Post, path: str, document: Any, is_packed: bool) -> None:
    data = json.dumps(document).encode()
    check(post(path, gzip.compress(data) if is_packed else data, {"Content-Encoding": "gzip"} if is_packed else {}))


@MANY
@given(document=BATCHES)
def test_promise_6_every_event_of_any_batch_is_accounted_for(post: Post, document: dict[str, Any]) -> None:
    answer = post("/v1/batch", json.dumps(document).encode(), {})

    check(answer)
    counts = [answer.json[name] for name in ("accepted", "duplicate", "rejected")]
    assert sum(counts) == len(document["batch"])
    assert len(answer.json["rejections"]) == answer.json["rejected"]

"""Which answer there is for what, row by row of facts/ingest-protocol.md section 8: each SDK draws its conclusions from it."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest

from router.gateway import Limits, Source
from router.gateway.throttle import BURST
from router.log.interface import LogFull
from tests.gateway.harness import KEY, Answer, Harness

CALL: dict[str, Any] = {"type": "page", "userId": "u1"}
SINGLE = pytest.param("/v1/page", CALL, id="one event")
BATCH = pytest.param("/v1/batch", {"batch": [CALL]}, id="a batch")
SOURCES = {
    "website": Source([KEY]),
    "old": Source(["key-of-old"], is_enabled=False),
    "busy": Source(["key-of-busy"], max_requests_per_s=0.5),
}


def assert_that_any_sdk_reads_it(answer: Answer) -> None:
    """An error that is any other JSON is a network fault to two SDKs: they would send for good what is refused for good."""
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json
    assert isinstance(document["code"], str)
    assert isinstance(document["message"], str)
    assert document["code"]
    assert document["message"]


@pytest.mark.parametrize(("path", "document"), [SINGLE, BATCH])
async def test_accepted_is_200_with_an_object_that_says_success(harness: Harness, path: str, document: Any) -> None:
    answer = await harness.post(path, document)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json["success"] is True
    assert "destinations" not in answer.json


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        pytest.param(b"{", {}, "invalid_json", id="no JSON"),
        pytest.param(b"a=b", {}, "invalid_json", id="a form"),
        pytest.param(b"", {}, "empty_body", id="nothing"),
        pytest.param(b"[]", {}, "not_an_object", id="no object"),
        pytest.param(b"{}", {"Content-Encoding": "gzip"}, "unreadable_encoding", id="not gzip, though labelled so"),
        pytest.param(b"{}", {"Content-Encoding": "br"}, "unknown_encoding", id="another encoding"),
        pytest.param(b"{" * 100_000, {}, "invalid_json", id="nested without end"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, {}, "too_deep", id="nested too deep"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/page", "/v1/batch"])
async def test_an_unreadable_body_is_400_which_nobody_retries(
    harness: Harness, path: str, body: bytes, headers: dict[str, str], code: str
) -> None:
    answer = await harness.post(path, data=body, headers=headers)

    assert (answer.status, answer.json["code"]) == (400, code)
    assert_that_any_sdk_reads_it(answer)


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "gzip"])
@pytest.mark.parametrize("path", ["/v1/page", "/v1/batch"])
async def test_a_body_too_big_is_413(path: str, packed: bool) -> None:
    body = orjson.dumps(CALL | {"properties": {"a": "x" * 5_000}})
    async with Harness(Limits(max_body_bytes=1_000)) as harness:
        if packed:
            answer = await harness.post(path, data=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        else:
            answer = await harness.post(path, data=body)

    assert answer.status == 413
    assert_that_any_sdk_reads_it(answer)


@pytest.mark.parametrize(("path", "document"), [SINGLE, BATCH])
@pytest.mark.parametrize("key", ["", "unknown", "key-of-old"], ids=["no key", "unknown key", "disabled key"])
async def test_an_unknown_or_disabled_key_is_401(path: str, document: Any, key: str) -> None:
    async with Harness(sources=SOURCES) as harness:
        answer = await harness.post(path, document, key=key)

    assert answer.status == 401
    assert_that_any_sdk_reads_it(answer)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/t", "/api/s/track", "/beacon/v1/batch", "/v1/m"])
async def test_get_and_put_on_ingest_paths_are_405(harness: Harness, method: str, path: str) -> None:
    answer = await harness.ask(method, path)

    assert answer.status == 405
    assert_that_any_sdk_reads_it(answer)


@pytest.mark.parametrize(("path", "document"), [SINGLE, BATCH])
async def test_too_many_requests_are_429_with_a_small_wait_in_whole_seconds(path: str, document: Any) -> None:
    async with Harness(sources=SOURCES) as harness:
        answers = [await harness.post(path, document, key="key-of-busy") for _ in range(BURST + 1)]

    assert answers[-1].status == 429
    assert answers[-1].headers["Retry-After"] == "2"
    assert_that_any_sdk_reads_it(answers[-1])


@pytest.mark.parametrize(("path", "document"), [SINGLE, BATCH])
async def test_what_cannot_be_stored_now_is_503_with_a_wait(harness: Harness, path: str, document: Any) -> None:
    harness.log.failure = LogFull()

    answer = await harness.post(path, document)

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) in range(1, 301)
    assert_that_any_sdk_reads_it(answer)


BODIES = [b"", b"{}", b"[", b'{"batch":[]}', b'{"batch":[{}]}', orjson.dumps(CALL), b"\x1f\x8b", b"null", b"0"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/t", "/v1/t/", "/v1/batch", "/v1/m/", "/api/s/track", "/sourceConfig", "/v1/projects/x/settings"],
)
async def test_no_answer_is_one_that_some_sdk_misreads(harness: Harness, method: str, path: str) -> None:
    """201, 202 and 204 are retried, 3xx lose events, 410 and 460 are retried by some, and HTML is read by none."""
    for key in (KEY, "unknown", ""):
        for body in BODIES if method == "POST" else BODIES[:1]:
            answer = await harness.ask(method, path, key=key, data=body)

            assert answer.status in {200, 400, 401, 404, 405}
            assert answer.headers["Content-Type"] == "application/json"
            assert method == "HEAD" or isinstance(answer.json, dict)

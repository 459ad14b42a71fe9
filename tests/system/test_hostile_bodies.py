"""Bodies made to hurt, against a real router. Each is answered, costs no more memory than it may, and leaves nothing behind.

The rows are those of the battery in facts/reliability.md, section 5.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from functools import cache

import orjson
import pytest

from tests.system.harness import Router, Stage, until
from tests.system.memory import MB, forget_peak, needs_linux, peak_bytes, resident_bytes
from tests.system.wire import Answer, exchange, post

pytestmark = [needs_linux, pytest.mark.timeout(120)]

GOOD = {"type": "track", "event": "Step Done", "userId": "u1"}
MOST_OF_A_BODY = 9_800_000
"""Bytes: just below `Limits.max_body_bytes`."""
PACKED = {"gzip": "Content-Encoding: gzip", "deflate": "Content-Encoding: deflate", "br": "Content-Encoding: br"}

Bytes = Callable[[], bytes]
"""Made when its test runs: made for the table, they would cost every run seconds, whatever it runs."""


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """With its vendor in a process apart, so that its memory is its own."""
    stage = Stage(tmp_path_factory.mktemp("hostile"))
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination()}, server={"port": 0, "body_timeout": "2s"})
    good(router)
    yield router
    stage.clear()


def good(router: Router) -> None:
    status, answer = router.post(GOOD)
    assert (status, answer["success"]) == (200, True)


def properties(value: bytes) -> bytes:
    """A batch of one event with this, and a good one."""
    odd = b'{"type":"track","event":"e","userId":"u","properties":{"a":' + value + b"}}"
    return b'{"batch":[' + odd + b"," + orjson.dumps(GOOD) + b"]}"


def filled(one: bytes) -> bytes:
    """A list of as many of *one* as fit into a body."""
    return b"[" + b",".join([one] * (MOST_OF_A_BODY // (len(one) + 1))) + b"]"


@cache
def bomb() -> bytes:
    return gzip.compress(bytes(200_000_000))


def survive(router: Router, request: bytes, most_mb: int | None = None) -> Answer:
    """Send *request*. Afterwards the router answers as before, and its memory is back within 10 MB.

    *most_mb* is what it may take meanwhile.
    """
    before = resident_bytes(router.pid)
    forget_peak(router.pid)
    answer = exchange(router.url, request)
    good(router)
    if most_mb is not None:
        assert peak_bytes(router.pid) - before < most_mb * MB
    until(lambda: resident_bytes(router.pid) - before < 10 * MB, "the memory is back")
    return answer


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        pytest.param(bomb, "gzip", 413, "body_too_big", id="a bomb of 200 MB"),
        pytest.param(lambda: zlib.compress(bytes(200_000_000)), "deflate", 413, "body_too_big", id="a deflate bomb"),
        pytest.param(lambda: gzip.compress(bomb()), "gzip", 400, "invalid_json", id="a bomb in a bomb"),
        pytest.param(lambda: b"{}", "gzip", 400, "unreadable_encoding", id="not what it says"),
        pytest.param(lambda: zlib.compress(b"{}"), "gzip", 400, "unreadable_encoding", id="the other one"),
        pytest.param(lambda: gzip.compress(b"{}")[:-3], "gzip", 400, "unreadable_encoding", id="truncated"),
        pytest.param(lambda: bomb()[:9_999], "gzip", 413, "body_too_big", id="a truncated bomb"),
        pytest.param(lambda: b"{}", "br", 400, "unknown_encoding", id="another one"),
    ],
)
def test_row_36_what_is_packed_to_hurt(router: Router, body: Bytes, encoding: str, status: int, code: str) -> None:
    answer = survive(router, post("/v1/batch", body(), PACKED[encoding]), most_mb=20)

    assert (answer.status, answer.json["code"]) == (status, code)


@pytest.mark.parametrize("length", ["Content-Length: 100000000", "Transfer-Encoding: chunked"])
def test_row_37_a_body_of_100_mb_is_cut_at_the_limit(router: Router, length: str) -> None:
    head = post("/v1/batch", b"", length).replace(b"Content-Length: 0\r\n", b"")
    chunk = b"186A0\r\n" + bytes(100_000) + b"\r\n"  # without an end

    answer = survive(router, head + chunk * 1_000, most_mb=20)

    assert (answer.status, answer.json["code"]) == (413, "body_too_big")


@pytest.mark.parametrize(
    ("length", "status", "codes"),
    [
        pytest.param(1_000, 408, {"body_timeout"}, id="too much"),
        pytest.param(10, 400, {"invalid_json", "bad_http"}, id="too little"),
        pytest.param(0, 400, {"empty_body", "bad_http"}, id="nothing"),
    ],
)
def test_row_37_a_length_that_is_not_true(router: Router, length: int, status: int, codes: set[str]) -> None:
    """The rest of a body that is longer than it says is no HTTP, which may be noticed before the body is."""
    request = post("/v1/batch", properties(b"1"))
    lying = request.replace(b"Content-Length: %d" % len(properties(b"1")), b"Content-Length: %d" % length)

    answer = survive(router, lying, most_mb=20)

    assert lying != request
    assert answer.status == status
    assert answer.json["code"] in codes


DEEP = 100_000
REFUSED = [
    pytest.param(lambda: properties(b"[" * DEEP + b"]" * DEEP), "too_deep", id="100,000 deep lists"),
    pytest.param(lambda: properties(b'{"a":' * DEEP + b"1" + b"}" * DEEP), "too_deep", id="100,000 deep objects"),
    pytest.param(lambda: b"[" * MOST_OF_A_BODY, "too_deep", id="lists without end"),
    pytest.param(lambda: b" " * MOST_OF_A_BODY, "invalid_json", id="blanks"),
    pytest.param(lambda: json.dumps({"batch": [GOOD]}).encode("utf-16"), "invalid_json", id="UTF-16"),
    pytest.param(lambda: filled(b"1"), "not_an_object", id="a list"),
]


@pytest.mark.parametrize(("body", "code"), REFUSED)
def test_row_38_json_that_is_refused(router: Router, body: Bytes, code: str) -> None:
    answer = survive(router, post("/v1/batch", body()))

    assert (answer.status, answer.json["code"]) == (400, code)


def keys(count: int) -> bytes:
    """As many keys as this."""
    return b"{" + b",".join(b'"%06d":1' % number for number in range(count)) + b"}"


REJECTED = [
    pytest.param(lambda: keys(6_000), "too_many_keys", id="keys"),
    pytest.param(lambda: b'"' + b"x" * MOST_OF_A_BODY + b'"', "event_too_big", id="a text of 10 MB"),
    pytest.param(lambda: b"[" * 200 + b"]" * 200, "too_deep", id="200 deep"),
    pytest.param(lambda: filled(b"9" * 400), "event_too_big", id="numbers of 400 digits"),
    pytest.param(lambda: b'"' + rb"\ud800" * (MOST_OF_A_BODY // 6) + b'"', "event_too_big", id="lone surrogates"),
]
REJECTED_SLOWLY = [
    pytest.param(lambda: keys(900_000), "event_too_big", id="900,000 keys"),
    pytest.param(lambda: filled(b"{}"), "event_too_big", id="3 million objects"),
    pytest.param(lambda: filled(b'{"a":1,"a":2}'), "event_too_big", id="700,000 keys that stand twice"),
    pytest.param(lambda: b"[NaN," + filled(b"1") + b"]", "event_too_big", id="5 million numbers and NaN"),
]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *REJECTED,
        *(pytest.param(*each.values, id=each.id, marks=pytest.mark.full) for each in REJECTED_SLOWLY),
    ],
)
def test_row_38_json_whose_event_is_rejected_alone(router: Router, value: Bytes, code: str) -> None:
    answer = survive(router, post("/v1/batch", properties(value())))

    assert (answer.status, answer.json["accepted"]) == (200, 1)
    assert [each["code"] for each in answer.json["rejections"]] == [code]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'1,"a":2', id="a key twice"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"-Infinity", id="Infinity"),
        pytest.param(b"9" * 400, id="a number of 400 digits"),
        pytest.param(rb'"\ud800"', id="a lone surrogate"),
        pytest.param(rb'"\u0000"', id="NUL"),
    ],
)
def test_row_38_json_that_is_mended(router: Router, value: bytes) -> None:
    answer = survive(router, post("/v1/batch", properties(value)))

    assert (answer.status, answer.json["accepted"], len(answer.json["warnings"])) == (200, 2, 1)


def test_row_38_a_byte_order_mark_is_no_hindrance(router: Router) -> None:
    answer = survive(router, post("/v1/batch", b"\xef\xbb\xbf" + properties(b"1")))

    assert (answer.status, answer.json["accepted"]) == (200, 2)


@pytest.mark.full
@pytest.mark.parametrize("item", [b"1", b"{}", b'{"a":{}}'], ids=["numbers", "empty objects", "objects"])
def test_row_41_a_batch_of_nothing_but_rejected_events(router: Router, item: bytes) -> None:
    body = b'{"batch":' + filled(item) + b"}"

    answer = survive(router, post("/v1/batch", body))

    assert (answer.status, answer.json["accepted"]) == (200, 0)
    assert answer.json["rejected"] == MOST_OF_A_BODY // (len(item) + 1)

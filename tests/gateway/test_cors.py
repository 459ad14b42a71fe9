"""A page sees every answer, whatever it is: else it takes what was stored for lost, and sends it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from router.gateway import Limits, Source, routes
from router.gateway.cors import cors_headers, preflight_headers
from router.log.interface import LogFull
from tests.gateway.harness import KEY, Answer, Harness, assert_published

PAGE = "https://shop.example.com"
CALL = {"userId": "u1", "groupId": "g1", "previousId": "a1", "event": "Order Completed"}
SOURCES = {
    "website": Source([KEY]),
    "old": Source(["key-of-old"], is_enabled=False),
    "elsewhere": Source(["key-of-elsewhere"], origins=frozenset({"https://elsewhere.example.com"})),
    "busy": Source(["key-of-busy"], max_requests_per_s=0.001),
}
GETS = [f"/v1/projects/{KEY}/settings", "/sourceConfig"]


@dataclass(frozen=True)
class Way:
    """How to draw a status on any ingest path."""

    status: int
    code: str = ""
    method: str = "POST"
    key: str = KEY
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    failure: Exception | None = None
    limits: Limits = Limits()
    requests: int = 1


WAYS = [
    pytest.param(Way(200), id="200"),
    pytest.param(Way(400, "invalid_json", body=b"{"), id="400"),
    pytest.param(Way(400, "unreadable_encoding", headers={"Content-Encoding": "gzip"}), id="400 not gzip"),
    pytest.param(Way(401, "unknown_write_key", key="unknown"), id="401"),
    pytest.param(Way(401, "missing_write_key", key=""), id="401 no key"),
    pytest.param(Way(401, "source_disabled", key="key-of-old"), id="401 disabled"),
    pytest.param(Way(403, "origin_not_allowed", key="key-of-elsewhere"), id="403"),
    pytest.param(Way(405, "method_not_allowed", method="GET"), id="405"),
    pytest.param(Way(413, "body_too_big", limits=Limits(max_body_bytes=10)), id="413"),
    pytest.param(Way(429, "rate_limited", key="key-of-busy", requests=101), id="429"),
    pytest.param(Way(500, "internal", failure=RuntimeError("a bug")), id="500"),
    pytest.param(Way(503, "log_full", failure=LogFull()), id="503"),
    pytest.param(Way(503, "busy", limits=Limits(max_held_bytes=10)), id="503 busy"),
]


def assert_that_the_page_sees(answer: Answer, origin: str = PAGE) -> None:
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("way", WAYS)
async def test_a_page_sees_every_status_on_every_path(way: Way) -> None:
    """One gateway for all the paths of a status."""
    headers = {"Origin": PAGE, **way.headers}
    async with Harness(way.limits, SOURCES) as harness:
        harness.log.failure = way.failure
        for _ in range(way.requests - 1):
            await harness.post("/v1/t", CALL, key=way.key, headers=headers)
        for path in (*routes.SINGLES, *routes.BATCHES, "/v1/batch/"):
            document = {"batch": [CALL | {"type": "page"}]} if path.rstrip("/") in routes.BATCHES else CALL
            if way.method == "GET":
                answer = await harness.ask("GET", path, headers=headers)
            else:
                answer = await harness.post(path, document, data=way.body, key=way.key, headers=headers)

            assert answer.status == way.status, path
            assert_that_the_page_sees(answer)
            assert answer.json.get("code", "") == way.code, path
            assert way.status == 200 or isinstance(answer.json["message"], str)
            assert ("Retry-After" in answer.headers) == (way.status in (429, 503)), path


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("POST", path, 200) for path in routes.TELEMETRY),
        *(("GET", path, 405) for path in routes.TELEMETRY),
        *((method, path + slash, 200) for method in ("GET", "HEAD") for path in GETS for slash in ("", "/")),
        ("GET", "/v1/projects/unknown/settings", 404),
        ("GET", "/sourceConfig?writeKey=unknown", 200),  # the key of the header comes first
        ("GET", "/health", 200),
        ("GET", "/ready", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/nowhere", 404),
    ],
)
async def test_a_page_sees_what_else_there_is(harness: Harness, method: str, path: str, status: int) -> None:
    answer = await harness.ask(method, path, headers={"Origin": PAGE}, data=b"{}" if method == "POST" else None)

    assert answer.status == status
    assert_that_the_page_sees(answer)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param([f"Cookie: {'c' * 40_000}"], 431, id="a header that is too long"),
        pytest.param([f"Cookie: {'c' * 15_000}"] * 3, 431, id="headers that are too long together"),
        pytest.param(["no header"], 400, id="a line that is no header"),
        pytest.param(["X-A: \0"], 400, id="a character that may not be"),
        pytest.param(["Content-Length: x"], 400, id="a length that is none"),
        pytest.param(["Content-Length: 2", "Transfer-Encoding: chunked"], 400, id="two lengths"),
        pytest.param(["Expect: nonsense", "Content-Length: 0"], 417, id="an expectation that nobody knows"),
    ],
)
async def test_a_page_sees_that_the_server_could_not_read_its_request(
    harness: Harness, head: list[str], status: int
) -> None:
    """Its own cookies may be the reason: without the headers it would send the same for ever."""
    answer = await harness.send_raw(["POST /v1/t HTTP/1.1", f"Origin: {PAGE}", *head])

    assert answer is not None
    assert answer.status == status
    assert_that_the_page_sees(answer)
    assert set(answer.json) == {"code", "message"}
    assert_published(answer)


@pytest.mark.parametrize("first", [b"POST /v1/t HTTP/9.9\r\n", b"\x16\x03\x01\x02\x00\x01\r\n", b"POST  HTTP/1.1\r\n"])
async def test_bytes_that_are_no_http_are_answered_in_json(harness: Harness, first: bytes) -> None:
    answer = await harness.exchange(first + b"Host: a\r\n\r\n")

    assert (answer.status, answer.json["code"]) == (400, "bad_http")
    assert answer.headers["Content-Type"] == "application/json"


async def test_a_fault_outside_the_routes_is_seen_as_well(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    async def raises(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("aiohttp.web_urldispatcher.UrlDispatcher.resolve", raises)
    answer = await harness.ask("GET", "/ready", headers={"Origin": PAGE})

    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert_that_the_page_sees(answer)


# --- preflights ---


async def test_a_preflight_needs_no_key_and_may_ask_for_any_header_on_any_path(harness: Harness) -> None:
    asked_for = "anonymousid,authorization,content-type,sentat,x-of-the-page"
    headers = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": asked_for,
    }

    for path in (*routes.INGEST, *GETS, "/health", "/nowhere", "/v1/batch/", "/sourceConfig/"):
        answer = await harness.ask("OPTIONS", path, key="", headers=headers)

        assert (answer.status, answer.body) == (204, b""), path
        assert_that_the_page_sees(answer)
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST, OPTIONS"
        assert answer.headers["Access-Control-Allow-Headers"] == asked_for
        assert answer.headers["Access-Control-Max-Age"] == "7200"


async def test_a_preflight_is_not_counted_by_the_limit_of_a_source() -> None:
    async with Harness(sources={"website": Source([KEY], max_requests_per_s=0.001)}) as harness:
        for _ in range(150):
            assert (await harness.ask("OPTIONS", "/v1/t", headers={"Origin": PAGE})).status == 204

        assert (await harness.post("/v1/t", CALL)).status == 200


async def test_a_preflight_from_a_page_that_may_not_send_passes_so_that_it_sees_why_not() -> None:
    """It has no key, so nobody knows yet for which source it is."""
    sources = {"website": Source([KEY], origins=frozenset({"https://elsewhere.example.com"}))}
    async with Harness(sources=sources) as harness:
        asked = await harness.ask("OPTIONS", "/v1/t", key="", headers={"Origin": PAGE})
        sent = await harness.post("/v1/t", CALL, headers={"Origin": PAGE})

    assert asked.status == 204
    assert_that_the_page_sees(asked)
    assert (sent.status, sent.json["code"]) == (403, "origin_not_allowed")
    assert_that_the_page_sees(sent)


# --- origins ---


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        pytest.param({"Origin": PAGE}, 200, id="a page that may"),
        pytest.param({"Origin": PAGE.upper()}, 200, id="in another case"),
        pytest.param({}, 200, id="no page: a server"),
        pytest.param({"Origin": "http://shop.example.com"}, 403, id="another scheme"),
        pytest.param({"Origin": PAGE + ":8443"}, 403, id="another port"),
        pytest.param({"Origin": PAGE + ".example.org"}, 403, id="a longer name"),
        pytest.param({"Origin": "https://example.com"}, 403, id="a shorter name"),
        pytest.param({"Origin": "null"}, 403, id="a page without an origin, such as a file"),
        pytest.param({"Origin": ""}, 403, id="an empty one"),
    ],
)
@pytest.mark.parametrize("key_place", ["header", "body"])
async def test_a_source_with_origins_takes_events_of_these_pages_only(
    origin: dict[str, str], status: int, key_place: str
) -> None:
    sources = {"website": Source([KEY], origins=frozenset({PAGE, "https://www.example.com"}))}
    async with Harness(sources=sources) as harness:
        key = KEY if key_place == "header" else ""
        answer = await harness.post("/v1/t", CALL | {"writeKey": KEY}, key=key, headers=origin)

    assert answer.status == status
    assert len(harness.log.entries) == (1 if status == 200 else 0)


# --- the headers themselves ---


def test_without_a_page_there_is_nothing_to_allow() -> None:
    assert cors_headers(None) == {"Vary": "Origin"}
    assert "Access-Control-Allow-Headers" not in preflight_headers(None)


@pytest.mark.parametrize("origin", ["https://\udcff", "a\x7f", "\u00e9", ""])
def test_what_cannot_be_sent_back_is_not(origin: str) -> None:
    assert cors_headers(origin) == {"Vary": "Origin"}
    assert "Access-Control-Allow-Headers" not in preflight_headers(origin)


async def test_an_origin_that_is_no_text_does_no_harm(harness: Harness) -> None:
    request = (
        b"POST /v1/m HTTP/1.1\r\nHost: a\r\nOrigin: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"OPTIONS /v1/m HTTP/1.1\r\nHost: a\r\nOrigin: \xff\r\nAccess-Control-Request-Headers: \xff\r\n\r\n",
    )

    assert [(await harness.exchange(each)).status for each in request] == [200, 204]

"""What a request says of the visitor of a page goes into the events that don't say it, and into no others."""

from __future__ import annotations

import base64
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.event import Document
from router.gateway import Surroundings
from router.gateway.visitor import Visitor
from tests.events import event
from tests.gateway.harness import Harness

BROWSER = {"library": {"name": "analytics.js"}}
SERVER = {"library": {"name": "analytics-python"}}
VISITOR = Visitor(ip="203.0.113.7", user_agent="Mozilla/5.0", anonymous_id="a1")
ORIGIN = {"Origin": "https://shop.example.com"}


def page(context: Document, **further: Any) -> Document:
    return {"type": "page", "userId": "u1", "context": context, **further}


@pytest.mark.parametrize(
    ("call", "added"),
    [
        pytest.param(page(BROWSER), {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0"}, id="a browser"),
        pytest.param(page({}, channel="web"), {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0"}, id="by its channel"),
        pytest.param(page(BROWSER | {"ip": "198.51.100.1"}), {"userAgent": "Mozilla/5.0"}, id="it gives an address"),
        pytest.param(page(BROWSER | {"ip": "0.0.0.0"}), {"userAgent": "Mozilla/5.0"}, id="it gives one that is none"),
        pytest.param(page(BROWSER | {"ip": None}), {"userAgent": "Mozilla/5.0"}, id="it wants none kept"),
        pytest.param(page(BROWSER | {"userAgent": "own"}), {"ip": "203.0.113.7"}, id="it gives a user agent"),
        pytest.param(page(BROWSER | {"user_agent": "own"}), {"ip": "203.0.113.7"}, id="in snake case"),
        pytest.param(page(BROWSER | {"userAgent": ""}), {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0"}, id="empty"),
        pytest.param(page(SERVER), {}, id="a server: the address would be its own"),
        pytest.param(page(BROWSER, channel="server"), {}, id="a server by its channel"),
        pytest.param(page({}, channel="mobile"), {}, id="a telephone"),
        pytest.param(page({"library": {"name": "@jitsu/js", "env": "node"}}), {}, id="one library, on a server"),
        pytest.param(page({}), {}, id="nobody knows"),
        pytest.param(page({"direct": True}), {"ip": "203.0.113.7"}, id="who says that it is the user's own device"),
        pytest.param(page({"direct": True}, channel="mobile"), {"ip": "203.0.113.7"}, id="an app that says so"),
        pytest.param(page({"direct": True, "ip": None}), {}, id="no address is wanted of it"),
        pytest.param(page({"direct": False}, channel="mobile"), {}, id="it is not the user's own device"),
    ],
)
def test_the_address_and_user_agent_go_into_events_of_browsers_that_lack_them(call: Document, added: Document) -> None:
    before = event(**call)

    after = VISITOR.complete(before)

    assert after.context == before.context | added
    assert after.document == before.document | ({"context": after.context} if added else {})


def test_an_event_that_does_not_say_where_it_is_from_is_a_browsers_if_a_page_sent_it() -> None:
    """Only browsers send ``Origin``: a page may call the HTTP API by hand."""
    after = Visitor(ip="203.0.113.7", has_page=True).complete(event(**page({})))

    assert (after.channel, after.context) == ("browser", {"ip": "203.0.113.7"})
    assert (after.document["channel"], after.document["context"]) == ("browser", {"ip": "203.0.113.7"})


def test_a_request_that_says_nothing_changes_nothing() -> None:
    before = event(**page(BROWSER))

    assert Visitor().complete(before) is before


def test_an_event_is_not_changed_in_place() -> None:
    before = event(**page(BROWSER))
    stored = before.to_json()

    VISITOR.complete(before)

    assert before.to_json() == stored


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "anonymous_id"),
    [
        pytest.param(encoded("42934425-7a1d"), "42934425-7a1d", id="base64"),
        pytest.param(encoded("Zoë"), "Zoë", id="beyond ASCII"),
        pytest.param("", None, id="empty"),
        pytest.param(encoded("  "), None, id="blanks"),
        pytest.param("no base64!", None, id="no base64"),
        pytest.param("//79", None, id="no UTF-8"),
        pytest.param(encoded("a\0b"), None, id="NUL, which no event may hold"),
        pytest.param(encoded("a" * 1_001), None, id="too long"),
    ],
)
def test_one_sdk_puts_the_anonymous_id_into_a_header(header: str, anonymous_id: str | None) -> None:
    assert Visitor.of_headers({"AnonymousId": header}, None).anonymous_id == anonymous_id


@pytest.mark.parametrize(
    ("call", "anonymous_id"),
    [
        pytest.param({}, "a1", id="none"),
        pytest.param({"anonymousId": ""}, "a1", id="empty"),
        pytest.param({"anonymousId": None}, "a1", id="null"),
        pytest.param({"anonymousId": "own"}, "own", id="its own"),
        pytest.param({"anonymousId": 0}, 0, id="its own, a number"),
    ],
)
def test_the_anonymous_id_of_the_header_stands_in_for_one_that_is_absent(call: Document, anonymous_id: object) -> None:
    before = dict(call)

    assert VISITOR.sign(call)["anonymousId"] == anonymous_id
    assert call == before


@pytest.mark.parametrize("call", [{"anonymous_id": "own"}, None, 7, "x", []])
def test_a_call_with_another_spelling_or_that_is_none_is_left_alone(call: object) -> None:
    assert VISITOR.sign(call) is call


@pytest.mark.parametrize(
    ("policy", "ip", "kept"),
    [
        pytest.param("keep", "203.0.113.7", "203.0.113.7", id="keep"),
        pytest.param("stripLastOctet", "203.0.113.7", "203.0.113.0", id="strip"),
        pytest.param("stripLastOctet", "2001:db8:1:2::3", "2001:db8:1::", id="strip, IPv6"),
        pytest.param("remove", "203.0.113.7", None, id="remove"),
        pytest.param("whatever", "203.0.113.7", None, id="anything else is read as a wish for less"),
    ],
)
def test_a_page_may_ask_to_keep_less_of_its_visitors_address(policy: str, ip: str, kept: str | None) -> None:
    assert Visitor.of_headers({"X-IP-Policy": policy}, ip).ip == kept


@pytest.mark.parametrize(
    ("header", "user_agent"),
    [("", None), ("a\udcffb", "a?b"), ("x" * 2_000, "x" * 1_000)],
    ids=["empty", "bytes that are no text", "too long"],
)
def test_a_user_agent_is_text_of_a_fair_length(header: str, user_agent: str | None) -> None:
    assert Visitor.of_headers({"User-Agent": header}, None).user_agent == user_agent


@given(st.dictionaries(st.sampled_from(["AnonymousId", "User-Agent", "X-IP-Policy"]), st.text(max_size=50)))
def test_whatever_the_headers_say_the_event_can_be_stored(headers: dict[str, str]) -> None:
    visitor = Visitor.of_headers(headers, "203.0.113.7")

    stored = visitor.complete(event(**visitor.sign(page(BROWSER)))).to_json()

    assert b'"ip":"203.0.113.7"' in stored or "X-IP-Policy" in headers


# --- over HTTP ---


async def test_a_browsers_event_is_stored_with_the_address_it_came_from(harness: Harness) -> None:
    await harness.post("/v1/p", page(BROWSER), headers={"User-Agent": "Mozilla/5.0"})

    assert harness.log.events[0]["context"] == BROWSER | {"ip": "127.0.0.1", "userAgent": "Mozilla/5.0"}


async def test_behind_a_proxy_it_is_the_address_that_the_proxy_was_called_from() -> None:
    surroundings = Surroundings(trusted_proxies=[ip_network("127.0.0.0/8")])
    async with Harness(surroundings=surroundings) as harness:
        await harness.post("/v1/p", page(BROWSER), headers={"X-Forwarded-For": "10.1.1.1, 203.0.113.7"})

    assert harness.log.events[0]["context"]["ip"] == "203.0.113.7"


async def test_of_a_proxy_that_is_not_trusted_nothing_is_believed(harness: Harness) -> None:
    await harness.post("/v1/p", page(BROWSER), headers={"X-Forwarded-For": "203.0.113.7"})

    assert harness.log.events[0]["context"]["ip"] == "127.0.0.1"


async def test_in_a_batch_each_event_is_looked_at_alone(harness: Harness) -> None:
    await harness.batch(page(BROWSER), page(SERVER), page(BROWSER | {"ip": "203.0.113.9"}), page({}))

    ips = [event.get("context", {}).get("ip") for event in harness.log.events]
    assert ips == ["127.0.0.1", None, "203.0.113.9", None]


async def test_the_context_of_a_batch_comes_before_the_address_of_the_connection(harness: Harness) -> None:
    await harness.batch(page(BROWSER), context={"ip": "203.0.113.9"})

    assert harness.log.events[0]["context"]["ip"] == "203.0.113.9"


async def test_a_call_by_hand_from_a_page_is_a_browsers(harness: Harness) -> None:
    await harness.post("/v1/page", {"userId": "u1"}, headers=ORIGIN)

    assert harness.log.events[0]["channel"] == "browser"
    assert harness.log.events[0]["context"]["ip"] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/v1/page", "/v1/batch"])
async def test_an_event_without_anybody_is_the_visitors_of_the_header(harness: Harness, path: str) -> None:
    call = {"type": "page", "userId": ""}

    document = {"batch": [call]} if path == "/v1/batch" else call
    answer = await harness.post(path, document, headers={"AnonymousId": encoded("a1")})

    assert answer.status == 200
    assert [event["anonymousId"] for event in harness.log.events] == ["a1"]
    assert harness.log.entries[0].user_key == "a1"

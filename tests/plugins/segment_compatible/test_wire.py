"""Requests and verdicts, by flavour."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from plugins.segment_compatible import PLUGIN, wire
from router.plugin import (
    Again,
    Basic,
    BatchEndpoint,
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.segment_compatible.mapped import FLAVOURS, make_settings

PAYLOADS = [Payload({"type": "track", "messageId": f"m-{number}"}, key=f"m-{number}") for number in (1, 2, 3)]


def judge(flavour: str, status: int, body: Any = b"", payloads: list[Payload] = PAYLOADS) -> Judgement:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return wire.judge(Response(status, data), payloads, make_settings(flavour=flavour))


def test_a_batch_has_its_events_and_no_time_of_sending() -> None:
    request = wire.pack(PAYLOADS, make_settings(base_url="http://127.0.0.1:9/a"))

    assert (request.method, request.url, request.gzip) == ("POST", "http://127.0.0.1:9/a/v1/batch", False)
    assert request.json == {"batch": [payload.body for payload in PAYLOADS]}


def test_requests_are_compressed_where_the_operator_wants_it() -> None:
    assert wire.pack(PAYLOADS, make_settings(gzip=True)).gzip


def test_the_key_is_a_user_without_a_password() -> None:
    assert wire.credentials(make_settings()) == [Basic(SecretStr("key-of-a-test"), SecretStr(""))]


@pytest.mark.parametrize(
    ("flavour", "events", "request_bytes", "event_bytes"),
    [
        ("segment", 2_500, 500_000, 32_000),
        ("rudderstack", 2_500, 4_000 * 1024, 4_000 * 1024),
        ("customerio", 100, 500_000, 32_000),
        ("jitsu", 2_500, 1_000_000, 1_000_000),
        ("trait_router", 2_500, 10_000_000, 1_000_000),
    ],
)
def test_requests_stay_within_the_limits(flavour: str, events: int, request_bytes: int, event_bytes: int) -> None:
    [declared] = PLUGIN.endpoints
    made = declared.for_settings(make_settings(flavour=flavour))

    assert isinstance(made, BatchEndpoint)
    assert made.max_events == events
    assert made.max_bytes < request_bytes
    assert made.max_payload_bytes is not None
    assert made.max_payload_bytes <= event_bytes


# --- taken ---


@pytest.mark.parametrize(
    ("flavour", "body"),
    [
        ("segment", {"success": True}),
        ("rudderstack", b"OK"),
        ("rudderstack", {"msg": "ok"}),
        ("customerio", b""),
        ("customerio", {"success": True}),
        ("jitsu", {"ok": True, "receivedEvents": 3, "okEvents": 3}),
        ("trait_router", {"success": True, "accepted": 2, "duplicate": 1, "rejected": 0, "rejections": []}),
    ],
)
def test_a_good_answer_delivers_all(flavour: str, body: Any) -> None:
    assert judge(flavour, 200, body) == [Delivered()] * 3


@pytest.mark.parametrize("flavour", ["segment", "jitsu", "trait_router"])
@pytest.mark.parametrize(
    "body", [b"<html>", b"", [], {}, {"ok": False}, {"success": False}, {"ok": False, "errors": 7}]
)
def test_a_200_of_another_shape_is_no_delivery(flavour: str, body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(flavour, 200, body)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_page_is_no_delivery_whatever_a_200_may_say(flavour: str) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(flavour, 200, b"<!DOCTYPE html><title>Login</title>")


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param(["Message ID: m-2: no event"], [Delivered(), Dead("no event"), Delivered()], id="one"),
        pytest.param(
            [f"Message ID: m-{n}: no event" for n in (1, 2, 3)], [Dead("no event")] * 3, id="all, for their own sake"
        ),
        pytest.param(
            [f"Message ID: m-{n}: no destinations found" for n in (1, 2, 3)],
            Blocked("no destinations found"),
            id="all, for want of a destination",
        ),
        pytest.param(
            ["Message ID: m-3: no destinations found", "Message ID: other: x", 7],
            [Delivered(), Delivered(), Dead("no destinations found")],
            id="one, for want of a destination",
        ),
        pytest.param(
            [f"Message ID: m-{n}: event error: no such destination" for n in (1, 2, 3)],
            [Dead("event error: no such destination")] * 3,
            id="all, for their own sake, with that word in it",
        ),
        pytest.param(
            [f"Message ID: m-{n}: error# a{n}: producer error" for n in (1, 2, 3)],
            [Later(f"error# a{n}: producer error", is_outage=True) for n in (1, 2, 3)],
            id="all, for its own queue is away",
        ),
        pytest.param(
            ["Message ID: m-2: error# a: producer error"],
            [Delivered(), Later("error# a: producer error", is_outage=True), Delivered()],
            id="one, for its own queue is away",
        ),
        pytest.param(
            [f"Message ID: m-{n}: quota exceeded: event throttled" for n in (1, 2, 3)],
            Blocked("quota exceeded: event throttled"),
            id="all, for the account is over its quota",
        ),
        pytest.param(
            ["Message ID: m-2: quota exceeded: event throttled"],
            [Delivered(), Later("quota exceeded: event throttled", is_outage=True), Delivered()],
            id="one, for the account is over its quota",
        ),
        pytest.param(["Message ID: m-1:"], [Dead("refused"), Delivered(), Delivered()], id="without words"),
    ],
)
def test_jitsu_names_the_messages_that_it_refuses(errors: list[Any], expected: Judgement) -> None:
    assert judge("jitsu", 200, {"ok": False, "errors": errors}) == expected


def test_jitsu_s_errors_that_name_no_message_of_ours_are_no_answer() -> None:
    with pytest.raises(UnreadableAnswer):
        judge("jitsu", 200, {"ok": False, "errors": ["something went wrong"]})


def test_another_router_lists_what_it_rejects() -> None:
    rejection = {"index": 1, "code": "missing_event", "field": "event", "expected": "a name", "found": "nothing"}
    receipt = {"success": True, "accepted": 2, "rejected": 1, "rejections": [rejection, {"index": "x"}, 7]}

    assert judge("trait_router", 200, receipt) == [
        Delivered(),
        Dead("missing_event: event: expected a name, found nothing"),
        Delivered(),
    ]


REJECTED = {"code": "missing_event", "field": "event", "expected": "a name", "found": "nothing"}
CROWDED = {"code": "too_many_events", "field": "", "expected": "at most 1 events in one batch", "found": "3 events"}
TOO_BIG = {"code": "batch_too_big", "field": "", "expected": "at most 9 bytes in one batch", "found": "more"}


@pytest.mark.parametrize(
    ("rejections", "expected"),
    [
        pytest.param([{**CROWDED, "index": 2}], [Delivered, Delivered, Again], id="too many"),
        pytest.param([{**CROWDED, "index": 1, "through": 2}], [Delivered, Again, Again], id="a range"),
        pytest.param([{**TOO_BIG, "index": 1}, {**TOO_BIG, "index": 2}], [Delivered, Again, Again], id="too big"),
        pytest.param(
            [{**REJECTED, "index": 0}, {**CROWDED, "index": 1, "through": 9}], [Dead, Again, Again], id="both"
        ),
    ],
)
def test_what_another_router_has_no_room_for_in_one_batch_is_sent_in_the_next(
    rejections: list[dict[str, Any]], expected: list[type]
) -> None:
    judged = judge("trait_router", 200, {"success": True, "rejections": rejections})

    assert isinstance(judged, list)
    assert [type(verdict) for verdict in judged] == expected


def test_a_single_event_that_there_is_no_room_for_dies() -> None:
    receipt = {"success": True, "rejections": [{**CROWDED, "index": 0}]}

    reason = "too_many_events: the event: expected at most 1 events in one batch, found 3 events"
    assert judge("trait_router", 200, receipt, PAYLOADS[:1]) == [Dead(reason)]


@pytest.mark.parametrize(
    "rejections",
    [
        pytest.param([], id="none is named"),
        pytest.param([{**REJECTED, "index": 7}], id="one that was not sent"),
        pytest.param([{**REJECTED, "index": 1}, {**REJECTED, "index": 1}], id="one is named twice"),
        pytest.param([{**REJECTED, "index": True}, {**REJECTED, "index": -1}], id="what is no place"),
        pytest.param([{**REJECTED, "index": 0, "code": ["odd"]}], id="what has no code"),
    ],
)
def test_rejections_that_do_not_say_which_halve_the_batch(rejections: list[dict[str, Any]]) -> None:
    receipt = {"success": True, "rejected": 2, "rejections": rejections}

    assert isinstance(judge("trait_router", 200, receipt), Split)


# --- refused ---


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("status", [400, 406, 415, 422])
def test_a_refused_batch_is_halved_until_the_bad_event_is_by_itself(flavour: str, status: int) -> None:
    assert judge(flavour, status, b"no id") == Split(f"{status} no id")
    assert judge(flavour, status, b"no id", PAYLOADS[:1]) == [Dead(f"{status} no id")]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_too_large_a_batch_is_halved(flavour: str) -> None:
    assert judge(flavour, 413) == Split("413")


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404, 405])
def test_what_speaks_of_key_source_or_address_blocks(flavour: str, status: int) -> None:
    assert judge(flavour, status, b"no") == Blocked(f"{status} no")


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_outage_waits(flavour: str, status: int) -> None:
    assert judge(flavour, status) == [Later(str(status))] * 3

"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from plugins.amplitude import PLUGIN, wire
from router.plugin import (
    Again,
    BatchEndpoint,
    Blocked,
    BodyField,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.amplitude.mapped import make_settings

PAYLOADS = [
    Payload({"event_type": "E", "user_id": "u-1"}, key="m-1"),
    Payload({"event_type": "E", "device_id": "d-2"}, key="m-2"),
    Payload({"event_type": "E", "user_id": "u-3", "device_id": "d-3"}, key="m-3"),
]


def judge(status: int, body: Any, payloads: list[Payload] = PAYLOADS) -> Judgement:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return wire.judge(Response(status, data), payloads, make_settings())


# --- requests ---


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        pytest.param({}, "https://api2.amplitude.com/batch", id="batch"),
        pytest.param({"region": "eu"}, "https://api.eu.amplitude.com/batch", id="batch, eu"),
        pytest.param({"endpoint": "http_v2"}, "https://api2.amplitude.com/2/httpapi", id="http_v2"),
        pytest.param(
            {"endpoint": "http_v2", "base_url": "http://127.0.0.1:9/a"}, "http://127.0.0.1:9/a/2/httpapi", id="base_url"
        ),
    ],
)
def test_events_travel_together_with_their_options(settings: dict[str, Any], url: str) -> None:
    request = wire.pack(PAYLOADS, make_settings(min_id_length=3, **settings))

    assert (request.method, request.url) == ("POST", url)
    assert request.json == {"options": {"min_id_length": 3}, "events": [payload.body for payload in PAYLOADS]}


def test_the_key_stands_in_the_body() -> None:
    [credential] = wire.credentials(make_settings())

    assert isinstance(credential, BodyField)
    assert (credential.path, credential.value.get_secret_value()) == ("api_key", "key-of-a-test")


@pytest.mark.parametrize(("endpoint", "events"), [("batch", 2_000), ("http_v2", 10)])
def test_requests_stay_within_the_limits(endpoint: str, events: int) -> None:
    [declared] = PLUGIN.endpoints
    made = declared.for_settings(make_settings(endpoint=endpoint))

    assert isinstance(made, BatchEndpoint)
    assert (made.max_events, made.rate_limit_per_s) == (events, 100.0)
    assert made.max_bytes < 1_000_000


# --- verdicts ---


def test_a_good_answer_delivers_all() -> None:
    assert judge(200, {"code": 200, "events_ingested": 3}) == [Delivered()] * 3


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"code":20', b"[]", {}, {"code": 400}, "ok"])
def test_a_200_of_another_shape_is_no_delivery(body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(200, body)


def invalid(*places: int, field: str = "time") -> dict[str, Any]:
    return {
        "code": 400,
        "error": "Invalid field values on some events",
        "missing_field": None,
        "events_with_invalid_fields": {field: list(places)},
        "events_with_missing_fields": {},
    }


INVALID = "Invalid field values on some events (time)"
SHORT = "Invalid id length for user_id or device_id"
SILENCED = "Events silenced for device_id"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(invalid(1), [Again(), Dead(INVALID), Again()], id="one of three"),
        pytest.param(invalid(0, 1, 2), [Dead(INVALID)] * 3, id="all of them"),
        pytest.param(
            {**invalid(0, 2), "events_with_missing_fields": {"event_type": [1]}},
            [Dead(INVALID), Dead("Invalid field values on some events (event_type)"), Dead(INVALID)],
            id="all of them, each for its own reason",
        ),
        pytest.param(invalid(1, 9, -1), [Again(), Dead(INVALID), Again()], id="some places that are none"),
        pytest.param(invalid(9, -1), Split(INVALID), id="places that are none"),
        pytest.param(invalid(True), Split(INVALID), id="a place that is no number"),
        pytest.param({"code": 400, "error": SHORT}, Split(SHORT), id="nobody named"),
        pytest.param(
            {"code": 400, "error": SILENCED, "silenced_events": [0], "throttled_events": [1]},
            [Dead(SILENCED), Later(SILENCED, 30.0, is_outage=False), Again()],
            id="one silenced, one throttled",
        ),
        pytest.param(
            {"code": 400, "error": SILENCED, "silenced_events": [0, 1, 2]}, [Dead(SILENCED)] * 3, id="all silenced"
        ),
        pytest.param(
            {"code": 400, "error": "Events throttled", "silenced_events": [], "throttled_events": [0, 1, 2]},
            [Later("Events throttled", 30.0, is_outage=False)] * 3,
            id="all throttled",
        ),
        pytest.param({"code": 400, "error": "Invalid API key"}, Blocked("Invalid API key"), id="wrong key"),
        pytest.param(
            {"code": 400, "error": "Request missing required field", "missing_field": "api_key"},
            Blocked("Request missing required field (api_key)"),
            id="no key",
        ),
        pytest.param(b"<html>Bad Request</html>", Split("400 <html>Bad Request</html>"), id="a page"),
        pytest.param([], Split("400 []"), id="a list"),
    ],
)
def test_of_a_refused_request_those_named_die_and_the_others_are_sent_again(body: Any, expected: Judgement) -> None:
    assert judge(400, body) == expected


@pytest.mark.parametrize(
    "body",
    [invalid(0), {"code": 400, "error": INVALID}, {"code": 400, "error": INVALID, "silenced_events": [0]}],
    ids=["named", "not named", "silenced"],
)
def test_a_single_event_that_is_refused_is_dead(body: Any) -> None:
    assert judge(400, body, PAYLOADS[:1]) == [Dead(INVALID)]


ORDER = {"event_type": "E", "user_id": "u", "ip": "x", "event_properties": {"a": 1}, "insert_id": "m-9", "time": 1}
SALE = {**ORDER, "revenue": 3, "currency": "EUR", "productId": "p"}
SET = {"event_type": "$identify", "user_id": "u", "user_properties": {"$set": {"a": 1}}, "ip": "x"}
GROUP = {"event_type": "$groupidentify", "groups": {"g": "1"}, "group_properties": {"$set": {}}, "ip": "x"}


@pytest.mark.parametrize(
    ("event", "fields", "gone"),
    [
        pytest.param(ORDER, ["ip"], ["ip"], id="a field"),
        pytest.param(ORDER, ["event_properties"], ["event_properties"], id="all properties"),
        pytest.param(ORDER, ["ip", "event_properties"], ["event_properties", "ip"], id="two"),
        pytest.param(SALE, ["productId"], ["productId"], id="a product"),
        pytest.param(SALE, ["currency"], ["currency", "productId", "revenue"], id="money goes as a whole"),
        pytest.param(SET, ["ip"], ["ip"], id="a field beside what is set"),
        pytest.param(SET, ["user_properties"], None, id="what is set"),
        pytest.param(GROUP, ["group_properties"], None, id="what is set of a group"),
        pytest.param(GROUP, ["groups"], None, id="the group"),
        pytest.param(ORDER, ["ip", "time"], None, id="one that is needed besides"),
        *(pytest.param(ORDER, [name], None, id=name) for name in ("event_type", "user_id", "time", "insert_id")),
        pytest.param(ORDER, ["city"], None, id="one that was not sent"),
    ],
)
def test_an_event_goes_again_without_the_fields_that_are_invalid(event: Any, fields: list[str], gone: Any) -> None:
    body = {**invalid(), "events_with_invalid_fields": {field: [1] for field in fields}}
    payload = Payload(event, key="m-9")

    [other, verdict] = judge(400, body, [PAYLOADS[0], payload])  # type: ignore[misc]

    reason = f"Invalid field values on some events ({', '.join(fields)})"
    rest = {name: value for name, value in event.items() if name not in (gone or ())}
    left = Payload(rest, "m-9", notes=(f"{reason}; left out: {', '.join(gone or ())}",))
    assert (other, verdict) == (Again(), Again(left) if gone else Dead(reason))


TOO_MANY = "Too many requests for some devices and users"
HELD = Later(TOO_MANY, 30.0, is_outage=False)


def too_many(**named: Any) -> dict[str, Any]:
    return {"code": 429, "error": TOO_MANY, "eps_threshold": 30, **named}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(too_many(throttled_users={"u-1": 32}), [HELD, Again(), Again()], id="a user"),
        pytest.param(too_many(throttled_devices={"d-2": 32}), [Again(), HELD, Again()], id="a device"),
        pytest.param(too_many(throttled_events=[2]), [Again(), Again(), HELD], id="an event"),
        pytest.param(too_many(throttled_users={"u-9": 32}), [Later(TOO_MANY)] * 3, id="a user who is not among them"),
        pytest.param(too_many(), [Later(TOO_MANY)] * 3, id="nobody named"),
        pytest.param(b"slow down", [Later("429 slow down")] * 3, id="text"),
        pytest.param(
            too_many(exceeded_daily_quota_users={"u-1": 500_001}),
            [Dead(f"over the daily quota of one user: {TOO_MANY}"), Again(), Again()],
            id="one over the day's quota",
        ),
        pytest.param(
            too_many(
                exceeded_daily_quota_users={"u-1": 500_001, "u-3": 500_001},
                exceeded_daily_quota_devices={"d-2": 500_001},
            ),
            [Dead(f"over the daily quota of one user: {TOO_MANY}")] * 3,
            id="all over the day's quota",
        ),
        pytest.param(
            too_many(exceeded_daily_quota_users=["u-1"]), [Later(TOO_MANY)] * 3, id="a quota of another shape"
        ),
    ],
)
def test_who_is_too_fast_waits_unless_the_day_s_quota_is_used_up(body: Any, expected: Judgement) -> None:
    assert judge(429, body) == expected


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_an_outage_waits(status: int) -> None:
    assert judge(status, b"") == [Later(str(status))] * 3


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 403, 404, 405])
def test_what_speaks_of_the_set_up_blocks_and_kills_nothing(status: int) -> None:
    assert judge(status, b"no") == Blocked(f"{status} no")


def test_too_large_a_request_is_halved() -> None:
    assert judge(413, {"code": 413, "error": "Payload too large"}) == Split(
        '413 {"code":413,"error":"Payload too large"}'
    )

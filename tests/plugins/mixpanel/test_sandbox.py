"""The stand-in answers as Mixpanel does: each row of the fact sheet's limits and answers, drawn for real."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest

from router.plugin import Again, Delivered, Payload, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn
from tests.plugins.mixpanel.samples import DEVICE, TOKEN
from tests.plugins.mixpanel.vendor import NOW_S, open_vendor

NOW_MS = int(NOW_S * 1000)


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_vendor() as opened:
        yield opened


def basic(user: str, password: str = "") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


async def post(
    vendor: StandIn, path: str, body: Any, token: str | None = TOKEN, headers: Mapping[str, str] | None = None
) -> Response:
    """*token* is the user of /import."""
    return await vendor.request("POST", path, body, {**(headers or {}), **(basic(token) if token is not None else {})})


def placed_by(vendor: StandIn, kind: str) -> list[str]:
    return [entry["placed_by"] for entry in vendor.sandbox.accepted if entry["kind"] == kind]


def event(name: str = "E", /, **properties: Any) -> dict[str, Any]:
    return {
        "event": name,
        "properties": {"time": NOW_MS, "distinct_id": "u-17", "$insert_id": "m-1", "ip": 0, **properties},
    }


def without(name: str) -> dict[str, Any]:
    made = event()
    del made["properties"][name]
    return made


def update(**operations: Any) -> dict[str, Any]:
    return {"$token": TOKEN, "$distinct_id": "u-17", **operations}


def group(**operations: Any) -> dict[str, Any]:
    return {"$token": TOKEN, "$group_key": "company_id", "$group_id": "acme-1", **operations}


# --- /import ---


async def test_import_counts_what_it_took(vendor: StandIn) -> None:
    response = await post(vendor, "/import?strict=1", [event(), event(**{"$insert_id": "m-2"})])

    assert response.status == 200
    assert response.json() == {"code": 200, "num_records_imported": 2, "status": "OK"}
    assert len(vendor.accepted("event")) == 2


async def test_import_takes_gzip_and_lines(vendor: StandIn) -> None:
    lines = b"\n".join(orjson.dumps(event(**{"$insert_id": f"m-{number}"})) for number in range(3))
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}

    response = await post(vendor, "/import?strict=1", gzip.compress(lines), headers=headers)

    assert response.json()["num_records_imported"] == 3


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param(basic("another"), id="another token"),
        pytest.param(basic(TOKEN, "word"), id="token with a password"),
        pytest.param({"Authorization": "Basic ???"}, id="no base64"),
        pytest.param({"Authorization": "Bearer " + TOKEN}, id="bearer"),
    ],
)
async def test_import_refuses_wrong_credentials(vendor: StandIn, headers: dict[str, str]) -> None:
    response = await post(vendor, "/import?strict=1", [event()], token=None, headers=headers)

    assert response.status == 401
    assert response.json()["status"] == "Unauthorized"
    assert vendor.accepted("event") == []


@pytest.mark.parametrize(
    ("password", "query", "status"),
    [
        pytest.param("word", "&project_id=17", 200, id="right"),
        pytest.param("word", "", 401, id="no project"),
        pytest.param("word", "&project_id=18", 401, id="another project"),
        pytest.param("guess", "&project_id=17", 401, id="wrong secret"),
    ],
)
async def test_a_service_account_names_its_project(password: str, query: str, status: int) -> None:
    account = {"service_account_username": "router", "service_account_secret": "word", "project_id": "17"}
    async with open_vendor(**account) as vendor:
        headers = basic("router", password)
        response = await post(vendor, f"/import?strict=1{query}", [event()], token=None, headers=headers)

    assert response.status == status


def nested(depth: int) -> Any:
    return {"deeper": nested(depth - 1)} if depth else 1


BAD_EVENTS = [
    pytest.param([], "", id="no object"),
    pytest.param({"properties": {}}, "event", id="no name"),
    pytest.param({"event": "E"}, "properties", id="no properties"),
    pytest.param(without("time"), "properties.time", id="no time"),
    pytest.param(without("distinct_id"), "properties.distinct_id", id="no distinct_id"),
    pytest.param(without("$insert_id"), "properties.$insert_id", id="no $insert_id"),
    pytest.param(event(time="now"), "properties.time", id="time as text"),
    pytest.param(event(time=31_535_999_000), "properties.time", id="before 1971"),
    pytest.param(event(time=NOW_MS + 3_600_001), "properties.time", id="more than an hour ahead"),
    pytest.param(event(distinct_id="anonymous"), "properties.distinct_id", id="forbidden distinct_id"),
    pytest.param(event(distinct_id=17), "properties.distinct_id", id="distinct_id as number"),
    pytest.param(event(**{"$insert_id": "a" * 37}), "properties.$insert_id", id="37 characters"),
    pytest.param(event(**{"$insert_id": "a_b"}), "properties.$insert_id", id="another alphabet"),
    pytest.param(event(**{"$insert_id": "null"}), "properties.$insert_id", id="forbidden $insert_id"),
    pytest.param(event(**{f"p{n}": n for n in range(251)}), "properties", id="255 properties"),
    pytest.param(event(big=nested(4)), "properties.big", id="four levels deep"),
    pytest.param(event(big={f"k{n}": 1 for n in range(255)}), "properties.big", id="255 keys in an object"),
    pytest.param(event(big=list(range(255))), "properties.big", id="255 elements in a list"),
    pytest.param(event(big=["x" * 100] * 90), "properties.big", id="a list of more than 8 KB"),
    pytest.param(event(big="x" * 1_000_000), "", id="1 MB"),
]


@pytest.mark.parametrize(("bad", "field"), BAD_EVENTS)
async def test_a_bad_event_is_reported_and_the_good_ones_are_kept(vendor: StandIn, bad: Any, field: str) -> None:
    response = await post(vendor, "/import?strict=1", [event(), bad, event(**{"$insert_id": "m-2"})])
    body = response.json()

    assert response.status == 400
    assert (body["code"], body["status"], body["num_records_imported"]) == (400, "Bad Request", 2)
    [record] = body["failed_records"]
    assert (record["index"], record["field"]) == (1, field)
    assert record["message"]
    assert len(vendor.accepted("event")) == 2


GOOD_EVENTS = [
    pytest.param(event(time=31_536_000_000), id="1971"),
    pytest.param(event(time=31_536_000), id="1971 in seconds"),
    pytest.param(event(time=NOW_MS + 3_600_000), id="an hour ahead"),
    pytest.param(event(distinct_id=""), id="of nobody"),
    pytest.param(event(**{"$insert_id": "a" * 36}), id="36 characters"),
    pytest.param(event(**{f"p{n}": n for n in range(250)}), id="254 properties"),
    pytest.param(event(big=nested(3)), id="three levels deep"),
    pytest.param(event(big=list(range(254))), id="254 elements"),
]


@pytest.mark.parametrize("good", GOOD_EVENTS)
async def test_an_event_at_a_limit_is_taken(vendor: StandIn, good: Any) -> None:
    response = await post(vendor, "/import?strict=1", [good])

    assert response.status == 200


async def test_without_strict_a_bad_event_is_dropped_without_a_word(vendor: StandIn) -> None:
    response = await post(vendor, "/import?strict=0", [event(), without("time")])

    assert response.json() == {"code": 200, "num_records_imported": 1, "status": "OK"}


async def test_a_time_in_the_future_becomes_now(vendor: StandIn) -> None:
    await post(vendor, "/import?strict=1", [event(time=NOW_MS + 60_000)])

    assert vendor.accepted("event")[0]["properties"]["time"] == NOW_MS


async def test_long_names_and_texts_are_cut(vendor: StandIn) -> None:
    await post(vendor, "/import?strict=1", [event(text="ü" * 200, **{"n" * 300: 1})])

    properties = vendor.accepted("event")[0]["properties"]
    assert properties["text"] == "ü" * 127
    assert properties["n" * 255] == 1


async def test_an_event_sent_again_is_kept_once(vendor: StandIn) -> None:
    for _ in range(2):
        response = await post(vendor, "/import?strict=1", [event()])

    assert response.json()["num_records_imported"] == 1
    assert len(vendor.accepted("event")) == 1


@pytest.mark.parametrize("name", ["$ignore", "bucket", "$bucket"])
async def test_some_properties_make_an_event_vanish(vendor: StandIn, name: str) -> None:
    response = await post(vendor, "/import?strict=1", [event(**{name: 1})])

    assert response.status == 200
    assert vendor.accepted("event") == []


async def test_without_ip_an_event_is_placed_where_its_sender_is(vendor: StandIn) -> None:
    await post(vendor, "/import?strict=1", [without("ip"), event("F"), event("G", ip="203.0.113.9")])

    assert placed_by(vendor, "event") == ["request", "", "event"]


async def test_more_than_2000_events_are_refused(vendor: StandIn) -> None:
    response = await post(vendor, "/import?strict=1", [event()] * 2_001)

    assert response.status == 400
    assert "failed_records" not in response.json()


async def test_a_body_over_the_limit_is_too_large(vendor: StandIn) -> None:
    vendor.sandbox.max_request_bytes = 50

    response = await post(vendor, "/import?strict=1", [event()])

    assert response.status == 413
    assert response.json()["status"] == "Request Entity Too Large"


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"1"])
async def test_a_body_that_is_no_list_is_refused_whole(vendor: StandIn, body: bytes) -> None:
    response = await post(vendor, "/import?strict=1", body)

    assert response.status == 400


async def test_the_rate_limit_is_a_rolling_minute(vendor: StandIn) -> None:
    vendor.sandbox.max_events_per_minute = 3
    statuses = []
    for later_s in (0, 30, 59, 61):
        vendor.sandbox.now_s = lambda later_s=later_s: NOW_S + later_s
        statuses.append((await post(vendor, "/import?strict=1", [event(), event()])).status)

    assert statuses == [200, 429, 429, 200]


async def test_the_rate_limit_counts_bytes_too(vendor: StandIn) -> None:
    vendor.sandbox.max_bytes_per_minute = 10

    assert (await post(vendor, "/import?strict=1", [event()])).status == 429


async def test_a_refused_request_counts_for_the_rate_limit(vendor: StandIn) -> None:
    vendor.sandbox.max_events_per_minute = 1

    statuses = [(await post(vendor, "/import?strict=1", [without("time")])).status for _ in range(2)]

    assert statuses == [400, 429]


# --- ids ---


async def test_the_first_event_with_both_ids_joins_them_for_good(vendor: StandIn) -> None:
    for number, user in enumerate(["u-17", "u-18"]):
        both = {"$device_id": DEVICE, "$user_id": user, "$insert_id": f"m-{number}"}
        await post(vendor, "/import?strict=1", [event(**both)])

    assert vendor.sandbox.links == {DEVICE: "u-17"}


async def test_identify_events_join_nothing_in_simplified_id_merge(vendor: StandIn) -> None:
    await post(vendor, "/import?strict=1", [event("$identify", **{"$identified_id": "u-17", "$anon_id": DEVICE})])

    assert vendor.sandbox.links == {}


@pytest.mark.parametrize(
    ("name", "properties", "links"),
    [
        pytest.param("$identify", {"$identified_id": "u-17", "$anon_id": DEVICE}, {DEVICE: "u-17"}, id="identify"),
        pytest.param("$identify", {"$identified_id": "u-17", "$anon_id": "a-1"}, {}, id="no UUID"),
        pytest.param("$create_alias", {"alias": "u-17", "distinct_id": "u-16"}, {"u-17": "u-16"}, id="alias"),
        pytest.param("E", {"$device_id": DEVICE, "$user_id": "u-17"}, {}, id="both ids on an event"),
    ],
)
async def test_original_id_merge_joins_by_special_events(name: str, properties: Any, links: dict[str, str]) -> None:
    async with open_vendor(id_merge="original") as vendor:
        await post(vendor, "/import?strict=1", [event(name, **properties)])

        assert vendor.sandbox.links == links


# --- /engage and /groups ---

GOOD = {"status": 1, "error": None}


@pytest.mark.parametrize(("path", "make"), [("/engage", update), ("/groups", group)], ids=["engage", "groups"])
async def test_a_good_update_is_answered_in_json_or_with_a_bare_one(vendor: StandIn, path: str, make: Any) -> None:
    verbose = await post(vendor, f"{path}?ip=0&verbose=1&strict=1", [make(**{"$set": {"plan": "gold"}})])
    plain = await post(vendor, path, [make(**{"$set": {"plan": "gold"}})])

    assert (verbose.status, verbose.json()) == (200, GOOD)
    assert (plain.status, plain.text) == (200, "1")


BAD_UPDATES = [
    pytest.param("x", id="no object"),
    pytest.param({"$token": TOKEN, "$set": {}}, id="nobody's"),
    pytest.param(update(**{"$distinct_id": "null", "$set": {}}), id="forbidden id"),
    pytest.param(update(), id="no operation"),
    pytest.param(update(**{"$set": {}, "$unset": []}), id="two operations"),
    pytest.param(update(**{"$set": []}), id="$set with a list"),
    pytest.param(update(**{"$union": {"a": 1}}), id="$union without lists"),
    pytest.param(update(**{"$unset": [1]}), id="$unset without names"),
    pytest.param(update(**{"$set": {"$last_seen": 1}}), id="reserved name"),
    pytest.param(update(**{"$set": {"big": ["x" * 1000] * 300}}), id="a list of more than 256 KB"),
    pytest.param(update(**{"$set": {"big": "x" * 1_000_001}}), id="more than 1 MB"),
    pytest.param(update(**{"$set": {f"p{n}": 1 for n in range(2001)}}), id="2001 properties"),
]


@pytest.mark.parametrize("bad", BAD_UPDATES)
async def test_a_bad_update_is_refused_by_the_body_of_a_200_and_nothing_is_written(vendor: StandIn, bad: Any) -> None:
    batch = [update(**{"$set": {"plan": "gold"}}), bad]

    verbose = await post(vendor, "/engage?ip=0&verbose=1&strict=1", batch)
    plain = await post(vendor, "/engage", batch)

    assert verbose.status == 200
    body = verbose.json()
    assert body["status"] == 0
    assert body["error"]
    assert (plain.status, plain.text) == (200, "0")
    assert vendor.accepted("profile") == []


@pytest.mark.parametrize("missing", ["$group_key", "$group_id"])
async def test_a_group_update_names_key_and_id(vendor: StandIn, missing: str) -> None:
    bad = group(**{"$set": {}})
    del bad[missing]

    response = await post(vendor, "/groups?verbose=1", [bad])

    assert response.json()["status"] == 0


@pytest.mark.parametrize("token", [None, "another"])
async def test_a_wrong_token_is_answered_as_good_and_nothing_is_written(vendor: StandIn, token: str | None) -> None:
    response = await post(vendor, "/engage?ip=0&verbose=1", [update(**{"$token": token, "$set": {"plan": "gold"}})])

    assert response.json() == GOOD
    assert (vendor.accepted("profile"), vendor.sandbox.lost_updates) == ([], 1)


async def test_more_than_2000_updates_are_refused(vendor: StandIn) -> None:
    response = await post(vendor, "/engage?verbose=1", [update(**{"$set": {}})] * 2_001)

    assert response.json()["status"] == 0


async def test_too_large_a_body_of_updates_is_a_413(vendor: StandIn) -> None:
    vendor.sandbox.max_request_bytes = 10

    assert (await post(vendor, "/engage", [update(**{"$set": {}})])).status == 413


@pytest.mark.parametrize("body", [b"", b"{", b"{}"])
async def test_a_body_of_updates_that_is_no_list_is_refused(vendor: StandIn, body: bytes) -> None:
    assert (await post(vendor, "/engage", body)).text == "0"


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        pytest.param({"$set": {"a": 2}}, {"a": 2, "list": [1]}, id="set"),
        pytest.param({"$set_once": {"a": 2, "b": 2}}, {"a": 1, "b": 2, "list": [1]}, id="set once"),
        pytest.param({"$add": {"a": 2}}, {"a": 3, "list": [1]}, id="add"),
        pytest.param({"$union": {"list": [1, 2]}}, {"a": 1, "list": [1, 2]}, id="union"),
        pytest.param({"$append": {"list": 1}}, {"a": 1, "list": [1, 1]}, id="append"),
        pytest.param({"$remove": {"list": 1}}, {"a": 1, "list": []}, id="remove"),
        pytest.param({"$unset": ["a", "gone"]}, {"list": [1]}, id="unset"),
        pytest.param({"$delete": ""}, {}, id="delete"),
    ],
)
async def test_an_operation_does_what_it_says(vendor: StandIn, operation: Any, expected: dict[str, Any]) -> None:
    await post(vendor, "/groups", [group(**{"$set": {"a": 1, "list": [1]}}), group(**operation)])

    assert vendor.sandbox.groups[("company_id", "acme-1")] == expected


async def test_an_update_marks_the_user_as_seen_unless_told_not_to(vendor: StandIn) -> None:
    await post(vendor, "/engage?ip=0", [update(**{"$ignore_time": True, "$set": {"a": 1}})])
    unseen = dict(vendor.sandbox.profiles["u-17"])
    await post(vendor, "/engage?ip=0", [update(**{"$set": {"a": 1}})])

    assert unseen == {"a": 1}
    assert vendor.sandbox.profiles["u-17"] == {"a": 1, "$last_seen": NOW_S}


async def test_without_ip_0_a_profile_is_placed_where_its_sender_is(vendor: StandIn) -> None:
    await post(vendor, "/engage", [update(**{"$set": {"a": 1}})])
    await post(vendor, "/engage?ip=0", [update(**{"$set": {"a": 1}}), update(**{"$ip": "203.0.113.9", "$set": {}})])

    assert placed_by(vendor, "profile") == ["request", "", "update"]


async def test_what_was_taken_holds_no_token(vendor: StandIn) -> None:
    await post(vendor, "/engage", [update(**{"$set": {"a": 1}})])

    assert vendor.accepted("profile") == [{"$distinct_id": "u-17", "$set": {"a": 1}}]


@pytest.mark.parametrize("status", [401, 403, 429, 502])
async def test_faults_speak_for_the_vendor(vendor: StandIn, status: int) -> None:
    vendor.sandbox.fail(Fault(status=status, body='{"status":"error","error":"no"}', path="/engage", times=1))

    statuses = [(await post(vendor, "/engage", [update(**{"$set": {}})])).status for _ in range(2)]

    assert statuses == [status, 200]


async def test_a_property_that_is_refused_costs_itself_and_not_the_event(vendor: StandIn) -> None:
    good, bad = Payload(event()), Payload(event(**{"$insert_id": "m-2", "order": "x", "items": [0] * 300}))

    [taken, verdict] = await vendor.send("events", good, bad)  # type: ignore[misc]
    assert isinstance(verdict, Again)
    assert verdict.instead is not None

    assert [taken] == await vendor.send("events", verdict.instead) == [Delivered()]
    assert verdict.instead.notes[0].endswith("; left out: properties.items")
    assert [each["properties"].get("order") for each in vendor.accepted("event")] == [None, "x"]

"""The stand-in answers as Amplitude does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from plugins.amplitude import PLUGIN
from router.plugin import Again, Blocked, Dead, Delivered, Later, Payload, Response, Split
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in

KEY = "sandbox-key"
NOW_S = 1767225601.0
PATHS = {"batch": "/batch", "http_v2": "/2/httpapi"}
both = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.now_s = lambda: NOW_S
        yield opened


def event(event_type: str = "E", /, **fields: Any) -> dict[str, Any]:
    return {"event_type": event_type, "user_id": "user-17", "time": 1767225600123, **fields}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in event().items() if key != name}


async def post(vendor: StandIn, path: str, *events: Any, key: Any = KEY, **more: Any) -> Response:
    return await vendor.request("POST", path, {"api_key": key, "events": list(events), **more})


def nested(depth: int) -> Any:
    return {"deeper": nested(depth - 1)} if depth else 1


# --- answers ---


@both
async def test_what_is_taken_is_counted(vendor: StandIn, path: str) -> None:
    response = await post(vendor, path, event("A"), event("B"))

    assert response.status == 200
    body = response.json()
    assert (body["code"], body["events_ingested"], body["server_upload_time"]) == (200, 2, 1767225601000)
    assert body["payload_size_bytes"] > 100
    assert len(vendor.accepted("event")) == 2


@both
@pytest.mark.parametrize(
    ("body", "error", "missing"),
    [
        pytest.param({"events": [event()]}, "Request missing required field", "api_key", id="no key"),
        pytest.param({"api_key": "another", "events": [event()]}, "Invalid API key", None, id="wrong key"),
        pytest.param({"api_key": KEY}, "Request missing required field", "events", id="no events"),
        pytest.param({"api_key": KEY, "events": []}, "Request missing required field", "events", id="empty events"),
        pytest.param([], "Request missing required field", "api_key", id="a list"),
        pytest.param(b"{", "Invalid JSON request body", None, id="no JSON"),
    ],
)
async def test_a_request_that_is_wrong_as_a_whole(
    vendor: StandIn, path: str, body: Any, error: str, missing: str | None
) -> None:
    response = await vendor.request("POST", path, body)

    assert response.status == 400
    assert response.json()["error"].startswith(error)
    assert response.json()["missing_field"] == missing


BAD_EVENTS = [
    pytest.param("x", "invalid", "event", id="no object"),
    pytest.param(without("event_type"), "missing", "event_type", id="no type"),
    pytest.param(event("[Amplitude] Start"), "invalid", "event_type", id="a type of Amplitude's own"),
    pytest.param(event("revenue_amount"), "invalid", "event_type", id="a reserved type"),
    pytest.param(without("user_id"), "missing", "user_id", id="nobody's"),
    pytest.param(event(user_id="anonymous"), "invalid", "user_id", id="a user that stands for nobody"),
    pytest.param(event(device_id="00000000-0000-0000-0000-000000000000"), "invalid", "device_id", id="the zero UUID"),
    pytest.param(event(time="2026-01-01T00:00:00Z"), "invalid", "time", id="time as text"),
    pytest.param(event(time=1767225600.5), "invalid", "time", id="time with a fraction"),
    pytest.param(event(session_id="s-1"), "invalid", "session_id", id="a session that is no time"),
    pytest.param(event(ip="home"), "invalid", "ip", id="no ip"),
    pytest.param(event(platform=7), "invalid", "platform", id="a number for a text"),
    pytest.param(event(price="9"), "invalid", "price", id="a text for a number"),
    pytest.param(event(productId="S1"), "invalid", "productId", id="a product without money"),
    pytest.param(event(revenueType="x"), "invalid", "revenueType", id="a kind of revenue without one"),
    pytest.param(event(revenue=1, currency="eur"), "invalid", "currency", id="a currency in lower case"),
    pytest.param(event(groups={f"g{n}": "a" for n in range(6)}), "invalid", "groups", id="6 group types"),
    pytest.param(event(groups={"g": [str(n) for n in range(11)]}), "invalid", "groups", id="11 groups"),
    pytest.param(event("$groupidentify"), "missing", "groups", id="group identify without a group"),
    pytest.param(event(event_properties=[]), "invalid", "event_properties", id="properties in a list"),
    pytest.param(event(event_properties=nested(41)), "invalid", "event_properties", id="41 levels deep"),
    pytest.param(event(user_properties={"$set": {}}), "invalid", "user_properties", id="an operation on an event"),
    pytest.param(event("$identify", user_properties={"$set": {}, "a": 1}), "invalid", "user_properties", id="mixed"),
    pytest.param(event("$identify", user_properties={"$put": {}}), "invalid", "user_properties", id="no operation"),
    pytest.param(event("$identify", user_properties={"$set": 1}), "invalid", "user_properties", id="$set of no object"),
    pytest.param(
        event("$groupidentify", groups={"g": "a"}, group_properties={"$set": {f"p{n}": n for n in range(1_025)}}),
        "invalid",
        "group_properties",
        id="1025 group properties",
    ),
]


@both
@pytest.mark.parametrize(("bad", "kind", "field"), BAD_EVENTS)
async def test_a_bad_event_is_named_and_nothing_is_kept(
    vendor: StandIn, path: str, bad: Any, kind: str, field: str
) -> None:
    response = await post(vendor, path, event(), bad)

    assert response.status == 400
    assert response.json()[f"events_with_{kind}_fields"] == {field: [1]}
    assert vendor.accepted() == []


@pytest.mark.parametrize(("path", "places"), [("/batch", [0, 2]), ("/2/httpapi", [0])])
async def test_batch_names_every_bad_event_and_http_v2_the_first(vendor: StandIn, path: str, places: list[int]) -> None:
    response = await post(vendor, path, event(time="x"), event(), event(time="x"))

    assert response.json()["events_with_invalid_fields"] == {"time": places}


@pytest.mark.parametrize(
    ("sent", "options", "status"),
    [
        pytest.param({"user_id": "u-17"}, {}, 400, id="4 characters"),
        pytest.param({"user_id": "u-17"}, {"min_id_length": 1}, 200, id="4 characters, allowed"),
        pytest.param({"user_id": "u-17", "device_id": "anon-5"}, {}, 200, id="the other id is left"),
    ],
)
async def test_short_ids_are_removed(
    vendor: StandIn, sent: dict[str, Any], options: dict[str, Any], status: int
) -> None:
    response = await post(vendor, "/batch", event(**sent), options=options)

    assert response.status == status
    if status == 400:
        assert response.json()["error"] == "Invalid id length for user_id or device_id"


async def test_events_of_a_silenced_device(vendor: StandIn) -> None:
    vendor.sandbox.silenced_devices = {"d-silent"}

    response = await post(vendor, "/batch", event(), event(device_id="d-silent"))

    assert (response.status, response.json()["silenced_events"]) == (400, [1])
    assert response.json()["silenced_devices"] == ["d-silent"]


@both
async def test_a_barred_sender(vendor: StandIn, path: str) -> None:
    vendor.sandbox.is_barred = True

    assert (await post(vendor, path, event())).status == 403


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/2/httpapi", 1_000_001, 413), ("/2/httpapi", 999_999, 200), ("/batch", 1_000_001, 200)],
)
async def test_a_body_has_a_largest_size(vendor: StandIn, path: str, size: int, status: int) -> None:
    empty = orjson.dumps({"api_key": KEY, "events": [event(event_properties={"x": ""})]})

    response = await post(vendor, path, event(event_properties={"x": "x" * (size - len(empty))}))

    assert response.status == status


async def test_batch_takes_20_mb(vendor: StandIn) -> None:
    vendor.sandbox.max_bytes["batch"] = 100

    response = await post(vendor, "/batch", event(), event())

    assert (response.status, response.json()) == (413, {"code": 413, "error": "Payload too large"})


@pytest.mark.parametrize(("path", "most"), [("/batch", 2_000), ("/2/httpapi", 1_999)])
async def test_a_request_has_a_largest_number_of_events(vendor: StandIn, path: str, most: int) -> None:
    vendor.sandbox.events_per_s = {"http_v2": 10_000, "batch": 10_000}

    statuses = [(await post(vendor, path, *[event()] * count)).status for count in (most, most + 1)]

    assert statuses == [200, 413]


@pytest.mark.parametrize(("path", "per_s"), [("/2/httpapi", 30), ("/batch", 1_000)])
async def test_one_user_may_send_so_many_a_second_on_average(vendor: StandIn, path: str, per_s: int) -> None:
    endpoint = "batch" if path == "/batch" else "http_v2"
    assert vendor.sandbox.events_per_s[endpoint] == per_s
    vendor.sandbox.events_per_s[endpoint] = 1

    await post(vendor, path, *[event()] * 30)
    response = await post(vendor, path, event(user_id="another"), event())
    vendor.sandbox.now_s = lambda: NOW_S + 31
    later = await post(vendor, path, event())

    body = response.json()
    assert (response.status, body["throttled_users"], body["throttled_events"]) == (429, {"user-17": 1}, [1])
    assert (body["throttled_devices"], body["eps_threshold"]) == ({}, 1)
    assert later.status == 200


async def test_one_user_may_send_half_a_million_a_day(vendor: StandIn) -> None:
    assert vendor.sandbox.events_per_day["batch"] == 500_000
    vendor.sandbox.events_per_day["batch"] = 2

    responses = [await post(vendor, "/batch", event(device_id="device-1")) for _ in range(3)]
    vendor.sandbox.now_s = lambda: NOW_S + 86_401
    responses.append(await post(vendor, "/batch", event(device_id="device-1")))

    assert [response.status for response in responses] == [200, 200, 429, 200]
    assert responses[2].json()["exceeded_daily_quota_users"] == {"user-17": 1}
    assert responses[2].json()["exceeded_daily_quota_devices"] == {"device-1": 1}


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_outage_is_tried_again(vendor: StandIn, status: int) -> None:
    vendor.sandbox.fail(Fault(status=status, times=1))
    sent = make_event("screen", userId="u-17", name="Home")

    assert [await vendor.deliver(sent) for _ in range(2)] == [
        {"track screen": [[Later(str(status))]]},
        {"track screen": [[Delivered()]]},
    ]


# --- what is kept ---


@pytest.mark.parametrize(
    ("later_s", "kept"),
    [
        pytest.param(0, 1, id="at once"),
        pytest.param(7 * 86_400 - 1, 1, id="7 days"),
        pytest.param(7 * 86_400, 2, id="later"),
    ],
)
async def test_an_event_sent_again_within_7_days_is_kept_once(vendor: StandIn, later_s: float, kept: int) -> None:
    await post(vendor, "/batch", event(insert_id="m-1"))
    vendor.sandbox.now_s = lambda: NOW_S + later_s
    response = await post(vendor, "/batch", event(insert_id="m-1"))

    assert (response.status, len(vendor.accepted("event"))) == (200, kept)


async def test_an_insert_id_of_another_device_is_another_event(vendor: StandIn) -> None:
    await post(vendor, "/batch", event(insert_id="m-1"), event(insert_id="m-1", device_id="device-1"))

    assert len(vendor.accepted("event")) == 2


async def test_the_first_event_with_both_ids_joins_them_for_good(vendor: StandIn) -> None:
    for user in ("user-17", "user-18"):
        await post(vendor, "/batch", event(user_id=user, device_id="device-1"))

    assert vendor.accepted("link") == [{"device_id": "device-1", "user_id": "user-17"}]


async def test_long_texts_are_cut(vendor: StandIn) -> None:
    await post(vendor, "/batch", event(event_properties={"a": ["x" * 2_000]}))

    assert vendor.accepted("event")[0]["event_properties"] == {"a": ["x" * 1_024]}


async def test_a_missing_time_is_the_upload_s(vendor: StandIn) -> None:
    await post(vendor, "/batch", without("time"))

    assert vendor.accepted("event")[0]["time"] == 1767225601000


async def test_operations_change_the_user(vendor: StandIn) -> None:
    for properties in (
        {"$set": {"a": 1, "b": 1}, "$setOnce": {"first": 1}},
        {"$set": {"a": 2}, "$setOnce": {"first": 2}, "$unset": {"b": "-"}},
    ):
        await post(vendor, "/batch", event("$identify", user_properties=properties))

    assert vendor.sandbox.users == {"user-17": {"a": 2, "first": 1}}


async def test_further_updates_of_a_user_within_an_hour_are_dropped_without_a_word(vendor: StandIn) -> None:
    assert vendor.sandbox.updates_per_hour == 1_800
    vendor.sandbox.updates_per_hour = 1

    for number in range(2):
        response = await post(vendor, "/batch", event("$identify", user_properties={"$set": {"a": number}}))

    assert (response.status, vendor.sandbox.users) == (200, {"user-17": {"a": 0}})


async def test_event_types_beyond_2000_are_kept_and_not_indexed(vendor: StandIn) -> None:
    assert vendor.sandbox.max_event_types == 2_000
    vendor.sandbox.max_event_types = 1

    await post(vendor, "/batch", event("A"), event("B"))

    assert [entry["is_indexed"] for entry in vendor.sandbox.accepted if entry["kind"] == "event"] == [True, False]


# --- the plugin and the stand-in together ---


async def test_a_group_of_too_many_properties_keeps_those_that_it_may_have(vendor: StandIn) -> None:
    """Amplitude refuses the whole group for one too many."""
    traits = {"name": "Acme", **{f"t{number:04}": number for number in range(1_030)}}
    event = make_event("group", userId="u-17", groupId="acme-1", traits=traits)

    assert (await vendor.deliver(event))["update group"] == [[Delivered()]]

    [mapped] = [each for each in vendor.rehearsal.map(event) if each.action.name == "update group"]
    [note] = mapped.payloads[0].notes
    assert note == "beyond the 1024 properties of a group; left out: t0000, t0001, t0002, t0003, t0004, t0005, t0006"
    held = vendor.sandbox.groups["company", "acme-1"]
    assert (len(held), held["name"]) == (1_024, "Acme")


async def test_a_person_s_past_traits_and_group_arrive(vendor: StandIn) -> None:
    context = {"groupId": "acme-1"}
    judged = [
        await vendor.deliver(sent)
        for sent in (
            make_event("page", anonymousId="anon-5", messageId="m-1", name="Home"),
            make_event("identify", userId="u-17", anonymousId="anon-5", messageId="m-2", traits={"first_name": "Ada"}),
            make_event("group", userId="u-17", groupId="acme-1", messageId="m-3", traits={"name": "Acme", "tier": 1}),
            make_event(
                "track", userId="u-17", event="Paid", messageId="m-4", properties={"revenue": 5}, context=context
            ),
        )
    ]

    assert all(judgement == [[Delivered()]] for by_action in judged for judgement in by_action.values())
    assert vendor.sandbox.links["anon-5"] == "u-17"
    assert vendor.sandbox.users["u-17"] == {"firstName": "Ada", "company": "acme-1"}
    assert vendor.sandbox.groups == {("company", "acme-1"): {"name": "Acme", "tier": 1}}
    assert vendor.accepted("event")[-1]["groups"] == {"company": "acme-1"}


async def test_an_event_sent_again_counts_once(vendor: StandIn) -> None:
    sent = make_event("track", userId="u-17", event="Paid", properties={"revenue": 5})
    vendor.sandbox.fail(Fault(status=502, after=True, times=1))

    await vendor.deliver(sent)
    await vendor.deliver(sent)

    assert len(vendor.accepted("event")) == 1


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param({"is_barred": True}, Blocked, id="barred"),
        pytest.param({"settings": {"api_key": "another"}}, Blocked, id="wrong key"),
        pytest.param({"silenced_devices": {"a-1"}}, [Dead, Again], id="silenced"),
        pytest.param({"events_per_s": {"batch": 0}}, [Later, Later], id="throttled"),
        pytest.param({"events_per_s": {"batch": 0}, "events_per_day": {"batch": 0}}, [Dead, Dead], id="over the quota"),
        pytest.param({"max_bytes": {"batch": 9}}, Split, id="too large"),
    ],
)
async def test_refusals_are_read_rightly(vendor: StandIn, prepare: dict[str, Any], expected: Any) -> None:
    for name, value in prepare.items():
        setattr(vendor.sandbox, name, value)

    made = await vendor.deliver(
        *(make_event("screen", anonymousId=f"a-{number}", messageId=f"m-{number}") for number in (1, 2))
    )

    [judgement] = made["track screen"]
    assert (type(judgement) if isinstance(expected, type) else [type(each) for each in judgement]) == expected  # type: ignore[union-attr]


@pytest.mark.parametrize("endpoint", ["batch", "http_v2"])
async def test_a_field_that_is_refused_costs_itself_and_not_the_event(endpoint: str) -> None:
    """Of several events with the same fault HTTP V2 names but the first."""
    async with open_stand_in(PLUGIN, endpoint=endpoint) as vendor:
        sent = [Payload(event(f"E{number}", **fields)) for number, fields in enumerate([{"ip": "x"}, {}, {"ip": "y"}])]
        for _ in range(2):
            verdicts = await vendor.send("events", *sent)
            sent = [
                verdict.instead if isinstance(verdict, Again) and verdict.instead else payload
                for verdict, payload in zip(verdicts, sent, strict=True)  # type: ignore[arg-type]
            ]

        assert await vendor.send("events", *sent) == [Delivered()] * 3
        assert [len(payload.notes) for payload in sent] == [1, 0, 1]
        assert not any("ip" in each for each in vendor.accepted("event"))

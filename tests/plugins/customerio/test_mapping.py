"""Golden payloads per call for Journeys, and who is meant."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.customerio import PLUGIN
from router.event import Event
from router.plugin import Delivered
from router.rejection import Rejected
from router.testing import open_stand_in
from tests.plugins.customerio.samples import (
    TIMESTAMP,
    ULID,
    UNIX_SECONDS,
    make_event,
    make_settings,
    map_event,
    payloads_of,
    the_payload,
)

BY_ID = {"id": "u-17"}
PHONE = {"device": {"token": "token-1", "type": "ios"}}


def happening(action: str, **more: Any) -> dict[str, Any]:
    return {"type": "person", "action": action, "identifiers": BY_ID, "id": ULID, "timestamp": UNIX_SECONDS, **more}


GOLDEN = [
    pytest.param(
        make_event(
            "identify",
            userId="u-17",
            anonymousId="anon-5",
            traits={"email": "ada@example.com", "first_name": "Ada", "created_at": "2024-03-01T05:10:00Z", "tier": 1},
        ),
        {
            "type": "person",
            "action": "identify",
            "identifiers": BY_ID,
            "attributes": {
                "email": "ada@example.com",
                "firstName": "Ada",
                "created_at": 1709269800,
                "anonymous_id": "anon-5",
                "tier": 1,
            },
            "timestamp": UNIX_SECONDS,
        },
        id="identify",
    ),
    pytest.param(
        make_event("identify", anonymousId="anon-5", traits={"email": "ada@example.com"}),
        {
            "type": "person",
            "action": "identify",
            "identifiers": {"email": "ada@example.com"},
            "attributes": {"email": "ada@example.com", "anonymous_id": "anon-5"},
            "timestamp": UNIX_SECONDS,
        },
        id="identify by email beside an anonymous id",
    ),
    pytest.param(
        make_event(
            "track",
            userId="u-17",
            event="Order Completed",
            properties={"order_id": "A-1", "revenue": 42.5, "products": [{"sku": "S1", "price": 21.25}], "gone": None},
        ),
        happening(
            "event",
            name="Order Completed",
            attributes={"order_id": "A-1", "revenue": 42.5, "products": [{"sku": "S1", "price": 21.25}]},
        ),
        id="track",
    ),
    pytest.param(
        make_event("track", anonymousId="anon-5", event="Signed Up"),
        happening("event", name="Signed Up", attributes={}, identifiers={"anonymous_id": "anon-5"}),
        id="track by somebody anonymous",
    ),
    pytest.param(
        make_event(
            "page",
            userId="u-17",
            name="Pricing",
            category="Docs",
            properties={"url": "https://example.com/pricing", "title": "Prices", "plan": "pro"},
            context={"page": {"url": "https://example.com/other", "referrer": "https://example.org"}},
        ),
        happening(
            "page",
            name="https://example.com/pricing",
            attributes={
                "url": "https://example.com/pricing",
                "title": "Prices",
                "referrer": "https://example.org",
                "name": "Pricing",
                "category": "Docs",
                "plan": "pro",
            },
        ),
        id="page",
    ),
    pytest.param(
        make_event("screen", userId="u-17", name="Home", properties={"tab": 2}),
        happening("screen", name="Home", attributes={"name": "Home", "tab": 2}),
        id="screen",
    ),
    pytest.param(
        make_event("group", userId="u-17", groupId="acme-1", traits={"name": "Acme", "employee_count": 40}),
        {
            "type": "object",
            "action": "identify",
            "identifiers": {"object_type_id": "1", "object_id": "acme-1"},
            "attributes": {"name": "Acme", "employee_count": 40},
            "cio_relationships": [{"identifiers": BY_ID}],
        },
        id="group",
    ),
    pytest.param(
        make_event("group", anonymousId="anon-5", groupId="acme-1"),
        {
            "type": "object",
            "action": "identify_anonymous",
            "identifiers": {"object_type_id": "1", "object_id": "acme-1"},
            "attributes": {},
            "cio_relationships": [{"identifiers": {"anonymous_id": "anon-5"}}],
        },
        id="group by somebody anonymous",
    ),
    pytest.param(
        make_event(
            "group",
            userId="u-17",
            groupId="course-1",
            traits={"objectTypeId": 2, "relationshipAttributes": {"role": "admin"}},
        ),
        {
            "type": "object",
            "action": "identify",
            "identifiers": {"object_type_id": "2", "object_id": "course-1"},
            "attributes": {},
            "cio_relationships": [{"identifiers": BY_ID, "relationship_attributes": {"role": "admin"}}],
        },
        id="group of another type, with attributes of the relation",
    ),
    pytest.param(
        make_event("alias", userId="u-17", previousId="old@example.com"),
        {
            "type": "person",
            "action": "merge",
            "primary": BY_ID,
            "secondary": {"email": "old@example.com"},
        },
        id="alias",
    ),
]


@pytest.mark.parametrize(("event", "body"), GOLDEN)
def test_each_call_becomes_the_entity_that_journeys_knows(event: Event, body: dict[str, Any]) -> None:
    assert the_payload(event, make_settings()).body == body


@pytest.mark.parametrize(
    ("user_id", "identifiers"),
    [
        pytest.param("u-17", {"id": "u-17"}, id="plain"),
        pytest.param(17, {"id": "17"}, id="a number"),
        pytest.param("ada@example.com", {"email": "ada@example.com"}, id="looks like an email"),
        pytest.param("cio_0a1b", {"cio_id": "0a1b"}, id="Customer.io's own"),
        pytest.param("cio_", {"id": "cio_"}, id="the prefix alone"),
        pytest.param("ada@home", {"id": "ada@home"}, id="no email"),
    ],
)
@pytest.mark.parametrize("call", ["identify", "track", "page", "screen"])
def test_a_user_id_names_the_person(call: str, user_id: Any, identifiers: dict[str, str]) -> None:
    event = make_event(call, userId=user_id, event="E", context={"traits": {"email": "other@example.com"}})

    assert the_payload(event, make_settings()).body["identifiers"] == identifiers


@pytest.mark.parametrize("call", ["track", "page", "screen"])
@pytest.mark.parametrize(
    ("settings", "email", "identifiers"),
    [
        pytest.param({}, "ada@example.com", {"email": "ada@example.com"}, id="email"),
        pytest.param({}, "n/a", {"anonymous_id": "anon-5"}, id="no email address"),
        pytest.param({"identifiers": "id"}, "ada@example.com", {"anonymous_id": "anon-5"}, id="workspace by id"),
    ],
)
def test_an_email_names_the_person_before_the_anonymous_id_does(
    call: str, settings: dict[str, Any], email: str, identifiers: dict[str, str]
) -> None:
    event = make_event(call, anonymousId="anon-5", event="E", context={"traits": {"email": email}})

    assert the_payload(event, make_settings(**settings)).body["identifiers"] == identifiers


def test_in_a_workspace_by_id_an_email_is_an_id() -> None:
    event = make_event("identify", userId="ada@example.com")

    assert the_payload(event, make_settings(identifiers="id")).body["identifiers"] == {"id": "ada@example.com"}


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
@pytest.mark.parametrize(
    ("call", "settings", "reason"),
    [
        pytest.param(
            {"type": "identify", "anonymousId": "anon-5", "traits": {"firstName": "Ada"}},
            {},
            "anonymous: no userId and no email, and Journeys knows no anonymous people",
            id="anonymous identify",
        ),
        pytest.param(
            {"type": "identify", "anonymousId": "anon-5", "traits": {"email": "ada@example.com"}},
            {"identifiers": "id"},
            "anonymous: no userId, and this workspace identifies people by id alone",
            id="identify by email in a workspace by id",
        ),
        pytest.param(
            {"type": "alias", "userId": "u-17", "previousId": "u-17"},
            {},
            "userId and previousId are the same",
            id="alias of oneself",
        ),
        pytest.param(
            {"type": "alias", "userId": "u-17", "previousId": "anon-5", "anonymousId": "anon-5"},
            {},
            "previousId is the anonymous id, and Journeys attaches anonymous activity by itself at identify",
            id="alias of an anonymous id",
        ),
    ],
)
def test_what_journeys_would_ignore_is_skipped_with_the_reason(
    call: dict[str, Any], settings: dict[str, Any], reason: str, api: str
) -> None:
    event = make_event(call["type"], **{key: value for key, value in call.items() if key != "type"})

    assert next(iter(map_event(event, make_settings(api=api, **settings)).values())) == reason


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        pytest.param({"properties": {"path": "/pricing"}, "name": "Pricing"}, "/pricing", id="path"),
        pytest.param({"name": "Pricing"}, "Pricing", id="name"),
        pytest.param({"properties": {"url": ""}, "name": "Pricing"}, "Pricing", id="an empty url"),
        pytest.param({}, "Loaded a Page", id="nothing"),
        pytest.param({"name": "  ", "category": "Docs"}, "Loaded a Page", id="a blank name"),
        pytest.param(
            {"properties": {"url": "https://example.com/" + "x" * 100}},
            "https://example.com/" + "x" * 80,
            id="a long url",
        ),
    ],
)
def test_a_page_always_has_a_name_that_is_not_blank(fields: dict[str, Any], name: str) -> None:
    assert the_payload(make_event("page", userId="u-17", **fields), make_settings()).body["name"] == name


def test_a_screen_without_a_name_is_a_loaded_screen() -> None:
    assert the_payload(make_event("screen", userId="u-17"), make_settings()).body["name"] == "Loaded a Screen"


@pytest.mark.parametrize("name", ["recipient", "from_address", "reply_to"])
@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
def test_an_event_cannot_redirect_messages_unless_the_operator_allows_it(api: str, name: str) -> None:
    event = make_event("track", userId="u-17", event="E", properties={name: "eve@example.com", "a": 1})
    part = "attributes" if api == "track_v2" else "properties"

    assert the_payload(event, make_settings(api=api)).body[part] == {"a": 1}
    allowed = the_payload(event, make_settings(api=api, event_overrides="pass")).body[part]
    assert allowed == {name: "eve@example.com", "a": 1}


def device(event: str, context: dict[str, Any] = PHONE, **who: Any) -> Event:
    return make_event("track", event=event, context=context, **(who or {"userId": "u-17"}))


def test_who_signs_in_gets_the_device_that_they_sign_in_with() -> None:
    """The app was opened before, by somebody anonymous, who can have none."""
    person, device = payloads_of(make_event("identify", userId="u-17", context=PHONE), make_settings())

    assert person.body["action"] == "identify"
    assert device.body == {
        "type": "person",
        "identifiers": BY_ID,
        "action": "add_device",
        "device": {"token": "token-1", "platform": "ios", "last_used": UNIX_SECONDS},
    }


@pytest.mark.parametrize(
    ("event", "action", "sent"),
    [
        pytest.param(
            device("Application Installed"),
            "add_device",
            {"token": "token-1", "platform": "ios", "last_used": UNIX_SECONDS},
            id="installed",
        ),
        pytest.param(
            device("Application Opened", {"device": {"token": "token-1"}, "os": {"name": "Android"}}),
            "add_device",
            {"token": "token-1", "platform": "android", "last_used": UNIX_SECONDS},
            id="opened, platform from the operating system",
        ),
        pytest.param(
            device("application_opened"),
            "add_device",
            {"token": "token-1", "platform": "ios", "last_used": UNIX_SECONDS},
            id="in another spelling",
        ),
        pytest.param(
            device("applicationUninstalled", {"device": {"token": "token-1"}}),
            "delete_device",
            {"token": "token-1"},
            id="uninstalled, in another spelling",
        ),
        pytest.param(
            device("Application Uninstalled", {"device": {"token": "token-1"}}),
            "delete_device",
            {"token": "token-1"},
            id="uninstalled, whatever the platform",
        ),
    ],
)
def test_the_apps_life_cycle_updates_the_device_besides_the_event(
    event: Event, action: str, sent: dict[str, Any]
) -> None:
    tracked, changed = payloads_of(event, make_settings())

    assert tracked.body["name"] == event.event
    assert changed.body == {"type": "person", "identifiers": BY_ID, "action": action, "device": sent}


@pytest.mark.parametrize(
    ("event", "settings", "reason"),
    [
        pytest.param(device("Order Completed"), {}, "no device change", id="another event"),
        pytest.param(device("Application Opened", {}), {}, "no context.device.token", id="no token"),
        pytest.param(device("Application Opened", {"device": "phone"}), {}, "no context.device.token", id="no device"),
        pytest.param(
            device("Application Opened", {"device": {"token": {"a": 1}}}), {}, "no context.device.token", id="odd token"
        ),
        pytest.param(
            device("Application Opened", {"device": {"token": "t"}}),
            {},
            "neither context.device.type",
            id="no platform",
        ),
        pytest.param(device("Application Opened", anonymousId="anon-5"), {}, "anonymous", id="anonymous"),
        pytest.param(device("Application Opened"), {"api": "pipelines"}, "Pipelines reads the device", id="pipelines"),
    ],
)
def test_without_a_device_or_its_owner_the_event_goes_alone(
    event: Event, settings: dict[str, Any], reason: str
) -> None:
    mapped = map_event(event, make_settings(**settings))

    assert str(mapped["update device"]).startswith(reason)
    assert len(mapped["track event"]) == 1


def test_merges_travel_alone_and_everything_else_together() -> None:
    settings = make_settings()
    merges = [make_event("alias", userId="u", previousId="v", messageId=message_id) for message_id in ("m-1", "m-2")]
    others = [make_event("identify", userId="u"), make_event("track", userId="u", event="E")]

    groups = {the_payload(event, settings).group for event in merges}

    assert len(groups) == 2
    assert {the_payload(event, settings).group for event in others} == {""}


def test_a_repeat_has_the_same_id_and_the_time_of_the_event() -> None:
    event = make_event("track", userId="u-17", event="E")
    replayed = Event.from_json(event.to_json())

    first, again = the_payload(event, make_settings()), the_payload(replayed, make_settings())

    assert event.timestamp == TIMESTAMP
    assert first == again
    assert first.key == first.body["id"] == ULID


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
RESERVED = st.sampled_from(
    ["address", "company", "createdAt", "email", "phone", "age", "timezone", "objectTypeId", "id"]
)
TRAITS = st.dictionaries(RESERVED | st.text(max_size=8), JSON, max_size=6)


@given(
    call=st.sampled_from(["identify", "track", "page", "screen", "group", "alias"]),
    ids=st.dictionaries(st.sampled_from(["userId", "anonymousId", "groupId", "previousId"]), st.text(max_size=8)),
    name=st.text(max_size=8) | st.sampled_from(["Application Opened", "Application Uninstalled"]),
    traits=TRAITS,
    properties=st.dictionaries(st.sampled_from(["url", "name", "path"]) | st.text(max_size=8), JSON, max_size=4),
    context=st.dictionaries(st.sampled_from(["device", "os", "page", "timezone", "traits"]), JSON | TRAITS, max_size=4),
    settings=st.fixed_dictionaries(
        {
            "api": st.sampled_from(["track_v2", "pipelines"]),
            "trait_case": st.sampled_from(["camel", "snake"]),
            "identifiers": st.sampled_from(["id_or_email", "id"]),
        }
    ),
)
def test_any_event_maps_and_the_same_event_makes_the_same_payload(
    call: str,
    ids: dict[str, str],
    name: str,
    traits: dict[str, Any],
    properties: dict[str, Any],
    context: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    try:
        event = make_event(call, **ids, event=name, name=name, traits=traits, properties=properties, context=context)
    except Rejected:
        event = make_event("track", userId="u-17", event="E", properties=properties)
    before = copy.deepcopy(event.document)

    first, again = (map_event(event, make_settings(**settings)) for _ in range(2))

    assert first == again
    assert event.document == before


LINES = [{"id": number, "name": "x" * 300} for number in range(120)]
FIFTY = {f"t{number:02}": "x" * (900 - number) for number in range(50)}


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
@pytest.mark.parametrize(
    ("call", "left"),
    [
        pytest.param(
            make_event("track", userId="u", event="Order", properties={"order_id": 1, "products": LINES}),
            ["products"],
            id="an order of many products",
        ),
        pytest.param(make_event("page", userId="u", properties={"html": "x" * 40_000}), ["html"], id="a page"),
        pytest.param(
            make_event("identify", userId="u", traits={**FIFTY, "plan": "pro"}), list(FIFTY)[:10], id="a person"
        ),
        pytest.param(
            make_event("group", userId="u", groupId="g", traits={**FIFTY, "n": 1}), list(FIFTY)[:10], id="a group"
        ),
    ],
)
async def test_what_customerio_has_no_room_for_is_left_out_and_the_rest_arrives(
    api: Any, call: Any, left: list[str]
) -> None:
    """An order of a hundred products was refused as a whole."""
    async with open_stand_in(PLUGIN, api=api) as vendor:
        [judgements] = (await vendor.deliver(call)).values()
    payload = the_payload(call, make_settings(api=api))

    assert judgements == [[Delivered()]]
    assert [note.partition("left out: ")[2].split(", ")[: len(left)] for note in payload.notes] == [left]

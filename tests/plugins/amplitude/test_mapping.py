"""Traits of users and groups: each reserved one in both spellings, and the odd shapes they come in."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.amplitude import PLUGIN
from router.event import Event
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, Delivered, camel_case, snake_case
from router.testing import make_event, open_stand_in
from tests.plugins.amplitude.mapped import MILLIS, body_of, payloads_of, rehearse, skipped

ADDRESS = {"city": "London", "state": "LDN", "country": "UK", "postalCode": "N1", "street": "1 Main St"}
COMPANY = {"name": "Acme", "id": "c-1", "industry": "Mills", "employee_count": 40, "plan": "gold"}

USER_CASES: dict[str, tuple[Any, Any]] = {
    "address": (ADDRESS, ADDRESS),
    "age": ("36", 36),
    "avatar": ("https://example.test/a.png", "https://example.test/a.png"),
    "birthday": ("1990-12-10", "1990-12-10T00:00:00"),
    "company": (COMPANY, COMPANY),
    "createdAt": ("2024-08-24T16:15:22.5+02:00", "2024-08-24T14:15:22"),
    "description": ("Countess", "Countess"),
    "email": (" ada@example.test ", "ada@example.test"),
    "firstName": ("Ada", "Ada"),
    "gender": ("female", "female"),
    "id": ("u-17", None),
    "lastName": ("Lovelace", "Lovelace"),
    "name": ("Ada Lovelace", "Ada Lovelace"),
    "phone": ("020 7946 0000", "020 7946 0000"),
    "title": ("Analyst", "Analyst"),
    "username": ("ada", "ada"),
    "website": ("https://example.test", "https://example.test"),
}
"""What is sent and what arrives under the same name; None where nothing does."""

GROUP_CASES: dict[str, tuple[Any, Any]] = {
    "address": (ADDRESS, ADDRESS),
    "avatar": ("https://example.test/a.png", "https://example.test/a.png"),
    "createdAt": (1724508922, "2024-08-24T14:15:22"),
    "description": ("Mills", "Mills"),
    "email": ("office@example.test", "office@example.test"),
    "employees": ("11-50", "11-50"),
    "id": ("acme-1", None),
    "industry": ("Mills", "Mills"),
    "name": ("Acme", "Acme"),
    "phone": ("020 7946", "020 7946"),
    "website": ("https://example.test", "https://example.test"),
    "plan": ("gold", "gold"),
}


def spelled(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


def set_of(traits: dict[str, Any], **fields: Any) -> Any:
    """The user properties that an identify sets, but for a trait that is always there."""
    event = make_event("identify", userId="u-17", traits={"kept": 1, **traits}, **fields)
    properties = dict(body_of(event, "identify user")["user_properties"]["$set"])
    assert properties.pop("kept") == 1
    return properties


def test_every_reserved_trait_has_a_case() -> None:
    assert USER_CASES.keys() == set(USER_TRAITS)
    assert GROUP_CASES.keys() == set(GROUP_TRAITS)


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    value, expected = USER_CASES[trait]

    assert set_of({spell(trait): spelled(value, spell)}) == ({} if expected is None else {trait: expected})


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    value, expected = GROUP_CASES[trait]
    event = make_event("group", userId="u-17", groupId="acme-1", traits={"kept": 1, spell(trait): spelled(value, str)})

    set_ = body_of(event, "update group")["group_properties"]["$set"]

    assert set_ == {"kept": 1, **({} if expected is None else {trait: expected})}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Acme"}, {"company": {"name": "Acme"}}, id="company as text"),
        pytest.param({"company": {"tier": 2}}, {"company": {"tier": 2}}, id="company with a key of its own"),
        pytest.param({"address": "1 Main St"}, {"address": "1 Main St"}, id="address as text"),
        pytest.param({"address": {"floor": 3}}, {"address": {"floor": 3}}, id="address with a key of its own"),
        pytest.param(
            {"first_name": "Ada", "last_name": "Lovelace"},
            {"firstName": "Ada", "lastName": "Lovelace", "name": "Ada Lovelace"},
            id="names in snake_case",
        ),
        pytest.param({"createdAt": "1724508922000"}, {"createdAt": "2024-08-24T14:15:22"}, id="digits in text"),
        pytest.param({"createdAt": "yesterday", "age": "old"}, {}, id="no date, no number"),
        pytest.param({"email": ["ada@example.test"]}, {}, id="email as a list"),
        pytest.param({"phone": 442079460000}, {"phone": "442079460000"}, id="phone as a number"),
        pytest.param({"email": "", "company": {}}, {}, id="reserved and empty"),
        pytest.param({"note": "", "tags": []}, {"note": "", "tags": []}, id="custom and empty"),
        pytest.param({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2}]}}, id="objects and lists stay"),
        pytest.param({"$add": {"x": 1}, "$set": 1}, {}, id="names of operations"),
        pytest.param(
            {"planTier": 1, "plan_tier": 2}, {"planTier": 1, "plan_tier": 2}, id="custom traits keep their names"
        ),
    ],
)
def test_traits_of_odd_shapes(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set_of(traits) == expected


def test_a_null_trait_is_unset_and_the_others_are_set() -> None:
    event = make_event(
        "identify", userId="u-17", traits={"email": None, "colour": None, "plan": "gold", "address": None}
    )

    assert body_of(event, "identify user")["user_properties"] == {
        "$set": {"plan": "gold"},
        "$unset": {"colour": "-", "email": "-", "address": "-"},
    }


def test_a_null_in_the_context_is_left_out() -> None:
    event = make_event("identify", userId="u-17", traits={"a": 1}, context={"ip": None, "locale": None})

    assert body_of(event, "identify user").keys() == {"event_type", "user_id", "time", "insert_id", "user_properties"}


def test_the_address_places_the_user_and_the_ip_does_not_mix_in() -> None:
    """Amplitude fills what is missing of a place from the IP address: half of it would be somewhere else."""
    event = make_event("identify", userId="u-17", traits={"address": {"city": "Porto"}}, context={"ip": "203.0.113.7"})

    body = body_of(event, "identify user")

    assert (body["city"], "ip" in body, "country" in body) == ("Porto", False, False)


def test_an_identify_without_an_address_is_placed_by_its_ip() -> None:
    event = make_event("identify", userId="u-17", traits={"a": 1}, context={"ip": "203.0.113.7"})

    assert body_of(event, "identify user")["ip"] == "203.0.113.7"


def levels(count: int) -> Any:
    value: Any = 1
    for _ in range(count):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        ("identify", {"traits": {"a": 1, "deep": levels(39), "most": levels(38), "company": {"x": levels(38)}}}),
        (
            "group",
            {"groupId": "g-1", "traits": {"a": 1, "deep": levels(39), "most": levels(38), "address": levels(39)}},
        ),
        ("track", {"event": "E", "properties": {"a": 1, "deep": [levels(38)], "most": levels(38)}}),
    ],
)
async def test_a_value_that_is_too_deep_costs_nothing_else(call: str, fields: dict[str, Any]) -> None:
    event = make_event(call, userId="u-17", **fields)

    async with open_stand_in(PLUGIN) as vendor:
        judgements = await vendor.deliver(event)
        sent = orjson.dumps(vendor.accepted("event"))

    assert [judgement for each in judgements.values() for judgement in each] == [[Delivered()]] * len(judgements)
    assert b'"most"' in sent
    assert b'"deep"' not in sent


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        pytest.param({"anonymousId": "a-1"}, "no traits", id="anonymous, without traits"),
        pytest.param({"userId": "u-17", "traits": {}}, "no traits", id="a user, without traits"),
        pytest.param({"traits": {"email": "a@b.test"}}, "neither a userId nor an anonymousId", id="an email alone"),
        pytest.param({"userId": "undefined", "traits": {"a": 1}}, "neither a userId", id="a userId of nobody"),
    ],
)
def test_an_identify_of_nobody_or_of_nothing_is_not_sent(call: dict[str, Any], reason: str) -> None:
    assert reason in skipped(make_event("identify", **call), "identify user")


def test_an_identify_without_traits_joins_two_ids() -> None:
    body = body_of(make_event("identify", userId="u-17", anonymousId="a-1"), "identify user")

    assert body == {
        "event_type": "$identify",
        "user_id": "u-17",
        "device_id": "a-1",
        "time": MILLIS,
        "insert_id": "m-1",
    }


@pytest.mark.parametrize(
    ("ids", "settings", "expected"),
    [
        pytest.param({"userId": 42}, {}, {"user_id": "42"}, id="a short number"),
        pytest.param({"userId": "NULL", "anonymousId": "a-1"}, {}, {"device_id": "a-1"}, id="a userId of nobody"),
        pytest.param({"userId": "u-17", "anonymousId": "0"}, {}, {"user_id": "u-17"}, id="an anonymousId of nobody"),
        pytest.param(
            {"userId": "u-17", "anonymousId": "anon-5"}, {"min_id_length": 5}, {"device_id": "anon-5"}, id="too short"
        ),
        pytest.param(
            {"anonymousId": "a-1", "context": {"device": {"id": "d-1"}}},
            {},
            {"device_id": "a-1"},
            id="anonymousId first",
        ),
        pytest.param(
            {"anonymousId": "a-1", "context": {"device": {"id": "d-1"}}},
            {"device_id": "context_device_id"},
            {"device_id": "d-1"},
            id="the device's own first",
        ),
        pytest.param(
            {"userId": "u-17", "context": {"device": {"id": "d-1"}}},
            {},
            {"user_id": "u-17", "device_id": "d-1"},
            id="the device's own alone",
        ),
    ],
)
def test_whose_event_it_is(ids: dict[str, Any], settings: dict[str, Any], expected: dict[str, str]) -> None:
    body = body_of(make_event("identify", traits={"a": 1}, **ids), "identify user", **settings)

    assert {name: body[name] for name in ("user_id", "device_id") if name in body} == expected


# --- groups ---


def test_a_group_call_updates_the_group_and_adds_the_user_with_keys_of_their_own() -> None:
    event = make_event("group", userId="u-17", groupId=9, traits={"name": "Acme", "tier": 1, "plan": None})

    [group] = payloads_of(event, "update group", group_type="account")
    [member] = payloads_of(event, "add user to group", group_type="account")

    assert group.body["groups"] == member.body["groups"] == {"account": "9"}
    assert group.body["group_properties"] == {"$set": {"tier": 1, "name": "Acme"}, "$unset": {"plan": "-"}}
    assert member.body["user_properties"] == {"$set": {"account": "9"}}
    assert (group.key, member.key) == ("m-1-group", "m-1")


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"kind": "team", "slug": "blue"}, {"team": "blue"}, id="both traits"),
        pytest.param({"kind": "team"}, {"team": "9"}, id="the type alone"),
        pytest.param({"slug": 7}, {"company": "7"}, id="the value alone, a number"),
        pytest.param({"kind": {}, "slug": " "}, {"company": "9"}, id="neither is text"),
    ],
)
def test_traits_may_say_which_group_it_is(traits: dict[str, Any], expected: dict[str, str]) -> None:
    event = make_event("group", userId="u-17", groupId="9", traits=traits)

    body = body_of(event, "add user to group", group_type_trait="kind", group_value_trait="slug")

    assert body["groups"] == expected


def test_a_group_call_that_a_mapping_took_the_group_from_names_none() -> None:
    """As ``drop: [groupId]`` in the config does."""
    document = make_event("group", userId="u-17", groupId="9", traits={"tier": 1}).document
    event = Event.of_document({key: value for key, value in document.items() if key != "groupId"})

    assert skipped(event, "update group") == "the call names no group"
    assert skipped(event, "add user to group") == "the call names no group"


def test_a_group_call_without_traits_adds_the_user_alone() -> None:
    event = make_event("group", anonymousId="a-1", groupId="9")

    assert skipped(event, "update group") == "no traits to write"
    assert body_of(event, "add user to group")["device_id"] == "a-1"


# --- aliases ---


@pytest.mark.parametrize(
    "previous",
    [
        pytest.param({"previousId": "a-1", "anonymousId": "a-1"}, id="the call's anonymousId"),
        pytest.param({"previousId": "7F6D0C1E-8A34-4C52-9D0E-1B2F3C4D5E6F"}, id="a UUID"),
    ],
)
def test_an_alias_of_a_device_joins_it_to_the_user(previous: dict[str, str]) -> None:
    body = body_of(make_event("alias", userId="u-17", **previous), "join ids")

    assert (body["user_id"], body["device_id"]) == ("u-17", previous["previousId"])


@pytest.mark.parametrize(
    "call",
    [
        pytest.param({"userId": "u-17", "previousId": "u-16"}, id="of a user"),
        pytest.param({"userId": "null", "previousId": "a-1", "anonymousId": "a-1"}, id="to nobody"),
    ],
)
def test_an_alias_that_joins_no_device_to_a_user_is_not_sent(call: dict[str, str]) -> None:
    assert skipped(make_event("alias", **call), "join ids")


# --- explain ---


def test_what_is_left_out_is_reported_and_the_rest_goes_on() -> None:
    event = make_event("identify", userId="u-17", traits={"$x": 1, "age": "old", "plan": "gold"})

    told = explain(event, [rehearse().destination])
    [part] = [each for each in told["destinations"] if each["action"] == "identify user"]

    assert "traits.$x" in part["unmapped"]
    assert [warning for warning in part["warnings"] if "traits.age" in warning]
    [request] = part["requests"]
    assert request["body"]["events"][0]["user_properties"] == {"$set": {"plan": "gold"}}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([*USER_TRAITS, *GROUP_TRAITS, "$set", "revenue", "products", "total"]) | st.text(max_size=8)


@given(
    st.dictionaries(names, json_values, max_size=6), st.sampled_from(["identify", "group", "track", "page", "screen"])
)
def test_any_values_map_without_an_exception(values: dict[str, Any], call: str) -> None:
    event: Event = make_event(
        call,
        userId="u-17",
        groupId="g-1",
        event="Order Completed",
        traits=values,
        properties=values,
        context={"page": values},
    )

    rehearse(product_events=True).map(event)

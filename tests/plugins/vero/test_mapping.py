"""Traits of people and groups, whom a call is about, tags, push tokens, and what gives a user another id."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import GROUP_TRAITS, USER_TRAITS, snake_case
from router.testing import make_event
from router.testing.samples import COMPANY, PERSON
from tests.plugins.vero.samples import ADA, ANON, EMAIL, body_of, map_event

USER = "update user"
GROUP = "write group to user"
ADDRESS = {"city": "London", "state": "LND", "country": "GB", "postalCode": "N1", "street": "12 Main St", "floor": 2}
ENGINE = {"name": "Engine Ltd", "id": 17, "industry": "Mills", "employee_count": 40, "plan": "gold", "tier": 1}

USER_CASES: dict[str, dict[str, Any]] = {
    "email": {"email": PERSON["email"]},
    "id": {},
    "phone": {"phone_number": PERSON["phone"], "data": {"phone": PERSON["phone"]}},
}
"""What becomes of a reserved trait that is more, or something else, than a property of its name."""


def user_of(traits: dict[str, Any], context: dict[str, Any] | None = None, **settings: Any) -> Any:
    """The user u-17 without their id."""
    body = body_of(make_event("identify", **ADA, traits=traits, context=context or {}), USER, **settings)
    assert body.pop("id") == "u-17"
    return body


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives(trait: str, spell: Any) -> None:
    value = PERSON[trait]
    told = {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value

    assert user_of({spell(trait): told}) == USER_CASES.get(trait, {"data": {trait: value}})


@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_is_in_a_property_of_the_user(trait: str) -> None:
    event = make_event("group", **ADA, groupId="acme-1", traits={trait: COMPANY[trait], "tier": 1})
    group = {"tier": 1, trait: COMPANY[trait], "id": "acme-1"}

    assert body_of(event, GROUP) == {"id": "u-17", "data": {"group": group}}


@pytest.mark.parametrize(
    ("traits", "data"),
    [
        pytest.param(
            {"age": "36", "createdAt": 1724508922}, {"age": 36, "createdAt": "2024-08-24T14:15:22Z"}, id="converted"
        ),
        pytest.param({"company": ENGINE, "address": ADDRESS}, {"company": ENGINE, "address": ADDRESS}, id="objects"),
        pytest.param({"company": "Acme", "address": "x"}, {"company": {"name": "Acme"}, "address": "x"}, id="text"),
        pytest.param(
            {"plan": "gold", "n": 1.5, "yes": True, "Odd Name": ""},
            {"plan": "gold", "n": 1.5, "yes": True, "Odd Name": ""},
            id="custom",
        ),
        pytest.param(
            {"a": {"b": [1, {"c": 2}]}, "tags": ["x"]}, {"a": {"b": [1, {"c": 2}]}, "tags": ["x"]}, id="nested"
        ),
        pytest.param({"plan": None, "title": None, "email": None, "address": None, "kept": 1}, {"kept": 1}, id="null"),
        pytest.param({"phone": "020 7946"}, {"phone": "020 7946"}, id="a phone that is not E.164"),
        pytest.param({"email": "ada", "age": "old", "createdAt": "yesterday", "kept": 1}, {"kept": 1}, id="unreadable"),
    ],
)
def test_traits_of_odd_shapes_arrive_or_are_left_out_alone(traits: dict[str, Any], data: dict[str, Any]) -> None:
    assert user_of(traits) == {"data": data}


def test_the_email_of_a_length_that_vero_refuses_is_left_out() -> None:
    assert user_of({"email": "a" * 243 + "@example.com"}) == {}
    assert len(user_of({"email": "a" * 242 + "@example.com"})["email"]) == 254


def test_reserved_traits_may_be_in_snake_case_and_objects_flat() -> None:
    traits = {"firstName": "Ada", "customTrait": 1, "company": ENGINE, "address": "x", "more": {"a b": {"c": [1]}}}

    data = user_of(traits, trait_case="snake", flatten_objects=True)["data"]

    assert data == {
        "first_name": "Ada",
        "customTrait": 1,
        "address": "x",
        "more_a b_c": [1],
        **{f"company_{name}": value for name, value in ENGINE.items()},
    }


def test_a_group_may_be_flat_and_of_another_name() -> None:
    event = make_event(
        "group", **ADA, groupId=9, traits={"createdAt": "2020-01-02", "address": {"postalCode": 1}, "T": 1}
    )

    body = body_of(event, GROUP, flatten_objects=True, trait_case="snake", group_field="company")

    flat = {"company_id": "9", "company_created_at": "2020-01-02", "company_address_postal_code": 1, "company_T": 1}
    assert body["data"] == flat


def test_groups_may_be_left_out() -> None:
    assert "group_field" in map_event(make_event("group", **ADA, groupId="acme-1"), group_field="")[GROUP]


@pytest.mark.parametrize(
    ("traits", "context", "data"),
    [
        pytest.param(
            {},
            {"locale": "en-GB", "timezone": "Europe/London", "userAgent": "Mozilla"},
            {"language": "en-GB", "timezone": "Europe/London", "userAgent": "Mozilla"},
            id="told",
        ),
        pytest.param(
            {"language": "fr", "timezone": "UTC"},
            {"locale": "en", "timezone": "Europe/London"},
            {"language": "fr", "timezone": "UTC"},
            id="traits win",
        ),
        pytest.param(
            {"timezone": "-5.5"}, {"timezone": "Europe/London"}, {"timezone": -5.5}, id="a zone in hours wins"
        ),
        pytest.param(
            {}, {"timezone": "GMT+02:00", "ip": "203.0.113.7"}, {}, id="no name of a time zone, and no address"
        ),
    ],
)
def test_the_context_tells_of_language_and_time(traits: Any, context: Any, data: Any) -> None:
    assert user_of(traits, context).get("data", {}) == data


# --- whom ---


@pytest.mark.parametrize(
    ("call", "settings", "user"),
    [
        pytest.param({**ADA, **ANON}, {}, {"id": "u-17"}, id="a userId"),
        pytest.param({**ADA, "traits": {"email": EMAIL}}, {}, {"id": "u-17", "email": EMAIL}, id="and an email"),
        pytest.param(
            {"userId": "Ada@Example.test"}, {}, {"id": "Ada@Example.test", "email": EMAIL}, id="a userId that is one"
        ),
        pytest.param(
            {"userId": "x@y.test", "traits": {"email": EMAIL}},
            {},
            {"id": "x@y.test", "email": EMAIL},
            id="another email",
        ),
        pytest.param(
            {**ANON, "traits": {"email": "ADA@example.test"}}, {}, {"id": EMAIL, "email": EMAIL}, id="an email alone"
        ),
        pytest.param(
            {**ANON, "traits": {"a": 1}},
            {"send_anonymous_id": True},
            {"id": "anon-5", "data": {"a": 1}},
            id="anonymous",
        ),
        pytest.param(
            {**ANON, "traits": {"email": EMAIL}},
            {"send_anonymous_id": True},
            {"id": "anon-5", "email": EMAIL},
            id="anonymous with an email",
        ),
    ],
)
def test_whom_an_identify_is_about(call: Any, settings: Any, user: Any) -> None:
    assert body_of(make_event("identify", **call), USER, **settings) == user


@pytest.mark.parametrize(
    ("call", "settings"),
    [
        pytest.param({**ANON, "traits": {"plan": "gold"}}, {}, id="anonymous"),
        pytest.param({**ANON, "traits": {"email": "ada"}}, {}, id="an email that is none"),
        pytest.param({**ANON, "context": {"locale": "en"}}, {"send_anonymous_id": True}, id="nothing but a context"),
    ],
)
def test_nobody_becomes_no_user(call: Any, settings: Any) -> None:
    assert "anonymous" in map_event(make_event("identify", **call), **settings)[USER]


@pytest.mark.parametrize(
    ("call", "settings", "expected"),
    [
        pytest.param({"previousId": "old"}, {}, [{"id": "old", "new_id": "u-17"}], id="an older userId"),
        pytest.param({"previousId": "u-17"}, {}, "the same", id="to itself"),
        pytest.param({"previousId": "anon-5", **ANON}, {}, "send_anonymous_id", id="of an id that is not sent"),
        pytest.param(
            {"previousId": "anon-5", **ANON},
            {"send_anonymous_id": True},
            [{"id": "anon-5", "new_id": "u-17"}],
            id="of one that is",
        ),
    ],
)
def test_an_alias_gives_the_user_another_id(call: Any, settings: Any, expected: Any) -> None:
    made = map_event(make_event("alias", **ADA, **call), **settings)["rename user"]

    assert made == expected if isinstance(expected, list) else expected in made


# --- push tokens and tags ---

DEVICE = {"device": {"token": "push-1", "type": "ios"}}
CHANNELS = {"channels": [{"type": "push", "address": "push-1", "platform": "ios"}]}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param(DEVICE, CHANNELS, id="told"),
        pytest.param({"device": {"token": "push-1"}}, {}, id="no platform"),
        pytest.param({"device": {"type": "ios"}}, {}, id="no token"),
    ],
)
def test_a_push_token_is_a_channel_of_the_user(context: Any, expected: Any) -> None:
    assert user_of({}, context) == expected


def test_an_app_that_is_opened_tells_its_push_token() -> None:
    opened, other = (make_event("track", **ADA, event=name, context=DEVICE) for name in ("Application Opened", "E"))

    assert body_of(opened, "register device") == {"id": "u-17", **CHANNELS}
    assert "no device" in map_event(other)["register device"]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        pytest.param(
            {"Vero": {"tags": {"add": ["a", "b"], "remove": ["c"]}}},
            {"id": "u-17", "add": ["a", "b"], "remove": ["c"]},
            id="as at RudderStack",
        ),
        pytest.param(
            {"vero": {"tags": {"action": "remove", "values": ["a", 2026, "", None]}}},
            {"id": "u-17", "remove": ["a", "2026"]},
            id="as at Segment",
        ),
        pytest.param(
            {"Vero": {"tags": {"id": 18, "action": "add", "values": ["a"]}}},
            {"id": "18", "add": ["a"]},
            id="of another user",
        ),
    ],
)
@pytest.mark.parametrize("call", ["identify", "track"])
def test_tags_are_an_option_of_the_call(call: str, options: Any, body: Any) -> None:
    assert body_of(make_event(call, **ADA, event="E", integrations=options), "edit tags") == body


@pytest.mark.parametrize("tags", ["a", ["a"], {}, {"add": "a"}, {"add": []}, {"action": ["add"], "values": ["a"]}])
def test_tags_that_can_not_be_read_are_left_out(tags: Any) -> None:
    event = make_event("identify", **ADA, integrations={"Vero": {"tags": tags}})

    assert "no tags" in map_event(event)["edit tags"]

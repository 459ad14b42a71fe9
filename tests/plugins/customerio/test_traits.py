"""Each reserved trait, in either spelling, under either setting, for either API."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import camel_case, snake_case
from router.traits import GROUP_TRAITS, USER_TRAITS
from tests.plugins.customerio.samples import make_event, make_settings, the_payload

GIVEN: dict[str, Any] = {
    "address": {"street": "1 Main St", "city": "London", "state": "LDN", "postalCode": "N1", "country": "UK"},
    "age": "36",
    "avatar": "https://example.com/ada.png",
    "birthday": "1815-12-10",
    "company": {"name": "Acme", "id": 7, "industry": "Engines", "employee_count": 40, "plan": "pro"},
    "createdAt": "2024-08-24T14:15:22Z",
    "description": "First programmer",
    "email": "ada@example.com",
    "firstName": "Ada",
    "gender": "female",
    "lastName": "Lovelace",
    "name": "Ada King",
    "phone": "+44 20 7946 0000",
    "title": "Countess",
    "username": "ada",
    "website": "https://example.com",
    "employees": "40",
    "industry": "Engines",
    "plan": "pro",
}
CHANGED: dict[str, Any] = {
    "age": 36,
    "birthday": -4861728000,
    "createdAt": 1724508922,
    "phone": "+442079460000",
}
SPELLINGS = {"camel": camel_case, "snake": snake_case}


def spelled(value: Any, spelling: str) -> Any:
    """*value* with its keys in camelCase or snake_case."""
    if not isinstance(value, dict):
        return value
    return {SPELLINGS[spelling](key): item for key, item in value.items()}


def as_segment_spells(value: Any, trait_case: str) -> Any:
    """The same, but for a name that has an underscore in Segment's own spec."""
    return spelled(value, trait_case) if trait_case == "snake" else value


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
@pytest.mark.parametrize("trait_case", ["camel", "snake"])
@pytest.mark.parametrize("sent", ["camel", "snake"])
@pytest.mark.parametrize("trait", [trait for trait in USER_TRAITS if trait != "id"])
def test_a_persons_trait_arrives_in_one_spelling_whichever_was_sent(
    trait: str, sent: str, trait_case: str, api: str
) -> None:
    value = GIVEN[trait]
    event = make_event("identify", userId="u-17", traits={SPELLINGS[sent](trait): spelled(value, sent)})

    body = the_payload(event, make_settings(api=api, trait_case=trait_case)).body

    name = "created_at" if trait == "createdAt" else SPELLINGS[trait_case](trait)
    expected = {name: as_segment_spells(CHANGED.get(trait, value), trait_case)}
    assert body["attributes" if api == "track_v2" else "traits"] == expected


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
@pytest.mark.parametrize("trait_case", ["camel", "snake"])
@pytest.mark.parametrize("sent", ["camel", "snake"])
@pytest.mark.parametrize("trait", [trait for trait in GROUP_TRAITS if trait != "id"])
def test_a_groups_trait_arrives_in_one_spelling_whichever_was_sent(
    trait: str, sent: str, trait_case: str, api: str
) -> None:
    value = GIVEN[trait]
    traits = {SPELLINGS[sent](trait): spelled(value, sent)}
    event = make_event("group", userId="u-17", groupId="acme", traits=traits)

    body = the_payload(event, make_settings(api=api, trait_case=trait_case)).body

    name = "created_at" if trait == "createdAt" else SPELLINGS[trait_case](trait)
    expected = spelled(value if trait != "createdAt" else CHANGED[trait], trait_case)
    assert body["attributes" if api == "track_v2" else "traits"] == {name: expected}


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
@pytest.mark.parametrize("call", ["identify", "group"])
def test_the_trait_id_is_not_sent_because_the_call_names_its_subject(call: str, api: str) -> None:
    event = make_event(call, userId="u-17", groupId="acme", traits={"id": "7", "plan": "pro"})

    body = the_payload(event, make_settings(api=api)).body

    assert body["attributes" if api == "track_v2" else "traits"] == {"plan": "pro"}


@pytest.mark.parametrize("name", ["plan_tier", "planTier", "Plan Tier", "plan.tier", "employees", "industry", "plan"])
@pytest.mark.parametrize("trait_case", ["camel", "snake"])
def test_a_custom_trait_is_never_renamed(name: str, trait_case: str) -> None:
    event = make_event("identify", userId="u-17", traits={name: "gold"})

    assert the_payload(event, make_settings(trait_case=trait_case)).body["attributes"] == {name: "gold"}


@pytest.mark.parametrize("name", ["age", "birthday", "company", "firstName", "gender", "title", "username"])
def test_what_is_reserved_for_people_alone_is_kept_for_a_group(name: str) -> None:
    event = make_event("group", userId="u-17", groupId="acme", traits={name: "x"})

    assert the_payload(event, make_settings(trait_case="snake")).body["attributes"] == {name: "x"}


@pytest.mark.parametrize(
    ("traits", "attributes"),
    [
        pytest.param({"address": "1 Main St, London"}, {"address": "1 Main St, London"}, id="an address that is text"),
        pytest.param({"company": "Acme"}, {"company": {"name": "Acme"}}, id="a company that is text"),
        pytest.param(
            {"address": {"city": "London", "floor": 2}}, {"address": {"city": "London", "floor": 2}}, id="unknown key"
        ),
        pytest.param({"createdAt": 1724508922}, {"created_at": 1724508922}, id="created in seconds"),
        pytest.param({"createdAt": "1724508922000"}, {"created_at": 1724508922}, id="created in milliseconds, as text"),
        pytest.param({"createdAt": "2024-08-24"}, {"created_at": 1724457600}, id="created on a day"),
        pytest.param({"createdAt": "long ago"}, {}, id="created at no date"),
        pytest.param({"age": "old"}, {}, id="an age that is no number"),
        pytest.param({"phone": "020 7946 0000"}, {}, id="a phone number without a country"),
        pytest.param({"phone": 442079460000}, {}, id="a phone number that is a number"),
        pytest.param({"email": "  ada@example.com "}, {"email": "ada@example.com"}, id="blanks around the email"),
        pytest.param({"email": "", "firstName": ""}, {}, id="empty reserved traits are absent"),
        pytest.param({"plan_tier": None}, {"plan_tier": None}, id="null clears"),
        pytest.param({"plan_tier": ""}, {"plan_tier": ""}, id="an empty custom trait clears"),
        pytest.param({"createdAt": None}, {"created_at": None}, id="null clears a reserved trait"),
        pytest.param({"a": {"b": [1, {"c": True}]}}, {"a": {"b": [1, {"c": True}]}}, id="objects and lists stay"),
        pytest.param({"since": "2026-01-01T00:00:00Z"}, {"since": 1767225600}, id="a custom date"),
        pytest.param({"unsubscribed": "true"}, {"unsubscribed": True}, id="unsubscribed is a boolean"),
        pytest.param({"unsubscribed": "1"}, {"unsubscribed": True}, id="unsubscribed as a database has it"),
        pytest.param({"unsubscribed": "maybe"}, {}, id="no boolean: not unsubscribed"),
        pytest.param({"timezone": "Europe/London"}, {"timezone": "Europe/London"}, id="time zone"),
        pytest.param(
            {"cio_subscription_preferences": {"topics": {"topic_1": True}}},
            {"cio_subscription_preferences": {"topics": {"topic_1": True}}},
            id="subscription preferences",
        ),
        pytest.param({"bio": "x" * 1001, "plan": "pro"}, {"plan": "pro"}, id="a long value costs itself alone"),
        pytest.param({"timezone": "x" * 1001, "plan": "pro"}, {"plan": "pro"}, id="so does a long time zone"),
        pytest.param(
            {"company": {"name": "n" * 600, "industry": "i" * 600}, "plan": "pro"},
            {"plan": "pro"},
            id="so does an object whose parts are short enough",
        ),
        pytest.param({"x" * 151: 1, "plan": "pro"}, {"plan": "pro"}, id="a long name costs itself alone"),
    ],
)
def test_an_odd_trait_never_costs_the_person(traits: dict[str, Any], attributes: dict[str, Any]) -> None:
    event = make_event("identify", userId="u-17", traits=traits)

    assert the_payload(event, make_settings()).body["attributes"] == attributes


@pytest.mark.parametrize(
    "name", ["cio_id", "anonymous_id", "_update", "_timestamp", "_last_visit", "cio_relationships"]
)
def test_a_custom_trait_cannot_take_a_name_that_journeys_reserves(name: str) -> None:
    event = make_event("identify", userId="u-17", traits={name: "x"})

    assert the_payload(event, make_settings()).body["attributes"] == {}


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
@pytest.mark.parametrize("call", ["identify", "group"])
def test_of_too_many_attributes_the_first_custom_ones_are_left_out(call: str, api: str) -> None:
    """Journeys refuses a person or an object with one more than 300."""
    traits = {**{f"k{number}": number for number in range(305)}, "email": "ada@example.test"}
    event = make_event(call, userId="u-17", anonymousId="a-1", groupId="c9", traits=traits)

    payload = the_payload(event, make_settings(api=api))

    attributes = payload.body["attributes" if api == "track_v2" else "traits"]
    assert len(attributes) == 300
    assert attributes["email"] == "ada@example.test"
    assert "k304" in attributes
    [note] = payload.notes
    assert note.startswith("beyond the 300 attributes that one call may have; left out: k0, k1, ")


def test_custom_dates_stay_text_when_asked() -> None:
    event = make_event("identify", userId="u-17", traits={"since": "2026-01-01", "createdAt": "2026-01-01"})

    body = the_payload(event, make_settings(convert_timestamps=False)).body

    assert body["attributes"] == {"since": "2026-01-01", "created_at": 1767225600}


def test_the_time_zone_of_the_context_is_the_persons_unless_a_trait_says_otherwise() -> None:
    context = {"timezone": "Europe/Paris"}
    plain = make_event("identify", userId="u-17", context=context)
    told = make_event("identify", userId="u-17", context=context, traits={"timezone": "Europe/London"})

    assert the_payload(plain, make_settings()).body["attributes"] == {"timezone": "Europe/Paris"}
    assert the_payload(told, make_settings()).body["attributes"] == {"timezone": "Europe/London"}


@pytest.mark.parametrize("told", ["GMT+0100", "", " "], ids=repr)
def test_what_names_no_time_zone_takes_the_place_of_none(told: str) -> None:
    """RudderStack's SDK for browsers sends an offset with each event, and Customer.io sends by zones with a name."""
    event = make_event("identify", userId="u-17", context={"timezone": told})

    assert the_payload(event, make_settings()).body["attributes"] == {}

"""From identify and group calls to contacts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.sendgrid import PLUGIN, fields
from plugins.sendgrid.settings import Settings
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, Converter, camel_case, snake_case
from router.testing import Rehearsal, make_event
from tests.plugins.sendgrid.samples import EMAIL, MINIMAL, WITH_FIELDS, body_of, group, identify, map_event

PEOPLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (
        {"street": "12 Main St", "city": "London", "state": "LDN", "postalCode": "N1", "country": "GB"},
        {
            "address_line_1": "12 Main St",
            "city": "London",
            "state_province_region": "LDN",
            "postal_code": "N1",
            "country": "GB",
        },
    ),
    "age": ("36", {"custom_fields": {"e1_N": 36}}),
    "avatar": ("https://example.test/a.png", {"custom_fields": {"e2_T": "https://example.test/a.png"}}),
    "birthday": ("1815-12-10T05:00:00Z", {"custom_fields": {"e3_D": "12/10/1815"}}),
    "company": ({"name": "Engines", "employee_count": "40"}, {"custom_fields": {"e4_T": "Engines", "e5_N": 40}}),
    "createdAt": (1709285400, {"custom_fields": {"w1": "03/01/2024"}}),
    "description": ("Countess", {"custom_fields": {"w2": "Countess"}}),
    "email": (" Ada@Example.test", {}),
    "firstName": ("Ada", {"first_name": "Ada"}),
    "gender": ("female", {"custom_fields": {"e6_T": "female"}}),
    "id": ("u-17", {"external_id": "u-17"}),
    "lastName": ("Lovelace", {"last_name": "Lovelace"}),
    "name": ("Ada King Lovelace", {"first_name": "Ada", "last_name": "King Lovelace"}),
    "phone": ("020 7946 0000", {"phone_number": "020 7946 0000"}),
    "title": ("Countess", {"custom_fields": {"e7_T": "Countess"}}),
    "username": ("ada", {"custom_fields": {"e8_T": "ada"}}),
    "website": ("https://example.test", {"custom_fields": {"e9_T": "https://example.test"}}),
}
"""Each reserved trait of a person: what is sent, and what comes of it beside the identifiers."""


def respell(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_each_reserved_trait_arrives(trait: str, spell: Any) -> None:
    value, expected = PEOPLE[trait]
    event = make_event("identify", userId="u-17", traits={"email": EMAIL, spell(trait): respell(value, spell)})

    body = body_of(event, **WITH_FIELDS, send_external_id=True)

    assert body == {"email": EMAIL, "external_id": "u-17", **expected}


GROUPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": ({"city": "Leeds"}, {"e20_T": '{"city":"Leeds"}'}),
    "avatar": ("https://example.test/e.png", {"e21_T": "https://example.test/e.png"}),
    "createdAt": ("2020-01-02", {"e22_D": "01/02/2020"}),
    "description": ("Makers", {"e23_T": "Makers"}),
    "email": ("office@example.test", {"e24_T": "office@example.test"}),
    "employees": ("40", {"e25_N": 40}),
    "id": ("g-1", {"e26_T": "g-1"}),
    "industry": ("Toys", {"e27_T": "Toys"}),
    "name": ("Engines", {"e28_T": "Engines"}),
    "phone": ("01132 460000", {"e29_T": "01132 460000"}),
    "plan": ("gold", {"e30_T": "gold"}),
    "website": ("https://engine.example.test", {"e31_T": "https://engine.example.test"}),
}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_each_reserved_trait_of_a_group_arrives_at_its_people(trait: str, spell: Any) -> None:
    value, expected = GROUPS[trait]

    assert body_of(group(**{spell(trait): respell(value, spell)}), **WITH_FIELDS) == {
        "email": EMAIL,
        "custom_fields": expected,
    }


def test_a_custom_group_trait_arrives_where_it_has_a_field() -> None:
    assert body_of(group(regionCode="PT", tier=1), **WITH_FIELDS)["custom_fields"] == {"e32_T": "PT"}


def test_the_ids_of_a_call_arrive_where_they_have_a_field() -> None:
    settings = {"custom_fields": {"userId": "e5_T"}, "group_fields": {"groupId": "e6_T"}}

    assert body_of(identify(), **settings)["custom_fields"] == {"e5_T": "u-17"}
    assert body_of(group(), **settings)["custom_fields"] == {"e6_T": "g-1"}


@pytest.mark.parametrize(
    ("event", "settings", "reason"),
    [
        pytest.param(group(name="Engines"), {}, "setting group_fields", id="no field for groups"),
        pytest.param(group(tier=1), WITH_FIELDS, "none of the traits", id="none of the fields"),
        pytest.param(
            make_event("group", userId="u-17", groupId="g-1", traits={"name": "E"}),
            WITH_FIELDS,
            "without a valid email",
            id="nobody that can be found",
        ),
    ],
)
def test_a_group_call_that_leads_nowhere_is_skipped(event: Any, settings: Any, reason: str) -> None:
    assert reason in map_event(event, **settings).skipped


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"firstName": "Ann", "name": "Ann Lee Ray"}, ("Ann", "Lee Ray"), id="the last name is missing"),
        pytest.param({"lastName": "Ray", "name": "Ann Lee Ray"}, ("Ann", "Ray"), id="the first name is missing"),
        pytest.param({"name": "Ann"}, ("Ann", None), id="a name of one word"),
        pytest.param({"first_name": "Ann", "last_name": "Lee"}, ("Ann", "Lee"), id="only in snake_case"),
        pytest.param({"name": "x" * 60 + " " + "y" * 60}, ("x" * 50, "y" * 50), id="cut"),
    ],
)
def test_a_name_is_split_where_first_or_last_are_missing(traits: Any, expected: Any) -> None:
    body = body_of(identify(**traits))

    assert (body.get("first_name"), body.get("last_name")) == expected


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Engines"}, {"custom_fields": {"e4_T": "Engines"}}, id="company as text"),
        pytest.param({"address": "12 Main St"}, {"address_line_1": "12 Main St"}, id="address as text"),
        pytest.param(
            {"address": {"street": "a" * 100 + "b" * 150}},
            {"address_line_1": "a" * 100, "address_line_2": "b" * 100},
            id="a long street",
        ),
        pytest.param({"address": {"city": "c" * 61}}, {"city": "c" * 60}, id="a long city"),
        pytest.param({"phone": 442079460000}, {"phone_number": "442079460000"}, id="phone as a number"),
        pytest.param({"age": "old", "birthday": "soon"}, {}, id="no number and no date"),
        pytest.param({"plan": {"a": [1]}}, {"custom_fields": {"e10_T": '{"a":[1]}'}}, id="an object"),
        pytest.param({"plan": True}, {"custom_fields": {"e10_T": "true"}}, id="a boolean"),
        pytest.param({"plan": "x" * 1_001}, {"custom_fields": {"e10_T": "x" * 1_000}}, id="a long text"),
        pytest.param({"firstName": None, "plan": None, "tier": 1}, {}, id="null, and a trait without a field"),
    ],
)
def test_odd_values_of_traits(traits: Any, expected: Any) -> None:
    assert body_of(identify(**traits), **WITH_FIELDS) == {"email": EMAIL, **expected}


def test_the_settings_may_name_a_reserved_trait_in_either_spelling() -> None:
    named = {"created_at": "e1_D", "company.employeeCount": "e2_N", "address.postal_code": "e3_T"}
    traits = {"createdAt": "2024-03-01", "company": {"employeeCount": 40}, "address": {"postalCode": "N1"}}

    body = body_of(identify(**traits), custom_fields=named)

    assert body["custom_fields"] == {"e1_D": "03/01/2024", "e2_N": 40, "e3_T": "N1"}


def test_a_trait_without_a_field_is_reported() -> None:
    destination = Rehearsal(PLUGIN, Settings.model_validate(MINIMAL)).destination

    [entry] = explain(identify(tier=1), [destination])["destinations"]

    assert entry["unmapped"] == ["traits.tier"]


@pytest.mark.parametrize(
    ("call", "settings", "expected"),
    [
        pytest.param({"traits": {"email": EMAIL}}, {}, {"email": EMAIL}, id="email without a userId"),
        pytest.param({"userId": "Ada@example.test"}, {}, {"email": EMAIL}, id="a userId that is an email"),
        pytest.param({"userId": "u-17", "traits": {"email": EMAIL}}, {}, {"email": EMAIL}, id="by default email alone"),
        pytest.param(
            {"userId": "u-17", "anonymousId": "a-1", "traits": {"email": EMAIL}},
            {"send_external_id": True, "send_anonymous_id": True},
            {"email": EMAIL, "external_id": "u-17"},
            id="somebody known has no anonymous id, which would change with the browser",
        ),
        pytest.param(
            {"anonymousId": "a-1"}, {"send_anonymous_id": True}, {"anonymous_id": "a-1"}, id="somebody anonymous"
        ),
    ],
)
def test_who_a_contact_is(call: Any, settings: Any, expected: Any) -> None:
    assert body_of(make_event("identify", **call), **settings) == expected


@pytest.mark.parametrize(
    ("call", "settings", "reason"),
    [
        pytest.param({"anonymousId": "a-1", "traits": {"plan": "free"}}, {}, "valid email", id="anonymous"),
        pytest.param({"userId": "u-17"}, {"send_external_id": True}, "valid email", id="a userId without the email"),
        pytest.param({"userId": "u-17"}, {"send_anonymous_id": True}, "valid email", id="a userId is not anonymous"),
        pytest.param({"userId": "u-17", "traits": {"email": "x"}}, {}, "valid email", id="an email that is none"),
        pytest.param(
            {"userId": "u-17", "traits": {"email": "x" * 250 + "@example.test"}}, {}, "valid email", id="a long email"
        ),
        pytest.param({"traits": {"email": EMAIL}}, {"send_external_id": True}, "second contact", id="no userId"),
    ],
)
def test_who_would_become_a_second_contact_or_an_empty_one_is_skipped(call: Any, settings: Any, reason: str) -> None:
    """SendGrid finds a contact only where the request has all the identifiers that it has."""
    assert reason in map_event(make_event("identify", **call), **settings).skipped


@pytest.mark.parametrize("call", ["track", "page", "screen", "alias"])
def test_other_calls_have_no_action(call: Any) -> None:
    destination = Rehearsal(PLUGIN, Settings.model_validate(MINIMAL)).destination
    event = make_event(call, userId="u-17", event="E", previousId="u-16")

    assert not destination.decide(event, None).is_delivered


@pytest.mark.parametrize(
    "settings",
    [
        {"custom_fields": {"plan": "plan tier"}},
        {"custom_fields": {"plan": "e1_X"}},
        {"custom_fields": {"plan": "w1:boolean"}},
        {"group_fields": {"": "e1_T"}},
        {"region": "us"},
        {"on_behalf_of": "a\r\nb"},
    ],
)
def test_settings_that_are_not_right_are_refused(settings: Any) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**MINIMAL, **settings})


@pytest.mark.parametrize(
    ("named", "value", "expected"),
    [
        ("e1_T", 7, ("e1_T", "7")),
        ("e1_N", "7.5", ("e1_N", 7.5)),
        ("e1_D", "2026-03-04T23:30:00-02:00", ("e1_D", "03/05/2026")),
        ("w1", "x", ("w1", "x")),
        ("w1:number", "1,000", ("w1", 1_000)),
        ("w1:date", 1709285400, ("w1", "03/01/2024")),
        ("e1_T:date", "2024-03-01", ("e1_T", "03/01/2024")),
    ],
)
def test_a_custom_field_takes_values_of_its_type(named: str, value: Any, expected: Any) -> None:
    field_id, convert_value = fields.custom_field(named)

    assert (field_id, convert_value(value)) == expected


@pytest.mark.parametrize(("converter", "value"), [(fields.to_us_date, "soon"), (fields.to_id, "x" * 255)])
def test_values_that_sendgrid_would_refuse_are_left_out(converter: Converter, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        converter(value)

"""From events to people, organizations and notes of Pipedrive."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.pipedrive.fields import converter_for, to_address
from plugins.pipedrive.settings import CustomField
from router.event import Event
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS
from router.testing import make_event
from router.testing.samples import COMPANY, PERSON
from tests.plugins.pipedrive.mapped import (
    MINIMAL,
    ORGANIZATION_ID,
    PERSON_ID,
    body_of,
    make_settings,
    rehearse,
    skipped,
)

KEY = "a" * 40
BY_EMAIL = {"person_id_field": "", "organization_id_field": ""}


def identify(**traits: Any) -> Event:
    return make_event("identify", userId="u-17", traits=traits)


def group(**traits: Any) -> Event:
    return make_event("group", userId="u-17", groupId="c9", traits=traits)


# --- people ---


@pytest.mark.parametrize(
    ("trait", "value", "expected"),
    [
        pytest.param("email", " Ada@Example.test ", {"emails": "ada@example.test"}, id="email"),
        pytest.param("phone", "+44 (0)20 7946 0000", {"phones": "+442079460000"}, id="phone"),
        pytest.param("phone", "extension 7", {"phones": "extension 7"}, id="a phone of no country"),
        pytest.param("name", " Ada Lovelace ", {"record": {"name": "Ada Lovelace"}}, id="name"),
        pytest.param("name", "x" * 300, {"record": {"name": "x" * 255}}, id="a long name"),
        pytest.param("name", {"first": "Ada"}, {"record": {}}, id="a name that is none"),
        pytest.param("createdAt", 1772619630, {"if_new": {"add_time": "2026-03-04T10:20:30Z"}}, id="createdAt"),
        pytest.param("createdAt", "yesterday", {}, id="a date that is none"),
        pytest.param("company", "Acme", {}, id="a company that is not to be written"),
    ],
)
def test_a_trait_goes_where_pipedrive_has_it(trait: str, value: Any, expected: dict[str, Any]) -> None:
    body = body_of(identify(**{trait: value}))

    assert {name: body[name] for name in ("emails", "phones") if name in body} == {
        name: expected[name] for name in ("emails", "phones") if name in expected
    }
    custom = {"custom_fields": {PERSON_ID: "u-17"}}
    assert body["record"] == custom | expected.get("record", {})
    assert body["if_new"].items() >= expected.get("if_new", {}).items()
    assert "company" not in body


@pytest.mark.parametrize(
    "trait", sorted(set(USER_TRAITS) - {"createdAt", "email", "firstName", "lastName", "name", "phone"})
)
def test_every_other_trait_of_a_person_has_a_custom_field_if_the_settings_name_one(trait: str) -> None:
    event = identify(**{trait: PERSON[trait]})

    assert KEY in body_of(event, fields={trait: {"key": KEY, "type": "text"}})["record"]["custom_fields"]
    assert KEY not in body_of(event)["record"]["custom_fields"]


@pytest.mark.parametrize("trait", sorted(set(GROUP_TRAITS) - {"address", "createdAt", "name"}))
def test_and_so_has_every_other_trait_of_a_group(trait: str) -> None:
    event = group(**{trait: COMPANY[trait]})

    assert KEY in body_of(event, group_fields={trait: {"key": KEY, "type": "text"}})["record"]["custom_fields"]
    assert KEY not in body_of(event)["record"]["custom_fields"]


@pytest.mark.parametrize("name", ["address.postalCode", "address.postal_code"])
def test_a_part_of_a_trait_has_a_field_in_either_spelling(name: str) -> None:
    event = identify(address={"postal_code": "N1", "city": "London"})

    assert body_of(event, fields={name: {"key": KEY}})["record"]["custom_fields"][KEY] == "N1"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        pytest.param({}, "gold", "gold", id="text"),
        pytest.param({}, "x" * 300, "x" * 255, id="long text is cut"),
        pytest.param({"type": "text"}, "x" * 300, "x" * 300, id="but in a large one it isn't"),
        pytest.param({}, True, "true", id="a boolean as text"),
        pytest.param({}, "", None, id="no text clears the field"),
        pytest.param({"type": "text"}, "", None, id="a large one too"),
        pytest.param({"type": "phone"}, " ", None, id="and a phone"),
        pytest.param({}, ["a", {"b": 1}], '["a",{"b":1}]', id="a list as JSON"),
        pytest.param({}, ["x" * 300], ValueError, id="JSON is not cut"),
        pytest.param({"type": "double"}, "$1,234.50", 1234.5, id="number"),
        pytest.param({"type": "double"}, "many", ValueError, id="no number"),
        pytest.param({"type": "monetary", "currency": "EUR"}, "12.5", {"value": 12.5, "currency": "EUR"}, id="money"),
        pytest.param({"type": "date"}, "2026-03-04T23:30:00-02:00", "2026-03-05", id="date"),
        pytest.param({"type": "enum", "options": {"gold": 28}}, " Gold", 28, id="option by its name"),
        pytest.param({"type": "enum", "options": {"gold": 28}}, "tin", ValueError, id="an option that isn't named"),
        pytest.param({"type": "enum"}, "28", 28, id="option by its id"),
        pytest.param({"type": "set", "options": {"a": 1, "b": 2}}, ["b", "a"], [2, 1], id="several options"),
        pytest.param({"type": "set", "options": {"a": 1}}, "a", [1], id="one of several"),
        pytest.param({"type": "set", "options": {"a": 1, "b": 2}}, ["b", "B", "a"], [2, 1], id="each option once"),
        pytest.param({"type": "set"}, [], None, id="no option clears the field"),
        pytest.param({"type": "address"}, {"city": "London", "country": "GB"}, {"value": "London, GB"}, id="address"),
        pytest.param({"type": "address"}, " 12 Main St ", {"value": "12 Main St"}, id="address as text"),
        pytest.param({"type": "address"}, {"floor": 3}, ValueError, id="no address"),
        pytest.param({"type": "phone"}, "+44 20 7946 0000", "+442079460000", id="phone"),
        pytest.param({"type": "user"}, "7", 7, id="id"),
    ],
)
def test_a_value_is_of_the_type_of_its_field(field: dict[str, Any], value: Any, expected: Any) -> None:
    convert = converter_for(CustomField(key=KEY, **field))

    if expected is ValueError:
        with pytest.raises(ValueError, match="expected"):
            convert(value)
    else:
        assert convert(value) == expected


def test_a_null_clears_a_custom_field_and_nothing_else() -> None:
    body = body_of(
        identify(name=None, email=None, phone=None, createdAt=None, plan=None), fields={"plan": {"key": KEY}}
    )

    assert body["record"] == {"custom_fields": {PERSON_ID: "u-17", KEY: None}}
    assert body["if_new"] == {"name": "u-17"}
    assert {"emails", "phones"} & body.keys() == set()


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({"firstName": "Ada", "lastName": "Lovelace"}, "Ada Lovelace"),
        ({"lastName": " Lovelace ", "email": "ada@example.test"}, "Lovelace"),
        ({"email": "ada@example.test"}, "ada@example.test"),
        ({}, "u-17"),
    ],
    ids=["both names", "one name", "email", "userId"],
)
def test_somebody_new_has_a_name_in_any_case(traits: dict[str, Any], expected: str) -> None:
    body = body_of(identify(**traits))

    assert {**body["if_new"], **body["record"]}["name"] == expected


@pytest.mark.parametrize(
    ("who", "settings", "expected"),
    [
        pytest.param({"userId": "u-17"}, {}, {"id": "u-17"}, id="userId"),
        pytest.param(
            {"userId": "u-17", "traits": {"email": "A@b.test"}}, {}, {"id": "u-17", "email": "a@b.test"}, id="both"
        ),
        pytest.param({"userId": "u-17", "traits": {"email": "a@b.test"}}, BY_EMAIL, {"email": "a@b.test"}, id="email"),
        pytest.param(
            {"userId": "A@b.test"}, {}, {"id": "A@b.test", "email": "a@b.test"}, id="a userId that is an email"
        ),
        pytest.param(
            {"userId": "x" * 256, "traits": {"email": "a@b.test"}}, {}, {"email": "a@b.test"}, id="long userId"
        ),
        pytest.param({"anonymousId": "a-1"}, {}, "neither a userId nor an email: Pipedrive", id="nobody"),
        pytest.param({"userId": "u-17"}, BY_EMAIL, "without an email: Pipedrive", id="no email"),
    ],
)
def test_who_a_person_is(who: dict[str, Any], settings: dict[str, Any], expected: Any) -> None:
    event = make_event("identify", **who)

    if isinstance(expected, str):
        assert skipped(event, **settings).startswith(expected)
    else:
        assert body_of(event, **settings)["found_by"] == expected


@pytest.mark.parametrize(
    ("company", "settings", "found_by", "record"),
    [
        pytest.param(
            {"id": 9, "name": "Acme"},
            {},
            {"id": "9", "name": "Acme"},
            {"name": "Acme", "custom_fields": {ORGANIZATION_ID: "9"}},
            id="both",
        ),
        pytest.param({"id": "c9"}, {}, {"id": "c9"}, {"custom_fields": {ORGANIZATION_ID: "c9"}}, id="id"),
        pytest.param("Acme", {}, {"name": "Acme"}, {}, id="name: where it is found by it, that is no news"),
        pytest.param({"id": "c9", "name": "Acme"}, BY_EMAIL, {"name": "Acme"}, {}, id="an id that is not kept"),
    ],
)
def test_a_company_is_an_organization_where_it_is_to_be(
    company: Any, settings: dict[str, Any], found_by: dict[str, Any], record: dict[str, Any]
) -> None:
    event = identify(company=company, email="ada@example.test")

    body = body_of(event, company_organizations=True, owner_id=7, **settings)["company"]

    assert (body["found_by"], body["record"]) == (found_by, record)
    assert body["if_new"] == {"name": found_by.get("name", "c9"), "owner_id": 7}


# --- organizations ---


def test_a_group_without_a_name_is_new_by_its_id() -> None:
    assert body_of(group())["if_new"] == {"name": "c9"}
    assert body_of(group(), **BY_EMAIL)["found_by"] == {"name": "c9"}


@pytest.mark.parametrize("settings", [{}, BY_EMAIL], ids=["id", "name"])
def test_a_null_name_is_none(settings: dict[str, Any]) -> None:
    body = body_of(group(name=None), **settings)

    assert (body["if_new"], "name" in body["record"]) == ({"name": "c9"}, False)


def test_a_group_id_that_is_too_long_is_not_cut() -> None:
    assert "255 characters" in skipped(make_event("group", userId="u-17", groupId="x" * 256))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            {"street": "12 Row", "city": "London", "state": "LDN", "postalCode": 1, "country": "GB", "floor": 3},
            {
                "value": "12 Row, London, LDN, 1, GB",
                "locality": "London",
                "admin_area_level_1": "LDN",
                "postal_code": "1",
                "country": "GB",
            },
        ),
        ("12 Row, London", {"value": "12 Row, London"}),
    ],
    ids=["object", "text"],
)
def test_an_address_is_a_line_and_its_parts(address: Any, expected: dict[str, str]) -> None:
    assert to_address(address) == expected


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({"userId": "u-17"}, {"id": "u-17"}),
        ({"anonymousId": "a-1", "context": {"traits": {"email": "A@b.test"}}}, {"email": "a@b.test"}),
        ({"anonymousId": "a-1"}, {}),
    ],
    ids=["userId", "email", "nobody"],
)
def test_who_a_group_call_is_of(who: dict[str, Any], expected: dict[str, str]) -> None:
    assert body_of(make_event("group", groupId="c9", **who))["member"] == expected


# --- notes ---


def test_a_note_is_only_of_the_events_that_the_settings_name() -> None:
    event = make_event("track", userId="u-17", event=" Order  Completed ")

    assert skipped(event, notes=["Order Completed"]) == "it becomes no note (setting notes)"
    assert body_of(event, notes=["Order  Completed"])["note"]["content"] == "Order  Completed"


def test_a_note_is_of_somebody() -> None:
    event = make_event("track", anonymousId="a-1", event="Left")

    assert skipped(event, notes=["Left"]) == "the call names nobody whom Pipedrive could know"


def test_nothing_in_a_note_is_taken_for_html() -> None:
    event = make_event("track", userId="u-17", event="A<b", properties={"x": "<i>&", "none": None, "empty": ""})

    assert body_of(event, notes=["A<b"])["note"]["content"] == "A&lt;b: x &lt;i&gt;&amp;"


# --- settings, explain ---


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"company_domain": "https://acme.pipedrive.com"}, "company_domain"),
        ({"person_id_field": "user_id"}, "person_id_field"),
        ({"fields": {"plan": {"key": PERSON_ID}}}, "holds the id"),
        ({"group_fields": {"plan": {"key": ORGANIZATION_ID}}}, "holds the id"),
        ({"fields": {"company.": {"key": KEY}}}, "a path with dots"),
        ({"fields": {"plan": {"key": KEY, "type": "monetary"}}}, "expected a currency"),
        ({"fields": {"plan": {"key": KEY, "currency": "EUR"}}}, "expected a currency"),
        ({"fields": {"plan": {"key": KEY, "options": {"gold": 1}}}}, "options for type enum"),
        ({"api_token": ""}, "api_token"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_that_cannot_be_right_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        make_settings(**settings)


def test_the_account_is_in_the_address() -> None:
    assert make_settings(company_domain="Acme-Ltd").api_url == "https://acme-ltd.pipedrive.com"


def test_explain_lists_the_traits_that_no_field_is_for() -> None:
    event = identify(firstName="Ada", lastName="King", title="Countess", logins=3, company="Acme")

    [entry] = explain(event, [rehearse(company_organizations=True).destination])["destinations"]

    assert entry["unmapped"] == ["traits.title", "traits.logins"]
    assert {line["to"] for line in entry["lineage"]} == {
        "name",
        "org_id.name",
        f"custom_fields.{MINIMAL['person_id_field']}",
    }

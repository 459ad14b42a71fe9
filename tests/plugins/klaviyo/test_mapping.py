"""From identify and group calls to profiles."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.klaviyo import attributes
from plugins.klaviyo.settings import Settings
from router.plugin import GROUP_TRAITS, USER_TRAITS, Converter, camel_case, snake_case
from router.testing import make_event
from tests.plugins.klaviyo.samples import EMAIL, MINIMAL, body_of, group, identify, map_event, payloads_of

PEOPLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (
        {"street": "12 Main St", "city": "London", "state": "LDN", "postalCode": "N1", "country": "GB"},
        {"location": {"address1": "12 Main St", "city": "London", "region": "LDN", "zip": "N1", "country": "GB"}},
    ),
    "age": ("36", {"properties": {"age": 36}}),
    "avatar": ("https://example.test/a.png", {"image": "https://example.test/a.png"}),
    "birthday": ("1815-12-10T05:00:00Z", {"properties": {"birthday": "1815-12-10"}}),
    "company": (
        {"name": "Engines", "id": 7, "industry": "Toys", "employee_count": "40", "plan": "gold"},
        {
            "organization": "Engines",
            "properties": {
                "company_id": "7",
                "company_industry": "Toys",
                "company_employee_count": 40,
                "company_plan": "gold",
            },
        },
    ),
    "createdAt": (1709285400, {"properties": {"createdAt": "2024-03-01T09:30:00+00:00"}}),
    "description": ("Countess", {"properties": {"description": "Countess"}}),
    "email": (" Ada@Example.test", {"email": EMAIL}),
    "firstName": ("Ada", {"first_name": "Ada"}),
    "gender": ("female", {"properties": {"gender": "female"}}),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {"last_name": "Lovelace"}),
    "name": ("Ada King Lovelace", {"first_name": "Ada", "last_name": "King Lovelace"}),
    "phone": ("+44 20 7946 0000", {"phone_number": "+442079460000"}),
    "title": ("Countess", {"title": "Countess"}),
    "username": ("ada", {"properties": {"username": "ada"}}),
    "website": ("https://example.test", {"properties": {"website": "https://example.test"}}),
}
"""Each reserved trait of a person: what is sent, and what comes of it beside ``external_id``."""


def respell(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_each_reserved_trait_arrives(trait: str, spell: Any) -> None:
    value, expected = PEOPLE[trait]

    assert body_of(identify(**{spell(trait): respell(value, spell)})) == {"external_id": "u-17", **expected}


GROUPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": ({"city": "Leeds", "postalCode": "LS1"}, {"group_address": {"city": "Leeds", "postalCode": "LS1"}}),
    "avatar": ("https://example.test/e.png", {"group_avatar": "https://example.test/e.png"}),
    "createdAt": ("2020-01-02", {"group_created_at": "2020-01-02T00:00:00+00:00"}),
    "description": ("Makers", {"group_description": "Makers"}),
    "email": ("office@example.test", {"group_email": "office@example.test"}),
    "employees": ("40", {"group_employees": 40}),
    "id": ("g-1", {}),
    "industry": ("Toys", {"group_industry": "Toys"}),
    "name": ("Engines", {}),
    "phone": ("01132 460000", {"group_phone": "01132 460000"}),
    "plan": ("gold", {"group_plan": "gold"}),
    "website": ("https://engine.example.test", {"group_website": "https://engine.example.test"}),
}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_each_reserved_trait_of_a_group_arrives_at_its_people(trait: str, spell: Any) -> None:
    value, expected = GROUPS[trait]

    body = body_of(group(**{spell(trait): respell(value, spell)}))

    assert body["external_id"] == "u-17"
    assert body["properties"] == {"group_id": "g-1", **expected}
    assert body.get("organization") == ("Engines" if trait == "name" else None)


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"employees": "11-50"}, "11-50", id="a range"),
        pytest.param({"employees": "1,000+"}, "1,000+", id="more than"),
        pytest.param({"employees": "11-50", "employee_count": 30}, 30, id="a number beside it"),
    ],
)
def test_how_many_work_in_a_group_may_be_told_in_words(traits: Any, expected: Any) -> None:
    assert body_of(group(**traits))["properties"]["group_employees"] == expected


def test_custom_group_traits_arrive_and_hide_none_of_the_persons() -> None:
    body = body_of(group(regionCode="PT", plan="gold", **{"$source": 1}))

    assert body["properties"] == {"group_id": "g-1", "group_region_code": "PT", "group_plan": "gold"}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"firstName": "Ann", "name": "Ann Lee Ray"}, ("Ann", "Lee Ray"), id="the last name is missing"),
        pytest.param({"lastName": "Ray", "name": "Ann Lee Ray"}, ("Ann", "Ray"), id="the first name is missing"),
        pytest.param({"name": "Ann"}, ("Ann", None), id="a name of one word"),
        pytest.param({"first_name": "Ann", "last_name": "Lee"}, ("Ann", "Lee"), id="only in snake_case"),
    ],
)
def test_a_name_is_split_where_first_or_last_are_missing(traits: Any, expected: Any) -> None:
    body = body_of(identify(**traits))

    assert (body.get("first_name"), body.get("last_name")) == expected


@pytest.mark.parametrize(
    ("phone", "code", "expected"),
    [
        pytest.param("+44 20 7946 0000", "", {"phone_number": "+442079460000"}, id="E.164 with blanks"),
        pytest.param("0044 20 7946 0000", "+49", {"phone_number": "+442079460000"}, id="00 for +"),
        pytest.param("020 7946 0000", "+44", {"phone_number": "+442079460000"}, id="the default calling code"),
        pytest.param("1-415-555-0123", "+1", {"phone_number": "+14155550123"}, id="the one of North America"),
        pytest.param("(415) 555-0123", "+1", {"phone_number": "+14155550123"}, id="North America without it"),
        pytest.param("06 6982 0000", "+39", {"phone_number": "+390669820000"}, id="the zero of Italy is part of it"),
        pytest.param(2079460000, "+44", {"phone_number": "+442079460000"}, id="a number"),
        pytest.param("020 7946 0000", "", {"properties": {"phone_raw": "020 7946 0000"}}, id="no calling code"),
        pytest.param("ask", "+44", {"properties": {"phone_raw": "ask"}}, id="no number"),
        pytest.param("+0123", "+44", {"properties": {"phone_raw": "+0123"}}, id="no number although it has a +"),
        pytest.param(None, "+44", {"phone_number": None, "properties": {"phone_raw": None}}, id="null clears both"),
    ],
)
def test_a_phone_that_is_not_e164_costs_nothing_else(phone: Any, code: str, expected: Any) -> None:
    assert body_of(identify(phone=phone), default_calling_code=code) == {"external_id": "u-17", **expected}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Engines"}, {"organization": "Engines"}, id="company as text"),
        pytest.param({"address": "12 Main St"}, {"location": {"address1": "12 Main St"}}, id="address as text"),
        pytest.param({"avatar": "a.png"}, {}, id="an avatar that is no address"),
        pytest.param({"age": "old", "birthday": "soon"}, {}, id="no number and no date"),
        pytest.param({"firstName": None, "tier": None}, {"first_name": None, "properties": {"tier": None}}, id="null"),
        pytest.param(
            {"address": None},
            {
                "location": dict.fromkeys(["address1", "city", "country", "region", "zip"]),
                "properties": {"address": None},
            },
            id="a null address clears all of it",
        ),
        pytest.param(
            {"company": None},
            {
                "organization": None,
                "properties": dict.fromkeys(
                    ["company", *(f"company_{part}" for part in ("employee_count", "id", "industry", "plan"))]
                ),
            },
            id="a null company",
        ),
        pytest.param(
            {"address": {"city": "Leeds", "floor": 3}, "company": {"name": "Engines", "domain": "engines.test"}},
            {
                "location": {"city": "Leeds"},
                "organization": "Engines",
                "properties": {"address": {"floor": 3}, "company": {"domain": "engines.test"}},
            },
            id="what no field is for",
        ),
        pytest.param({"address": "x" * 100_001}, {}, id="an address that is too long"),
        pytest.param({"email": None}, {}, id="an email is never cleared"),
        pytest.param({"email": "not an email"}, {}, id="an email that is none"),
        pytest.param({"$consent": ["sms"], "": 1, "ok": 1}, {"properties": {"ok": 1}}, id="reserved names"),
        pytest.param(
            {"planTier": "gold", "tags": ["a", 1], "prefs": {"a": {"b": None}}},
            {"properties": {"planTier": "gold", "tags": ["a", 1], "prefs": {"a": {"b": None}}}},
            id="custom traits as they are",
        ),
    ],
)
def test_odd_values_of_traits(traits: Any, expected: Any) -> None:
    assert body_of(identify(**traits)) == {"external_id": "u-17", **expected}


def test_the_context_tells_of_the_place() -> None:
    context = {"ip": "203.0.113.7", "timezone": "Europe/London", "locale": "EN_GB.UTF-8"}
    event = make_event("identify", userId="u-17", context=context)

    assert body_of(event) == {
        "external_id": "u-17",
        "location": {"ip": "203.0.113.7", "timezone": "Europe/London"},
        "locale": "en-GB",
    }


@pytest.mark.parametrize(
    ("call", "settings", "expected"),
    [
        pytest.param({"traits": {"email": EMAIL}}, {}, {"email": EMAIL}, id="email without a userId"),
        pytest.param(
            {"userId": "Ada@example.test"}, {"send_external_id": False}, {"email": EMAIL}, id="userId as email"
        ),
        pytest.param(
            {"userId": EMAIL, "traits": {"email": "b@example.test"}},
            {},
            {"external_id": EMAIL, "email": "b@example.test"},
            id="the trait wins",
        ),
        pytest.param(
            {"anonymousId": "a-1", "traits": {"phone": "+442079460000"}},
            {},
            {"phone_number": "+442079460000"},
            id="a phone identifies",
        ),
    ],
)
def test_who_a_profile_is(call: Any, settings: Any, expected: Any) -> None:
    assert body_of(make_event("identify", **call), **settings) == expected


@pytest.mark.parametrize(
    ("call", "settings"),
    [
        pytest.param({"anonymousId": "a-1", "traits": {"plan": "free"}}, {}, id="anonymous"),
        pytest.param({"userId": "u-17"}, {"send_external_id": False}, id="a userId that is not sent"),
        pytest.param({"userId": "x" * 256}, {}, id="a userId that is too long"),
        pytest.param({"anonymousId": "a-1", "traits": {"phone": "ask"}}, {}, id="a phone that is none"),
    ],
)
@pytest.mark.parametrize("kind", ["identify", "group"])
def test_nobody_becomes_a_profile(kind: str, call: Any, settings: Any) -> None:
    event = make_event(kind, **call, **({"groupId": "g-1"} if kind == "group" else {}))

    for bulk in (False, True):
        mapped = map_event(event, bulk=bulk, **settings).values()
        assert not [payload for each in mapped for payload in each.payloads]
        assert any("nobody" in each.skipped for each in mapped)


@pytest.mark.parametrize(("bulk", "action"), [(False, "update profile"), (True, "update profiles in jobs")])
def test_profiles_go_one_by_one_or_in_jobs(bulk: bool, action: str) -> None:
    mapped = map_event(identify(email=EMAIL), bulk=bulk)

    assert [name for name, each in mapped.items() if each.payloads] == [action]


SETTINGS = Settings.model_validate(MINIMAL)


@pytest.mark.parametrize(
    ("converter", "value", "expected"),
    [
        (attributes.to_moment, "2024-03-01T10:30:00+01:00", "2024-03-01T09:30:00+00:00"),
        (attributes.to_property, list(range(4_001)), list(range(4_000))),
    ],
)
def test_values_as_klaviyo_takes_them(converter: Converter, value: Any, expected: Any) -> None:
    assert converter(value) == expected


@pytest.mark.parametrize(
    ("converter", "value"),
    [
        (attributes.to_moment, "soon"),
        (attributes.to_phone(SETTINGS), "020 7946 0000"),
    ],
)
def test_values_that_klaviyo_would_refuse_are_left_out(converter: Converter, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        converter(value)


def test_what_is_nested_too_deep_becomes_text() -> None:
    value: Any = 1
    for _ in range(12):
        value = {"a": value}

    found = attributes.to_property(value)
    for _ in range(10):
        found = found["a"]

    assert found == '{"a":{"a":1}}'


@pytest.mark.parametrize("call", [identify, group])
def test_what_a_profile_has_no_room_for_is_left_out_and_told(call: Any) -> None:
    """Klaviyo refuses a profile of more than 100 KB."""
    [payload] = payloads_of(call(plan="gold", log=["x" * 200] * 600))

    assert {name.removeprefix("group_") for name in payload.body["properties"]} <= {"plan", "id"}
    assert ["left out:" in note and note.endswith("log") for note in payload.notes] == [True]

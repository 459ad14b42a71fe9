"""What of people and groups is said to Google: each reserved trait in both spellings, and the odd shapes they come in."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from plugins.ga4.names import PERSONAL_TRAITS, property_name
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, camel_case, snake_case
from router.testing import make_event
from tests.plugins.ga4.mapped import body_of, make_settings, params_of, rehearse, skipped

ADDRESS = {"city": "Porto", "state": "13", "country": "pt", "postalCode": "4000", "street": "1 Main St"}
COMPANY = {"name": "Acme", "id": "c-1", "industry": "Mills", "employee_count": 40, "plan": "gold"}
TOLD = {
    "identify_event": "identify",
    "user_data": True,
    "user_properties": ("age", "company.industry", "company.plan", "createdAt", "gender", "title"),
}
"""Settings under which all that may be said is said."""


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def value(name: str, given: Any) -> dict[str, Any]:
    return {"user_properties": {name: {"value": given}}}


USER_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (
        ADDRESS,
        {
            "user_location": {"city": "Porto", "region_id": "PT-13", "country_id": "PT"},
            "user_data": {
                "address": [
                    {
                        "sha256_street": sha("1 main st"),
                        "city": "porto",
                        "region": "13",
                        "postal_code": "4000",
                        "country": "PT",
                    }
                ]
            },
        },
    ),
    "age": (36, value("age", 36)),
    "avatar": ("https://example.test/a.png", {}),
    "birthday": ("1990-12-10", {}),
    "company": (
        COMPANY,
        {"user_properties": {"company_industry": {"value": "Mills"}, "company_plan": {"value": "gold"}}},
    ),
    "createdAt": ("2024-08-24T16:15:22.5+02:00", value("signup_date", "2024-08-24")),
    "description": ("Countess", {}),
    "email": (" Ada@Example.test ", {"user_data": {"sha256_email_address": [sha("ada@example.test")]}}),
    "firstName": (" Ada", {"user_data": {"address": [{"sha256_first_name": sha("ada")}]}}),
    "gender": ("female", value("gender", "female")),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {"user_data": {"address": [{"sha256_last_name": sha("lovelace")}]}}),
    "name": ("Ada Lovelace", {}),
    "phone": ("+442079460000", {"user_data": {"sha256_phone_number": [sha("+442079460000")]}}),
    "title": ("Countess", value("title", "Countess")),
    "username": ("ada", {}),
    "website": ("https://example.test", {}),
}
"""What is sent, and what stands beside the event; `id` is the userId."""

GROUP_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": ({"postalCode": "LS1", "city": "Leeds"}, {"address_postalCode": "LS1", "address_city": "Leeds"}),
    "avatar": ("https://example.test/a.png", {"avatar": "https://example.test/a.png"}),
    "createdAt": (1724508922, {"group_created_at": "2024-08-24"}),
    "description": ("Mills", {"description": "Mills"}),
    "email": ("office@example.test", {}),
    "employees": (40, {"employees": "40"}),
    "id": ("acme-1", {}),
    "industry": ("Mills", {"industry": "Mills"}),
    "name": ("Acme", {"group_name": "Acme"}),
    "phone": ("+441132460000", {}),
    "website": ("https://example.test", {"website": "https://example.test"}),
    "plan": ("gold", {"plan": "gold"}),
}


def spelled(given: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in given.items()} if isinstance(given, dict) else given


def beside(traits: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """What an identify says beside its event."""
    event = make_event("identify", userId="u-17", traits=traits)
    body = body_of(event, "tell user", **{**TOLD, **settings})
    return {key: item for key, item in body.items() if key not in ("client_id", "user_id", "events")}


@pytest.mark.parametrize(
    ("traits", "settings", "expected"),
    [
        pytest.param({}, {}, "ada@example.test", id="no other"),
        pytest.param({"email": "grace@example.test"}, {}, "grace@example.test", id="another"),
        pytest.param({}, {"user_data": False}, None, id="nothing of the person is to be sent"),
    ],
)
def test_a_user_id_that_is_an_email_is_the_person_s(traits: Any, settings: Any, expected: str | None) -> None:
    event = make_event("identify", userId="Ada@example.test", traits=traits)

    told = body_of(event, "tell user", **{**TOLD, **settings}).get("user_data")

    assert told == (expected and {"sha256_email_address": [sha(expected)]})


def test_every_reserved_trait_has_a_case() -> None:
    assert USER_CASES.keys() == set(USER_TRAITS)
    assert GROUP_CASES.keys() == set(GROUP_TRAITS)


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    given, expected = USER_CASES[trait]

    assert beside({spell(trait): spelled(given, spell)}) == expected


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    given, expected = GROUP_CASES[trait]
    event = make_event(
        "group", userId="u-17", groupId="acme-1", traits={"kept": 1, spell(trait): spelled(given, spell)}
    )

    assert params_of(event, "join group") == {"group_id": "acme-1", "kept": 1, **expected}


def test_all_custom_traits_of_a_group_arrive() -> None:
    traits = {"tier": 1, "isPartner": True, "region code": "PT", "more": {"floor": 3}, "tags": ["a"], "gone": None}
    event = make_event("group", anonymousId="a-1", groupId=9, traits=traits)

    assert params_of(event, "join group") == {
        "group_id": "9",
        "tier": 1,
        "isPartner": True,
        "region_code": "PT",
        "more_floor": 3,
    }


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Acme"}, {}, id="company as text is its name"),
        pytest.param({"address": "1 Main St"}, {}, id="address as text"),
        pytest.param(
            {"first_name": "Ada", "last_name": "Lovelace"},
            {"user_data": {"address": [{"sha256_first_name": sha("ada"), "sha256_last_name": sha("lovelace")}]}},
            id="names in snake_case",
        ),
        pytest.param({"phone": "020 7946 0000"}, {}, id="a phone that is not E.164"),
        pytest.param({"email": "not an email"}, {}, id="an email that is none"),
        pytest.param(
            {"email": sha("ada@example.test").upper()},
            {"user_data": {"sha256_email_address": [sha("ada@example.test")]}},
            id="hashed already",
        ),
        pytest.param({"createdAt": "yesterday"}, {}, id="no date"),
        pytest.param({"title": ["a"], "gender": {"a": 1}, "age": None}, {}, id="lists, objects and null"),
        pytest.param({"title": "x" * 50}, value("title", "x" * 36), id="long text is cut"),
        pytest.param({"title": "ada@example.test"}, {}, id="an email in another trait"),
        pytest.param(
            {"address": {"city": "Porto", "state": "Norte", "country": "Portugal"}},
            {
                "user_location": {"city": "Porto"},
                "user_data": {"address": [{"city": "porto", "region": "norte"}]},
            },
            id="places in words",
        ),
        pytest.param(
            {"address": {"state": "13"}}, {"user_data": {"address": [{"region": "13"}]}}, id="a part of no country"
        ),
        pytest.param(
            {"address": {"state": "pt-13"}},
            {"user_location": {"region_id": "PT-13"}, "user_data": {"address": [{"region": "pt-13"}]}},
            id="a region with its country",
        ),
    ],
)
def test_traits_of_odd_shapes(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert beside(traits) == expected


def test_nothing_is_said_of_a_person_unless_the_operator_names_it() -> None:
    traits = {name: given for name, (given, _) in USER_CASES.items() if name != "address"}

    assert beside(traits, user_data=False, user_properties=()) == {}


def test_other_calls_bring_user_properties_in_their_context() -> None:
    context = {"traits": {"created_at": 1724508922, "company": {"plan": "gold"}, "tier": 3}}
    event = make_event("track", userId="u-17", event="E", context=context)

    properties = body_of(event, "track event", user_properties=("createdAt", "company.plan", "tier"))["user_properties"]

    assert properties == {
        "signup_date": {"value": "2024-08-24"},
        "company_plan": {"value": "gold"},
        "tier": {"value": 3},
    }


def test_an_identify_is_no_event_of_google_s_unless_the_operator_makes_it_one() -> None:
    event = make_event("identify", userId="u-17", traits={"email": "ada@example.test"})

    assert "identify_event" in skipped(event, "tell user")


def test_an_identify_with_an_email_alone_makes_no_visitor() -> None:
    event = make_event("identify", traits={"email": "ada@example.test"})

    assert skipped(event, "tell user", **TOLD) == "neither a userId nor an anonymousId to make a client_id from"


def test_explain_tells_what_is_left_out_and_why() -> None:
    event = make_event("identify", userId="ada@example.test", traits={"phone": "020 7946 0000", "email": "a@b.test"})

    entry = explain(event, [rehearse(**TOLD).destination])["destinations"][0]

    assert {line["from"] for line in entry["lineage"]} >= {"userId", "traits.email"}
    assert [text for text in entry["warnings"] if text.startswith(("traits.phone", "userId"))] == [
        "userId: an email; Google forbids it (pii_guard); left out",
        "traits.phone: expected a phone number in E.164 form, such as +14155550123; left out",
    ]


# --- settings ---


@pytest.mark.parametrize("trait", sorted(PERSONAL_TRAITS))
def test_what_tells_the_person_may_be_named_only_without_the_guard(trait: str) -> None:
    with pytest.raises(ValidationError, match="pii_guard"):
        make_settings(user_properties=[trait])

    assert make_settings(user_properties=[trait], pii_guard=False)


def test_a_trait_may_be_named_in_either_spelling() -> None:
    """An event has the one of the spec, so that a user property of the other was never sent."""
    traits = {"createdAt": "2024-01-02", "company": {"employee_count": 4}}

    assert beside(traits, user_data=False, user_properties=["created_at", "createdAt", "company.employeeCount"]) == {
        "user_properties": {"signup_date": {"value": "2024-01-02"}, "company_employee_count": {"value": 4}}
    }
    with pytest.raises(ValidationError, match="pii_guard"):
        make_settings(user_properties=["first_name"])


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"measurement_id": ""}, id="no stream"),
        pytest.param({"measurement_id": "G-1&x=1"}, id="no measurement id"),
        pytest.param({"firebase_app_id": "1:1:ios:a#"}, id="no app id"),
        pytest.param({"user_properties": ["customer_id"]}, id="a reserved property"),
        pytest.param({"user_properties": ["google_id"]}, id="a reserved prefix"),
        pytest.param({"user_properties": ["x" * 25]}, id="a long property"),
        pytest.param({"user_properties": ["a.b", "a_b"]}, id="two of one name"),
        pytest.param({"user_properties": [f"p{number}" for number in range(26)]}, id="26 properties"),
        pytest.param({"identify_event": "session_start"}, id="a reserved event"),
        pytest.param({"identify_event": "Log In"}, id="no name of an event"),
        pytest.param({"default_currency": "euro"}, id="no currency"),
    ],
)
def test_settings_that_google_would_not_take_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**settings)


@pytest.mark.parametrize(
    ("trait", "name"),
    [("createdAt", "signup_date"), ("company.industry", "company_industry"), ("planTier", "plan_tier"), ("a b", "a_b")],
)
def test_a_user_property_has_a_name_that_google_takes(trait: str, name: str) -> None:
    assert property_name(trait) == name

"""Traits of users and companies, and whom a call is about."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import GROUP_TRAITS, USER_TRAITS, snake_case
from router.testing import make_event
from tests.plugins.userlist.samples import ADA, ANON, EMAIL, body_of, payload_of, skipped

ADDRESS = {"city": "London", "state": "LND", "country": "GB", "postalCode": "N1", "street": "12 Main St", "floor": 2}
FLAT_ADDRESS = {
    "address_city": "London",
    "address_state": "LND",
    "address_country": "GB",
    "address_postal_code": "N1",
    "address_street": "12 Main St",
    "address": {"floor": 2},
}
ACME = {"name": "Acme", "id": 17, "industry": "Mills", "employee_count": 40, "plan": "gold", "tier": 1}

USER_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (ADDRESS, {"properties": FLAT_ADDRESS}),
    "age": ("36", {"properties": {"age": 36}}),
    "avatar": ("https://example.test/ada.png", {"properties": {"avatar": "https://example.test/ada.png"}}),
    "birthday": ("1985-12-10", {"properties": {"birthday": "1985-12-10"}}),
    "company": (
        ACME,
        {
            "company": {
                "identifier": "17",
                "name": "Acme",
                "properties": {"industry": "Mills", "employee_count": 40, "plan": "gold", "tier": 1},
            }
        },
    ),
    "createdAt": (1724508922, {"signed_up_at": "2024-08-24T14:15:22Z"}),
    "description": ("Countess", {"properties": {"description": "Countess"}}),
    "email": (" Ada@Example.test ", {"email": EMAIL}),
    "firstName": ("Ada", {"properties": {"first_name": "Ada"}}),
    "gender": ("female", {"properties": {"gender": "female"}}),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {"properties": {"last_name": "Lovelace"}}),
    "name": ("Ada Lovelace", {"properties": {"name": "Ada Lovelace"}}),
    "phone": ("020 7946", {"properties": {"phone": "020 7946"}}),
    "title": ("Analyst", {"properties": {"title": "Analyst"}}),
    "username": ("ada", {"properties": {"username": "ada"}}),
    "website": ("https://example.test", {"properties": {"website": "https://example.test"}}),
}

COMPANY_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (ADDRESS, {"properties": FLAT_ADDRESS}),
    "avatar": ("https://example.test/a.png", {"properties": {"avatar": "https://example.test/a.png"}}),
    "createdAt": ("2020-01-02", {"signed_up_at": "2020-01-02"}),
    "description": ("Mills", {"properties": {"description": "Mills"}}),
    "email": ("hello@example.test", {"properties": {"email": "hello@example.test"}}),
    "employees": (40, {"properties": {"employees": 40}}),
    "id": ("c9", {}),
    "industry": ("Mills", {"properties": {"industry": "Mills"}}),
    "name": ("Acme", {"name": "Acme"}),
    "phone": ("020 7946", {"properties": {"phone": "020 7946"}}),
    "website": ("https://example.test", {"properties": {"website": "https://example.test"}}),
    "plan": ("gold", {"properties": {"plan": "gold"}}),
}


def user_of(traits: dict[str, Any], **settings: Any) -> Any:
    """The user u-17 without the identifier."""
    body = body_of(make_event("identify", **ADA, traits=traits), **settings)
    assert body.pop("identifier") == "u-17"
    return body


def test_every_reserved_trait_has_a_case() -> None:
    assert USER_CASES.keys() == set(USER_TRAITS)
    assert COMPANY_CASES.keys() == set(GROUP_TRAITS)


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives(trait: str, spell: Any) -> None:
    value, expected = USER_CASES[trait]
    if isinstance(value, dict):
        value = {spell(key): item for key, item in value.items()}

    assert user_of({spell(trait): value}) == expected


@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_arrives(trait: str) -> None:
    value, expected = COMPANY_CASES[trait]
    event = make_event("group", **ADA, groupId="c9", traits={trait: value})

    assert body_of(event) == {
        "identifier": "c9",
        "relationships": [{"user": {"identifier": "u-17"}}],
        **expected,
    }


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param(
            {"plan": "gold", "n": 1.5, "yes": True, "oddName": ""},
            {"plan": "gold", "n": 1.5, "yes": True, "oddName": ""},
            id="custom",
        ),
        pytest.param(
            {"a": {"b": [1, {"c": 2}]}, "tags": ["x"]}, {"a": {"b": [1, {"c": 2}]}, "tags": ["x"]}, id="nested"
        ),
        pytest.param(
            {"plan": None, "title": None, "email": None, "createdAt": None, "company": None},
            {"plan": None, "title": None},
            id="a null removes a property",
        ),
        pytest.param(
            {"address": None, "kept": 1},
            {"kept": 1, "address": None, **dict.fromkeys(name for name in FLAT_ADDRESS)},
            id="a null address removes its parts",
        ),
        pytest.param({"email": "ada", "age": "old", "createdAt": "yesterday", "kept": 1}, {"kept": 1}, id="unreadable"),
        pytest.param({"address": "12 Main St"}, {"address": "12 Main St"}, id="an address given as text"),
        pytest.param({"company": "Acme"}, {"company_name": "Acme"}, id="a company given as text"),
        pytest.param(
            {"company": {"name": "Acme", "tier": 1}, "company_name": "x", "kept": 1},
            {"company_name": "Acme", "company_tier": 1, "kept": 1},
            id="a company without an id",
        ),
    ],
)
def test_traits_of_odd_shapes_arrive_or_are_left_out_alone(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert user_of(traits) == {"properties": expected}


def test_times_of_sign_up_and_last_visit_are_fields_of_their_own() -> None:
    company = {"id": "c9", "created_at": "2020-01-02"}

    assert user_of({"created_at": "2024-01-01", "last_seen_at": "2026-01-01T00:00:00Z", "company": company}) == {
        "signed_up_at": "2024-01-01",
        "last_seen_at": "2026-01-01T00:00:00Z",
        "company": {"identifier": "c9", "signed_up_at": "2020-01-02"},
    }


def test_without_companies_they_are_properties_of_the_user() -> None:
    assert user_of({"company": {**ACME, "createdAt": "2020-01-02"}, "kept": 1}, companies=False) == {
        "properties": {
            "kept": 1,
            "company_id": "17",
            "company_name": "Acme",
            "company_signed_up_at": "2020-01-02",
            "company_industry": "Mills",
            "company_employee_count": 40,
            "company_plan": "gold",
            "company_tier": 1,
        }
    }
    assert "setting companies" in skipped(make_event("group", **ADA, groupId="c9"), companies=False)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param({"userId": "Ada@Example.test"}, {"identifier": "Ada@Example.test", "email": EMAIL}, id="an email"),
        pytest.param(
            {"userId": "x@y.test", "traits": {"email": EMAIL}},
            {"identifier": "x@y.test", "email": EMAIL},
            id="another email",
        ),
        pytest.param({**ANON, "traits": {"email": EMAIL}}, {"email": EMAIL}, id="an email alone"),
    ],
)
def test_whom_an_identify_is_about(call: Any, expected: Any) -> None:
    assert body_of(make_event("identify", **call)) == expected


def test_somebody_without_a_user_id_and_an_email_is_skipped() -> None:
    assert "neither a userId nor an email" in skipped(make_event("identify", **ANON, traits={"plan": "gold"}))


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({**ADA, "context": {"traits": {"email": EMAIL}}}, {"identifier": "u-17", "email": EMAIL}),
        ({**ANON, "context": {"traits": {"email": EMAIL}}}, {"email": EMAIL}),
        (ANON, None),
    ],
    ids=["userId", "email", "nobody"],
)
def test_who_is_of_a_company(who: Any, expected: Any) -> None:
    """They are told of as an object, so that Userlist makes them where they are not there: for an id alone it refuses all."""
    event = make_event("group", **who, groupId=9, traits={"name": None, "tier": None})

    told = {"identifier": "9", "properties": {"tier": None}}
    assert body_of(event) == told | ({"relationships": [{"user": expected}]} if expected else {})


@pytest.mark.parametrize("call", ["identify", "group", "track"])
def test_what_there_is_no_room_for_is_left_out_and_told(call: str) -> None:
    bag = {"bio": "x" * 70_000, "notes": "é" * 30_000, "kept": 1}
    told = {"properties": bag} if call == "track" else {"traits": bag}
    event = make_event(call, **ADA, groupId="c9", event="E", **told)

    payload = payload_of(event)

    assert list(payload.body["properties"]) == ["notes", "kept"]
    assert payload.notes == ("beyond the 100000 bytes that a request may have; left out: bio",)

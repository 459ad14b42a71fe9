"""Traits of users and companies, and whom a call is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from router.plugin import GROUP_TRAITS, NESTED_TRAITS, USER_TRAITS, snake_case
from router.testing import make_event
from router.testing.samples import COMPANY, PERSON
from tests.plugins.userlist.samples import ADA, ANON, EMAIL, body_of, payload_of, skipped

ADDRESS_PARTS = [f"address_{snake_case(part)}" for part in NESTED_TRAITS["address"]]
ACME = {"name": "Acme", "id": 17, "industry": "Mills", "employee_count": 40, "plan": "gold", "tier": 1}
OF_USER = {"email": "email", "createdAt": "signed_up_at"}
OF_COMPANY = {"name": "name", "createdAt": "signed_up_at"}


def fields_of(traits: Mapping[str, Any], name: str, own: Mapping[str, str]) -> dict[str, Any]:
    """What Userlist gets of a trait: one of its *own* fields, or properties in snake_case."""
    value = traits[name]
    if name == "id":
        return {}
    if name in own:
        return {own[name]: value}
    if name == "address":
        return {"properties": {f"address_{snake_case(part)}": item for part, item in value.items()}}
    return {"properties": {snake_case(name): value}}


def user_of(traits: dict[str, Any], **settings: Any) -> Any:
    """The user u-17 without the identifier."""
    body = body_of(make_event("identify", **ADA, traits=traits), **settings)
    assert body.pop("identifier") == "u-17"
    return body


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", sorted({*USER_TRAITS} - {"company"}))
def test_a_reserved_user_trait_arrives(trait: str, spell: Any) -> None:
    value = PERSON[trait]
    if isinstance(value, dict):
        value = {spell(key): item for key, item in value.items()}

    assert user_of({spell(trait): value}) == fields_of(PERSON, trait, OF_USER)


@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_arrives(trait: str) -> None:
    event = make_event("group", **ADA, groupId="c9", traits={trait: COMPANY[trait]})

    assert body_of(event) == {
        "identifier": "c9",
        "relationships": [{"user": {"identifier": "u-17"}}],
        **fields_of(COMPANY, trait, OF_COMPANY),
    }


@pytest.mark.parametrize("size", ["employee_count", "employeeCount"])
def test_a_company_with_an_id_is_one(size: str) -> None:
    company = {"name": "Acme", "id": 17, "industry": "Mills", size: 41, "tier": 1}

    assert user_of({"company": company}) == {
        "company": {
            "identifier": "17",
            "name": "Acme",
            "properties": {"industry": "Mills", "employee_count": 41, "tier": 1},
        }
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
            {"kept": 1, "address": None, **dict.fromkeys(ADDRESS_PARTS)},
            id="a null address removes its parts",
        ),
        pytest.param({"email": "ada", "age": "old", "createdAt": "yesterday", "kept": 1}, {"kept": 1}, id="unreadable"),
        pytest.param({"address": "12 Main St"}, {"address": "12 Main St"}, id="an address given as text"),
        pytest.param({"address": {"floor": 2}}, {"address": {"floor": 2}}, id="what else is in an address"),
        pytest.param({"age": "36"}, {"age": 36}, id="a number in a text"),
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

    assert user_of({"created_at": 1704067200, "last_seen_at": "2026-01-01T00:00:00Z", "company": company}) == {
        "signed_up_at": "2024-01-01T00:00:00Z",
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
            {"userId": "x@y.test", "traits": {"email": " Ada@Example.test "}},
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

"""From events to people, users, companies and workspaces of Attio."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.attio.attributes import LOCATION
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, camel_case, snake_case
from router.testing import make_event
from router.testing.samples import COMPANY, PERSON
from tests.plugins.attio.mapped import body_of, make_settings, rehearse, skipped

EMAIL = "ada@example.org"
USERS = {"use_users_object": True}
WORKSPACES = {"use_workspaces_object": True}


def location(**known: str) -> dict[str, Any]:
    return dict.fromkeys(LOCATION) | known


PERSON_CASES: dict[str, Any] = {
    "address": {
        "primary_location": location(
            line_1="12 Main St", locality="London", region="LDN", postcode="N1 9GU", country_code="GB"
        )
    },
    "age": {"own": 36},
    "avatar": {"own": "https://example.test/ada.png"},
    "birthday": {"own": "1990-12-10"},
    "company": {
        "own": '{"id":"c9","industry":"Engines","employee_count":40,"plan":"gold"}',
    },
    "createdAt": {"own": "2024-08-24T14:15:22.000Z"},
    "description": {"description": "Writes programs"},
    "email": {"email_addresses": ["ada.lovelace@example.test"]},
    "firstName": {},
    "gender": {"own": "female"},
    "id": {"own": "u-17"},
    "lastName": {},
    "name": {"name": {"first_name": "Ada", "last_name": "Lovelace", "full_name": "Ada Lovelace"}},
    "phone": {},
    "title": {"job_title": "Countess"},
    "username": {"own": "ada"},
    "website": {"own": "https://example.test/ada"},
}
"""What is in the person beside the email; half a name, a phone and a company's name have tests of their own."""

COMPANY_CASES: dict[str, Any] = {
    "address": {
        "primary_location": location(
            line_1="1 Mill Lane", locality="Leeds", region="WYK", postcode="LS1", country_code="GB"
        )
    },
    "avatar": {"own": "https://example.test/engine.png"},
    "createdAt": {"own": "2020-01-02T00:00:00.000Z"},
    "description": {"description": "Makes engines"},
    "email": {"own": "office@example.test"},
    "employees": {"own": "40"},
    "id": {"own": "c9"},
    "industry": {"own": "Engines"},
    "name": {"name": "Engine Ltd"},
    "phone": {"own": "+441132460000"},
    "plan": {"own": "gold"},
    "website": {"domains": ["engine.example.test"]},
}


def person_of(traits: dict[str, Any], **settings: Any) -> dict[str, Any]:
    person: dict[str, Any] = body_of(
        make_event("identify", traits={"email": EMAIL, **traits}, userId="u-17"), **settings
    )
    return {name: value for name, value in person["person"].items() if name != "email_addresses" or value != [EMAIL]}


def company_of(traits: dict[str, Any], **settings: Any) -> dict[str, Any]:
    event = make_event("group", userId="u-17", groupId="c9", traits={"domain": "a.example", **traits})
    company: dict[str, Any] = body_of(event, "write company", **settings)["company"]
    return {name: value for name, value in company.items() if name != "domains" or value != ["a.example"]}


def spelled(given: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in given.items()} if isinstance(given, dict) else given


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_trait_of_a_person_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    """One without an attribute of its own, where the settings name one, in either spelling too."""
    expected = PERSON_CASES[trait]
    settings = {"person_attributes": {spell(trait): "own"}} if "own" in expected else {}

    assert person_of({spell(trait): spelled(PERSON[trait], spell)}, **settings) == expected


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_trait_of_a_group_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    expected = COMPANY_CASES[trait]
    settings = {"company_attributes": {spell(trait): "own"}} if "own" in expected else {}
    traits = {spell(trait): spelled(COMPANY[trait], spell)}
    if trait == "website":
        event = make_event("group", userId="u-17", groupId="c9", traits=traits)
        assert body_of(event, "write company")["company"] == expected
    else:
        assert company_of(traits, **settings) == expected


@pytest.mark.parametrize(
    ("traits", "added"),
    [
        pytest.param({"firstName": "Ada"}, {"name": ("Ada", "", "Ada")}, id="first name alone"),
        pytest.param({"lastName": "Lovelace"}, {"name": ("", "Lovelace", "Lovelace")}, id="last name alone"),
        pytest.param({"firstName": " ", "name": 7}, None, id="no names"),
        pytest.param(
            {"phone": "+44 (0)20 7946-0000"}, {"phone": ("+442079460000", None)}, id="a phone with its country"
        ),
        pytest.param(
            {"phone": "020 7946 0000", "address": {"country": "gb"}},
            {"phone": ("020 7946 0000", "GB")},
            id="a phone whose country the address tells",
        ),
        pytest.param({"phone": "020 7946 0000", "address": {"country": "Britain"}}, None, id="a phone of no country"),
    ],
)
def test_what_is_added_to_a_person_and_takes_the_place_of_nothing(traits: dict[str, Any], added: Any) -> None:
    body = body_of(make_event("identify", traits={"email": EMAIL, **traits}))

    made = body.get("added", {})
    found = {"name": tuple(made["name"].values())} if "name" in made else {}
    found |= {"phone": tuple(made["phone_numbers"][0].values())} if "phone_numbers" in made else {}
    assert found == (added or {})
    assert not {"name", "phone_numbers"} & body["person"].keys()


@pytest.mark.parametrize(
    ("company", "expected"),
    [
        pytest.param(
            {"name": "Acme", "domain": "ACME.example"}, {"domains": ["acme.example"], "name": "Acme"}, id="domain"
        ),
        pytest.param({"website": "https://www.acme.example/x?y"}, {"domains": ["acme.example"]}, id="website"),
        pytest.param({"name": "Acme"}, None, id="no domain"),
        pytest.param({"name": "Acme", "website": "acme"}, None, id="a website that is none"),
        pytest.param("Acme", None, id="text"),
    ],
)
def test_a_person_is_of_a_company_that_has_a_domain(company: Any, expected: Any) -> None:
    assert body_of(make_event("identify", traits={"email": EMAIL, "company": company})).get("company") == expected


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        pytest.param(
            {"userId": "u-17", "traits": {"email": " Ada@Example.org "}}, (EMAIL, "u-17", EMAIL, None), id="both"
        ),
        pytest.param({"anonymousId": "a-1", "traits": {"email": EMAIL}}, (EMAIL, None, None, None), id="anonymous"),
        pytest.param(
            {"userId": "Ada@Example.org"}, (EMAIL, "Ada@Example.org", None, EMAIL), id="the userId is an email"
        ),
        pytest.param(
            {"userId": "old@example.org", "traits": {"email": EMAIL}},
            (EMAIL, "old@example.org", EMAIL, None),
            id="the userId is another email",
        ),
        pytest.param({"userId": "u-17", "traits": {"plan": "gold"}}, (None, "u-17", None, None), id="no email"),
    ],
)
def test_who_is_meant(fields: dict[str, Any], parts: tuple[Any, ...]) -> None:
    body = body_of(make_event("identify", **fields), **USERS, user_attributes={"plan": "plan"})
    user = body.get("user", {})

    found = (
        body.get("person", {}).get("email_addresses", [None])[0],
        user.get("user_id"),
        user.get("primary_email_address"),
        body.get("user_if_new", {}).get("primary_email_address"),
    )
    assert found == parts


@pytest.mark.parametrize(
    ("call", "fields", "settings", "action", "reason"),
    [
        pytest.param("identify", {"userId": "u-17"}, {}, None, "no email", id="no email"),
        pytest.param("identify", {"userId": "u-17"}, USERS, None, "no email", id="nothing to tell of a user"),
        pytest.param(
            "identify", {"userId": "u-17", "traits": {"email": "n/a"}}, {}, None, "no email", id="not an email"
        ),
        pytest.param("group", {"groupId": "c9"}, {}, "write company", "neither a website", id="no website"),
        pytest.param("group", {"groupId": "c9"}, {}, "write workspace", "use_workspaces_object", id="workspaces off"),
    ],
)
def test_what_is_skipped_says_why(
    call: str, fields: dict[str, Any], settings: dict[str, Any], action: str | None, reason: str
) -> None:
    event = make_event(call, **{"anonymousId": "a-1", **fields})
    mapped = {each.action.name: each.skipped for each in rehearse(**settings).map(event)}

    assert reason in str(mapped[action] if action else skipped(event, **settings))


@pytest.mark.parametrize(
    ("traits", "left_out"),
    [
        ({"email": EMAIL, "company": "Acme"}, "Attio finds a company by its domain alone; left out: company"),
        ({"email": EMAIL, "name": "Ada"}, "traits.name: a name of one word has no last name; left out"),
        (
            {"email": EMAIL, "phone": "020 7946"},
            "Attio takes no phone number whose country is not told; left out: phone",
        ),
        (
            {"plan": "gold", "title": "Countess", "company": {"domain": "a.example"}},
            "Attio finds a person by an email alone; left out: job_title, company",
        ),
    ],
    ids=["a company without a domain", "a last name", "a phone without a country", "a person without an email"],
)
def test_explain_tells_what_is_left_out(traits: dict[str, Any], left_out: str) -> None:
    rehearsal = rehearse(**USERS, user_attributes={"plan": "plan"})
    [entry] = explain(make_event("identify", userId="u-17", traits=traits), [rehearsal.destination])["destinations"]

    assert entry["warnings"] == [left_out]


def test_a_workspace_points_at_its_company_and_has_its_user() -> None:
    event = make_event(
        "group", userId="u-17", groupId=9, traits={"name": "Acme", "domain": "acme.example", "plan": None}
    )
    settings = {**WORKSPACES, "workspace_attributes": {"plan": "plan"}}
    company = [{"target_object": "companies", "domains": [{"domain": "acme.example"}]}]
    workspace = {"workspace_id": "9", "name": "Acme", "company": company}

    assert body_of(event, "write workspace", **settings) == {"workspace": workspace}
    assert body_of(event, "write workspace", **settings, **USERS) == {"workspace": workspace, "member": "u-17"}


@pytest.mark.parametrize(
    ("type_", "given", "sent"),
    [
        ("", "gold", "gold"),
        ("", True, True),
        ("", ["a", None, {"b": 1}], ["a", '{"b":1}']),
        ("", {"a": [1]}, '{"a":[1]}'),
        (":text", 7, "7"),
        (":text", ["a"], '["a"]'),
        (":number", "1,234.5", 1234.5),
        (":number", "many", None),
        (":checkbox", "TRUE", True),
        (":date", 1724508922, "2024-08-24"),
        (":timestamp", "2024-08-24T16:15:22.5+02:00", "2024-08-24T14:15:22.000Z"),
        (":timestamp", "soon", None),
        (":list", "a", ["a"]),
        (":list", [1, "a"], [1, "a"]),
    ],
)
def test_a_value_is_of_the_type_that_the_settings_name(type_: str, given: Any, sent: Any) -> None:
    assert person_of({"mine": given}, person_attributes={"mine": f"own{type_}"}).get("own") == sent


def test_ids_and_parts_of_traits_may_be_named() -> None:
    event = make_event("identify", userId="u-17", traits={"email": EMAIL, "company": {"plan": "gold"}})

    person = body_of(event, person_attributes={"userId": "user_id", "company.plan": "plan"})["person"]

    assert person == {"email_addresses": [EMAIL], "user_id": "u-17", "plan": "gold"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"access_token": ""}, "at least 1", id="no token"),
        pytest.param({"person_attributes": {"plan": "a b"}}, "expected an attribute's slug", id="no slug"),
        pytest.param({"person_attributes": {"plan": "plan:select"}}, "expected an attribute's slug", id="no such type"),
        pytest.param({"person_attributes": {" .plan": "plan"}}, "expected a trait", id="no trait"),
        pytest.param({"person_attributes": {"nick": "name"}}, "is filled already", id="filled"),
        pytest.param({"company_attributes": {"createdAt": "created_at"}}, "is filled already", id="read-only"),
        pytest.param({"person_attributes": {"avatar": "avatar_url"}}, "is filled already", id="Attio's own"),
        pytest.param({"user_attributes": {"plan": "plan"}}, "without use_users_object", id="users are off"),
        pytest.param(
            {"workspace_attributes": {"plan": "plan"}}, "without use_workspaces_object", id="workspaces are off"
        ),
    ],
)
def test_settings_that_can_t_be_meant_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_settings(**settings)

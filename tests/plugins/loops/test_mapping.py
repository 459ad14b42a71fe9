"""Traits of people and groups, whom a call is about, and what somebody is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plugins.loops.property import camel_name
from router.plugin import GROUP_TRAITS, NESTED_TRAITS, USER_TRAITS, snake_case
from router.testing import make_event
from router.testing.samples import COMPANY, PERSON
from tests.plugins.loops.samples import ADA, ANON, EMAIL, body_of, payload_of, skipped

ENGINE = {"name": "Engine Ltd", "id": 17, "industry": "Mills", "employee_count": "40", "plan": "gold", "tierLevel": 1}
ADDRESS = [f"address{part[0].upper()}{part[1:]}" for part in NESTED_TRAITS["address"]]


def _address(traits: Mapping[str, Any]) -> dict[str, Any]:
    return {name: traits["address"][part] for name, part in zip(ADDRESS, NESTED_TRAITS["address"], strict=True)}


USER_CASES: dict[str, dict[str, Any]] = {
    "id": {"age": 1},
    "name": {"firstName": PERSON["name"].split(" ", 1)[0], "lastName": PERSON["name"].split(" ", 1)[1]},
    "address": _address(PERSON),
}
"""What becomes of a reserved trait that is more, or something else, than a property of its name."""


def contact_of(traits: dict[str, Any], **settings: Any) -> Any:
    """The contact u-17 without their id."""
    body = body_of(make_event("identify", **ADA, traits=traits), **settings)
    assert body.pop("userId") == "u-17"
    return body


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", sorted({*USER_TRAITS} - {"company"}))
def test_a_reserved_user_trait_arrives(trait: str, spell: Any) -> None:
    value = PERSON[trait]
    if isinstance(value, dict):
        value = {spell(key): item for key, item in value.items()}
    beside = {"age": 1} if trait == "id" else {}

    assert contact_of({spell(trait): value, **beside}) == USER_CASES.get(trait, {trait: value})


@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_is_a_property_of_the_contact(trait: str) -> None:
    value = COMPANY[trait]
    cases: dict[str, Any] = {
        "id": {},
        "employees": {"companyEmployeeCount": int(COMPANY["employees"])},
        "address": {f"companyA{name[1:]}": value for name, value in _address(COMPANY).items()},
    }
    body = body_of(make_event("group", **ADA, groupId="acme-1", traits={trait: value}))

    told = cases.get(trait, {f"company{trait[0].upper()}{trait[1:]}": value})
    assert body == {**ADA, **told, "companyId": "acme-1"}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param(
            {"company": ENGINE, "address": {"postal_code": 1, "floor": 2}},
            {
                "companyName": "Engine Ltd",
                "companyId": "17",
                "companyIndustry": "Mills",
                "companyEmployeeCount": 40,
                "companyPlan": "gold",
                "companyTierLevel": 1,
                "addressPostalCode": "1",
                "addressFloor": 2,
            },
            id="objects",
        ),
        pytest.param(
            {"company": "Acme", "address": "x"}, {"companyName": "Acme", "address": "x"}, id="objects given as text"
        ),
        pytest.param(
            {"plan_name": "gold", "Favourite Colour": "", "vipUser": True, "n": 1.5, "MRR": 9},
            {"planName": "gold", "favouriteColour": "", "vipUser": True, "n": 1.5, "mrr": 9},
            id="custom",
        ),
        pytest.param(
            {"team": {"plan_name": {"in short": "g"}, "tags": ["x"]}, "tags": ["a", {"b": 1}]},
            {"teamPlanNameInShort": "g", "teamTags": '["x"]', "tags": '["a",{"b":1}]'},
            id="nested",
        ),
        pytest.param(
            {"plan": None, "title": None, "email": None, "subscribed": None, "team": {"size": None}},
            {"plan": None, "title": None, "teamSize": None},
            id="a null clears, but not who it is or what they are sent",
        ),
        pytest.param({"address": None}, dict.fromkeys([*ADDRESS, "address"]), id="a null address clears its parts"),
        pytest.param(
            {"email": "ada", "age": "old", "createdAt": "yesterday", "subscribed": "perhaps", "kept": 1},
            {"kept": 1},
            id="unreadable",
        ),
        pytest.param(
            {"age": "36", "createdAt": 1724508922, "birthday": "1815-12-10"},
            {"age": 36, "createdAt": "2024-08-24T14:15:22Z", "birthday": "1815-12-10"},
            id="converted",
        ),
        pytest.param({"name": "Ann Lee Ray"}, {"firstName": "Ann", "lastName": "Lee Ray"}, id="a name"),
        pytest.param({"name": "Ann"}, {"firstName": "Ann"}, id="a name of one word"),
        pytest.param(
            {"name": "Dr Ann Ray", "firstName": "Ann"},
            {"firstName": "Ann", "lastName": "Ann Ray"},
            id="a name and a part",
        ),
        pytest.param(
            {
                "user_id": "u-9",
                "E-mail": "x",
                "email_": "x@y.test",
                "listId": 1,
                "user": {"id": "u-9"},
                "Event Name": "x",
            },
            {"eMail": "x"},
            id="no custom trait says who it is, or has a name that Loops keeps",
        ),
    ],
)
def test_traits_of_odd_shapes_arrive_or_are_left_out_alone(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert contact_of({**traits, "still_there": 1}) == {**expected, "stillThere": 1}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("planName", "planName"),
        ("plan_name", "planName"),
        ("Plan-Name 2", "planName2"),
        ("PLAN_NAME", "planName"),
        ("URL", "url"),
        ("größe_cm", "größeCm"),
        ("_", None),
    ],
)
def test_a_name_is_in_camel_case(name: str, expected: str | None) -> None:
    assert camel_name(name) == expected


def test_custom_traits_may_keep_their_names() -> None:
    traits = {"plan_name": "gold", "team": {"plan name": 1}, "company": {"id": 1, "tier_level": 2}, "userId": "u-9"}
    group = make_event("group", **ADA, groupId=9, traits={"tier_level": 1, "employees": 4})

    assert contact_of(traits, custom_case="as_is") == {
        "plan_name": "gold",
        "team_plan name": 1,
        "companyId": "1",
        "company_tier_level": 2,
    }
    assert body_of(group, custom_case="as_is") == {
        **ADA,
        "company_tier_level": 1,
        "companyId": "9",
        "companyEmployeeCount": 4,
    }


# --- what somebody is sent ---


@pytest.mark.parametrize(
    ("traits", "settings", "expected"),
    [
        pytest.param({}, {}, {}, id="nothing by default"),
        pytest.param({"subscribed": True}, {}, {"subscribed": True}, id="a trait"),
        pytest.param({"subscribed": "false"}, {}, {"subscribed": False}, id="a trait as text"),
        pytest.param(
            {"subscribed": True, "newsletter": False},
            {"subscribed_trait": "newsletter"},
            {"subscribed": False},
            id="another trait",
        ),
        pytest.param({"subscribed": True}, {"subscribed_trait": ""}, {}, id="no trait"),
        pytest.param(
            {"mailingLists": {"a1": True, "b2": "false", "c3": "perhaps", "d4": None}},
            {},
            {"mailingLists": {"a1": True, "b2": False}},
            id="lists",
        ),
        pytest.param({"mailing_lists": {"a1": True}}, {}, {"mailingLists": {"a1": True}}, id="lists in snake_case"),
        pytest.param({"mailingLists": ["a1"]}, {}, {}, id="lists that are none"),
        pytest.param({"mailing": {"lists": True}}, {}, {}, id="no lists"),
        pytest.param(
            {"user_group": "VIP"},
            {"source": "Product", "user_group": "Users"},
            {"source": "Product", "userGroup": "VIP"},
            id="defaults",
        ),
    ],
)
def test_what_somebody_is_sent_changes_only_where_a_call_says_so(traits: Any, settings: Any, expected: Any) -> None:
    assert contact_of({"age": 36, **traits}, **settings) == {"age": 36, **expected}


@pytest.mark.parametrize(
    ("told", "notes"),
    [
        ({"a1": True, "b2": "perhaps"}, ("expected true or false by the id of a list; left out: mailingLists.b2",)),
        (["a1"], ("expected true or false by the id of a list; left out: mailingLists",)),
        (None, ()),
    ],
)
def test_a_list_that_is_told_in_another_way_is_left_out_and_told(told: Any, notes: Any) -> None:
    assert payload_of(make_event("identify", **ADA, traits={"age": 36, "mailingLists": told})).notes == notes


# --- whom ---


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param({**ANON, "traits": {"email": f" {EMAIL.upper()} "}}, {"email": EMAIL}, id="an email alone"),
        pytest.param({**ADA, "traits": {"email": EMAIL}}, {**ADA, "email": EMAIL}, id="both"),
        pytest.param({"userId": EMAIL}, {"userId": EMAIL}, id="a userId that is one"),
    ],
)
def test_whom_an_identify_is_about(call: Any, expected: Any) -> None:
    assert body_of(make_event("identify", **call)) == expected


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param({**ANON, "traits": {"age": 36}}, "anonymous", id="anonymous"),
        pytest.param({**ANON, "traits": {"email": "ada"}}, "anonymous", id="an email that is none"),
        pytest.param({"userId": "x" * 499, "traits": {"age": 36}}, "anonymous", id="an id that Loops can't take"),
        pytest.param({**ADA, "traits": {"email": None}}, "nothing but a userId", id="nothing to write"),
    ],
)
def test_of_whom_there_is_no_contact_is_skipped(call: Any, words: str) -> None:
    assert words in skipped(make_event("identify", **call), source="Product")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param({**ADA, "context": {"traits": {"email": EMAIL}}}, {**ADA, "email": EMAIL}, id="both"),
        pytest.param({**ANON, "context": {"traits": {"email": EMAIL}}}, {"email": EMAIL}, id="an email"),
        pytest.param(ANON, "anonymous", id="nobody"),
    ],
)
def test_whose_company_it_is(call: Any, expected: Any) -> None:
    event = make_event("group", **call, groupId="c9", traits={"name": None, "tier": {"level": 2}})

    if isinstance(expected, str):
        assert expected in skipped(event)
    else:
        assert body_of(event) == {**expected, "companyTierLevel": 2, "companyId": "c9", "companyName": None}


@pytest.mark.parametrize(
    ("value", "is_left_out"),
    [
        ("x" * 498, False),
        ("x" * 499, True),
        ("é" * 498, False),
        ('"' * 250, True),
        (["x" * 498], True),
        (10**15, False),
    ],
)
def test_what_is_too_long_is_left_out_and_told(value: Any, is_left_out: bool) -> None:
    payload = payload_of(make_event("identify", **ADA, traits={"bio": value, "n" * 499: 1, "kept": 1}))

    assert ("bio" in payload.body) != is_left_out
    assert payload.body["kept"] == 1
    [note] = payload.notes
    assert note.startswith(
        "longer than the 500 characters that Loops takes; left out: " + "bio, n" * is_left_out + "n" * 5
    )

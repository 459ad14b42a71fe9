"""Traits of people and groups."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.mixpanel.sandbox_rules import check_update
from router.traits import GROUP_TRAITS, USER_TRAITS, snake_case
from tests.plugins.mixpanel.samples import body_of, make_event, make_settings, map_event, payloads_of, trace_of

USER_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (
        {"city": "London", "state": "LND", "country": "gb", "postalCode": "W1", "street": "St James's Square"},
        {
            "$city": "London",
            "$region": "LND",
            "$country_code": "GB",
            "postal_code": "W1",
            "street": "St James's Square",
        },
    ),
    "age": ("36", {"age": 36}),
    "avatar": ("https://example.test/ada.png", {"$avatar": "https://example.test/ada.png"}),
    "birthday": ("1985-12-10", {"birthday": "1985-12-10T00:00:00"}),
    "company": (
        {"name": "Acme", "id": 17, "industry": "Mills", "employee_count": 40, "plan": "gold"},
        {
            "company_name": "Acme",
            "company_id": "17",
            "company_industry": "Mills",
            "company_employee_count": 40,
            "company_plan": "gold",
        },
    ),
    "createdAt": ("2024-08-24T16:15:22.5+02:00", {"$created": "2024-08-24T14:15:22"}),
    "description": ("Countess", {"description": "Countess"}),
    "email": (" ada@example.test ", {"$email": "ada@example.test"}),
    "firstName": ("Ada", {"$first_name": "Ada"}),
    "gender": ("female", {"gender": "female"}),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {"$last_name": "Lovelace"}),
    "name": ("Ada Lovelace", {"$name": "Ada Lovelace"}),
    "phone": ("+44 20 7946 0958", {"$phone": "+442079460958"}),
    "title": ("Analyst", {"title": "Analyst"}),
    "username": ("ada", {"$username": "ada"}),
    "website": ("https://example.test", {"website": "https://example.test"}),
}

GROUP_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": ({"city": "London"}, {"address": {"city": "London"}}),
    "avatar": ("https://example.test/a.png", {"$avatar": "https://example.test/a.png"}),
    "createdAt": (1724508922, {"$created": "2024-08-24T14:15:22"}),
    "description": ("Mills", {"description": "Mills"}),
    "email": ("hello@example.test", {"$email": "hello@example.test"}),
    "employees": ("40", {"employees": "40"}),
    "id": ("acme-1", {"id": "acme-1"}),
    "industry": ("Mills", {"industry": "Mills"}),
    "name": ("Acme", {"$name": "Acme"}),
    "phone": ("020 7946", {"$phone": "020 7946"}),
    "website": ("https://example.test", {"website": "https://example.test"}),
    "plan": ("gold", {"plan": "gold"}),
}


def profile_of(traits: dict[str, Any], **fields: Any) -> Any:
    return body_of(make_event("identify", userId="u-17", traits={"kept": 1, **traits}, **fields), "update profile")


def test_every_reserved_trait_has_a_case() -> None:
    assert USER_CASES.keys() == set(USER_TRAITS)
    assert GROUP_CASES.keys() == set(GROUP_TRAITS)


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_gets_its_mixpanel_name(trait: str, spell: Any) -> None:
    value, expected = USER_CASES[trait]
    if isinstance(value, dict):
        value = {spell(key): item for key, item in value.items()}

    assert profile_of({spell(trait): value})["$set"] == {"kept": 1, **expected}


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_gets_its_mixpanel_name(trait: str, spell: Any) -> None:
    value, expected = GROUP_CASES[trait]
    event = make_event("group", userId="u-17", groupId="acme-1", traits={"kept": 1, spell(trait): value})

    assert body_of(event, "update group")["$set"] == {"kept": 1, **expected}


@pytest.mark.parametrize(("call", "action"), [("identify", "update profile"), ("group", "update group")])
@pytest.mark.parametrize(
    ("traits", "kept", "left"),
    [
        pytest.param({"log": ["x" * 1_000] * 300, "few": ["x" * 1_000] * 200}, {"few"}, "log", id="a list of 300 KB"),
        pytest.param({"log": {f"k{n}": "x" * 999 for n in range(300)}, "few": {}}, {"few"}, "log", id="an object"),
        pytest.param({f"t{n}": n for n in range(2_001)}, {f"t{n}" for n in range(1, 2_001)}, "t0", id="2001 traits"),
    ],
)
def test_a_trait_that_mixpanel_refuses_does_not_cost_the_profile(
    call: str, action: str, traits: dict[str, Any], kept: set[str], left: str
) -> None:
    [payload] = payloads_of(make_event(call, userId="u-17", groupId="acme-1", traits=traits), action)

    assert payload.body["$set"].keys() == kept
    assert [note.partition("left out: ")[2] for note in payload.notes] == [left]
    assert check_update(payload.body, ()) == ""


@pytest.mark.parametrize("trait", [name for name in USER_TRAITS if name not in GROUP_TRAITS])
def test_a_group_keeps_traits_that_only_people_usually_have(trait: str) -> None:
    event = make_event("group", userId="u-17", groupId="acme-1", traits={trait: "1990-01-01"})

    assert list(body_of(event, "update group")["$set"]) == [trait]


@pytest.mark.parametrize("trait", [name for name in GROUP_TRAITS if name not in USER_TRAITS])
def test_a_person_keeps_traits_that_only_groups_usually_have(trait: str) -> None:
    assert profile_of({trait: "gold"})["$set"] == {"kept": 1, trait: "gold"}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"firstName": "Ada", "lastName": "Lovelace"}, {"$name": "Ada Lovelace"}, id="name from its parts"),
        pytest.param({"createdAt": "2024-08-24"}, {"$created": "2024-08-24T00:00:00"}, id="date is midnight"),
        pytest.param({"createdAt": "1724508922000"}, {"$created": "2024-08-24T14:15:22"}, id="digits in text"),
        pytest.param({"phone": 442079460958}, {"$phone": "442079460958"}, id="phone as number, no country guessed"),
        pytest.param({"address": "12 St James's Square"}, {"address": "12 St James's Square"}, id="address as text"),
        pytest.param({"address": {"country": "France"}}, {"country": "France"}, id="country by its name"),
        pytest.param({"address": {"floor": 2}}, {"address": {"floor": 2}}, id="rest of an address"),
        pytest.param({"company": "Acme"}, {"company_name": "Acme"}, id="company as text"),
        pytest.param({"company": {"tier": 2}}, {"company": {"tier": 2}}, id="rest of a company"),
        pytest.param({"colour": ""}, {"colour": ""}, id="empty custom trait is a value"),
        pytest.param({"tags": ["a"], "size": {"w": 1}}, {"tags": ["a"], "size": {"w": 1}}, id="lists and objects stay"),
        pytest.param({"$email": "x", "email": "a@b.test"}, {"$email": "a@b.test"}, id="a mapped value wins"),
    ],
)
def test_traits_of_odd_shapes_arrive(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert expected.items() <= profile_of(traits)["$set"].items()


@pytest.mark.parametrize(
    "traits",
    [
        pytest.param({"createdAt": "yesterday"}, id="unreadable date"),
        pytest.param({"avatar": "ada.png"}, id="avatar without a host"),
        pytest.param({"age": "old"}, id="age in words"),
        pytest.param({"email": ["ada@example.test"]}, id="email as list"),
        pytest.param({"email": "", "address": {}}, id="empty reserved traits"),
        pytest.param({"$distinct_id": "u-1", "$token": "t", "$ip": "192.0.2.9", "$last_seen": 1}, id="reserved names"),
    ],
)
def test_what_mixpanel_cannot_take_is_left_out_alone(traits: dict[str, Any]) -> None:
    assert profile_of(traits) == {"$distinct_id": "u-17", "$set": {"kept": 1}}


def test_a_trait_of_a_reserved_name_is_reported() -> None:
    event = make_event("identify", userId="u-17", traits={"$last_seen": 1})

    assert trace_of(event, "update profile").unmapped == ["traits.$last_seen"]


@pytest.mark.parametrize(
    ("traits", "cleared"),
    [
        pytest.param({"email": None}, ["$email"], id="reserved"),
        pytest.param({"colour": None}, ["colour"], id="custom"),
        pytest.param({"address": {"country": None}}, ["$country_code", "country"], id="country"),
        pytest.param(
            {"address": None},
            ["$city", "$region", "$country_code", "postal_code", "street", "address", "country"],
            id="whole address",
        ),
        pytest.param(
            {"company": None},
            ["company_name", "company_id", "company_industry", "company_employee_count", "company_plan", "company"],
            id="whole company",
        ),
    ],
)
def test_a_null_clears_the_property_in_an_update_of_its_own(traits: dict[str, Any], cleared: list[str]) -> None:
    event = make_event("identify", userId="u-17", traits={"kept": 1, **traits})

    assert map_event(event)["update profile"] == [
        {"$distinct_id": "u-17", "$set": {"kept": 1}},
        {"$distinct_id": "u-17", "$unset": cleared},
    ]


def test_a_null_in_the_context_clears_nothing() -> None:
    assert profile_of({}, context={"ip": None, "timezone": None}) == {"$distinct_id": "u-17", "$set": {"kept": 1}}


@pytest.mark.parametrize(
    ("context", "head"),
    [
        pytest.param({"ip": "203.0.113.9"}, {"$ip": "203.0.113.9"}, id="the client's address"),
        pytest.param({"ip": "unknown"}, {}, id="no address"),
        pytest.param({"active": False}, {"$ignore_time": True}, id="not active"),
        pytest.param({"active": True}, {}, id="active"),
    ],
)
def test_the_context_stands_beside_the_operation(context: dict[str, Any], head: dict[str, Any]) -> None:
    assert profile_of({}, context=context) == {"$distinct_id": "u-17", **head, "$set": {"kept": 1}}


@pytest.mark.parametrize(
    "address",
    [
        pytest.param({"city": "Porto"}, id="a city"),
        pytest.param({"country": "Portugal"}, id="a country in words"),
        pytest.param(None, id="cleared"),
    ],
)
def test_an_address_is_not_mixed_with_the_place_of_an_ip_address(address: Any) -> None:
    """Mixpanel takes from it what it is not told: Porto in England, and a cleared city came back."""
    event = make_event("identify", userId="u-17", traits={"address": address}, context={"ip": "203.0.113.9"})

    assert not any("$ip" in payload.body for payload in payloads_of(event, "update profile"))


def test_the_time_zone_is_a_property_of_the_profile() -> None:
    assert profile_of({}, context={"timezone": "Europe/London"})["$set"]["$timezone"] == "Europe/London"


def test_traits_of_the_context_are_written_by_an_identify() -> None:
    event = make_event("identify", userId="u-17", traits={}, context={"traits": {"first_name": "Ada"}})

    assert body_of(event, "update profile")["$set"] == {"$first_name": "Ada"}


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        pytest.param({"anonymousId": "a-1", "traits": {"email": "a@b.test"}}, "anonymous", id="anonymous"),
        pytest.param({"traits": {"email": "a@b.test"}}, "anonymous", id="only an email"),
        pytest.param({"userId": "NULL", "traits": {"plan": "gold"}}, "refuses the userId", id="forbidden userId"),
        pytest.param({"userId": "u-17"}, "no traits", id="nothing to write"),
    ],
)
def test_an_identify_that_names_nobody_or_nothing_writes_no_profile(call: dict[str, Any], reason: str) -> None:
    skipped = map_event(make_event("identify", **call))["update profile"]

    assert isinstance(skipped, str)
    assert reason in skipped


def test_a_group_call_updates_the_group_and_adds_it_to_the_user() -> None:
    event = make_event("group", userId="u-17", groupId=17, traits={"name": "Acme"}, context={"active": False})

    assert map_event(event, make_settings(group_keys=["company_id"])) == {
        "update group": [{"$group_key": "company_id", "$group_id": "17", "$set": {"$name": "Acme"}}],
        "add user to group": [{"$distinct_id": "u-17", "$ignore_time": True, "$union": {"company_id": ["17"]}}],
    }


@pytest.mark.parametrize(
    ("traits", "key"),
    [
        pytest.param({"name": "Mills"}, "company_id", id="the first key, unless the traits say more"),
        pytest.param({"team_id": "17"}, "team_id", id="the key that has this id in the traits"),
        pytest.param({"team_id": 17}, "team_id", id="the key that has this id as a number"),
        pytest.param({"team_id": "18"}, "company_id", id="a key of another group"),
    ],
)
def test_a_group_id_belongs_to_one_group_key(traits: dict[str, Any], key: str) -> None:
    event = make_event("group", userId="u-17", groupId="17", traits=traits)

    made = map_event(event, make_settings(group_keys=["company_id", "team_id"]))

    assert [update["$group_key"] for update in made["update group"] if isinstance(update, dict)] == [key]
    assert made["add user to group"] == [{"$distinct_id": "u-17", "$union": {key: ["17"]}}]


@pytest.mark.parametrize(
    ("traits", "updates"),
    [
        pytest.param(
            {"company": {"id": 17, "plan": "gold"}},
            [{"$set": {"company_plan": "gold"}}, {"$union": {"company_id": ["17"]}}],
            id="a company",
        ),
        pytest.param({"team_id": "t-1"}, [{"$union": {"team_id": ["t-1"]}}], id="a custom trait"),
        pytest.param({"team_id": ["t-1", "t-2"]}, [{"$set": {"team_id": ["t-1", "t-2"]}}], id="all of them"),
        pytest.param({"team_id": None}, [{"$unset": ["team_id"]}], id="none of them"),
        pytest.param({"team_id": "none"}, [{"$set": {"team_id": "none"}}], id="nobody's id"),
        pytest.param({"other_id": "t-1"}, [{"$set": {"other_id": "t-1"}}], id="no group key"),
    ],
)
def test_a_trait_that_is_a_group_key_adds_the_group_to_those_of_the_user(traits: Any, updates: list[Any]) -> None:
    event = make_event("identify", userId="u-17", traits=traits)

    made = map_event(event, make_settings(group_keys=["company_id", "team_id"]))["update profile"]

    assert made == [{"$distinct_id": "u-17", **update} for update in updates]


def test_a_null_group_trait_clears_the_group_s_property() -> None:
    event = make_event("group", userId="u-17", groupId="acme-1", traits={"plan": None})

    assert body_of(event, "update group")["$unset"] == ["plan"]


@pytest.mark.parametrize(
    ("call", "group", "user"),
    [
        pytest.param({"anonymousId": "a-1", "groupId": "acme-1"}, "no traits", "anonymous", id="anonymous, no traits"),
        pytest.param({"userId": "u-17", "groupId": "n/a"}, "refuses the groupId", "refuses the groupId", id="no group"),
        pytest.param({"userId": "0", "groupId": "a"}, "no traits", "refuses the userId", id="no user"),
    ],
)
def test_a_group_call_that_names_nobody_or_nothing_says_so(call: dict[str, Any], group: str, user: str) -> None:
    made = map_event(make_event("group", **call))

    assert group in made["update group"]
    assert user in made["add user to group"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
trait_names = st.sampled_from([*USER_TRAITS, *GROUP_TRAITS, "$set", "$ip", "colour"]) | st.text(max_size=8)


@given(st.dictionaries(trait_names, json_values, max_size=6), st.dictionaries(trait_names, json_values, max_size=3))
def test_any_traits_map_without_an_exception_and_always_alike(traits: dict[str, Any], context: dict[str, Any]) -> None:
    for call in ("identify", "group"):
        event = make_event(call, userId="u-17", groupId="g-1", traits=traits, context={"app": context})

        assert map_event(event) == map_event(event)

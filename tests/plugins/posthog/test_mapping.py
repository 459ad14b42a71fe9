"""Traits of people and groups: each reserved one in both spellings, and the odd shapes they come in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.event import Event
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, camel_case, snake_case
from router.testing import make_event
from tests.plugins.posthog.mapped import body_of, rehearse, skipped

ADDRESS = {"city": "London", "state": "LDN", "country": "UK", "postalCode": "N1", "street": "1 Main St"}
COMPANY = {"name": "Acme", "id": "c-1", "industry": "Mills", "employee_count": 40, "plan": "gold"}

USER_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (ADDRESS, {"address": ADDRESS}),
    "age": ("36", {"age": 36}),
    "avatar": ("https://example.test/a.png", {"avatar": "https://example.test/a.png"}),
    "birthday": ("1990-12-10", {"birthday": "1990-12-10"}),
    "company": (COMPANY, {"company": COMPANY}),
    "createdAt": ("2024-08-24T16:15:22.5+02:00", {}),
    "description": ("Countess", {"description": "Countess"}),
    "email": (" ada@example.test ", {"email": "ada@example.test"}),
    "firstName": ("Ada", {"firstName": "Ada"}),
    "gender": ("female", {"gender": "female"}),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {"lastName": "Lovelace"}),
    "name": ("Ada Lovelace", {"name": "Ada Lovelace"}),
    "phone": ("020 7946 0000", {"phone": "020 7946 0000"}),
    "title": ("Analyst", {"title": "Analyst"}),
    "username": ("ada", {"username": "ada"}),
    "website": ("https://example.test", {"website": "https://example.test"}),
}
"""What is sent, and what is in ``$set``; `createdAt` has a test of its own."""

GROUP_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (ADDRESS, {"address": ADDRESS}),
    "avatar": ("https://example.test/a.png", {"avatar": "https://example.test/a.png"}),
    "createdAt": (1724508922, {"createdAt": "2024-08-24T14:15:22Z"}),
    "description": ("Mills", {"description": "Mills"}),
    "email": ("office@example.test", {"email": "office@example.test"}),
    "employees": ("11-50", {"employees": "11-50"}),
    "id": ("acme-1", {}),
    "industry": ("Mills", {"industry": "Mills"}),
    "name": ("Acme", {"name": "Acme"}),
    "phone": ("020 7946", {"phone": "020 7946"}),
    "website": ("https://example.test", {"website": "https://example.test"}),
    "plan": ("gold", {"plan": "gold"}),
}


def spelled(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


def properties_of(traits: dict[str, Any], ids: dict[str, Any] | None = None, **settings: Any) -> Any:
    event = make_event("identify", **(ids or {"userId": "u-17"}), traits=traits)
    return body_of(event, "identify person", **settings)["properties"]


def test_every_reserved_trait_has_a_case() -> None:
    assert USER_CASES.keys() == set(USER_TRAITS)
    assert GROUP_CASES.keys() == set(GROUP_TRAITS)


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    value, expected = USER_CASES[trait]

    assert properties_of({"kept": 1, spell(trait): spelled(value, spell)})["$set"] == {"kept": 1, **expected}


@pytest.mark.parametrize("name", ["createdAt", "created_at"])
@pytest.mark.parametrize("value", ["2024-08-24T16:15:22+02:00", 1724508922, "1724508922000"], ids=str)
def test_the_first_creation_date_stays(name: str, value: Any) -> None:
    assert properties_of({name: value})["$set_once"] == {"createdAt": "2024-08-24T14:15:22Z"}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    value, expected = GROUP_CASES[trait]
    event = make_event("group", userId="u-17", groupId="acme-1", traits={"kept": 1, spell(trait): spelled(value, str)})

    assert body_of(event, "identify group")["properties"]["$group_set"] == {"kept": 1, **expected}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Acme"}, {"company": {"name": "Acme"}}, id="company as text"),
        pytest.param({"address": "1 Main St"}, {"address": "1 Main St"}, id="address as text"),
        pytest.param({"address": {"floor": 3}}, {"address": {"floor": 3}}, id="address with a key of its own"),
        pytest.param(
            {"first_name": "Ada", "last_name": "Lovelace"},
            {"firstName": "Ada", "lastName": "Lovelace", "name": "Ada Lovelace"},
            id="names in snake_case",
        ),
        pytest.param({"birthday": "someday", "age": "old"}, {}, id="no date, no number"),
        pytest.param({"email": ["ada@example.test"]}, {}, id="email as a list"),
        pytest.param({"phone": 442079460000}, {"phone": "442079460000"}, id="phone as a number"),
        pytest.param({"email": "", "company": {}}, {}, id="reserved and empty"),
        pytest.param({"note": "", "tags": []}, {"note": "", "tags": []}, id="custom and empty"),
        pytest.param({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2}]}}, id="objects and lists stay"),
        pytest.param({"$set": {"x": 1}, "$ip": "x"}, {}, id="names of PostHog's own"),
        pytest.param(
            {"planTier": 1, "plan_tier": 2}, {"planTier": 1, "plan_tier": 2}, id="custom traits keep their names"
        ),
    ],
)
def test_traits_of_odd_shapes(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert properties_of({"kept": 1, **traits})["$set"] == {"kept": 1, **expected}


def test_objects_may_be_sent_flat() -> None:
    traits = {"company": {"name": "Acme"}, "address": {"postal_code": "N1"}, "a": {"b": {"c": 1}, "d": [{"e": 1}]}}

    assert properties_of(traits, flatten_objects=True)["$set"] == {
        "company_name": "Acme",
        "address_postalCode": "N1",
        "a_b_c": 1,
        "a_d": [{"e": 1}],
    }


def test_a_null_trait_is_unset_and_the_others_are_set() -> None:
    properties = properties_of({"email": None, "colour": None, "createdAt": None, "plan": "gold"})

    assert properties == {"$set": {"plan": "gold"}, "$unset": ["colour", "email", "createdAt"], "$geoip_disable": True}


def test_a_null_object_that_is_sent_flat_is_unset_in_all_its_parts() -> None:
    properties = properties_of({"address": None, "address_city": "Rome"}, flatten_objects=True)

    assert properties["$set"] == {"address_city": "Rome"}
    assert sorted(properties["$unset"]) == [
        "address",
        "address_country",
        "address_postalCode",
        "address_state",
        "address_street",
    ]


def test_a_null_in_the_context_is_left_out() -> None:
    event = make_event("identify", userId="u-17", traits={"a": 1}, context={"ip": None, "locale": None})

    assert body_of(event, "identify person")["properties"] == {"$set": {"a": 1}, "$geoip_disable": True}


# --- who ---


@pytest.mark.parametrize(
    ("ids", "distinct_id", "joined"),
    [
        pytest.param({"userId": "u-17", "anonymousId": "a-1"}, "u-17", "a-1", id="both"),
        pytest.param({"userId": "u-17"}, "u-17", None, id="the userId alone"),
        pytest.param({"userId": "u-17", "anonymousId": "u-17"}, "u-17", None, id="the same"),
        pytest.param({"userId": "u-17", "anonymousId": "NULL"}, "u-17", "NULL", id="null in another case is an id"),
        pytest.param({"userId": "u-17", "anonymousId": "null"}, "u-17", None, id="null"),
        pytest.param({"userId": "u-17", "anonymousId": "Guest"}, "u-17", None, id="guest in any case"),
        pytest.param({"userId": 42, "anonymousId": "0"}, "42", None, id="a number, and nought"),
    ],
)
def test_an_identify_joins_an_anonymous_person_to_a_user(
    ids: dict[str, Any], distinct_id: str, joined: str | None
) -> None:
    body = body_of(make_event("identify", **ids, traits={"a": 1}), "identify person")

    assert (body["event"], body["distinct_id"]) == ("$identify", distinct_id)
    assert body["properties"].get("$anon_distinct_id") == joined


def test_an_identify_without_traits_is_sent_only_where_it_joins_two_ids() -> None:
    both = make_event("identify", userId="u-17", anonymousId="a-1")
    alone = make_event("identify", userId="u-17", traits={"id": "u-17"})

    assert body_of(both, "identify person")["properties"] == {"$anon_distinct_id": "a-1", "$geoip_disable": True}
    assert skipped(alone, "identify person") == "no traits to write, and no two ids to join"


@pytest.mark.parametrize(
    ("call", "settings", "reason"),
    [
        pytest.param({"anonymousId": "a-1", "traits": {"a": 1}}, {}, "anonymous", id="anonymous"),
        pytest.param({"traits": {"email": "ada@example.test"}}, {}, "anonymous", id="an email alone"),
        pytest.param(
            {"traits": {"email": "ada@example.test"}},
            {"person_profiles": "always"},
            "neither a userId nor an anonymousId",
            id="an email alone, everybody has a profile",
        ),
        pytest.param({"userId": "undefined", "anonymousId": "a-1", "traits": {"a": 1}}, {}, "anonymous", id="nobody"),
        pytest.param(
            {"userId": "undefined", "traits": {"a": 1}},
            {"person_profiles": "always"},
            "stands for nobody",
            id="nobody, everybody has a profile",
        ),
        pytest.param({"anonymousId": "a-1"}, {"person_profiles": "always"}, "no traits", id="anonymous, no traits"),
        pytest.param({"userId": "u-17", "traits": {"a": 1}}, {"person_profiles": "never"}, "nobody has", id="never"),
    ],
)
def test_an_identify_that_may_write_nobody_is_not_sent(
    call: dict[str, Any], settings: dict[str, Any], reason: str
) -> None:
    assert reason in skipped(make_event("identify", **call), "identify person", **settings)


def test_somebody_anonymous_has_a_profile_where_everybody_has() -> None:
    event = make_event("identify", anonymousId="a-1", traits={"plan": "free"})

    body = body_of(event, "identify person", person_profiles="always")

    assert (body["event"], body["distinct_id"], body["properties"]["$set"]) == ("$set", "a-1", {"plan": "free"})


@pytest.mark.parametrize(
    ("call", "settings"),
    [
        pytest.param({"userId": "u-17", "previousId": "null"}, {}, id="of nobody"),
        pytest.param({"userId": "id", "previousId": "a-1"}, {}, id="to nobody"),
        pytest.param({"userId": "u-17", "previousId": "u-17"}, {}, id="to itself"),
        pytest.param({"userId": "u-17", "previousId": "a-1"}, {"person_profiles": "never"}, id="never"),
    ],
)
def test_an_alias_that_joins_nothing_is_not_sent(call: dict[str, Any], settings: dict[str, Any]) -> None:
    assert skipped(make_event("alias", **call), "alias person", **settings)


def test_an_alias_keeps_the_user_id() -> None:
    body = body_of(make_event("alias", userId="u-17", previousId="a-1"), "alias person")

    assert (body["event"], body["distinct_id"]) == ("$create_alias", "u-17")
    assert body["properties"] == {"distinct_id": "u-17", "alias": "a-1", "$geoip_disable": True}


# --- groups ---


@pytest.mark.parametrize(
    ("ids", "settings", "distinct_id"),
    [
        pytest.param({"userId": "u-17"}, {}, "u-17", id="of a user"),
        pytest.param({"anonymousId": "a-1"}, {}, "account_9", id="of somebody anonymous"),
        pytest.param({"userId": "u-17"}, {"person_profiles": "never"}, "account_9", id="nobody has a profile"),
    ],
)
def test_a_group_call_names_the_group(ids: dict[str, str], settings: dict[str, Any], distinct_id: str) -> None:
    event = make_event("group", **ids, groupId=9, traits={"tier": 1, "plan": None})

    body = body_of(event, "identify group", group_type="account", **settings)

    assert (body["event"], body["distinct_id"]) == ("$groupidentify", distinct_id)
    assert body["properties"] == {
        "$group_type": "account",
        "$group_key": "9",
        "$group_set": {"tier": 1},
        "$geoip_disable": True,
    }


def test_a_group_call_that_a_mapping_took_the_group_from_names_none() -> None:
    """As ``drop: [groupId]`` in the config does."""
    document = make_event("group", userId="u-17", groupId="9", traits={"tier": 1}).document
    event = Event.of_document({key: value for key, value in document.items() if key != "groupId"})

    assert skipped(event, "identify group") == "the call names no group"


def test_a_group_without_traits_is_made_all_the_same() -> None:
    properties = body_of(make_event("group", userId="u-17", groupId="9"), "identify group")["properties"]

    assert properties["$group_set"] == {}


# --- explain ---


def test_what_is_left_out_is_reported_and_the_rest_goes_on() -> None:
    event = make_event("identify", userId="u-17", traits={"$x": 1, "age": "old", "plan": "gold"})

    told = explain(event, [rehearse().destination])
    [part] = told["destinations"]

    assert "traits.$x" in part["unmapped"]
    assert [warning for warning in part["warnings"] if "traits.age" in warning]
    [request] = part["requests"]
    assert request["body"]["batch"][0]["properties"]["$set"] == {"plan": "gold"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([*USER_TRAITS, *GROUP_TRAITS, "$set", "url", "distinct_id"]) | st.text(max_size=8)


@given(
    st.dictionaries(names, json_values, max_size=6),
    st.sampled_from(["identify", "group", "track", "page", "screen"]),
    st.booleans(),
)
def test_any_values_map_without_an_exception(values: dict[str, Any], call: str, flat: bool) -> None:
    event = make_event(
        call, userId="u-17", groupId="g-1", event="E", traits=values, properties=values, context={"page": values}
    )

    rehearse(person_profiles="always", flatten_objects=flat).map(event)

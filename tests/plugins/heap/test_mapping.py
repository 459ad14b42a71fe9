"""Traits of users and accounts: each reserved one in both spellings, and the odd shapes they come in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.heap.property import property_name, to_property
from plugins.heap.sandbox_rules import invalid_account, invalid_event, invalid_user
from router.event import Event
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, camel_case, snake_case
from router.testing import make_event
from router.testing.samples import COMPANY, PERSON
from tests.plugins.heap.mapped import MAPPER, body_of, make_settings, skipped


def parts_of(traits: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What Heap gets of a trait: the same, or each part of an object by its own name."""
    value = traits[name]
    return {f"{name}.{part}": item for part, item in value.items()} if isinstance(value, dict) else {name: value}


def spelled(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


def properties_of(traits: dict[str, Any]) -> Any:
    return body_of(make_event("identify", userId="u-17", traits=traits))["properties"]


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    expected = {} if trait == "id" else parts_of(PERSON, trait)

    assert properties_of({"kept": 1, spell(trait): spelled(PERSON[trait], spell)}) == {"kept": 1, **expected}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    expected = {} if trait == "id" else parts_of(COMPANY, trait)
    traits = {"kept": 1, spell(trait): spelled(COMPANY[trait], spell)}
    event = make_event("group", userId="u-17", groupId="g", traits=traits)

    body = body_of(event, "update account", account_id_property="company_id")

    assert body == {"account_id": "g", "properties": {"kept": 1, **expected}}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Acme"}, {"company.name": "Acme"}, id="company as text"),
        pytest.param({"address": "1 Main St"}, {"address": "1 Main St"}, id="address as text"),
        pytest.param(
            {"first_name": "Ada", "last_name": "Lovelace"},
            {"firstName": "Ada", "lastName": "Lovelace", "name": "Ada Lovelace"},
            id="names in snake_case",
        ),
        pytest.param(
            {"age": "36", "createdAt": "2024-08-24T16:15:22+02:00", "email": " ada@example.test "},
            {"age": 36, "createdAt": "2024-08-24T14:15:22Z", "email": "ada@example.test"},
            id="a number, a time and an email",
        ),
        pytest.param({"birthday": "someday", "age": "old", "email": ["a@example.test"]}, {}, id="unusable"),
        pytest.param({"phone": 442079460000}, {"phone": "442079460000"}, id="phone as a number"),
        pytest.param({"email": "", "company": {}, "note": ""}, {"note": ""}, id="empty"),
        pytest.param({"email": None, "colour": None, "address": None}, {}, id="null"),
        pytest.param({"ID": 1, "user_id": 2, "User_ID": 3, " ": 4, "x" * 1024: 5}, {}, id="names that Heap refuses"),
        pytest.param({"Email": "a"}, {"Email": "a"}, id="a custom trait of another casing"),
        pytest.param({"planTier": 1, "plan_tier": 2}, {"planTier": 1, "plan_tier": 2}, id="custom names stay"),
        pytest.param({"a": {"b": {"c": [1, True, None]}, "n": None}}, {"a.b.c": "1||true"}, id="within an object"),
    ],
)
def test_traits_of_odd_shapes(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert properties_of({"kept": 1, **traits}) == {"kept": 1, **expected}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(12.5, 12.5, id="a number"),
        pytest.param(False, "false", id="a boolean is text"),
        pytest.param("é" * 1024, "é" * 1023, id="a long text is cut"),
        pytest.param(["vanilla", "chocolate"], "vanilla||chocolate", id="a list"),
        pytest.param(["x" * 600, "y" * 600], "x" * 600 + "||" + "y" * 421, id="a long list is cut"),
        pytest.param([], "", id="an empty list"),
        pytest.param([{"a": 1}, None, {"a": [2]}], {"0": {"a": 1}, "1": None, "2": {"a": "2"}}, id="objects in a list"),
    ],
)
def test_the_values_of_properties(value: Any, expected: Any) -> None:
    assert to_property(value) == expected


@pytest.mark.parametrize(("name", "is_taken"), [("x" * 1023, True), ("x" * 1024, False), ("Id", False), ("ids", True)])
def test_the_names_of_properties(name: str, is_taken: bool) -> None:
    assert (property_name(name) is not None) is is_taken


@pytest.mark.parametrize("name", [" ", "ID", "user_id"])
def test_the_account_id_is_a_property_that_heap_takes(name: str) -> None:
    with pytest.raises(ValueError, match="expected the name of a property"):
        make_settings(account_id_property=name)


# --- who ---


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        pytest.param({"anonymousId": "a-1", "traits": {"a": 1}}, "anonymous", id="anonymous"),
        pytest.param({"traits": {"email": "ada@example.test"}}, "anonymous", id="an email alone"),
        pytest.param({"userId": "u" * 256, "traits": {"a": 1}}, "255 characters", id="a long userId is not cut"),
        pytest.param({"userId": "u-17", "traits": {"id": "u-17", "a": None}}, "no traits", id="nothing to write"),
    ],
)
def test_an_identify_that_writes_nothing_is_not_sent(call: dict[str, Any], reason: str) -> None:
    assert reason in skipped(make_event("identify", **call))


def test_a_user_id_keeps_its_casing() -> None:
    assert body_of(make_event("identify", userId="U-17", traits={"a": 1}))["identity"] == "U-17"


# --- accounts ---


def test_a_user_belongs_to_the_account_of_the_group_call() -> None:
    event = make_event("group", userId="u-17", groupId=9, traits={"tier": 1})

    body = body_of(event, "add user to account", account_id_property="company.id")

    assert body == {"identity": "u-17", "properties": {"company.id": "9"}}


@pytest.mark.parametrize(
    ("call", "settings", "reasons"),
    [
        pytest.param({"userId": "u-17"}, {}, ["account_id_property", "account_id_property"], id="no Account ID"),
        pytest.param(
            {"anonymousId": "a-1"},
            {"account_id_property": "company_id"},
            ["no traits to write", "anonymous"],
            id="nobody, and no traits",
        ),
        pytest.param(
            {"userId": "u-17", "groupId": "g" * 1024},
            {"account_id_property": "company_id"},
            ["1023 characters", "1023 characters"],
            id="a long groupId",
        ),
    ],
)
def test_a_group_call_that_writes_nothing_is_not_sent(
    call: dict[str, Any], settings: dict[str, Any], reasons: list[str]
) -> None:
    event = make_event("group", **{"groupId": "g", **call})

    for action, reason in zip(("update account", "add user to account"), reasons, strict=True):
        assert reason in skipped(event, action, **settings)


def test_a_group_call_that_a_mapping_took_the_group_from_is_not_sent() -> None:
    """As ``drop: [groupId]`` in the config does."""
    document = make_event("group", userId="u-17", groupId="g", traits={"tier": 1}).document
    event = Event.of_document({key: value for key, value in document.items() if key != "groupId"})

    for action in ("update account", "add user to account"):
        assert "names no group" in skipped(event, action, account_id_property="company_id")


# --- explain ---


@pytest.mark.parametrize("name", ["Heap", "Heap Cloud", "Heap Cloud (Actions)"])
def test_each_of_segment_s_names_for_heap_keeps_an_event_from_it(name: str) -> None:
    event = make_event("track", userId="u-17", event="E", integrations={name: False})

    [part] = explain(event, [MAPPER.rehearse().destination])["destinations"]

    assert part["decision"] == "skip"


def test_what_is_left_out_is_reported_and_the_rest_goes_on() -> None:
    event = make_event("identify", userId="u-17", traits={"user_id": 1, "age": "old", "plan": "gold"})

    [part] = explain(event, [MAPPER.rehearse().destination])["destinations"]

    assert "traits.user_id" in part["unmapped"]
    assert [warning for warning in part["warnings"] if "traits.age" in warning]
    [request] = part["requests"]
    assert request["body"]["users"] == [{"identity": "u-17", "properties": {"plan": "gold"}}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([*USER_TRAITS, *GROUP_TRAITS, "Id", "user_id", "url"]) | st.text(max_size=8)
INVALID = {"identify": invalid_user, "group": invalid_account, "track": invalid_event, "page": invalid_event}


@given(st.dictionaries(names, json_values, max_size=6))
def test_whatever_a_caller_says_heap_takes_what_is_made_of_it(values: dict[str, Any]) -> None:
    for call, invalid in INVALID.items():
        event = make_event(call, userId="u", groupId="g", event="E", traits=values, properties=values)

        [mapped, *_] = MAPPER.rehearse(account_id_property="company_id").map(event)

        assert [invalid(payload.body) for payload in mapped.payloads] in ([""], [])

"""Traits of users and companies: each reserved one in both spellings, and the odd shapes they come in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.event import Event
from router.explain import explain
from router.plugin import GROUP_TRAITS, NESTED_TRAITS, USER_TRAITS, camel_case, snake_case
from router.testing import make_event
from router.testing.samples import COMPANY, PERSON
from tests.plugins.userpilot.mapped import MAPPER, body_of, skipped

ADDRESS_PARTS = [f"address_{part}" for part in NESTED_TRAITS["address"]]


def metadata_of(traits: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What Userpilot gets of a trait as metadata; a company is not among it, and an id has its own place."""
    value = traits[name]
    if name == "address":
        return {f"address_{part}": item for part, item in value.items()}
    return {} if name in ("id", "company") else {"created_at" if name == "createdAt" else name: value}


def spelled(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


def identified(traits: dict[str, Any]) -> Any:
    return body_of(make_event("identify", userId="u-17", traits=traits))


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    body = identified({"kept": 1, spell(trait): spelled(PERSON[trait], spell)})

    assert (body["user_id"], body["metadata"]) == ("u-17", {"kept": 1, **metadata_of(PERSON, trait)})


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    traits = {"kept": 1, spell(trait): spelled(COMPANY[trait], spell)}
    event = make_event("group", userId="u-17", groupId=9, traits=traits)

    body = body_of(event, "identify company")

    assert body == {"company_id": "9", "metadata": {"kept": 1, **metadata_of(COMPANY, trait)}}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"address": "1 Main St"}, {"address": "1 Main St"}, id="address as text"),
        pytest.param(
            {"first_name": "Ada", "last_name": "Lovelace"},
            {"firstName": "Ada", "lastName": "Lovelace", "name": "Ada Lovelace"},
            id="names in snake_case",
        ),
        pytest.param(
            {"age": "36", "createdAt": "2024-08-24T16:15:22+02:00", "email": " ada@example.test "},
            {"age": 36, "created_at": "2024-08-24T14:15:22Z", "email": "ada@example.test"},
            id="a number, a time and an email",
        ),
        pytest.param({"birthday": "someday", "age": "old", "email": ["a@example.test"]}, {}, id="unusable"),
        pytest.param({"email": "", "company": {}, "note": "", "tags": []}, {"note": "", "tags": ""}, id="empty"),
        pytest.param({"skills": ["ops", 1, None, True]}, {"skills": "ops, 1, true"}, id="a list"),
        pytest.param({"pets": [{"n": "a"}, {"n": ["b"]}]}, {"pets_0_n": "a", "pets_1_n": "b"}, id="objects in a list"),
        pytest.param({"a": {"b": {"c": [1]}, "d": False}}, {"a_b_c": "1", "a_d": False}, id="an object"),
        pytest.param({"first_seen_at": "2020-01-01", "last_seen_at": 1}, {}, id="names that are Userpilot's own"),
        pytest.param({"planTier": 1, "plan_tier": 2}, {"planTier": 1, "plan_tier": 2}, id="custom names stay"),
        pytest.param({"email": None, "colour": None}, {"email": None, "colour": None}, id="a null removes"),
        pytest.param(
            {"address": None, "createdAt": None},
            {"address": None, "created_at": None, **dict.fromkeys(ADDRESS_PARTS)},
            id="a null address removes its parts",
        ),
    ],
)
def test_traits_of_odd_shapes(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert identified({"kept": 1, **traits})["metadata"] == {"kept": 1, **expected}


# --- companies ---


@pytest.mark.parametrize(
    ("company", "sent", "metadata"),
    [
        pytest.param(PERSON["company"], PERSON["company"], {}, id="whole"),
        pytest.param({"id": 9}, {"id": "9"}, {}, id="an id that is a number"),
        pytest.param(
            {"id": "9", "createdAt": 1724508922, "address": {"city": "Leeds"}, "tags": ["a", "b"], "plan": None},
            {"id": "9", "created_at": "2024-08-24T14:15:22Z", "address_city": "Leeds", "tags": "a, b", "plan": None},
            {},
            id="parts of the caller's own",
        ),
        pytest.param("Acme", None, {"company_name": "Acme"}, id="a name alone"),
        pytest.param(
            {"id": " ", "created_at": "2020-01-02", "tier": 1},
            None,
            {"company_created_at": "2020-01-02", "company_tier": 1},
            id="a blank id",
        ),
        pytest.param({"id": None, "plan": "gold"}, None, {"company_plan": "gold"}, id="no id any more"),
        pytest.param(["Acme"], None, {}, id="a list"),
    ],
)
def test_a_company_goes_by_its_id(company: Any, sent: Any, metadata: dict[str, Any]) -> None:
    body = identified({"company": company, "company_size": "large"})

    assert body.get("company") == sent
    assert body["metadata"] == {"company_size": "large", **metadata}


def test_a_null_company_changes_nothing() -> None:
    assert identified({"company": None, "a": 1}) == {"user_id": "u-17", "metadata": {"a": 1}}


def test_a_user_without_traits_is_made_all_the_same() -> None:
    assert identified({}) == {"user_id": "u-17"}


def test_a_group_call_names_the_company_of_its_user() -> None:
    event = make_event("group", userId="u-17", groupId=9)

    assert body_of(event, "identify company") == {"company_id": "9"}
    assert body_of(event, "add user to company") == {"user_id": "u-17", "company": {"id": "9"}}


# --- what is not sent ---


@pytest.mark.parametrize("ids", [{"anonymousId": "a-1"}, {}], ids=["anonymous", "an email alone"])
def test_somebody_without_a_user_id_is_not_sent(ids: dict[str, str]) -> None:
    event = make_event("identify", **ids, traits={"email": "ada@example.test"})

    assert "anonymous" in skipped(event)


def test_somebody_anonymous_belongs_to_no_company() -> None:
    event = make_event("group", anonymousId="a-1", groupId="c9", traits={"tier": 1})

    assert body_of(event, "identify company")["company_id"] == "c9"
    assert "anonymous" in skipped(event, "add user to company")


def test_a_group_call_that_a_mapping_took_the_group_from_is_not_sent() -> None:
    """As ``drop: [groupId]`` in the config does."""
    document = make_event("group", userId="u-17", groupId="c9", traits={"tier": 1}).document
    event = Event.of_document({key: value for key, value in document.items() if key != "groupId"})

    for action in ("identify company", "add user to company"):
        assert skipped(event, action) == "the call names no group"


def test_what_is_left_out_is_reported_and_the_rest_goes_on() -> None:
    event = make_event("identify", userId="u-17", traits={"last_seen_at": 1, "age": "old", "plan": "gold"})

    [part] = explain(event, [MAPPER.rehearse().destination])["destinations"]

    assert "traits.last_seen_at" in part["unmapped"]
    assert [warning for warning in part["warnings"] if "traits.age" in warning]
    [request] = part["requests"]
    assert request["body"] == {"user_id": "u-17", "metadata": {"plan": "gold"}}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([*USER_TRAITS, *GROUP_TRAITS, "last_seen_at", "url"]) | st.text(max_size=8)


@given(st.dictionaries(names, json_values, max_size=6))
def test_whatever_a_caller_says_what_is_sent_of_it_is_plain(values: dict[str, Any]) -> None:
    for call in ("identify", "group", "track", "page"):
        event = make_event(call, userId="u", groupId="g", event="E", traits=values, properties=values)

        for mapped in MAPPER.rehearse(track_pages=True).map(event):
            for payload in mapped.payloads:
                company, metadata = payload.body.get("company", {"id": "g"}), payload.body.get("metadata", {})
                assert not [
                    value for value in (*company.values(), *metadata.values()) if isinstance(value, dict | list)
                ]
                assert isinstance(company["id"], str)

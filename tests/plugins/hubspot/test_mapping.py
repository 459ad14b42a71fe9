"""From identify, group and alias calls to contacts, companies and merges."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.hubspot import PLUGIN, properties
from plugins.hubspot.settings import Settings
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, Converter, Event, camel_case, snake_case
from router.testing import Rehearsal, make_event
from tests.plugins.hubspot.samples import BY_EMAIL, EMAIL, body_of, group, identify, map_event, properties_of

MOMENT = "2024-08-24T14:15:22.000Z"
PEOPLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (
        {"street": "12 Main St", "city": "London", "state": "LDN", "postalCode": "N1", "country": "GB"},
        {"address": "12 Main St", "city": "London", "state": "LDN", "zip": "N1", "country": "GB"},
    ),
    "age": ("36", {"age": 36}),
    "avatar": ("https://example.test/a.png", {"avatar": "https://example.test/a.png"}),
    "birthday": ("1815-12-10T05:00:00Z", {"date_of_birth": "1815-12-10"}),
    "company": (
        {"name": "Engines", "id": 7, "industry": "Toys", "employee_count": "40", "plan": "gold"},
        {
            "company": "Engines",
            "company_id": "7",
            "industry": "Toys",
            "numemployees": "25-50",
            "company_plan": "gold",
        },
    ),
    "createdAt": (1724508922, {"signed_up_at": MOMENT}),
    "description": ("Countess", {"description": "Countess"}),
    "email": (" Ada@Example.test", {"email": EMAIL}),
    "firstName": ("Ada", {"firstname": "Ada"}),
    "gender": ("female", {"gender": "female"}),
    "id": ("u-17", {"user_id": "u-17"}),
    "lastName": ("Lovelace", {"lastname": "Lovelace"}),
    "name": ("Ada King Lovelace", {"firstname": "Ada", "lastname": "King Lovelace"}),
    "phone": ("020 7946 0000", {"phone": "020 7946 0000"}),
    "title": ("Countess", {"jobtitle": "Countess"}),
    "username": ("ada", {"username": "ada"}),
    "website": ("https://example.test", {"website": "https://example.test"}),
}
"""Each reserved trait of a person: what is sent, and which properties come of it."""


def respell(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_each_reserved_trait_arrives(trait: str, spell: Any) -> None:
    value, expected = PEOPLE[trait]
    event = make_event("identify", userId="u-17", traits={"email": EMAIL, spell(trait): respell(value, spell)})

    found = properties_of(event, user_id_property="user_id")

    assert found | expected == found


GROUPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": PEOPLE["address"],
    "avatar": ("https://example.test/e.png", {"avatar": "https://example.test/e.png"}),
    "createdAt": ("2020-01-02", {"signed_up_at": "2020-01-02T00:00:00.000Z"}),
    "description": ("Makers", {"description": "Makers"}),
    "email": ("office@example.test", {"email": "office@example.test"}),
    "employees": ("40", {"numberofemployees": 40}),
    "id": ("g-1", {"cdp_group_id": "g-1"}),
    "industry": ("Computer software", {"industry": "COMPUTER_SOFTWARE"}),
    "name": ("Engines", {"name": "Engines"}),
    "phone": ("+441132460000", {"phone": "+441132460000"}),
    "website": (
        "www.engines.example.test/",
        {"website": "www.engines.example.test/", "domain": "engines.example.test"},
    ),
    "plan": ("gold", {"plan": "gold"}),
}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_each_reserved_trait_of_a_group_arrives(trait: str, spell: Any) -> None:
    value, expected = GROUPS[trait]

    found = properties_of(group(**{spell(trait): respell(value, spell)}))

    assert found | expected == found


@pytest.mark.parametrize("value", ["Bob@example.test", 5, ["bob@example.test"], None], ids=repr)
@pytest.mark.parametrize("name", ["Email", " EMAIL", "User Id", "USER-ID"])
def test_no_custom_trait_says_who_a_contact_is(name: str, value: Any) -> None:
    """Its name would become that of the property by which the contact is found."""
    settings = {"user_id_property": "user_id"}
    by_email = make_event("identify", anonymousId="a-1", traits={"email": EMAIL, name: value, "tier": "gold"})
    nobody = make_event("identify", anonymousId="a-1", traits={name: value, "tier": "gold"})

    assert properties_of(by_email, **settings) == {"email": EMAIL, "tier": "gold"}
    assert "HubSpot finds no contact" in map_event(nobody, **settings)["write contact"].skipped


def test_custom_group_traits_arrive() -> None:
    assert properties_of(group(regionCode="PT", tags=["a", "b"])) == {
        "cdp_group_id": "g-1",
        "regioncode": "PT",
        "tags": "a;b",
    }


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"firstName": "Ann", "name": "Ann Lee Ray"}, ("Ann", "Lee Ray"), id="the last name is missing"),
        pytest.param({"lastName": "Ray", "name": "Ann Lee Ray"}, ("Ann", "Ray"), id="the first name is missing"),
        pytest.param({"name": "Ann"}, ("Ann", None), id="a name of one word"),
        pytest.param({"first_name": "Ann", "last_name": "Lee"}, ("Ann", "Lee"), id="only in snake_case"),
        pytest.param({"name": {"first": "Ann"}}, (None, None), id="no text"),
    ],
)
def test_a_name_is_split_where_first_or_last_are_missing(traits: Any, expected: Any) -> None:
    found = properties_of(identify(**traits))

    assert (found.get("firstname"), found.get("lastname")) == expected


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Engines"}, {"company": "Engines"}, id="company as text"),
        pytest.param({"address": "12 Main St, London"}, {"address": "12 Main St, London"}, id="address as text"),
        pytest.param({"phone": 442079460000}, {"phone": "442079460000"}, id="phone as a number"),
        pytest.param({"firstName": None, "tier": None}, {"firstname": None, "tier": None}, id="null clears"),
        pytest.param(
            {"address": None},
            dict.fromkeys(["address", "city", "state", "country", "zip"]),
            id="a null address clears all of it",
        ),
        pytest.param({"birthday": "yesterday", "age": "old"}, {}, id="what is no date and no number"),
    ],
)
def test_odd_values_of_traits(traits: Any, expected: Any) -> None:
    assert properties_of(identify(**traits)) == {"email": EMAIL, **expected}


def test_a_null_company_clears_what_is_known_of_it_and_nothing_else() -> None:
    listed = properties_of(identify(company=None), contact_properties=["numemployees"])

    assert listed == {"email": EMAIL, **dict.fromkeys(["company", "industry", "numemployees"])}


def test_explain_tells_of_what_a_null_company_clears() -> None:
    """It called the company unmapped, and said nothing of where the nulls in the request came from."""
    settings = Settings.model_validate({**BY_EMAIL, "contact_properties": ["numemployees"]})
    [entry, *_] = explain(identify(company=None), [Rehearsal(PLUGIN, settings).destination])["destinations"]

    told = [line["to"] for line in entry["lineage"] if line["from"] == "traits.company"]
    assert told == [f"properties.{name}" for name in ("company", "industry", "numemployees")]
    assert entry["unmapped"] == []


def test_a_null_address_of_a_group_clears_all_of_it() -> None:
    cleared = properties_of(group(name="Engines", address=None))

    assert {name for name, value in cleared.items() if value is None} == {"address", "city", "state", "country", "zip"}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        pytest.param("planTier", "gold", {"plantier": "gold"}, id="in lower case"),
        pytest.param("Plan tier.x", 1, {"plan_tier_x": 1}, id="signs"),
        pytest.param("tags", ["a", 1, None], {"tags": "a;1"}, id="a list"),
        pytest.param("prefs", {"a": {"b": 1}}, {"prefs": '{"a":{"b":1}}'}, id="an object"),
        pytest.param("vip", True, {"vip": True}, id="a boolean"),
        pytest.param("note", "", {"note": ""}, id="empty text is a value, and clears"),
        pytest.param("1st", "x", {}, id="no letter first"),
        pytest.param("имя", "x", {}, id="no Latin letter"),
        pytest.param("hs_object_id", "1", {}, id="the record id"),
        pytest.param("createdate", "1", {}, id="HubSpot's own creation date"),
        pytest.param("hs_analytics_source", "1", {}, id="HubSpot's own sums"),
        pytest.param("num_notes", "1", {}, id="HubSpot's own counts"),
    ],
)
def test_custom_traits_become_properties(key: str, value: Any, expected: Any) -> None:
    assert properties_of(identify(**{key: value})) == {"email": EMAIL, **expected}


def test_only_listed_properties_are_sent_where_there_is_a_list() -> None:
    event = identify(tier="gold", vip=True, hs_lead_status="NEW", age=3, firstName="Ada")

    found = properties_of(event, contact_properties=["vip", "hs_lead_status"])

    assert found == {"email": EMAIL, "firstname": "Ada", "vip": True, "hs_lead_status": "NEW"}


def test_what_the_list_leaves_out_is_reported() -> None:
    settings = Settings.model_validate({**BY_EMAIL, "contact_properties": []})
    told = explain(identify(tier="gold", age=3), [Rehearsal(PLUGIN, settings).destination])

    entry = told["destinations"][0]
    assert entry["unmapped"] == ["traits.tier", "traits.age"]
    assert "traits.age" not in {line["from"] for line in entry["lineage"]}


@pytest.mark.parametrize(
    ("event", "settings", "key"),
    [
        pytest.param(identify(), {}, {"id": EMAIL, "id_property": "email"}, id="email"),
        pytest.param(
            make_event("identify", anonymousId="a-1", traits={"email": EMAIL}),
            {},
            {"id": EMAIL, "id_property": "email"},
            id="email without a userId",
        ),
        pytest.param(
            make_event("identify", userId="Ada@example.test"),
            {},
            {"id": EMAIL, "id_property": "email"},
            id="a userId that is an email",
        ),
        pytest.param(
            identify(),
            {"user_id_property": "user_id", "lookup_field": "user_id"},
            {"id": "u-17", "id_property": "user_id"},
            id="userId, where the operator wants",
        ),
        pytest.param(
            make_event("identify", traits={"email": EMAIL}),
            {"user_id_property": "user_id", "lookup_field": "user_id"},
            {"id": EMAIL, "id_property": "email"},
            id="email, for want of a userId",
        ),
    ],
)
def test_what_finds_a_contact(event: Event, settings: Any, key: Any) -> None:
    body = body_of(event, **settings)

    assert {"id": body["id"], "id_property": body["id_property"]} == key
    assert body["properties"]["email"] == EMAIL


@pytest.mark.parametrize(
    ("call", "settings"),
    [
        pytest.param({"anonymousId": "a-1", "traits": {"plan": "free"}}, {}, id="anonymous"),
        pytest.param({"userId": "u-17"}, {}, id="a userId alone, found by email"),
        pytest.param({"userId": "u-17", "traits": {"email": "not an email"}}, {}, id="an email that is none"),
        pytest.param(
            {"anonymousId": "a-1"},
            {"user_id_property": "user_id", "lookup_field": "user_id"},
            id="anonymous, by userId",
        ),
    ],
)
def test_nobody_that_cannot_be_found_becomes_a_contact(call: Any, settings: Any) -> None:
    mapped = map_event(make_event("identify", **call), **settings)

    assert "finds no contact" in mapped["write contact"].skipped
    assert not mapped["write contact"].payloads


@pytest.mark.parametrize(
    ("event", "action"),
    [
        pytest.param(identify(), "write contacts in batches", id="a userId"),
        pytest.param(make_event("identify", traits={"email": EMAIL}), "write contact", id="only an email"),
    ],
)
def test_only_contacts_with_a_unique_property_travel_in_batches(event: Event, action: str) -> None:
    """HubSpot upserts nothing in part by email."""
    mapped = map_event(
        event, user_id_property="user_id", lookup_field="user_id", batch_contacts=True, contact_properties=[]
    )

    assert [name for name, each in mapped.items() if each.payloads] == [action]


@pytest.mark.parametrize(
    ("call", "settings", "contact"),
    [
        pytest.param({"userId": "u-17"}, {}, None, id="nobody whom HubSpot knows"),
        pytest.param(
            {"userId": "u-17", "context": {"traits": {"email": "ADA@example.test"}}},
            {},
            {"id": EMAIL, "id_property": "email"},
            id="by the email in the context",
        ),
        pytest.param(
            {"userId": "u-17"},
            {"user_id_property": "uid", "lookup_field": "user_id"},
            {"id": "u-17", "id_property": "uid"},
            id="by userId",
        ),
    ],
)
def test_who_is_linked_to_a_company(call: Any, settings: Any, contact: Any) -> None:
    body = body_of(make_event("group", groupId="g-1", **call), **settings)

    assert body["id"] == "g-1"
    assert body.get("contact") == contact


def test_an_alias_merges_only_where_the_operator_wants() -> None:
    alias = make_event("alias", userId="u-17", previousId="u-16")

    assert "merge_on_alias" in map_event(alias)["merge contacts"].skipped
    assert body_of(alias, user_id_property="user_id", merge_on_alias=True) == {"user_id": "u-17", "previous_id": "u-16"}


def test_an_alias_of_itself_merges_nothing() -> None:
    alias = make_event("alias", userId="u-17", previousId="u-17")

    assert map_event(alias, user_id_property="user_id", merge_on_alias=True)["merge contacts"].skipped


@pytest.mark.parametrize(
    ("converter", "value", "expected"),
    [
        (properties.to_size_range, 1, "1-5"),
        (properties.to_size_range, 5, "5-25"),
        (properties.to_size_range, 999, "500-1000"),
        (properties.to_size_range, "1,000", "1000+"),
        (properties.to_industry, "Food & Beverages", "FOOD_BEVERAGES"),
        (properties.to_moment, "2024-08-24T16:15:22.5+02:00", MOMENT),
        (properties.to_value, None, ""),
        (properties.to_value, True, "true"),
        (properties.to_value, 19.99, "19.99"),
        (properties.to_value, "é" * 70_000, "é" * 65_536),
    ],
)
def test_values_as_hubspot_takes_them(converter: Converter, value: Any, expected: str) -> None:
    assert converter(value) == expected


@pytest.mark.parametrize(
    ("converter", "value"),
    [
        (properties.to_size_range, 0),
        (properties.to_size_range, "many"),
        (properties.to_industry, 7),
        (properties.to_industry, "教育"),
        (properties.to_moment, "yesterday"),
    ],
)
def test_values_that_hubspot_would_refuse_are_left_out(converter: Converter, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        converter(value)

"""From identify and group calls to contacts and accounts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.activecampaign import PLUGIN, fields
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, Converter, Event, camel_case, snake_case
from router.testing import Rehearsal, make_event
from tests.plugins.activecampaign.samples import (
    EMAIL,
    MINIMAL,
    WITH_FIELDS,
    body_of,
    group,
    identify,
    make_settings,
    map_event,
    skips_of,
)

PEOPLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": ({"postalCode": "N1", "city": "London"}, {"fields": {"1": '{"postalCode":"N1"}', "2": "London"}}),
    "age": ("36", {"fields": {"3": "36"}}),
    "avatar": ("https://example.org/a.png", {"fields": {"4": "https://example.org/a.png"}}),
    "birthday": ("1815-12-10T05:00:00Z", {"fields": {"5": "1815-12-10"}}),
    "company": (
        {"name": "Engines", "id": "c9", "employeeCount": 40},
        {"account": {"name": "Engines"}, "fields": {"6": '{"id":"c9"}', "7": "40"}},
    ),
    "createdAt": (1709285400, {"fields": {"8": "2024-03-01T09:30:00+00:00"}}),
    "description": ("Countess", {"fields": {"9": "Countess"}}),
    "email": (" Ada.Lovelace@example.org", {}),
    "firstName": ("Ada", {"contact": {"firstName": "Ada"}}),
    "gender": ("female", {"fields": {"10": "female"}}),
    "id": ("x-17", {"fields": {"11": "x-17"}}),
    "lastName": ("Lovelace", {"contact": {"lastName": "Lovelace"}}),
    "name": ("Ada King Lovelace", {"contact": {"firstName": "Ada", "lastName": "King Lovelace"}}),
    "phone": ("020 7946 0000", {"contact": {"phone": "020 7946 0000"}}),
    "title": ("Countess", {"fields": {"12": "Countess"}}),
    "username": ("ada", {"fields": {"13": "ada"}}),
    "website": ("https://example.org", {"fields": {"14": "https://example.org"}}),
}
"""Each reserved trait of a person: what is sent, and what comes of it."""


def respell(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_each_reserved_trait_arrives(trait: str, spell: Any) -> None:
    value, expected = PEOPLE[trait]
    event = make_event("identify", userId="u-17", traits={"email": EMAIL, spell(trait): respell(value, spell)})

    body = body_of(event, **WITH_FIELDS)

    assert body["contact"] == {"email": EMAIL, **expected.get("contact", {})}
    assert body["fields"] == {"16": "u-17", **expected.get("fields", {})}
    assert body.get("account") == expected.get("account")


GROUPS: dict[str, tuple[Any, Any]] = {
    "address": ({"city": "Leeds"}, (20, '{"city":"Leeds"}')),
    "avatar": ("https://example.org/e.png", (21, "https://example.org/e.png")),
    "createdAt": ("2020-01-02", (22, "2020-01-02")),
    "description": ("Makers", (23, "Makers")),
    "email": ("office@example.org", (24, "office@example.org")),
    "employees": ("40", (25, "40")),
    "id": ("g-1", (26, "g-1")),
    "industry": ("Toys", (27, "Toys")),
    "name": ("Engines", {"name": "Engines"}),
    "phone": ("01132 460000", (28, "01132 460000")),
    "plan": ("gold", (29, "gold")),
    "website": ("https://engine.example.org", {"accountUrl": "https://engine.example.org"}),
}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_each_reserved_trait_of_a_group_arrives(trait: str, spell: Any) -> None:
    value, expected = GROUPS[trait]

    body = body_of(group(**{spell(trait): respell(value, spell)}), **WITH_FIELDS)

    values = {field.pop("customFieldId"): field.pop("fieldValue") for field in body["account"].pop("fields")}
    own = expected if isinstance(expected, dict) else {}
    assert body == {"account": {"name": "g-1", **own}, "email": EMAIL}
    assert values == {31: "g-1"} | (dict([expected]) if isinstance(expected, tuple) else {})


def test_a_custom_group_trait_arrives_where_it_has_a_field() -> None:
    account = body_of(group(name="Engines", regionCode="PT", tier=1), group_fields={"regionCode": "30"})["account"]

    assert account == {"name": "Engines", "fields": [{"customFieldId": 30, "fieldValue": "PT"}]}


def test_the_settings_may_name_a_reserved_trait_in_either_spelling() -> None:
    named = {"created_at": "3:date", "address.postal_code": "7", "company.employeeCount": "8:number"}
    traits = {"createdAt": "2024-03-01", "address": {"postalCode": "N1"}, "company": {"employeeCount": 40}}

    assert body_of(identify(**traits), fields=named)["fields"] == {"3": "2024-03-01", "7": "N1", "8": "40"}


@pytest.mark.parametrize(
    ("call", "email"),
    [
        pytest.param({"context": {"traits": {"email": EMAIL}}}, EMAIL, id="in the context"),
        pytest.param({"userId": "Ada.Lovelace@example.org"}, EMAIL, id="the userId"),
        pytest.param({"traits": {"email": "office@example.org"}}, None, id="the group's own email is nobody's"),
        pytest.param({"anonymousId": "a-1"}, None, id="nobody"),
    ],
)
def test_whom_an_account_is_linked_to(call: Any, email: str | None) -> None:
    assert body_of(make_event("group", groupId="g-1", **{"userId": "u-17", **call})).get("email") == email


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"firstName": "Ann", "name": "Ann Lee Ray"}, ("Ann", "Lee Ray"), id="the last name is missing"),
        pytest.param({"lastName": "Ray", "name": "Ann Lee Ray"}, ("Ann", "Ray"), id="the first name is missing"),
        pytest.param({"name": "Ann"}, ("Ann", None), id="a name of one word"),
        pytest.param({"first_name": "Ann", "last_name": "Lee"}, ("Ann", "Lee"), id="only in snake_case"),
    ],
)
def test_a_name_is_split_where_first_or_last_are_missing(traits: Any, expected: Any) -> None:
    contact = body_of(identify(**traits))["contact"]

    assert (contact.get("firstName"), contact.get("lastName")) == expected


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Engines"}, {"account": {"name": "Engines"}}, id="company as text"),
        pytest.param({"address": "12 St James Sq"}, {"fields": {"1": "12 St James Sq"}}, id="address as text"),
        pytest.param({"phone": 442079460000}, {"contact": {"phone": "442079460000"}}, id="phone as a number"),
        pytest.param({"plan": ["sms", 7, True]}, {"fields": {"15": "||sms||7||true||"}}, id="a list"),
        pytest.param({"plan": []}, {"fields": {"15": ""}}, id="an empty list"),
        pytest.param({"plan": [{"a": 1}]}, {"fields": {"15": '[{"a":1}]'}}, id="a list of objects"),
        pytest.param({"plan": {"a": [1]}}, {"fields": {"15": '{"a":[1]}'}}, id="an object"),
        pytest.param({"plan": False}, {"fields": {"15": "false"}}, id="a boolean"),
        pytest.param({"plan": ""}, {"fields": {"15": ""}}, id="an empty custom trait is a value"),
        pytest.param({"plan": None, "title": None}, {}, id="null"),
        pytest.param({"age": "old", "birthday": "soon"}, {}, id="no number and no date"),
    ],
)
def test_odd_values_of_traits(traits: Any, expected: Any) -> None:
    body = body_of(identify(**traits), **{**WITH_FIELDS, "fields": {**WITH_FIELDS["fields"], "userId": "16"}})

    assert body["fields"].pop("16") == "u-17"
    assert {name: body.get(name) for name in expected} | {"contact": body["contact"]} == {
        **expected,
        "contact": {"email": EMAIL, **expected.get("contact", {})},
    }
    assert body["fields"] == expected.get("fields", {})


def test_a_trait_without_a_field_is_left_out_and_reported() -> None:
    destination = Rehearsal(PLUGIN, make_settings()).destination

    entry = explain(identify(tier=1, gender="f", username=None), [destination])["destinations"][0]

    assert entry["unmapped"] == ["traits.gender", "traits.tier"]
    assert "fields" not in body_of(identify(tier=1))


def test_every_custom_trait_looks_for_its_field_where_the_operator_wants() -> None:
    body = body_of(identify(planTier="gold", tags=["vip"], **{"": 1, "7": 2, "a.b": 3}), send_all_traits=True)

    assert body["fields"] == {"planTier": "gold", "a.b": "3"}
    assert body["tags"] == ["vip"]


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (["vip", " beta ", "", "vip"], ["vip", "beta"]),
        ("vip", ["vip"]),
        ([], None),
        ([1], None),
    ],
)
def test_a_list_of_texts_becomes_tags(value: Any, tags: Any) -> None:
    assert body_of(identify(tags=value)).get("tags") == tags


def test_of_more_tags_than_there_is_time_for_the_first_are_put_on_and_the_others_told() -> None:
    event = identify(tags=[f"t{number}" for number in range(12)])
    [[payload]] = [mapped.payloads for mapped in map_event(event) if mapped.payloads]

    assert payload.body["tags"] == [f"t{number}" for number in range(10)]
    assert payload.notes == ("beyond the 10 tags of one call; left out: t10, t11",)
    assert len(body_of(event, bulk=True)["tags"]) == 12


@pytest.mark.parametrize(
    ("settings", "traits", "lists"),
    [
        pytest.param({}, {"newsletter": True}, None, id="no lists"),
        pytest.param({"lists": ["3"]}, {}, {"ids": ["3"], "is_on": None}, id="everybody, once"),
        pytest.param({"lists": ["3"], "subscribe_trait": "newsletter"}, {}, None, id="without a word of the person's"),
        pytest.param(
            {"lists": ["3"], "subscribe_trait": "newsletter"}, {"newsletter": "yes"}, None, id="a word that is none"
        ),
        pytest.param(
            {"lists": ["3"], "subscribe_trait": "newsletter"},
            {"newsletter": True},
            {"ids": ["3"], "is_on": True},
            id="yes",
        ),
        pytest.param(
            {"lists": ["3"], "subscribe_trait": "newsletter"},
            {"newsletter": "false"},
            {"ids": ["3"], "is_on": False},
            id="no",
        ),
    ],
)
def test_who_is_put_on_lists(settings: Any, traits: Any, lists: Any) -> None:
    assert body_of(identify(**traits), **settings).get("lists") == lists


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize(
    "call",
    [
        pytest.param({"anonymousId": "a-1", "traits": {"plan": "free"}}, id="anonymous"),
        pytest.param({"userId": "u-17", "traits": {"plan": "free"}}, id="a userId alone"),
        pytest.param({"userId": "u-17", "traits": {"email": "not an email"}}, id="an email that is none"),
        pytest.param({"userId": "u-17", "traits": {"email": None}}, id="null for an email"),
    ],
)
def test_without_an_email_nobody_becomes_an_empty_contact(call: Any, bulk: bool) -> None:
    assert "without a valid email" in skips_of(make_event("identify", **call), bulk=bulk)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param({"traits": {"email": "Ada.Lovelace@example.org"}}, id="email without a userId"),
        pytest.param({"userId": "Ada.Lovelace@example.org"}, id="a userId that is an email"),
        pytest.param({"userId": "u-17", "context": {"traits": {"email": EMAIL}}}, id="email in the context"),
    ],
)
def test_who_a_contact_is(call: Any) -> None:
    assert body_of(make_event("identify", **call))["contact"] == {"email": EMAIL}


def test_an_import_has_names_of_its_own() -> None:
    settings = {
        "bulk": True,
        "fields": {"plan": "15"},
        "company_accounts": True,
        "lists": ["3", "4"],
        "subscribe_trait": "on",
    }
    event = identify(firstName="Ada", lastName="L", phone="1", company="Engines", plan="gold", tags=["vip"], on=False)

    assert body_of(event, **settings) == {
        "email": EMAIL,
        "first_name": "Ada",
        "last_name": "L",
        "phone": "1",
        "customer_acct_name": "Engines",
        "tags": ["vip"],
        "fields": [{"id": 15, "value": "gold"}],
        "unsubscribe": [{"listid": "3"}, {"listid": "4"}],
    }


def test_an_alias_has_no_action() -> None:
    assert not map_event(make_event("alias", userId="u-17", previousId="u-16"))


@pytest.mark.parametrize(
    ("named", "value", "expected"),
    [
        ("5", 7, ("5", "7")),
        ("5:number", "$1,234.50", ("5", "1234.5")),
        ("5:number", 19.99, ("5", "19.99")),
        ("5:date", "2026-03-04T23:30:00-02:00", ("5", "2026-03-05")),
        ("5:datetime", "2026-03-04T23:30:00-02:00", ("5", "2026-03-05T01:30:00+00:00")),
        ("5:list", "sms", ("5", "||sms||")),
        ("Plan tier", "gold", ("Plan tier", "gold")),
        ("%PLAN%:list", ["a||b", 1], ("%PLAN%", "||a|b||1||")),
    ],
)
def test_a_custom_field_has_the_form_of_its_type(named: str, value: Any, expected: Any) -> None:
    field, convert = fields.custom_field(named)

    assert (field, convert(value)) == expected


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (fields.to_digits, "old"),
        (fields.to_options, [{"a": 1}]),
        (fields.to_options, []),
        (fields.to_moment, "soon"),
        (fields.to_tags, {"a": 1}),
    ],
)
def test_what_does_not_fit_is_refused_and_left_out(convert: Converter, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        convert(value)


# --- settings ---


@pytest.mark.parametrize("url", ["https://a.api-us1.com", "https://a.api-us1.com/", "https://a.api-us1.com/api/3/"])
def test_the_account_url_may_be_copied_in_full(url: str) -> None:
    assert make_settings(account_url=url).api_url == "https://a.api-us1.com"


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"account_url": "engine"}, id="no address"),
        pytest.param({"account_url": "http://a.api-us1.com"}, id="no TLS"),
        pytest.param({"account_url": "https://a.api-us1.com/admin"}, id="a path"),
        pytest.param({"fields": {"plan": "Plan v1.0"}}, id="a name with a dot"),
        pytest.param({"fields": {"plan": "5:boolean"}}, id="a type that there is not"),
        pytest.param({"fields": {"": "5"}}, id="no trait"),
        pytest.param({"group_fields": {"plan": "Plan"}}, id="an account field by its title"),
        pytest.param({"lists": ["Newsletter"]}, id="a list by its name"),
        pytest.param({"subscribe_trait": "newsletter"}, id="consent to no list"),
        pytest.param({"bulk": True, "fields": {"plan": "Plan"}}, id="an import with names of fields"),
        pytest.param({"bulk": True, "send_all_traits": True}, id="an import with every trait"),
        pytest.param({"bulk": True, "lists": ["3"]}, id="an import onto lists without consent"),
        pytest.param({"events": {"E": {}}}, id="an event that does nothing"),
        pytest.param({"actid": "25000001"}, id="event tracking without its key"),
        pytest.param({"event_key": "key"}, id="the key of event tracking without the account"),
        pytest.param({"actid": "engine", "event_key": "key"}, id="an actid that is no number"),
        pytest.param({"events": {"E": {"fields": {"x": "5:boolean"}}}}, id="an event's field of no type"),
        pytest.param({"events": {"E": {"tags": ["t"] * 11}}}, id="too many tags"),
    ],
)
def test_settings_that_are_not_right_are_refused(settings: Any) -> None:
    with pytest.raises(ValidationError):
        make_settings(**settings)


def test_minimal_settings_are_enough() -> None:
    assert make_settings().account_url == MINIMAL["account_url"]


def group_without_a_name() -> Event:
    return make_event("group", userId="u-17", groupId="g-1")


def test_a_group_without_a_name_goes_by_its_id() -> None:
    assert body_of(group_without_a_name())["account"] == {"name": "g-1"}

"""From identify and group calls to members."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.mailchimp import PLUGIN, fields
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, Event, camel_case, snake_case
from router.testing import Rehearsal, make_event
from tests.plugins.mailchimp.samples import (
    EMAIL,
    WITH_FIELDS,
    body_of,
    group,
    identify,
    make_settings,
    map_event,
    member_of,
    skips_of,
)


def merged(**values: Any) -> dict[str, Any]:
    return {"merge_fields": values}


ADDRESS = {"street": "12 St James Sq", "city": "London", "state": "LND", "postalCode": "SW1Y 4JH", "country": "GB"}
MAILED = {"addr1": "12 St James Sq", "city": "London", "state": "LND", "zip": "SW1Y 4JH", "country": "GB"}
PEOPLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (ADDRESS, merged(ADDRESS=MAILED)),
    "age": ("36", merged(AGE=36)),
    "avatar": ("https://example.org/a.png", merged(AVATAR="https://example.org/a.png")),
    "birthday": ("1815-12-10", merged(BIRTHDAY="12/10")),
    "company": ({"name": "Engines", "employeeCount": "40"}, merged(COMPANY="Engines", COSIZE=40)),
    "createdAt": (1709285400, {**merged(SINCE="2024-03-01"), "timestamp_signup": "2024-03-01T09:30:00+00:00"}),
    "description": ("Countess", merged(ABOUT="Countess")),
    "email": (" Ada.Lovelace@example.org", {}),
    "firstName": ("Ada", merged(FNAME="Ada")),
    "gender": ("female", merged(GENDER="female")),
    "id": ("x-17", merged(USERID="x-17")),
    "lastName": ("Lovelace", merged(LNAME="Lovelace")),
    "name": ("Ada King Lovelace", merged(FNAME="Ada", LNAME="King Lovelace")),
    "phone": ("020 7946 0000", merged(PHONE="020 7946 0000")),
    "title": ("Countess", merged(TITLE="Countess")),
    "username": ("ada", merged(USERNAME="ada")),
    "website": ("https://example.org", merged(WEBSITE="https://example.org")),
}
"""Each reserved trait of a person: what is sent, and what the member has of it."""


def respell(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_each_reserved_trait_arrives(trait: str, spell: Any) -> None:
    value, expected = PEOPLE[trait]
    event = make_event("identify", userId="u-17", traits={"email": EMAIL, spell(trait): respell(value, spell)})

    assert member_of(event, **WITH_FIELDS) == expected


GROUPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (ADDRESS, {"COADDRESS": MAILED}),
    "avatar": ("https://example.org/e.png", {"COAVATAR": "https://example.org/e.png"}),
    "createdAt": ("2020-01-02", {"COSINCE": "2020-01-02"}),
    "description": ("Makers", {"COABOUT": "Makers"}),
    "email": ("office@example.org", {"COEMAIL": "office@example.org"}),
    "employees": ("40", {"COSIZE": 40}),
    "id": ("g-1", {"COID": "g-1"}),
    "industry": ("Toys", {"COINDUSTRY": "Toys"}),
    "name": ("Engines", {"COMPANY": "Engines"}),
    "phone": ("01132 460000", {"COPHONE": "01132 460000"}),
    "plan": ("gold", {"COPLAN": "gold"}),
    "website": ("https://engine.example.org", {"COWEBSITE": "https://engine.example.org"}),
}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_each_reserved_trait_of_a_group_arrives_at_its_people(trait: str, spell: Any) -> None:
    value, expected = GROUPS[trait]

    assert member_of(group(**{spell(trait): respell(value, spell)}), **WITH_FIELDS) == {"merge_fields": expected}


def test_a_custom_group_trait_arrives_where_it_has_a_field() -> None:
    assert member_of(group(regionCode="PT", tier=1), **WITH_FIELDS) == merged(COREGION="PT")


def test_the_id_of_a_group_arrives_where_it_has_a_field() -> None:
    assert member_of(group(), group_fields={"groupId": "COID"}) == merged(COID="g-1")


@pytest.mark.parametrize(
    ("event", "settings", "reason"),
    [
        pytest.param(group(name="Engines"), {}, "setting group_fields", id="no field for groups"),
        pytest.param(group(tier=1), WITH_FIELDS, "none of the traits", id="none of the fields"),
        pytest.param(
            make_event("group", userId="u-17", groupId="g-1", traits={"name": "E"}),
            WITH_FIELDS,
            "without a valid email",
            id="nobody that can be found",
        ),
    ],
)
def test_a_group_call_that_leads_nowhere_is_skipped(event: Event, settings: Any, reason: str) -> None:
    assert reason in skips_of(event, **settings)


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param(
            {"firstName": "Ann", "name": "Ann Lee Ray"}, {"FNAME": "Ann", "LNAME": "Lee Ray"}, id="no last name"
        ),
        pytest.param({"lastName": "Ray", "name": "Ann Lee Ray"}, {"FNAME": "Ann", "LNAME": "Ray"}, id="no first name"),
        pytest.param({"name": "Ann"}, {"FNAME": "Ann"}, id="a name of one word"),
        pytest.param({"first_name": "Ann", "last_name": "Lee"}, {"FNAME": "Ann", "LNAME": "Lee"}, id="snake_case"),
        pytest.param({"company": "Engines"}, {"COMPANY": "Engines"}, id="company as text"),
        pytest.param({"plan": "x" * 256}, {"PLAN": "x" * 255}, id="a long text"),
        pytest.param(
            {"name": f"{'x' * 256} {'y' * 256}"}, {"FNAME": "x" * 255, "LNAME": "y" * 255}, id="a long name in two"
        ),
        pytest.param(
            {"address": {**ADDRESS, "postalCode": 1234}},
            {"ADDRESS": {**MAILED, "zip": "1234"}},
            id="a number in an address",
        ),
        pytest.param({"plan": True}, {"PLAN": "true"}, id="a boolean"),
        pytest.param({"plan": {"a": [1]}}, {"PLAN": '{"a":[1]}'}, id="an object"),
        pytest.param({"plan": ""}, {"PLAN": ""}, id="an empty custom trait is a value"),
        pytest.param({"phone": 442079460000}, {"PHONE": "442079460000"}, id="phone as a number"),
    ],
)
def test_odd_values_of_traits(traits: Any, expected: Any) -> None:
    assert member_of(identify(**traits), **WITH_FIELDS) == {"merge_fields": expected}


@pytest.mark.parametrize(
    "traits",
    [
        pytest.param({"address": "12 St James Sq"}, id="address as text"),
        pytest.param({"address": {**ADDRESS, "state": ""}}, id="address without a state"),
        pytest.param({"address": {**ADDRESS, "street": ["12 St James Sq", "Flat 2"]}}, id="a list in an address"),
        pytest.param({"address": {**ADDRESS, "city": {"name": "London"}}}, id="an object in an address"),
        pytest.param({"address": {**ADDRESS, "country": ["GB"]}}, id="a country that is a list"),
        pytest.param({"address": {**ADDRESS, "country": "United Kingdom"}}, id="a country that is no code"),
        pytest.param({"age": "old"}, id="no number"),
        pytest.param({"birthday": "soon"}, id="no date"),
        pytest.param({"birthday": "--13-10"}, id="no month"),
        pytest.param({"website": "example.org"}, id="no absolute address"),
        pytest.param({"plan": None}, id="null"),
        pytest.param({"tier": 1}, id="a trait without a field"),
    ],
)
def test_what_has_no_place_is_left_out_and_reported(traits: Any) -> None:
    event = identify(**traits, title="Countess")
    destination = Rehearsal(PLUGIN, make_settings(**WITH_FIELDS)).destination

    entry = explain(event, [destination])["destinations"][0]

    assert member_of(event, **WITH_FIELDS) == merged(TITLE="Countess")
    [name] = traits
    assert any(f"traits.{name}" in said for said in [*entry["unmapped"], *entry.get("warnings", [])])


def test_the_part_of_an_address_that_is_no_text_is_named() -> None:
    destination = Rehearsal(PLUGIN, make_settings()).destination

    entry = explain(identify(address={**ADDRESS, "street": ["12 St James Sq", "Flat 2"]}), [destination])[
        "destinations"
    ][0]

    assert entry["warnings"] == ["traits.address: expected text as its street; left out"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"merge_fields": {"firstName": "VORNAME"}}, merged(VORNAME="Ada", LNAME="Lovelace"), id="renamed"),
        pytest.param({"merge_fields": {"first_name": "VORNAME"}}, merged(VORNAME="Ada", LNAME="Lovelace"), id="snake"),
        pytest.param({"merge_fields": {"firstName": "", "lastName": ""}}, {}, id="left out"),
        pytest.param(
            {"merge_fields": {"firstName": "", "lastName": "", "name": "FULL"}}, merged(FULL="Ada Lovelace"), id="whole"
        ),
        pytest.param(
            {"merge_fields": {"userId": "USERID"}}, merged(FNAME="Ada", LNAME="Lovelace", USERID="u-17"), id="userId"
        ),
    ],
)
def test_merge_fields_can_be_named_otherwise(settings: Any, expected: Any) -> None:
    assert member_of(identify(firstName="Ada", lastName="Lovelace"), **settings) == expected


def test_parts_of_an_address_may_have_fields_of_their_own() -> None:
    settings = {"merge_fields": {"address": "", "address.city": "CITY"}}

    assert member_of(identify(address=ADDRESS), **settings) == merged(CITY="London")


def test_the_settings_may_name_a_part_of_a_trait_in_either_spelling() -> None:
    settings = {"merge_fields": {"address": "", "address.postal_code": "CODE", "company.employeeCount": "SIZE:number"}}

    member = member_of(identify(address=ADDRESS, company={"employeeCount": 40}), **settings)

    assert member == merged(CODE="SW1Y 4JH", SIZE=40)


def test_every_custom_trait_is_sent_where_the_operator_wants() -> None:
    event = identify(planTier="gold", score=7, email2="b@example.org", **{"1st visit": True, "имя": "x", "EMAIL!": "x"})

    assert member_of(event, send_all_traits=True) == merged(
        PLANTIER="gold", SCORE="7", EMAIL2="b@example.org", STVISIT="true"
    )


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (True, "subscribed"),
        ("false", "unsubscribed"),
        ("0", "unsubscribed"),
        ("pending", "pending"),
        ("transactional", "transactional"),
    ],
)
def test_a_trait_can_say_the_status(value: Any, status: str) -> None:
    member = body_of(identify(newsletter=value), status_trait="newsletter")["member"]

    assert member == {"email_address": EMAIL, "status": status, "status_if_new": status}


@pytest.mark.parametrize("traits", [{}, {"newsletter": None}])
def test_without_it_nobodys_status_is_changed(traits: Any) -> None:
    member = body_of(identify(**traits), status_trait="newsletter", default_status="pending")["member"]

    assert member == {"email_address": EMAIL, "status_if_new": "pending"}


@pytest.mark.parametrize("word", ["no", "perhaps", "", 0.5, ["weekly"]])
@pytest.mark.parametrize("settings", [{}, {"batch_members": True}])
def test_nobody_is_subscribed_by_a_word_that_cannot_be_read(word: Any, settings: Any) -> None:
    member = body_of(identify(newsletter=word), status_trait="newsletter", **settings)["member"]

    assert member == {"email_address": EMAIL, "status_if_new": "transactional"}


@pytest.mark.parametrize(
    ("said", "status"),
    [({}, "subscribed"), ({"newsletter": False}, "unsubscribed"), ({"newsletter": "no"}, "transactional")],
)
def test_a_group_call_subscribes_nobody_who_said_otherwise(said: Any, status: str) -> None:
    """It comes with the person's traits in its context, and may be the first that Mailchimp hears of them."""
    traits = {"email": EMAIL, **said}
    event = make_event("group", userId="u-17", groupId="g-1", traits={"name": "E"}, context={"traits": traits})

    member = body_of(event, status_trait="newsletter", **WITH_FIELDS)["member"]

    assert member == {"email_address": EMAIL, "status_if_new": status, "merge_fields": {"COMPANY": "E"}}


@pytest.mark.parametrize(
    ("value", "tags"), [(["vip", " beta ", ""], ["vip", "beta"]), ("vip", ["vip"]), ([], None), ([1], None), (7, None)]
)
def test_a_list_of_texts_becomes_tags(value: Any, tags: Any) -> None:
    assert body_of(identify(tags=value), tags_trait="tags").get("tags") == tags


@pytest.mark.parametrize(
    ("locale", "expected"), [("en-GB", "en"), ("pt_BR", "pt"), ("DE", "de"), ("english", None), (7, None)]
)
def test_the_language_is_that_of_the_locale(locale: Any, expected: str | None) -> None:
    event = make_event("identify", traits={"email": EMAIL}, context={"locale": locale})

    assert body_of(event)["member"].get("language") == expected


@pytest.mark.parametrize(
    "call",
    [
        pytest.param({"traits": {"email": "Ada.Lovelace@example.org"}}, id="email without a userId"),
        pytest.param({"userId": "Ada.Lovelace@example.org"}, id="a userId that is an email"),
        pytest.param({"userId": "u-17", "context": {"traits": {"email": EMAIL}}}, id="email in the context"),
    ],
)
def test_who_a_member_is(call: Any) -> None:
    assert body_of(make_event("identify", **call))["member"]["email_address"] == EMAIL


@pytest.mark.parametrize("batch_members", [False, True])
@pytest.mark.parametrize(
    "call",
    [
        pytest.param({"anonymousId": "a-1", "traits": {"plan": "free"}}, id="anonymous"),
        pytest.param({"userId": "u-17", "traits": {"plan": "free"}}, id="a userId alone"),
        pytest.param({"userId": "u-17", "traits": {"email": "not an email"}}, id="an email that is none"),
        pytest.param({"userId": "u-17", "traits": {"email": None}}, id="null for an email"),
    ],
)
def test_without_an_email_nobody_becomes_an_empty_member(call: Any, batch_members: bool) -> None:
    assert "without a valid email" in skips_of(make_event("identify", **call), batch_members=batch_members)


@pytest.mark.parametrize(
    ("status_trait", "traits", "status"),
    [
        pytest.param("", {}, "transactional", id="the usual one"),
        pytest.param("newsletter", {"newsletter": True}, "subscribed", id="its own"),
    ],
)
def test_in_a_batch_every_member_has_a_status(status_trait: str, traits: Any, status: str) -> None:
    settings = {"batch_members": True, "status_trait": status_trait, "default_status": "transactional"}

    [sent] = Rehearsal(PLUGIN, make_settings(**settings)).requests(identify(**traits))

    assert sent.request.json["members"][0]["status"] == status


def test_a_call_that_says_no_status_is_in_no_batch_where_others_say_one() -> None:
    """A batch would set the usual one, and put back on the list who had left it a week before."""
    member = body_of(identify(plan="gold"), batch_members=True, status_trait="newsletter")["member"]

    assert member == {"email_address": EMAIL, "status_if_new": "subscribed"}


def test_an_alias_has_no_action() -> None:
    assert not map_event(make_event("alias", userId="u-17", previousId="u-16"))


@pytest.mark.parametrize(
    ("value", "phone"),
    [("555.555.1234", "(555) 555-1234"), ("+1 (555) 555-1234", "(555) 555-1234"), (5555551234, "(555) 555-1234")],
)
def test_a_field_of_the_us_format_gets_it(value: Any, phone: str) -> None:
    assert member_of(identify(phone=value), merge_fields={"phone": "PHONE:us_phone"}) == merged(PHONE=phone)


def test_a_phone_of_elsewhere_is_left_out_of_it_and_costs_nobody() -> None:
    assert member_of(identify(phone="+44 20 7946 0000"), merge_fields={"phone": "PHONE:us_phone"}) == {}


@pytest.mark.parametrize("value", ["12/10", "--12-10", "1815-12-10", "1815-12-10T05:00:00Z"])
def test_a_birthday_is_month_and_day(value: str) -> None:
    assert fields.to_birthday(value) == "12/10"


# --- settings ---


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "https://us21.api.mailchimp.com"),
        ({"api_key": "token", "data_center": "us6"}, "https://us6.api.mailchimp.com"),
        ({"api_key": "a-b-us1", "data_center": "us6"}, "https://us6.api.mailchimp.com"),
        ({"api_key": "token", "base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9"),
    ],
)
def test_the_key_says_the_data_center(settings: Any, url: str) -> None:
    assert make_settings(**settings).api_url == url


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"api_key": "token"}, id="a key without a data centre"),
        pytest.param({"api_key": "key-secret"}, id="what stands behind the dash is none"),
        pytest.param({"data_center": "us21.example.test"}, id="no data centre"),
        pytest.param({"audience_id": "../x"}, id="no audience"),
        pytest.param({"merge_fields": {"plan": "plan"}}, id="a tag in small letters"),
        pytest.param({"merge_fields": {"plan": "ELEVENCHARS"}}, id="a tag too long"),
        pytest.param({"merge_fields": {"plan": "PLAN:boolean"}}, id="a type that there is not"),
        pytest.param({"merge_fields": {"plan": "EMAIL"}}, id="EMAIL"),
        pytest.param({"group_fields": {"": "X"}}, id="no trait"),
        pytest.param({"merge_fields": {"address.city": "CITY"}}, id="part of an address that is sent whole"),
        pytest.param({"batch_members": True, "tags_trait": "tags"}, id="tags in batches"),
        pytest.param({"page_event": "page viewed"}, id="an event name with a blank"),
        pytest.param({"default_status": "cleaned"}, id="a status nobody may give"),
    ],
)
def test_settings_that_are_not_right_are_refused(settings: Any) -> None:
    with pytest.raises(ValidationError):
        make_settings(**settings)

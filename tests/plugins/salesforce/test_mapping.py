"""Traits of people and groups in both spellings, on leads, contacts and accounts; who is written with others, and who alone."""

from __future__ import annotations

from typing import Any

import pytest

from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, camel_case, snake_case
from router.testing import make_event
from tests.plugins.salesforce.mapped import payload_of, record_of, rehearse, skipped

ADDRESS = {"city": "London", "state": "LDN", "country": "UK", "postalCode": "N1", "street": "1 Main St"}
COMPANY = {"name": "Acme", "id": "c-1", "industry": "Mills", "employee_count": "40", "plan": "gold"}
WHOLE = {"lastName": "King", "company": {"name": "Kings"}}
"""What a new lead needs."""
OWN = {
    "age": "Age__c",
    "avatar": "Avatar__c",
    "birthday": "Born__c",
    "company.id": "Company_Id__c",
    "createdAt": "Since__c",
    "gender": "Gender__c",
    "username": "Username__c",
}


def _address(prefix: str) -> dict[str, str]:
    parts = {"City": "London", "State": "LDN", "Country": "UK", "PostalCode": "N1", "Street": "1 Main St"}
    return {prefix + name: value for name, value in parts.items()}


LEAD: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (ADDRESS, _address("")),
    "age": (36, {"Age__c": 36}),
    "avatar": ("https://a.test/a.png", {"Avatar__c": "https://a.test/a.png"}),
    "birthday": ("1990-12-10", {"Born__c": "1990-12-10"}),
    "company": (COMPANY, {"Company": "Acme", "Industry": "Mills", "NumberOfEmployees": 40, "Company_Id__c": "c-1"}),
    "createdAt": (1724508922, {"Since__c": "2024-08-24T14:15:22.000Z"}),
    "description": ("Countess", {"Description": "Countess"}),
    "email": (" Ada@Example.test ", {"Email": "ada@example.test"}),
    "firstName": ("Ada", {"FirstName": "Ada"}),
    "gender": ("female", {"Gender__c": "female"}),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {"LastName": "Lovelace"}),
    "name": ("Ada King Lovelace", {"FirstName": "Ada", "LastName": "King"}),  # lastName is there beside it
    "phone": ("020 7946 0000", {"Phone": "020 7946 0000"}),
    "title": ("Analyst", {"Title": "Analyst"}),
    "username": ("ada", {"Username__c": "ada"}),
    "website": ("https://example.test", {"Website": "https://example.test"}),
}
CONTACT = LEAD | {
    "address": (ADDRESS, _address("Mailing")),
    "birthday": ("1990-12-10", {"Birthdate": "1990-12-10", "Born__c": "1990-12-10"}),
    "company": (COMPANY, {"Company_Id__c": "c-1"}),
    "website": ("https://example.test", {}),
}
ACCOUNT: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (ADDRESS, _address("Billing")),
    "avatar": ("https://a.test/a.png", {"Avatar__c": "https://a.test/a.png"}),
    "createdAt": ("2020-01-02", {"Since__c": "2020-01-02T00:00:00.000Z"}),
    "description": ("Mills", {"Description": "Mills"}),
    "email": ("office@example.test", {"Email__c": "office@example.test"}),
    "employees": ("40", {"NumberOfEmployees": 40}),
    "id": ("c9", {}),
    "industry": ("Mills", {"Industry": "Mills"}),
    "name": ("Acme", {"Name": "Acme"}),
    "phone": ("020 7946", {"Phone": "020 7946"}),
    "website": ("https://example.test", {"Website": "https://example.test"}),
    "plan": ("gold", {"Plan__c": "gold"}),
}
ACCOUNT_SETTINGS = {
    "account_external_id_field": "Router_Group_Id__c",
    "account_custom_fields": {
        "avatar": "Avatar__c",
        "createdAt": "Since__c",
        "email": "Email__c",
        "plan": "Plan__c",
        "tier": "Tier__c",
    },
}
both = pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])


def spelled(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


def lead(traits: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """What an identify writes to a lead, but for what makes it whole where that is not under test."""
    event = make_event("identify", userId="u-17", traits={**WHOLE, **traits})
    record = record_of(event, "upsert person", **settings)
    assert record.pop("Router_User_Id__c") == "u-17"
    return {
        name: value
        for name, value in record.items()
        if (name, value) not in (("LastName", "King"), ("Company", "Kings"))
    }


def test_every_reserved_trait_has_a_case() -> None:
    assert LEAD.keys() == CONTACT.keys() == set(USER_TRAITS)
    assert ACCOUNT.keys() == set(GROUP_TRAITS)


@both
@pytest.mark.parametrize(("kind", "cases"), [("Lead", LEAD), ("Contact", CONTACT)], ids=["lead", "contact"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_trait_of_a_person_arrives_in_either_spelling(
    trait: str, kind: str, cases: dict[str, Any], spell: Any
) -> None:
    value, expected = cases[trait]
    event = make_event("identify", userId="u-17", traits={**WHOLE, spell(trait): spelled(value, spell)})
    if trait == "lastName" and spell is snake_case:
        event = make_event("identify", userId="u-17", traits={"company": WHOLE["company"], "last_name": value})

    record = record_of(event, "upsert person", object=kind, custom_fields=OWN)

    assert record.items() >= expected.items()
    extra = record.keys() - expected.keys() - {"Router_User_Id__c", "LastName", "Company", "FirstName"}
    assert extra == set()


def test_a_count_of_employees_is_kept_beside_a_range_of_them() -> None:
    """The spec's ``employees`` is a text, such as a range, which a number field does not take."""
    traits = {"name": "Acme", "employees": "11-50", "employee_count": 40}
    event = make_event("group", userId="u-17", groupId="c9", traits=traits)

    assert record_of(event, "upsert account", **ACCOUNT_SETTINGS)["NumberOfEmployees"] == 40


@both
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_trait_of_a_group_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    value, expected = ACCOUNT[trait]
    event = make_event(
        "group", userId="u-17", groupId="c9", traits={"name": "N", "tier": 1, spell(trait): spelled(value, spell)}
    )

    record = record_of(event, "upsert account", **ACCOUNT_SETTINGS)

    assert record == {"Router_Group_Id__c": "c9", "Name": "N", "Tier__c": 1, **expected}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Acme"}, {"Company": "Acme"}, id="company as text"),
        pytest.param({"address": "1 Main St, London"}, {"Street": "1 Main St, London"}, id="address as text"),
        pytest.param({"address": {"floor": 3, "city": "London"}}, {"City": "London"}, id="more in the address"),
        pytest.param({"email": "no email"}, {}, id="an email that is none"),
        pytest.param({"email": "a" * 80 + "@b.test"}, {}, id="an email too long"),
        pytest.param({"website": "https://" + "a" * 250}, {}, id="a website too long"),
        pytest.param({"phone": 442079460000}, {"Phone": "442079460000"}, id="a phone as a number"),
        pytest.param({"phone": "ask Ada"}, {"Phone": "ask Ada"}, id="a phone that is none"),
        pytest.param({"title": "x" * 200}, {"Title": "x" * 128}, id="a title is cut"),
        pytest.param({"firstName": "é" * 50}, {"FirstName": "é" * 40}, id="a name is cut"),
        pytest.param({"address": {"postalCode": "1" * 30}}, {"PostalCode": "1" * 20}, id="a postal code is cut"),
        pytest.param({"title": {"a": 1}, "description": ["x"]}, {}, id="wrong types"),
        pytest.param({"email": None, "title": None}, {"Email": None, "Title": None}, id="null clears"),
        pytest.param(
            {"address": None},
            dict.fromkeys(["Street", "City", "State", "PostalCode", "Country"]),
            id="a null address clears all of it",
        ),
        pytest.param({"email": "", "phone": " "}, {}, id="empty"),
        pytest.param({"company": {"name": "Kings", "employee_count": "11-50"}}, {}, id="employees that are no number"),
        pytest.param({"colour": "red"}, {}, id="a custom trait without a field"),
    ],
)
def test_traits_of_odd_shapes(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert lead(traits) == expected


@pytest.mark.parametrize(
    ("names", "first", "last"),
    [
        pytest.param({"first_name": "Ada", "last_name": "King"}, "Ada", "King", id="snake_case alone"),
        pytest.param({"name": "Ada Lee King"}, "Ada", "Lee King", id="a full name"),
        pytest.param({"name": "Eve Lee", "firstName": "Ada"}, "Ada", "Lee", id="a full name and a first one"),
    ],
)
def test_names(names: dict[str, str], first: str, last: str) -> None:
    event = make_event("identify", userId="u-17", traits={"company": "Acme", **names})

    record = record_of(event, "upsert person")

    assert (record["FirstName"], record["LastName"]) == (first, last)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("red", "red", id="text"),
        pytest.param("", "", id="empty text"),
        pytest.param(True, True, id="a boolean"),
        pytest.param(2.5, 2.5, id="a number"),
        pytest.param(None, None, id="null clears"),
        pytest.param(["a", "b"], "a;b", id="a list of texts is a multi-select picklist"),
        pytest.param([], "", id="an empty list is a picklist with nothing picked"),
        pytest.param(["a;b"], '["a;b"]', id="a list of texts with the separator in it"),
        pytest.param([1, {"a": 2}], '[1,{"a":2}]', id="any other list"),
        pytest.param({"a": 1}, '{"a":1}', id="an object"),
    ],
)
def test_custom_traits_go_to_the_fields_that_are_named(value: Any, expected: Any) -> None:
    assert lead({"colour": value}, custom_fields={"colour": "Colour__c"}) == {"Colour__c": expected}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"age": "36"}, {"Age__c": 36}, id="a number in a text"),
        pytest.param({"age": "thirty-six"}, {}, id="no number"),
        pytest.param({"age": None}, {"Age__c": None}, id="null clears"),
        pytest.param(
            {"company": {"name": "Kings", "employee_count": "40"}},
            {"NumberOfEmployees": 40, "Size__c": 40},
            id="a part of a trait",
        ),
    ],
)
def test_a_reserved_trait_that_is_a_number_goes_to_a_field_of_its_own_as_one(traits: Any, expected: Any) -> None:
    """A field for numbers takes no text, and Salesforce refuses the whole record."""
    assert lead(traits, custom_fields={"age": "Age__c", "company.employee_count": "Size__c"}) == expected


def test_the_settings_may_name_a_reserved_trait_in_either_spelling() -> None:
    of_a_person = lead(
        {"createdAt": "2024-08-24T14:15:22Z", "address": {"postalCode": "N1"}},
        custom_fields={"created_at": "Since__c", "address.postal_code": "Code__c"},
    )
    group = make_event("group", userId="u-17", groupId="c9", traits={"name": "N", "createdAt": "2020-01-02"})
    settings = {**ACCOUNT_SETTINGS, "account_custom_fields": {"created_at": "Since__c"}}

    assert of_a_person == {"PostalCode": "N1", "Since__c": "2024-08-24T14:15:22.000Z", "Code__c": "N1"}
    assert record_of(group, "upsert account", **settings)["Since__c"] == "2020-01-02T00:00:00.000Z"


def test_what_has_no_field_is_told() -> None:
    event = make_event("identify", userId="u-17", traits={**WHOLE, "colour": "red", "email": "no email"})

    told = explain(event, [rehearse().destination])["destinations"][0]

    assert "traits.colour" in str(told)
    assert any("traits.email: expected an email address" in each for each in told["warnings"])


def test_codes_go_to_the_fields_for_codes() -> None:
    record = lead({"address": {"state": "CA", "country": "US"}}, state_country_codes=True)

    assert record == {"StateCode": "CA", "CountryCode": "US"}


@pytest.mark.parametrize("kind", ["Lead", "Contact"])
def test_what_is_no_code_is_left_out_where_codes_are_wanted(kind: str) -> None:
    """Salesforce refuses the whole record for it."""
    told = explain(
        make_event(
            "identify", userId="u-17", traits={**WHOLE, "address": {"state": "California", "country": "Brazil"}}
        ),
        [rehearse(object=kind, state_country_codes=True).destination],
    )["destinations"][0]

    assert "Code" not in str(told["requests"])
    assert any("traits.address.state: expected a code" in each for each in told["warnings"])
    assert any("traits.address.country: expected a country of two letters" in each for each in told["warnings"])


def test_codes_are_written_in_capitals() -> None:
    record = lead({"address": {"state": " nsw", "country": "au"}}, state_country_codes=True)

    assert record == {"StateCode": "NSW", "CountryCode": "AU"}


def test_the_source_is_written_if_it_is_set() -> None:
    assert lead({}, lead_source="Web") == {"LeadSource": "Web"}


# --- who is written with others, and who alone ---


@pytest.mark.parametrize(
    ("traits", "kind", "if_new"),
    [
        pytest.param({"email": "a@b.test"}, "Lead", {"LastName": "n/a", "Company": "n/a"}, id="neither"),
        pytest.param({"name": "Ada", "company": "Acme"}, "Lead", {"LastName": "n/a"}, id="one name"),
        pytest.param({"lastName": "King"}, "Lead", {"Company": "n/a"}, id="no company"),
        pytest.param({"email": "a@b.test"}, "Contact", {"LastName": "n/a"}, id="a contact without a name"),
        pytest.param(
            {"lastName": None, "company": {"name": None}}, "Lead", {"LastName": "n/a", "Company": "n/a"}, id="null"
        ),
    ],
)
def test_what_a_new_record_needs_is_filled_in_only_if_it_is_new(
    traits: dict[str, Any], kind: str, if_new: dict[str, str]
) -> None:
    event = make_event("identify", userId="u-17", traits=traits)

    body = payload_of(event, "find and write person", object=kind).body

    assert body["if_new"] == if_new
    assert body["record"].keys().isdisjoint(if_new)
    assert "written by itself" in skipped(event, "upsert person", object=kind)


def test_a_new_record_has_the_email_that_the_user_id_is() -> None:
    event = make_event("identify", userId="ada@example.test", traits={"lastName": "King"})

    body = payload_of(event, "find and write person", object="Lead").body

    assert body["if_new"] == {"Company": "n/a", "Email": "ada@example.test"}
    assert "Email" not in body["record"]


def test_a_group_without_a_name_is_called_by_its_id_if_it_is_new() -> None:
    event = make_event("group", userId="u-17", groupId="c9", traits={"industry": "Mills"})

    body = payload_of(event, "write account", **ACCOUNT_SETTINGS).body

    assert (body["record"], body["if_new"]) == ({"Router_Group_Id__c": "c9", "Industry": "Mills"}, {"Name": "c9"})
    assert "written by itself" in skipped(event, "upsert account", **ACCOUNT_SETTINGS)


EMAIL = {"email": "ada@example.test"}
BY_EMAIL = {"match_on_email": True, "external_id_field": ""}


@pytest.mark.parametrize(
    ("call", "settings", "reason"),
    [
        pytest.param({"anonymousId": "a-1", "traits": {"plan": "free"}}, {}, "anonymous", id="anonymous"),
        pytest.param({"anonymousId": "a-1", "traits": EMAIL}, {}, "set", id="an email, where it is not looked for"),
        pytest.param({"anonymousId": "a-1"}, {"match_on_email": True}, "anonymous", id="anonymous, email looked for"),
        pytest.param({"userId": "u-17", "traits": {"title": "x"}}, BY_EMAIL, "no email", id="no email"),
        pytest.param({"userId": "u-17", "traits": {"email": "x"}}, BY_EMAIL, "no email", id="an email that is none"),
        pytest.param({"userId": "u" * 256, "traits": WHOLE}, {}, "255", id="a long userId"),
    ],
)
def test_nobody_without_something_to_be_found_by_becomes_a_record(
    call: dict[str, Any], settings: dict[str, Any], reason: str
) -> None:
    event = make_event("identify", **call)

    for action in ("upsert person", "find and write person"):
        assert reason in skipped(event, action, **settings)


@pytest.mark.parametrize(
    ("call", "settings", "expected"),
    [
        pytest.param({"traits": EMAIL}, BY_EMAIL, "ada@example.test", id="the trait"),
        pytest.param({"userId": "ada@example.test"}, BY_EMAIL, "ada@example.test", id="a userId that is an email"),
        pytest.param({"userId": "u-17"}, {"match_on_email": True}, None, id="a userId alone"),
    ],
)
def test_people_are_looked_for_by_email(call: dict[str, Any], settings: dict[str, Any], expected: str | None) -> None:
    """An identify with an email and no userId is one of them."""
    body = payload_of(make_event("identify", **call), "find and write person", **settings).body

    assert body.get("email") == expected
    assert expected is None or {**body["if_new"], **body["record"]}["Email"] == expected


# --- groups and events that have no place ---


@pytest.mark.parametrize(
    ("group_id", "settings", "reason"),
    [("c9", {}, "account_external_id_field"), ("c" * 256, ACCOUNT_SETTINGS, "255 characters")],
    ids=["no field for the id", "a long groupId"],
)
def test_a_group_that_has_no_place_is_not_sent(group_id: str, settings: dict[str, Any], reason: str) -> None:
    event = make_event("group", userId="u-17", groupId=group_id, traits={"name": "N"})

    for action in ("upsert account", "write account"):
        assert reason in skipped(event, action, **settings)


def test_an_event_is_not_sent_without_an_object_for_it() -> None:
    assert "event_object" in skipped(make_event("track", userId="u-17", event="E"), "track event")


@pytest.mark.parametrize("call", ["page", "screen", "alias"])
def test_calls_that_salesforce_has_no_place_for_are_not_sent(call: str) -> None:
    event = make_event(call, userId="u-17", previousId="u-16", name="Home")

    assert list(rehearse().payloads(event)) == []


def test_an_event_is_a_record_known_by_its_message_id() -> None:
    settings = {
        "event_object": "Web_Event__c",
        "event_external_id_field": "Event_Id__c",
        "event_fields": {"event": "Name", "timestamp": "At__c", "userId": "User__c", "properties.total": "Total__c"},
    }
    event = make_event("track", userId="u-17", event=" Paid ", properties={"total": 19.99, "more": 1})

    payload = payload_of(event, "track event", **settings)

    assert payload.group == "Web_Event__c"
    assert payload.body == {
        "attributes": {"type": "Web_Event__c"},
        "Event_Id__c": "m-1",
        "Name": "Paid",
        "At__c": "2026-03-04T10:20:30.000Z",
        "User__c": "u-17",
        "Total__c": 19.99,
    }


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({"revenue": "$19.99", "value": "7"}, {"Amount__c": 19.99, "Worth__c": 7}, id="numbers in texts"),
        pytest.param({"revenue": 19.99, "value": 7}, {"Amount__c": 19.99, "Worth__c": 7}, id="numbers"),
        pytest.param({"revenue": "19,99"}, {}, id="no number"),
    ],
)
def test_the_revenue_and_the_value_of_an_event_are_numbers(properties: Any, expected: Any) -> None:
    settings = {
        "event_object": "Web_Event__c",
        "event_external_id_field": "Event_Id__c",
        "event_fields": {"properties.revenue": "Amount__c", "properties.value": "Worth__c"},
    }
    event = make_event("track", userId="u-17", event="Paid", properties=properties)

    assert record_of(event, "track event", **settings) == {"Event_Id__c": "m-1", **expected}

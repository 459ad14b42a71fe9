"""From events to contacts, companies and events of Intercom."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.intercom import PLUGIN
from plugins.intercom.settings import Settings
from router.destination import Destination, Mapped
from router.event import Document, Event
from router.traits import camel_case, snake_case
from tests.events import event, identify

PEOPLE: dict[str, tuple[Any, str, Any]] = {
    "address": ({"city": "London", "postalCode": "W1J"}, "custom_attributes.address_postal_code", "W1J"),
    "age": ("36", "custom_attributes.age", 36),
    "avatar": ("https://example.test/a.png", "avatar", "https://example.test/a.png"),
    "birthday": ("1815-12-10", "custom_attributes.birthday", -4_861_728_000),
    "createdAt": ("2024-08-24T14:15:22Z", "created_at", 1724508922),
    "description": ("Countess", "custom_attributes.description", "Countess"),
    "email": ("ada@example.test", "email", "ada@example.test"),
    "firstName": ("Ada", "name", "Ada Lovelace"),
    "gender": ("female", "custom_attributes.gender", "female"),
    "lastName": ("Lovelace", "name", "Ada Lovelace"),
    "name": ("Ada L.", "name", "Ada L."),
    "phone": ("+44 (0)20 7946-0000", "phone", "+442079460000"),
    "title": ("Countess", "custom_attributes.title", "Countess"),
    "username": ("ada", "custom_attributes.username", "ada"),
    "website": ("https://example.test", "custom_attributes.website", "https://example.test"),
}
"""Each reserved trait of a contact: what is sent, where it is to be, and as what. `id` is the userId; `company` is below."""


def run(call: Event, **settings: Any) -> list[Mapped]:
    chosen = Settings(access_token="t", **settings)
    return Destination("intercom", PLUGIN, chosen).map(call)


def body(call: Event, **settings: Any) -> Document:
    [mapped] = run(call, **settings)
    [payload] = mapped.payloads
    return dict(payload.body)


def at(document: Document, path: str) -> Any:
    value: Any = document
    for key in path.split("."):
        value = value[key]
    return value


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", PEOPLE)
def test_each_reserved_trait_arrives(trait: str, spell: Any) -> None:
    value, path, expected = PEOPLE[trait]
    partner = {"firstName": {"lastName": "Lovelace"}, "lastName": {"firstName": "Ada"}}.get(trait, {})
    if isinstance(value, dict):
        value = {spell(key): part for key, part in value.items()}
    traits = {spell(name): part for name, part in {trait: value, **partner}.items()}

    assert at(body(identify(**traits))["contact"], path) == expected


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
def test_a_company_arrives_with_all_its_traits(spell: Any) -> None:
    company = {"id": 7, "name": "Engines", "industry": "Toys", "employee_count": "40", "plan": "gold", "floors": 3}
    company = {spell(key): value for key, value in company.items()} | {spell("createdAt"): "2020-05-01"}

    assert body(identify(company=company))["company"] == {
        "company_id": "7",
        "name": "Engines",
        "industry": "Toys",
        "size": 40,
        "plan": "gold",
        "remote_created_at": 1588291200,
        "custom_attributes": {"floors": 3},
    }


def test_a_company_given_as_text_is_known_by_its_name() -> None:
    assert body(identify(company="Engines"))["company"] == {"name": "Engines", "company_id": "Engines"}


def test_an_address_given_as_text_is_kept() -> None:
    assert body(identify(address="12 St James's Square"))["contact"]["custom_attributes"] == {
        "address": "12 St James's Square"
    }


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param("created_at", {"created_at"}, id="the old name"),
        pytest.param("signed_up_at", {"signed_up_at"}, id="the name of REST 2.x"),
        pytest.param("both", {"created_at", "signed_up_at"}, id="both, the default"),
    ],
)
def test_created_at_goes_where_the_setting_says(field: str, expected: set[str]) -> None:
    contact = body(identify(createdAt=1724508922), created_at_field=field)["contact"]

    assert {name for name, value in contact.items() if value == 1724508922} == expected


def test_custom_traits_keep_their_names_and_become_flat() -> None:
    traits = {"planTier": "gold", "seats": 4, "prefs": {"colour": "red", "sizes": [1, 2]}, "a.b": True, "gone": None}

    assert body(identify(**traits))["contact"]["custom_attributes"] == {
        "planTier": "gold",
        "seats": 4,
        "prefs_colour": "red",
        "prefs_sizes": "[1,2]",
        "a_b": True,
    }


def test_a_name_of_many_parts_is_cut_as_a_whole() -> None:
    """Some 66 kB made 87 MB, since each of many values repeated all of the names around it."""
    deep: dict[str, Any] = {f"n{number}": number for number in range(1_000)}
    for _ in range(90):
        deep = {"d" * 200: deep}

    assert body(identify(deep=deep))["contact"]["custom_attributes"] == {"deep_" + "d" * 185: 999}


@pytest.mark.parametrize("name", ["created_at", "updated_at", "location", "external_id", "session_count"])
def test_a_custom_trait_can_not_pose_as_a_field_of_intercoms_own(name: str) -> None:
    call = event(type="identify", userId="u1", traits={"createdAt": 1724508922, "location": "x", "session_count": 1})

    assert name not in body(call)["contact"].get("custom_attributes", {})


@pytest.mark.parametrize(
    ("call", "settings", "expected"),
    [
        pytest.param({"anonymousId": "a1"}, {}, "anonymous", id="nobody"),
        pytest.param(
            {"anonymousId": "a1", "traits": {"email": "ada@example.test"}},
            {},
            {"email": "ada@example.test", "role": "user"},
            id="an email identifies, also beside an anonymousId",
        ),
        pytest.param({"anonymousId": "a1", "traits": {"email": "n/a"}}, {}, "anonymous", id="an email that is none"),
        pytest.param(
            {"userId": "u1", "traits": {"email": "n/a"}},
            {},
            {"external_id": "u1", "role": "user"},
            id="an email that is none beside a userId",
        ),
        pytest.param(
            {"traits": {"email": "ada@example.test"}},
            {"role_without_user_id": "lead"},
            {"email": "ada@example.test"},
            id="a lead, if the operator wants, and the contact is new",
        ),
        pytest.param(
            {"anonymousId": "a1"},
            {"send_anonymous_id": True},
            {"external_id": "a1", "role": "user"},
            id="the anonymousId, if the operator wants",
        ),
    ],
)
def test_an_anonymous_identify_never_makes_an_empty_contact(call: Document, settings: Document, expected: Any) -> None:
    [mapped] = run(event(type="identify", **call), **settings)

    if isinstance(expected, str):
        assert expected in mapped.skipped
    else:
        assert mapped.payloads[0].body["contact"] == expected


def test_who_has_a_user_id_is_no_lead() -> None:
    """Intercom refuses to create a lead with an external_id."""
    [mapped] = run(identify(role="lead", email="ada@example.test"))

    [payload] = mapped.payloads
    assert payload.body["contact"]["role"] == "user"
    assert payload.notes == ("a lead can't have an external_id; left out: traits.role",)


def test_who_is_known_by_email_may_be_a_lead() -> None:
    [mapped] = run(event(type="identify", traits={"role": "lead", "email": "ada@example.test"}))

    assert mapped.payloads[0].body == {"contact": {"email": "ada@example.test"}, "if_new": {"role": "lead"}}


TIME = {"timestamp": "2026-01-01T00:00:00Z"}


def test_a_track_call_is_an_event_at_its_own_time_with_revenue_in_cents() -> None:
    call = event(
        type="track",
        userId="u1",
        event="Order Completed",
        properties={"revenue": 19.99, "currency": "EUR", "products": [{"sku": "S1"}], "ship_date": "2026-01-02"},
        **TIME,
    )

    assert body(call) == {
        "event_name": "Order Completed",
        "created_at": 1767225600,
        "user_id": "u1",
        "metadata": {
            "revenue": {"amount": 1999, "currency": "eur"},
            "products": '[{"sku":"S1"}]',
            "ship_date": 1767312000,
        },
    }


@pytest.mark.parametrize(
    ("name", "properties", "cents"),
    [
        pytest.param("Order Completed", {"total": "$12.50"}, 1250, id="its total"),
        pytest.param("completed_order", {"total": 12.5, "revenue": 0}, 1250, id="a total beside a revenue of 0"),
        pytest.param("Order Completed", {"total": 12.5, "revenue": 19.99}, 1999, id="its revenue before its total"),
        pytest.param("Order Completed", {"products": [{"price": 9.99, "quantity": 2}]}, 1998, id="its products"),
        pytest.param("Order Completed", {"revenue": 0}, 0, id="a revenue of 0 alone"),
        pytest.param("Order Completed", {"products": [{"sku": "S1"}]}, None, id="no money told"),
        pytest.param("Order Completed", {"total": 1e300}, None, id="more than cents can hold"),
        pytest.param("Invoice Sent", {"total": 12.5}, None, id="no order"),
    ],
)
def test_an_order_has_the_revenue_that_it_tells(name: str, properties: dict[str, Any], cents: int | None) -> None:
    metadata = body(event(type="track", userId="u1", event=name, properties=properties, **TIME))["metadata"]

    assert metadata.get("revenue") == (None if cents is None else {"amount": cents, "currency": "usd"})


def test_the_name_of_an_event_has_no_blanks_around_it() -> None:
    assert body(event(type="track", userId="u1", event=" Signed Up ", **TIME))["event_name"] == "Signed Up"


@pytest.mark.parametrize(
    ("currency", "expected"),
    [
        pytest.param("", {"amount": 500, "currency": "usd"}, id="empty, as SDKs send it"),
        pytest.param(" ", {"amount": 500, "currency": "usd"}, id="blank"),
        pytest.param(None, {"amount": 500, "currency": "usd"}, id="null"),
        pytest.param(" Eur", {"amount": 500, "currency": "eur"}, id="another spelling"),
        pytest.param("euros", 5.0, id="none that is known"),
    ],
)
def test_an_amount_has_a_currency_that_is_one(currency: Any, expected: Any) -> None:
    call = event(type="track", userId="u1", event="E", properties={"revenue": 5, "currency": currency}, **TIME)

    assert body(call)["metadata"] == {"revenue": expected}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"amount": 4250, "currency": "eur"}, {"m": {"amount": 4250, "currency": "eur"}}, id="an amount"),
        pytest.param({"amount": 42.5, "currency": "EUR"}, {"m_amount": 42.5, "m_currency": "EUR"}, id="no cents"),
        pytest.param({"amount": "4250", "currency": "EUR"}, {"m_amount": "4250", "m_currency": "EUR"}, id="as text"),
        pytest.param({"amount": 5, "currency": "points"}, {"m_amount": 5, "m_currency": "points"}, id="of no currency"),
        pytest.param(
            {"url": "https://a.test", "value": "A"}, {"m": {"url": "https://a.test", "value": "A"}}, id="a link"
        ),
        pytest.param({"url": "https://a.test", "value": 1}, {"m_url": "https://a.test", "m_value": 1}, id="no link"),
    ],
)
def test_only_the_objects_that_intercom_knows_stay_whole(value: Document, expected: Document) -> None:
    """Any other one costs the event."""
    call = event(type="track", userId="u1", event="E", properties={"m": value}, **TIME)

    assert body(call)["metadata"] == expected


def test_a_company_that_nothing_names_is_told_to_be_left_out() -> None:
    [mapped] = run(identify(email="a@b.test", company={"industry": "Toys", "plan": "pro"}))
    [payload] = mapped.payloads

    assert "company" not in payload.body
    assert payload.notes == ("it has neither an id nor a name; left out: traits.company",)


def test_no_more_metadata_than_intercom_reads_and_what_is_beyond_is_told() -> None:
    call = event(type="track", userId="u1", event="E", properties={f"p{n:02}": n for n in range(13)}, **TIME)

    [mapped] = run(call)
    [payload] = mapped.payloads

    assert list(payload.body["metadata"]) == [f"p{n:02}" for n in range(10)]
    assert payload.notes == ("beyond the 10 metadata keys that Intercom reads; left out: p10, p11, p12",)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        pytest.param({"type": "track", "anonymousId": "a1", "event": "E"}, "known people", id="anonymous event"),
        pytest.param(
            {"type": "track", "anonymousId": "a1", "event": "E", "context": {"traits": {"email": "n/a"}}},
            "known people",
            id="event of an email that is none",
        ),
        pytest.param({"type": "page", "userId": "u1", "name": "Pricing"}, "track_pages", id="page"),
        pytest.param({"type": "screen", "userId": "u1", "name": "Home"}, "track_pages", id="screen"),
    ],
)
def test_what_intercom_has_no_place_for_is_skipped_with_a_reason(call: Document, reason: str) -> None:
    [mapped] = run(event(**call))

    assert reason in mapped.skipped


@pytest.mark.parametrize(
    ("call", "name"),
    [
        pytest.param({"type": "page", "name": "Pricing"}, "Viewed Pricing Page", id="page"),
        pytest.param(
            {"type": "page", "name": "Pricing", "category": "Docs"}, "Viewed Docs Pricing Page", id="category"
        ),
        pytest.param({"type": "screen", "name": "Home"}, "Viewed Home Screen", id="screen"),
        pytest.param({"type": "page"}, "Loaded a Page", id="a page without a name"),
        pytest.param({"type": "page", "name": " "}, "Loaded a Page", id="a page with a blank name"),
    ],
)
def test_views_are_events_where_the_operator_wants_them(call: Document, name: str) -> None:
    assert body(event(userId="u1", **call), track_pages=True)["event_name"] == name


def test_all_group_traits_arrive() -> None:
    traits = {
        "name": "Engines",
        "createdAt": "2020-05-01",
        "employees": "40",
        "industry": "Toys",
        "plan": "gold",
        "website": "https://example.test",
        "monthly_spend": 900.4,
        "address": {"city": "London", "postalCode": "W1J"},
        "avatar": "https://example.test/a.png",
        "description": "Makers",
        "email": "hello@example.test",
        "phone": "+442079460000",
        "region_code": "PT",
    }

    assert body(event(type="group", userId="u1", groupId="g1", traits=traits)) == {
        "company": {
            "company_id": "g1",
            "name": "Engines",
            "remote_created_at": 1588291200,
            "size": 40,
            "industry": "Toys",
            "plan": "gold",
            "website": "https://example.test",
            "monthly_spend": 900,
            "custom_attributes": {
                "address_city": "London",
                "address_postal_code": "W1J",
                "avatar": "https://example.test/a.png",
                "description": "Makers",
                "email": "hello@example.test",
                "phone": "+442079460000",
                "region_code": "PT",
            },
        },
        "contact": {"external_id": "u1"},
    }


def test_a_group_call_of_nobody_says_that_its_company_stays_without_a_contact() -> None:
    """Intercom shows no company before a contact is attached to it."""
    [mapped] = run(event(type="group", anonymousId="a1", groupId="g1", traits={"name": "Engines"}))

    [payload] = mapped.payloads
    assert payload.body == {"company": {"company_id": "g1", "name": "Engines"}}
    assert payload.notes == ("nobody is attached to the company: no userId, no email",)


def test_alias_has_no_action() -> None:
    destination = Destination("intercom", PLUGIN, Settings(access_token="t"))

    assert not destination.decide(event(type="alias", userId="u1", previousId="u0"), None).is_delivered

"""From events to users, organizations and profile events of Zendesk."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.zendesk.events import event_type
from plugins.zendesk.mapping import field_key, to_tags
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, camel_case, snake_case
from router.testing import make_event
from tests.plugins.zendesk.mapped import body_of, make_settings, rehearse, skipped

ADDRESS = {"street": "1 Main St", "city": "London", "state": "LDN", "postalCode": "N1", "country": "UK"}
COMPANY = {"id": "c-1", "name": "Acme", "industry": "Mills", "employee_count": 40, "plan": "gold"}


def field(key: str, value: Any) -> dict[str, Any]:
    return {"user_fields": {key: value}}


USER_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (
        ADDRESS,
        {
            "user_fields": {
                "address_street": "1 Main St",
                "address_city": "London",
                "address_state": "LDN",
                "address_postal_code": "N1",
                "address_country": "UK",
            }
        },
    ),
    "age": ("36", field("age", 36)),
    "avatar": ("https://example.test/a.png", {"remote_photo_url": "https://example.test/a.png"}),
    "birthday": ("1990-12-10", field("birthday", "1990-12-10")),
    "company": (
        COMPANY,
        {
            "user_fields": {
                "company_id": "c-1",
                "company_name": "Acme",
                "company_industry": "Mills",
                "company_employee_count": 40,
                "company_plan": "gold",
            }
        },
    ),
    "createdAt": ("2024-08-24T16:15:22.5+02:00", field("created_at", "2024-08-24")),
    "description": ("Countess", {"details": "Countess"}),
    "email": (" Ada@Example.test ", {"email": "ada@example.test"}),
    "firstName": ("Ada", {}),
    "gender": ("female", field("gender", "female")),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {}),
    "name": ("Ada Lovelace", {"name": "Ada Lovelace"}),
    "phone": ("+442079460000", {"phone": "+442079460000"}),
    "title": ("Analyst", field("title", "Analyst")),
    "username": ("ada", field("username", "ada")),
    "website": ("https://example.test", field("website", "https://example.test")),
}
"""What is sent, and what is in the user beside its `external_id`; the two names have a test of their own."""

ORGANIZATION_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (
        {"city": "Leeds", "postalCode": "LS1"},
        {"organization_fields": {"address_city": "Leeds", "address_postal_code": "LS1"}},
    ),
    "avatar": ("https://example.test/a.png", {"organization_fields": {"avatar": "https://example.test/a.png"}}),
    "createdAt": (1724508922, {"organization_fields": {"created_at": "2024-08-24"}}),
    "description": ("Mills", {"details": "Mills"}),
    "email": ("office@example.test", {"organization_fields": {"email": "office@example.test"}}),
    "employees": ("11-50", {"organization_fields": {"employees": "11-50"}}),
    "id": ("acme-1", {}),
    "industry": ("Mills", {"organization_fields": {"industry": "Mills"}}),
    "name": ("Acme", {"name": "Acme"}),
    "phone": ("020 7946", {"organization_fields": {"phone": "020 7946"}}),
    "website": (
        "https://www.acme.test/about",
        {"domain_names": ["acme.test"], "organization_fields": {"website": "https://www.acme.test/about"}},
    ),
    "plan": ("gold", {"organization_fields": {"plan": "gold"}}),
}


def spelled(given: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in given.items()} if isinstance(given, dict) else given


def user_of(traits: dict[str, Any], **settings: Any) -> dict[str, Any]:
    user = body_of(make_event("identify", userId="u-17", traits=traits), **settings)["user"]
    return {key: item for key, item in user.items() if key not in ("external_id", "skip_verify_email")}


def test_every_reserved_trait_has_a_case() -> None:
    assert USER_CASES.keys() == set(USER_TRAITS)
    assert ORGANIZATION_CASES.keys() == set(GROUP_TRAITS)


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    given, expected = USER_CASES[trait]

    assert user_of({spell(trait): spelled(given, spell)}) == expected


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
def test_names_in_parts_are_one_name(spell: Any) -> None:
    assert user_of({spell("firstName"): "Ada", spell("lastName"): "Lovelace"}) == {"name": "Ada Lovelace"}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    given, expected = ORGANIZATION_CASES[trait]
    event = make_event("group", userId="u-17", groupId="acme-1", traits={spell(trait): spelled(given, spell)})

    assert body_of(event)["organization"] == {"external_id": "acme-1", **expected}


def test_all_custom_traits_of_a_group_arrive() -> None:
    traits = {
        "tier": 1,
        "region code": "PT",
        "more": {"floor": 3},
        "list": [1, {"a": 2}],
        "tags": ["a b"],
        "gone": None,
    }
    event = make_event("group", userId="u-17", groupId=9, traits={**traits, "domain": "acme.test", "website": "x.test"})

    assert body_of(event) == {
        "organization": {
            "external_id": "9",
            "tags": ["a_b"],
            "domain_names": ["acme.test"],
            "organization_fields": {
                "tier": 1,
                "region_code": "PT",
                "more_floor": 3,
                "list": '[1,{"a":2}]',
                "website": "x.test",
            },
        },
        "name_if_new": "9",
        "member": {"external_id": "u-17"},
    }


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Acme"}, field("company_name", "Acme"), id="company as text"),
        pytest.param({"company": {"floor": 3}}, field("company_floor", 3), id="company with a key of its own"),
        pytest.param({"address": "1 Main St"}, field("address", "1 Main St"), id="address as text"),
        pytest.param(
            {"address": {"city": "London", "floor": 3}},
            {"user_fields": {"address_city": "London", "address_floor": 3}},
            id="address with a key of its own",
        ),
        pytest.param({"phone": "+44 (0)20 7946-0000"}, {"phone": "+442079460000"}, id="a phone that says its country"),
        pytest.param({"phone": "020 7946 0000"}, {"phone": "020 7946 0000"}, id="a phone that is not E.164"),
        pytest.param({"email": "not an email"}, {}, id="an email that is none"),
        pytest.param({"avatar": "a.png", "age": "old", "birthday": "someday"}, {}, id="no address, number or date"),
        pytest.param({"name": {"first": "Ada"}, "title": None}, {}, id="a name that is no text, and null"),
        pytest.param(
            {"timezone": "London", "locale": "en-GB", "tags": "vip, early bird"},
            {"time_zone": "London", "locale": "en-GB", "tags": ["vip", "early_bird"]},
            id="fields that are no reserved traits",
        ),
        pytest.param(
            {"a": {"b": {"c d": 1}}, "list": [1], "yes": True, "a.b": "x", "имя": "Ада", "": 1},
            {"user_fields": {"a_b_c_d": 1, "list": "[1]", "yes": True, "a_b": "x"}},
            id="custom traits",
        ),
    ],
)
def test_traits_of_odd_shapes(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert user_of(traits) == expected


@pytest.mark.parametrize(
    ("fields", "user", "name_if_new"),
    [
        pytest.param({"userId": "u-17"}, {"external_id": "u-17"}, "u-17", id="by userId"),
        pytest.param(
            {"traits": {"email": "ada@example.test"}}, {"email": "ada@example.test"}, "ada@example.test", id="by email"
        ),
        pytest.param(
            {"userId": "Ada@example.test"},
            {"external_id": "Ada@example.test", "email": "ada@example.test"},
            "ada@example.test",
            id="the userId is an email",
        ),
        pytest.param(
            {"userId": "x" * 256, "traits": {"email": "ada@example.test"}},
            {"email": "ada@example.test"},
            "ada@example.test",
            id="a userId that is too long",
        ),
        pytest.param(
            {"userId": "u-17", "traits": {"first_name": "Ada", "email": "a@b.test"}},
            {"external_id": "u-17", "email": "a@b.test"},
            "Ada",
            id="a first name alone renames nobody",
        ),
    ],
)
def test_who_is_meant(fields: dict[str, Any], user: dict[str, Any], name_if_new: str) -> None:
    assert body_of(make_event("identify", **fields)) == {
        "user": {**user, "skip_verify_email": True},
        "name_if_new": name_if_new,
    }


@pytest.mark.parametrize("fields", [{"anonymousId": "a-1", "traits": {"plan": "free"}}, {"userId": "x" * 256}])
def test_an_identify_of_nobody_makes_no_user(fields: dict[str, Any]) -> None:
    assert "no anonymous users" in skipped(make_event("identify", **fields))


def test_users_may_be_created_verified() -> None:
    user = body_of(make_event("identify", userId="u-17"), create_verified=True)["user"]

    assert user == {"external_id": "u-17", "verified": True}


def test_the_company_goes_beside_the_user() -> None:
    event = make_event("identify", userId="u-17", traits={"company": {"id": 9, "name": "Acme"}})

    assert body_of(event)["company"] == {"external_id": "9", "name": "Acme"}


@pytest.mark.parametrize(
    ("who", "member"),
    [
        ({"userId": "u-17"}, {"external_id": "u-17"}),
        ({"anonymousId": "a-1", "context": {"traits": {"email": "Ada@b.test"}}}, {"email": "ada@b.test"}),
        ({"anonymousId": "a-1"}, None),
    ],
    ids=["userId", "email", "nobody"],
)
def test_who_belongs_to_a_group(who: dict[str, Any], member: Any) -> None:
    assert body_of(make_event("group", groupId="c9", **who)).get("member") == member


# --- events ---


def test_a_track_call_is_an_event_of_the_profile_at_its_own_time() -> None:
    event = make_event(
        "track",
        userId="u-17",
        event="Invoice Paid",
        properties={"amount": 19.99, "lines": [{"sku": "S1"}], "note": None},
        context={"traits": {"email": "Ada@example.test", "name": "Ada Lovelace"}},
    )

    assert body_of(event) == {
        "profile": {
            "source": "trait_router",
            "type": "customer",
            "name": "Ada Lovelace",
            "identifiers": [
                {"type": "email", "value": "ada@example.test"},
                {"type": "external_id", "value": "u-17"},
            ],
        },
        "event": {
            "source": "trait_router",
            "type": "invoice_paid",
            "description": "Invoice Paid",
            "properties": {"amount": 19.99, "lines": [{"sku": "S1"}]},
            "created_at": "2026-03-04T10:20:30Z",
        },
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Invoice  Paid!", "invoice_paid"),
        ("2FA Enabled", "2fa_enabled"),
        ("Заказ", "event"),
        ("x" * 39 + " yz", "x" * 39),
    ],
)
def test_types_of_events_are_few_and_short(name: str, kind: str) -> None:
    assert event_type(name) == kind


@pytest.mark.parametrize(
    ("call", "fields", "description"),
    [
        pytest.param("page", {"name": "Pricing"}, "Viewed Pricing Page", id="page"),
        pytest.param("page", {"name": "Pricing", "category": "Docs"}, "Viewed Docs Pricing Page", id="category"),
        pytest.param("page", {"name": " "}, "Loaded a Page", id="page without a name"),
        pytest.param("screen", {"name": "Home"}, "Viewed Home Screen", id="screen"),
        pytest.param("screen", {}, "Loaded a Screen", id="screen without a name"),
    ],
)
def test_views_are_events_where_the_operator_wants_them(call: str, fields: dict[str, Any], description: str) -> None:
    event = make_event(call, userId="u-17", **fields)

    assert "send_pages" in skipped(event)
    made = body_of(event, send_pages=True)["event"]
    assert (made["type"], made["description"]) == ("page_viewed", description)


@pytest.mark.parametrize(
    ("fields", "identifiers"),
    [
        ({"userId": "u-17"}, ["external_id"]),
        ({"userId": "ada@example.test"}, ["email", "external_id"]),
        ({"anonymousId": "a-1", "context": {"traits": {"email": "ada@example.test"}}}, ["email"]),
    ],
    ids=["userId", "an email as userId", "email"],
)
def test_whose_profile_it_is(fields: dict[str, Any], identifiers: list[str]) -> None:
    profile = body_of(make_event("track", event="E", **fields))["profile"]

    assert [each["type"] for each in profile["identifiers"]] == identifiers


def test_an_event_names_its_profile_by_the_email_that_the_user_has() -> None:
    """A userId that is an email is written to the user in lower case."""
    user_id = "Ada@Example.test"

    profile = body_of(make_event("track", event="Paid", userId=user_id), "track event")["profile"]

    user = body_of(make_event("identify", userId=user_id), "identify user")["user"]
    assert profile["identifiers"][0] == {"type": "email", "value": user["email"]}


@pytest.mark.parametrize(
    ("call", "fields", "settings", "reason"),
    [
        pytest.param("track", {"anonymousId": "a-1", "event": "E"}, {}, "no anonymous users", id="anonymous"),
        pytest.param("track", {"userId": "u-17", "event": "E"}, {"send_events": False}, "send_events", id="off"),
        pytest.param("alias", {"userId": "u-17", "previousId": "u-16"}, {}, "merge_users", id="merging is off"),
        pytest.param(
            "alias", {"userId": "u-17", "previousId": "U-17"}, {"merge_users": True}, "the same", id="with itself"
        ),
        pytest.param("group", {"userId": "u-17", "groupId": "x" * 256}, {}, "255", id="a long groupId"),
    ],
)
def test_what_is_skipped_says_why(call: str, fields: dict[str, Any], settings: dict[str, Any], reason: str) -> None:
    assert reason in skipped(make_event(call, **fields), **settings)


def test_an_alias_names_who_stays() -> None:
    event = make_event("alias", userId="u-17", previousId="u-16")

    assert body_of(event, merge_users=True) == {"winner": "u-17", "loser": "u-16"}


def test_explain_tells_what_is_left_out_and_why() -> None:
    event = make_event("identify", userId="u-17", traits={"avatar": "a.png", "имя": "Ада"})

    [entry] = explain(event, [rehearse().destination])["destinations"]

    assert entry["warnings"] == [
        "traits.имя: the vendor takes no such name; left out",
        "traits.avatar: expected an absolute http or https address; left out",
    ]


# --- names and settings ---


@pytest.mark.parametrize(
    ("name", "key"), [("planTier", "planTier"), ("a b.c", "a_b_c"), ("имя", None), ("", None), ("x" * 501, None)]
)
def test_a_field_has_a_key_that_zendesk_takes(name: str, key: str | None) -> None:
    assert field_key(name) == key


def test_what_is_within_names_longer_than_any_fields_is_left_out_alone() -> None:
    """Each of many values repeated all of the names around it: half a megabyte became a gigabyte, and stopped the router for as
    long as a call into a plugin may take."""
    deep: dict[str, Any] = {f"n{number}": number for number in range(9)}
    for _ in range(5):
        deep = {"d" * 120: deep}
    traits = {"deep": deep, "long": {"k" * 400_000: {"a": 1}, "b": 2}}

    user = body_of(make_event("identify", userId="u-17", traits=traits))["user"]

    assert user["user_fields"] == {"long_b": 2}


@pytest.mark.parametrize("value", [7, {"a": 1}, ["a", 1], None])
def test_what_is_no_list_of_tags_is_left_out(value: Any) -> None:
    with pytest.raises(ValueError, match="tags"):
        to_tags(value)


@pytest.mark.parametrize(
    "settings",
    [
        {"subdomain": "acme.zendesk.com/x"},
        {"subdomain": ""},
        {"api_token": ""},
        {"email": ""},
        {"event_source": "Zendesk"},
        {"event_source": "x" * 41},
        {"plan": "free"},
    ],
    ids=str,
)
def test_settings_that_zendesk_would_not_take_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**settings)

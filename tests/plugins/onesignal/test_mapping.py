"""Traits of people and groups, whom a call is about, and what gives a user another id."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.onesignal import PLUGIN
from router.plugin import GROUP_TRAITS, USER_TRAITS, snake_case
from router.testing import Rehearsal, make_event
from tests.plugins.onesignal.samples import ADA, ANON, EMAIL, bodies_of, body_of, make_settings, map_event, trace_of

USER = "update user"
GROUP = "tag group"
SUBSCRIBED: dict[str, Any] = {"email_subscription": True, "sms_subscription": True}

Said = dict[str, Any]

USER_CASES: dict[str, tuple[Any, Said]] = {
    "address": (
        {"city": "London", "state": "LND", "country": "gb", "postalCode": 1, "street": "St James's Square", "floor": 2},
        {
            "properties": {
                "country": "GB",
                "tags": {
                    "address_city": "London",
                    "address_state": "LND",
                    "address_postal_code": "1",
                    "address_street": "St James's Square",
                    "address_floor": "2",
                },
            }
        },
    ),
    "age": (36, {"properties": {"tags": {"age": "36"}}}),
    "avatar": ("https://example.test/ada.png", {"properties": {"tags": {"avatar": "https://example.test/ada.png"}}}),
    "birthday": ("1985-12-10", {"properties": {"tags": {"birthday": "503020800"}}}),
    "company": (
        {"name": "Acme", "id": 17, "industry": "Mills", "employee_count": 40, "plan": "gold"},
        {
            "properties": {
                "tags": {
                    "company_name": "Acme",
                    "company_id": "17",
                    "company_industry": "Mills",
                    "company_employee_count": "40",
                    "company_plan": "gold",
                }
            }
        },
    ),
    "createdAt": ("2024-08-24T16:15:22+02:00", {"properties": {"tags": {"created_at": "1724508922"}}}),
    "description": ("Countess", {"properties": {"tags": {"description": "Countess"}}}),
    "email": (" Ada@Example.test ", {"subscriptions": [{"type": "Email", "token": EMAIL}]}),
    "firstName": ("Ada", {"properties": {"tags": {"first_name": "Ada"}}}),
    "gender": ("female", {"properties": {"tags": {"gender": "female"}}}),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {"properties": {"tags": {"last_name": "Lovelace"}}}),
    "name": ("Ada Lovelace", {"properties": {"tags": {"name": "Ada Lovelace"}}}),
    "phone": ("+44 20 7946 0958", {"subscriptions": [{"type": "SMS", "token": "+442079460958"}]}),
    "title": ("Analyst", {"properties": {"tags": {"title": "Analyst"}}}),
    "username": ("ada", {"properties": {"tags": {"username": "ada"}}}),
    "website": ("https://example.test", {"properties": {"tags": {"website": "https://example.test"}}}),
}

GROUP_CASES: dict[str, tuple[Any, Said]] = {
    "address": (
        {"city": "London", "postalCode": 1},
        {"group_address_city": "London", "group_address_postal_code": "1"},
    ),
    "avatar": ("https://example.test/a.png", {"group_avatar": "https://example.test/a.png"}),
    "createdAt": (1724508922, {"group_created_at": "1724508922"}),
    "description": ("Mills", {"group_description": "Mills"}),
    "email": ("hello@example.test", {"group_email": "hello@example.test"}),
    "employees": (40, {"group_employees": "40"}),
    "id": ("acme-1", {}),
    "industry": ("Mills", {"group_industry": "Mills"}),
    "name": ("Acme", {"group_name": "Acme"}),
    "phone": ("020 7946", {"group_phone": "020 7946"}),
    "website": ("https://example.test", {"group_website": "https://example.test"}),
    "plan": ("gold", {"group_plan": "gold"}),
}


def said_of(traits: dict[str, Any], context: dict[str, Any] | None = None, **settings: Any) -> Said:
    """The upsert of u-17 without its identity."""
    body = body_of(make_event("identify", **ADA, traits=traits, context=context or {}), USER, **settings)
    assert body["identity"] == {"external_id": "u-17"}
    return {name: value for name, value in body.items() if name != "identity"}


def tags_of(traits: dict[str, Any], **settings: Any) -> Any:
    return said_of(traits, **settings).get("properties", {}).get("tags", {})


def test_every_reserved_trait_has_a_case() -> None:
    assert USER_CASES.keys() == set(USER_TRAITS)
    assert GROUP_CASES.keys() == set(GROUP_TRAITS)


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives(trait: str, spell: Any) -> None:
    value, expected = USER_CASES[trait]
    if isinstance(value, dict):
        value = {spell(key): item for key, item in value.items()}

    assert said_of({spell(trait): value}, **SUBSCRIBED) == expected


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_is_a_tag_of_the_user(trait: str, spell: Any) -> None:
    value, expected = GROUP_CASES[trait]
    event = make_event("group", **ADA, groupId="acme-1", traits={spell(trait): value})

    assert body_of(event, GROUP)["properties"] == {"tags": {"group_id": "acme-1", **expected}}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param(
            {"first_name": "Ada", "last_name": "L"},
            {"first_name": "Ada", "last_name": "L", "name": "Ada L"},
            id="snake_case",
        ),
        pytest.param({"company": "Acme"}, {"company_name": "Acme"}, id="company as text"),
        pytest.param({"address": "12 Main St"}, {"address": "12 Main St"}, id="address as text"),
        pytest.param({"address": {"country": "France"}}, {"address_country": "France"}, id="country by its name"),
        pytest.param(
            {"n": 3, "x": 0.5, "yes": True, "no": False}, {"n": "3", "x": "0.5", "yes": "1", "no": "0"}, id="scalars"
        ),
        pytest.param(
            {"seen": "2024-08-24T14:15:22Z", "day": "2024-08-24"},
            {"seen": "1724508922", "day": "2024-08-24"},
            id="times",
        ),
        pytest.param({"seen": "2024-08-24T99:00:00Z"}, {"seen": "2024-08-24T99:00:00Z"}, id="no time"),
        pytest.param({"a": {"b": {"c d": 1}, "l": [1]}}, {"a_b_c_d": "1"}, id="nested"),
        pytest.param({"Plan.Tier": "gold", "-": 1}, {"Plan_Tier": "gold", "-": "1"}, id="signs in a name"),
        pytest.param(
            {"tier": None, "gender": None, "a": {"b": None}}, {"tier": "", "gender": "", "a_b": ""}, id="null deletes"
        ),
        pytest.param(
            {"company": None},
            {
                "company": "",
                "company_name": "",
                "company_id": "",
                "company_industry": "",
                "company_employee_count": "",
                "company_plan": "",
            },
            id="null deletes all of an object",
        ),
        pytest.param(
            {"address": {"city": None, "country": None}},
            {"address_city": "", "address_country": ""},
            id="null deletes the country, which is a tag unless it is a code",
        ),
    ],
)
def test_traits_of_odd_shapes_arrive(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert tags_of(traits) == expected


@pytest.mark.parametrize(
    "traits",
    [
        pytest.param({"phone": "020 7946 0958"}, id="a phone that is not E.164"),
        pytest.param({"email": "ada"}, id="an email that is none"),
        pytest.param({"email": None, "phone": None}, id="null unsubscribes nobody"),
        pytest.param({"birthday": "long ago", "createdAt": "yesterday"}, id="unreadable dates"),
        pytest.param({"tags": ["a", "b"]}, id="a list"),
        pytest.param({"message": "x", "user": 1, "org": "y"}, id="reserved names"),
        pytest.param({"": 1, "имя": 2}, id="names of which nothing is left"),
    ],
)
def test_what_onesignal_cannot_take_is_left_out_alone(traits: dict[str, Any]) -> None:
    assert said_of({"kept": 1, **traits}, **SUBSCRIBED) == {"properties": {"tags": {"kept": "1"}}}


def test_what_is_left_out_is_reported() -> None:
    event = make_event("identify", **ADA, traits={"message": "x", "list": [1], "phone": "1", "email": EMAIL})

    trace = trace_of(event, USER, sms_subscription=True)

    assert {warning.split(":")[0] for warning in trace.warnings} == {"traits.message", "traits.list", "traits.phone"}
    assert trace.unmapped == ["traits.message", "traits.email"]


def test_the_tags_beyond_what_one_request_may_change_are_left_out_and_reported() -> None:
    """OneSignal would refuse the user. Tags of reserved traits stay."""
    many = {f"t{number}": number for number in range(150)}
    event = make_event("identify", userId="u-17", traits={**many, "name": "Ada"}, context={"locale": "en-GB"})

    [(_, _, payload)] = Rehearsal(PLUGIN, make_settings()).payloads(event)

    properties = payload.body["properties"]
    assert len(properties) + len(properties["tags"]) == 100
    assert (properties["language"], properties["tags"]["name"]) == ("en", "Ada")
    assert any(note.startswith("beyond the 100 changes of one request; left out: t0, t1, ") for note in payload.notes)


def test_nobody_is_subscribed_unless_the_operator_says_so() -> None:
    assert said_of({"email": EMAIL, "phone": "+442079460958"}) == {}


def test_only_the_tags_of_the_plan_are_written() -> None:
    traits = {"firstName": "Ada", "lastName": "L", "company": {"plan": "gold", "id": 1}, "tier": 2}

    assert tags_of(traits, tags=["first_name", "company_plan"]) == {"first_name": "Ada", "company_plan": "gold"}


def test_tags_that_are_not_of_the_plan_are_reported() -> None:
    mapper = Rehearsal(PLUGIN, make_settings(tags=["tier"]))

    [(_, _, payload)] = mapper.payloads(make_event("identify", userId="u-17", traits={"tier": 2, "firstName": "Ada"}))

    assert payload.notes == ("not among the tags to be written (setting tags); left out: first_name",)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param({"locale": "en-GB"}, {"language": "en"}, id="locale"),
        pytest.param({"locale": "english"}, {}, id="no locale"),
        pytest.param({"timezone": "Europe/London"}, {"timezone_id": "Europe/London"}, id="timezone"),
        pytest.param({"ip": "203.0.113.7"}, {"ip": "203.0.113.7"}, id="address"),
        pytest.param({"location": {"latitude": 51.5, "longitude": 0}}, {"lat": 51.5, "long": 0}, id="place"),
        pytest.param({"location": {"latitude": 51.5, "longitude": None}}, {}, id="half a place"),
        pytest.param({"location": {"latitude": 139.7, "longitude": 35.6}}, {}, id="a place the wrong way round"),
        pytest.param({"locale": None, "timezone": None, "ip": None}, {}, id="a null clears nothing"),
        pytest.param({"timezone": "", "ip": ""}, {}, id="empty texts"),
        pytest.param({"timezone": "GMT+02:00"}, {}, id="no name of a time zone, as some phones have it"),
        pytest.param({"ip": "203.0.113.7, 10.0.0.1"}, {}, id="no address, but the way over proxies"),
    ],
)
def test_the_context_tells_of_language_time_and_place(context: dict[str, Any], expected: dict[str, Any]) -> None:
    assert said_of({}, context).get("properties", {}) == expected


# --- whom ---


@pytest.mark.parametrize(
    ("call", "settings"),
    [
        pytest.param({**ANON, "traits": {"plan": "gold"}}, {}, id="anonymous"),
        pytest.param({"traits": {"email": EMAIL}}, SUBSCRIBED, id="an email alone"),
        pytest.param(ANON, {"anonymous_alias": "anonymous_id"}, id="anonymous alias, no traits"),
        pytest.param({**ANON, "traits": {"plan": None}}, {"anonymous_alias": "anonymous_id"}, id="only nulls"),
        pytest.param(
            {**ANON, "context": {"ip": "203.0.113.7"}}, {"anonymous_alias": "anonymous_id"}, id="only a context"
        ),
    ],
)
def test_nobody_becomes_an_empty_user(call: Any, settings: Any) -> None:
    assert isinstance(map_event(make_event("identify", **call), **settings)[USER], str)


def test_an_anonymous_person_has_an_alias_where_the_operator_says_so() -> None:
    event = make_event("identify", **ANON, traits={"plan": "gold"})

    assert body_of(event, USER, anonymous_alias="anonymous_id") == {
        "identity": {"anonymous_id": "anon-5"},
        "properties": {"tags": {"plan": "gold"}},
    }


def test_a_known_user_without_traits_is_made() -> None:
    assert said_of({}) == {}


def test_an_identify_with_both_ids_joins_them_first() -> None:
    event = make_event("identify", **ADA, **ANON, traits={"plan": "gold"})

    made = map_event(event, anonymous_alias="anonymous_id")

    assert list(made) == ["join ids", USER]
    assert made["join ids"] == [
        {"label": "anonymous_id", "id": "anon-5", "identity": {"external_id": "u-17", "anonymous_id": "u-17"}}
    ]


@pytest.mark.parametrize(
    ("ids", "settings"),
    [
        pytest.param({**ADA, **ANON}, {}, id="anonymous people are not sent"),
        pytest.param(ADA, {"anonymous_alias": "anonymous_id"}, id="no anonymousId"),
        pytest.param(ANON, {"anonymous_alias": "anonymous_id"}, id="no userId"),
    ],
)
def test_an_identify_with_one_id_joins_nothing(ids: Any, settings: Any) -> None:
    assert isinstance(map_event(make_event("identify", **ids, traits={"a": 1}), **settings)["join ids"], str)


@pytest.mark.parametrize(
    ("call", "settings", "labels"),
    [
        pytest.param({}, {}, ["external_id"], id="an older userId"),
        pytest.param({"anonymousId": "old"}, {"anonymous_alias": "anon"}, ["anon"], id="an anonymous id"),
        pytest.param({}, {"anonymous_alias": "anon"}, ["external_id", "anon"], id="one or the other"),
    ],
)
def test_an_alias_gives_the_user_the_new_id(call: Any, settings: Any, labels: list[str]) -> None:
    event = make_event("alias", **ADA, previousId="old", **call)

    assert bodies_of(event, "rename user", **settings) == [
        {"label": label, "id": "old", "identity": {"external_id": "u-17", label: "u-17"}} for label in labels
    ]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        pytest.param({"previousId": "u-17"}, "the same", id="to itself"),
        pytest.param({"previousId": "a", "anonymousId": "a"}, "no user", id="of an anonymous id that was never sent"),
    ],
)
def test_an_alias_that_can_join_nothing_says_why(call: Any, reason: str) -> None:
    assert reason in map_event(make_event("alias", **ADA, **call))["rename user"]


# --- groups ---


def test_a_null_address_of_a_group_deletes_all_that_an_address_makes() -> None:
    address = {"city": "L", "country": "GB", "postalCode": "1", "state": "LND", "street": "S"}
    made, cleared = (
        body_of(make_event("group", **ADA, groupId="acme-1", traits={"address": value}), GROUP)["properties"]["tags"]
        for value in (address, None)
    )

    assert cleared == {"group_id": "acme-1", "group_address": "", **dict.fromkeys(made.keys() - {"group_id"}, "")}


def test_all_group_traits_arrive() -> None:
    traits = {"name": "Acme", "firstName": "Ada", "message": "x", "more": {"a b": True}, "gone": None}
    event = make_event("group", **ADA, groupId=9, traits=traits)

    assert body_of(event, GROUP)["properties"]["tags"] == {
        "group_id": "9",
        "group_name": "Acme",
        "group_firstName": "Ada",
        "group_message": "x",
        "group_more_a_b": "1",
        "group_gone": "",
    }


def test_a_group_call_of_somebody_anonymous_is_skipped() -> None:
    assert "no userId" in map_event(make_event("group", **ANON, groupId="acme-1"))[GROUP]


def test_what_is_written_of_one_user_may_travel_together() -> None:
    """OneSignal takes one request a second of a user."""
    rehearsal = Rehearsal(PLUGIN, make_settings())
    events = [make_event("identify", userId=id, traits={"a": 1}) for id in ("u-1", "u-1", "u-2")]

    first, second, of_another = [payload.group for event in events for _, _, payload in rehearsal.payloads(event)]

    assert first == second != of_another

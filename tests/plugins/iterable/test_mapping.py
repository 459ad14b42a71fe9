"""Traits of people and groups, whom a call is about, and push tokens."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import GROUP_TRAITS, USER_TRAITS, snake_case
from router.testing import make_event
from tests.plugins.iterable.samples import ADA, ANON, EMAIL, body_of, map_event, trace_of

USER = "update user"
GROUP = "write group to user"
DEVICE = "register device"

USER_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (
        {"city": "London", "state": "LND", "country": "GB", "postalCode": 1, "street": "St James's Square", "floor": 2},
        {
            "address": {
                "city": "London",
                "state": "LND",
                "country": "GB",
                "postalCode": "1",
                "street": "St James's Square",
                "floor": 2,
            }
        },
    ),
    "age": ("36", {"age": 36}),
    "avatar": ("https://example.test/ada.png", {"avatar": "https://example.test/ada.png"}),
    "birthday": ("1985-12-10T23:00:00Z", {"birthday": "1985-12-10"}),
    "company": (
        {"name": "Acme", "id": 17, "industry": "Mills", "employee_count": "40", "plan": "gold", "tier": 2},
        {"company": {"name": "Acme", "id": "17", "industry": "Mills", "employee_count": 40, "plan": "gold", "tier": 2}},
    ),
    "createdAt": (1724508922, {"createdAt": "2024-08-24 14:15:22 +00:00"}),
    "description": ("Countess", {"description": "Countess"}),
    "email": (" Ada@Example.test ", {"email": "ada@example.test"}),
    "firstName": ("Ada", {"firstName": "Ada"}),
    "gender": ("female", {"gender": "female"}),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {"lastName": "Lovelace"}),
    "name": ("Ada Lovelace", {"name": "Ada Lovelace"}),
    "phone": ("+44 20 7946 0958", {"phoneNumber": "+442079460958"}),
    "title": ("Analyst", {"title": "Analyst"}),
    "username": ("ada", {"username": "ada"}),
    "website": ("https://example.test", {"website": "https://example.test"}),
}

GROUP_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": ({"city": "London"}, {"address": {"city": "London"}}),
    "avatar": ("https://example.test/a.png", {"avatar": "https://example.test/a.png"}),
    "createdAt": ("2020-01-02", {"createdAt": "2020-01-02"}),
    "description": ("Mills", {"description": "Mills"}),
    "email": ("hello@example.test", {"email": "hello@example.test"}),
    "employees": ("40", {"employee_count": 40}),
    "id": ("acme-1", {}),
    "industry": ("Mills", {"industry": "Mills"}),
    "name": ("Acme", {"name": "Acme"}),
    "phone": ("020 7946", {"phone": "020 7946"}),
    "website": ("https://example.test", {"website": "https://example.test"}),
    "plan": ("gold", {"plan": "gold"}),
}


def data_of(traits: dict[str, Any], **fields: Any) -> Any:
    return body_of(make_event("identify", **ADA, traits=traits, **fields), USER)["dataFields"]


def test_every_reserved_trait_has_a_case() -> None:
    assert USER_CASES.keys() == set(USER_TRAITS)
    assert GROUP_CASES.keys() == set(GROUP_TRAITS)


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_gets_its_iterable_name(trait: str, spell: Any) -> None:
    value, expected = USER_CASES[trait]
    if isinstance(value, dict):
        value = {spell(key): item for key, item in value.items()}

    assert data_of({spell(trait): value}) == expected


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_is_in_the_company_of_the_user(trait: str, spell: Any) -> None:
    value, expected = GROUP_CASES[trait]
    event = make_event("group", **ADA, groupId="acme-1", traits={spell(trait): value})

    assert body_of(event, GROUP)["dataFields"] == {"company": {"id": "acme-1", **expected}}


@pytest.mark.parametrize("identity", ["userId", "hybrid"])
@pytest.mark.parametrize(
    ("user_id", "traits", "email"),
    [
        pytest.param("Ada@Example.test", {}, "ada@example.test", id="a userId that is an email"),
        pytest.param("ada@example.test", {"email": "new@example.test"}, "new@example.test", id="another that is told"),
        pytest.param("ada@example.test", {"email": "none"}, "ada@example.test", id="no email that is told"),
        pytest.param("ada@example.test", {"email": None, "a": 1}, None, id="null clears"),
        pytest.param("u-17", {"a": 1}, "absent", id="a userId that is none"),
    ],
)
def test_a_user_has_an_email_to_be_written_to(user_id: str, traits: dict[str, Any], email: Any, identity: str) -> None:
    body = body_of(make_event("identify", userId=user_id, traits=traits), USER, identity=identity)

    assert body["userId"] == user_id
    assert body["dataFields"].get("email", "absent") == email


def test_an_identify_is_a_user_of_the_project() -> None:
    event = make_event("identify", **ADA, traits={"email": EMAIL, "plan_tier": "gold"})

    assert body_of(event, USER) == {
        "userId": "u-17",
        "preferUserId": True,
        "mergeNestedObjects": True,
        "dataFields": {"email": EMAIL, "plan_tier": "gold"},
    }


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param(
            {"first_name": "Ada", "last_name": "L"},
            {"firstName": "Ada", "lastName": "L", "name": "Ada L"},
            id="snake_case",
        ),
        pytest.param({"company": "Acme"}, {"company": {"name": "Acme"}}, id="company as text"),
        pytest.param(
            {"company": {"id": 1, "createdAt": 1724508922}},
            {"company": {"id": "1", "createdAt": "2024-08-24 14:15:22 +00:00"}},
            id="the date of a company, as that of a group",
        ),
        pytest.param({"address": ["x"], "company": ["Acme"], "tier": 1}, {"tier": 1}, id="lists where objects belong"),
        pytest.param({"address": 7, "company": 7, "tier": 1}, {"tier": 1}, id="numbers where objects belong"),
        pytest.param({"address": "12 Main St"}, {"address": {"street": "12 Main St"}}, id="address as text"),
        pytest.param(
            {"phoneNumber": "+44 20 7946 0958"}, {"phoneNumber": "+442079460958"}, id="phone by Iterable's name"
        ),
        pytest.param(
            {"seen": "2024-08-24T16:15:22.5+02:00", "day": "2024-08-24", "text": "2024-08-24T99:00:00Z"},
            {"seen": "2024-08-24 14:15:22 +00:00", "day": "2024-08-24", "text": "2024-08-24T99:00:00Z"},
            id="times among custom traits",
        ),
        pytest.param(
            {"more": {"at": "2024-08-24T14:15Z", "a.b": [1, {"c.d": 2}]}},
            {"more": {"at": "2024-08-24 14:15:00 +00:00", "a_b": [1, {"c_d": 2}]}},
            id="times and dots in a nested one",
        ),
        pytest.param({"a.b": 1, " ": 2}, {"a_b": 1}, id="a dot would nest"),
        pytest.param({"tier": None, "email": None}, {"tier": None, "email": None}, id="a null clears"),
        pytest.param(
            {"address": None, "company": None}, {"address": None, "company": None}, id="a null clears objects"
        ),
        pytest.param({"note": "", "n": 3, "ok": True}, {"note": "", "n": 3, "ok": True}, id="custom values stay"),
    ],
)
def test_traits_of_odd_shapes_arrive(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert data_of(traits) == expected


@pytest.mark.parametrize(
    "traits",
    [
        pytest.param({"phone": "020 7946 0958"}, id="a phone that is not E.164"),
        pytest.param({"birthday": "long ago", "createdAt": "yesterday"}, id="unreadable dates"),
        pytest.param({"avatar": "ada.png"}, id="avatar without a host"),
        pytest.param({"age": "old"}, id="age in words"),
        pytest.param({"email": "ada"}, id="an email that is none"),
        pytest.param({"name": {"first": "Ada"}, "title": ["x"]}, id="objects for texts"),
        pytest.param({"email": "", "address": {}, "company": ""}, id="empty reserved traits"),
        pytest.param({"userId": "u-0", "itblUserId": "x", "signupDate": "2020-01-01"}, id="Iterable's own fields"),
        pytest.param({"emailListIds": [1], "unsubscribedChannelIds": [2]}, id="subscriptions"),
    ],
)
def test_what_iterable_cannot_take_is_left_out_alone(traits: dict[str, Any]) -> None:
    assert data_of({"kept": 1, **traits}) == {"kept": 1}


def test_what_is_left_out_is_reported() -> None:
    event = make_event("identify", **ADA, traits={"emailListIds": [1], "phone": "1"})

    trace = trace_of(event, USER)

    assert trace.unmapped == ["traits.emailListIds"]
    assert [warning.split(":")[0] for warning in trace.warnings] == ["traits.emailListIds", "traits.phone"]


def test_subscriptions_are_changed_where_the_operator_says_so() -> None:
    event = make_event("identify", **ADA, traits={"emailListIds": [1], "unsubscribedChannelIds": [2]})

    assert body_of(event, USER, special_traits=["emailListIds"])["dataFields"] == {"emailListIds": [1]}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param({"locale": "en-GB"}, {"locale": "en-GB"}, id="locale"),
        pytest.param({"timezone": "Europe/London"}, {"timeZone": "Europe/London"}, id="timezone"),
        pytest.param({"timezone": "GMT+0100"}, {}, id="no time zone: it would take the place of one"),
        pytest.param({"locale": None, "timezone": None}, {}, id="a null clears nothing"),
        pytest.param({"locale": 7}, {}, id="no text"),
    ],
)
def test_the_context_tells_of_language_and_time(context: dict[str, Any], expected: dict[str, Any]) -> None:
    assert data_of({}, context=context) == expected


# --- whom ---

PREFERRED = {"preferUserId": True}


@pytest.mark.parametrize(
    ("identity", "ids", "expected"),
    [
        pytest.param("userId", ADA, {"userId": "u-17", **PREFERRED}, id="by userId"),
        pytest.param("hybrid", ADA, {"userId": "u-17", **PREFERRED}, id="hybrid, userId"),
        pytest.param("hybrid", {"traits": {"email": EMAIL}}, {"email": EMAIL}, id="hybrid, email alone"),
        pytest.param(
            "hybrid", {**ANON, "traits": {"email": EMAIL}}, {"email": EMAIL}, id="hybrid, anonymous with email"
        ),
        pytest.param("email", {**ADA, "traits": {"email": " Ada@example.test"}}, {"email": EMAIL}, id="by email"),
        pytest.param("email", {"userId": EMAIL}, {"email": EMAIL}, id="by email, which is the userId"),
        pytest.param("email", ADA, {"userId": "u-17", **PREFERRED}, id="by email, none known: a placeholder"),
    ],
)
def test_a_user_is_named_by_one_id(identity: str, ids: Any, expected: dict[str, Any]) -> None:
    body = body_of(make_event("identify", **ids), USER, identity=identity)

    assert {name: body[name] for name in ("userId", "email", "preferUserId") if name in body} == expected


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        pytest.param("userId", {"email": EMAIL}, id="by userId the email is a field"),
        pytest.param("hybrid", {"email": EMAIL}, id="hybrid"),
        pytest.param("email", {"userId": "u-17"}, id="by email the userId is a field"),
    ],
)
def test_the_other_id_is_a_data_field(identity: str, expected: dict[str, Any]) -> None:
    event = make_event("identify", **ADA, traits={"email": EMAIL})

    assert body_of(event, USER, identity=identity)["dataFields"] == expected


def test_an_id_is_no_data_field_besides() -> None:
    assert body_of(make_event("identify", **ADA), USER, identity="email")["dataFields"] == {}
    assert body_of(make_event("identify", traits={"email": EMAIL}), USER)["dataFields"] == {}


@pytest.mark.parametrize(
    ("settings", "call"),
    [
        pytest.param({"identity": "userId"}, {"traits": {"email": EMAIL}}, id="by userId, only an email"),
        pytest.param({"identity": "userId"}, {**ANON, "traits": {"plan": "gold"}}, id="by userId, anonymous"),
        pytest.param({}, {**ANON, "traits": {"plan": "gold"}}, id="hybrid, anonymous"),
        pytest.param({}, {"traits": {"email": "ada"}}, id="hybrid, an email that is none"),
        pytest.param({"identity": "email"}, {**ANON, "traits": {"plan": "gold"}}, id="by email, anonymous"),
        pytest.param({"identity": "email", "prefer_user_id": False}, ADA, id="by email, no placeholder wanted"),
        pytest.param({"send_anonymous_id": True}, ANON, id="anonymous ids sent, but no traits"),
        pytest.param({"send_anonymous_id": True}, {**ANON, "traits": {"plan": None}}, id="only nulls"),
        pytest.param({"send_anonymous_id": True}, {**ANON, "context": {"locale": "en"}}, id="only a context"),
    ],
)
def test_nobody_becomes_a_user_without_a_name(settings: Any, call: Any) -> None:
    assert isinstance(map_event(make_event("identify", **call), **settings)[USER], str)


def test_an_anonymous_id_is_a_user_id_where_the_operator_says_so() -> None:
    event = make_event("identify", **ANON, traits={"plan": "gold"})

    assert body_of(event, USER, send_anonymous_id=True)["userId"] == "anon-5"


def test_a_user_id_need_not_be_preferred_and_objects_may_be_replaced() -> None:
    event = make_event("identify", **ADA, traits={"plan": "gold"})

    assert body_of(event, USER, prefer_user_id=False, merge_nested_objects=False) == {
        "userId": "u-17",
        "mergeNestedObjects": False,
        "dataFields": {"plan": "gold"},
    }


# --- groups ---


def test_all_group_traits_arrive() -> None:
    traits = {
        "name": "Acme",
        "firstName": "Ada",
        "address": "12 Main St",
        "tier": {"a": ["2024-08-24T00:00:00Z"]},
        "x": None,
    }
    event = make_event("group", **ADA, groupId=9, traits=traits)

    assert body_of(event, GROUP, group_field="account")["dataFields"] == {
        "account": {
            "id": "9",
            "name": "Acme",
            "firstName": "Ada",
            "address": {"street": "12 Main St"},
            "tier": {"a": ["2024-08-24 00:00:00 +00:00"]},
            "x": None,
        }
    }


@pytest.mark.parametrize(
    ("ids", "settings"),
    [pytest.param(ADA, {"group_field": ""}, id="off"), pytest.param(ANON, {}, id="anonymous")],
)
def test_a_group_call_may_write_nothing(ids: Any, settings: Any) -> None:
    assert isinstance(map_event(make_event("group", **ids, groupId="a", traits={"name": "A"}), **settings)[GROUP], str)


# --- alias ---


OLD = {"userId": "u-17", "previousId": "old"}
OLD_ANON = {**OLD, "anonymousId": "old"}


@pytest.mark.parametrize(
    ("call", "settings", "expected"),
    [
        pytest.param(OLD, {}, {"sourceUserId": "old", "destinationUserId": "u-17"}, id="userIds"),
        pytest.param(
            {"userId": EMAIL, "previousId": "old@example.test"},
            {"identity": "email"},
            {"sourceEmail": "old@example.test", "destinationEmail": EMAIL},
            id="emails",
        ),
        pytest.param(
            OLD_ANON,
            {"send_anonymous_id": True},
            {"sourceUserId": "old", "destinationUserId": "u-17"},
            id="anonymous, and those are users",
        ),
    ],
)
def test_an_alias_merges_two_users(call: Any, settings: Any, expected: Any) -> None:
    assert body_of(make_event("alias", **call), "merge users", merge_users=True, **settings) == expected


@pytest.mark.parametrize(
    ("call", "settings", "reason"),
    [
        pytest.param(OLD, {"merge_users": False}, "not merged", id="off"),
        pytest.param(OLD, {"identity": "email"}, "by email", id="no emails"),
        pytest.param({"userId": "u-17", "previousId": "u-17"}, {}, "the same", id="the same"),
        pytest.param(OLD_ANON, {}, "no user", id="anonymous"),
    ],
)
def test_an_alias_that_can_join_nothing_says_why(call: Any, settings: Any, reason: str) -> None:
    assert reason in map_event(make_event("alias", **call), **{"merge_users": True, **settings})["merge users"]


# --- push tokens ---

APPS = {"ios_app": "shop-ios", "android_app": "shop-android"}


@pytest.mark.parametrize(
    ("context", "settings", "platform", "app"),
    [
        pytest.param({"device": {"type": "ios"}}, {}, "APNS", "shop-ios", id="iOS"),
        pytest.param({"device": {"type": "phone"}, "os": {"name": "iOS"}}, {}, "APNS", "shop-ios", id="iOS on a phone"),
        pytest.param(
            {"device": {"type": "iOS"}}, {"ios_sandbox": True}, "APNS_SANDBOX", "shop-ios", id="Apple's sandbox"
        ),
        pytest.param({"os": {"name": "Android"}}, {}, "GCM", "shop-android", id="by the operating system"),
    ],
)
@pytest.mark.parametrize("call", ["identify", "track"])
def test_a_push_token_is_registered(call: str, context: Any, settings: Any, platform: str, app: str) -> None:
    device = {**context.get("device", {}), "token": "push-1"}
    fields = {"event": "Application Opened"} if call == "track" else {}
    event = make_event(call, **ADA, **fields, context={**context, "device": device})

    assert body_of(event, DEVICE, **APPS, **settings) == {
        "userId": "u-17",
        "device": {"token": "push-1", "platform": platform, "applicationName": app},
    }


@pytest.mark.parametrize(
    ("call", "settings"),
    [
        pytest.param({"context": {"device": {"type": "ios"}}, **ADA}, APPS, id="no token"),
        pytest.param({"context": {"device": {"type": "ios", "token": "t"}}, **ADA}, {}, id="no app"),
        pytest.param({"context": {"device": {"type": "tv", "token": "t"}}, **ADA}, APPS, id="another platform"),
        pytest.param({"context": {"device": {"token": "t"}}, **ADA}, APPS, id="no platform"),
        pytest.param({"context": {"device": {"type": "ios", "token": "t"}}, **ANON}, APPS, id="anonymous"),
    ],
)
def test_no_push_token_is_registered_without_user_app_and_platform(call: Any, settings: Any) -> None:
    assert isinstance(map_event(make_event("identify", **call), **settings)[DEVICE], str)


@pytest.mark.parametrize("name", ["application_opened", "applicationInstalled"])
def test_an_app_may_tell_of_itself_in_another_spelling(name: str) -> None:
    event = make_event("track", **ADA, event=name, context={"device": {"type": "ios", "token": "t"}})

    assert body_of(event, DEVICE, **APPS)["device"]["token"] == "t"


def test_other_events_register_no_device() -> None:
    event = make_event("track", **ADA, event="E", context={"device": {"type": "ios", "token": "t"}})

    assert isinstance(map_event(event, **APPS)[DEVICE], str)

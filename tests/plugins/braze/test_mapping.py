"""Traits of people and groups, and whom a call is about."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from plugins.braze import PLUGIN
from plugins.braze.settings import SpecialTrait
from router.plugin import GROUP_TRAITS, USER_TRAITS, Delivered, snake_case
from router.testing import make_event, open_stand_in
from tests.plugins.braze.samples import ADA, ALIAS, ANON, bodies_of, item_of, map_event, trace_of

USER_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": (
        {"city": "London", "state": "LND", "country": "gb", "postalCode": "W1", "street": "St James's Square"},
        {
            "home_city": "London",
            "address_state": "LND",
            "country": "GB",
            "address_postal_code": "W1",
            "address_street": "St James's Square",
        },
    ),
    "age": ("36", {"age": 36}),
    "avatar": ("https://example.test/ada.png", {"image_url": "https://example.test/ada.png"}),
    "birthday": ("1985-12-10T23:00:00Z", {"dob": "1985-12-10"}),
    "company": (
        {"name": "Acme", "id": 17, "industry": "Mills", "employee_count": "40", "plan": "gold"},
        {
            "company_name": "Acme",
            "company_id": "17",
            "company_industry": "Mills",
            "company_employee_count": 40,
            "company_plan": "gold",
        },
    ),
    "createdAt": (1724508922, {"created_at": "2024-08-24T14:15:22Z"}),
    "description": ("Countess", {"description": "Countess"}),
    "email": (" Ada@Example.test ", {"email": "ada@example.test"}),
    "firstName": ("Ada", {"first_name": "Ada"}),
    "gender": ("female", {"gender": "F"}),
    "id": ("u-17", {}),
    "lastName": ("Lovelace", {"last_name": "Lovelace"}),
    "name": ("Ada King Lovelace", {"first_name": "Ada", "last_name": "King Lovelace"}),
    "phone": ("+44 20 7946 0958", {"phone": "+442079460958"}),
    "title": ("Analyst", {"title": "Analyst"}),
    "username": ("ada", {"username": "ada"}),
    "website": ("https://example.test", {"website": "https://example.test"}),
}

GROUP_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "address": ({"city": "London"}, {"group_address": {"city": "London"}}),
    "avatar": ("https://example.test/a.png", {"group_avatar": "https://example.test/a.png"}),
    "createdAt": (1724508922, {"group_created_at": "2024-08-24T14:15:22Z"}),
    "description": ("Mills", {"group_description": "Mills"}),
    "email": ("hello@example.test", {"group_email": "hello@example.test"}),
    "employees": ("40", {"group_employees": "40"}),
    "id": ("acme-1", {}),
    "industry": ("Mills", {"group_industry": "Mills"}),
    "name": ("Acme", {"group_name": "Acme"}),
    "phone": ("020 7946", {"group_phone": "020 7946"}),
    "website": ("https://example.test", {"group_website": "https://example.test"}),
    "plan": ("gold", {"group_plan": "gold"}),
}


def attributes_of(traits: dict[str, Any], **fields: Any) -> Any:
    return item_of(make_event("identify", **{**ADA, **fields}, traits=traits), "update user")


def test_every_reserved_trait_has_a_case() -> None:
    assert USER_CASES.keys() == set(USER_TRAITS)
    assert GROUP_CASES.keys() == set(GROUP_TRAITS)


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_gets_its_braze_name(trait: str, spell: Any) -> None:
    value, expected = USER_CASES[trait]
    if isinstance(value, dict):
        value = {spell(key): item for key, item in value.items()}

    assert attributes_of({spell(trait): value}) == {"external_id": "u-17", **expected}


@pytest.mark.parametrize("spell", [str, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_becomes_an_attribute_of_the_user(trait: str, spell: Any) -> None:
    value, expected = GROUP_CASES[trait]
    event = make_event("group", **ADA, groupId="acme-1", traits={spell(trait): value})

    assert item_of(event, "write group to user") == {"external_id": "u-17", "group_id": "acme-1", **expected}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"first_name": "Ada", "last_name": "L"}, {"first_name": "Ada", "last_name": "L"}, id="snake_case"),
        pytest.param({"name": "Ada"}, {"first_name": "Ada"}, id="a name of one word"),
        pytest.param(
            {"name": "A B", "firstName": "Ada"}, {"first_name": "Ada", "last_name": "B"}, id="first name wins"
        ),
        pytest.param({"company": "Acme"}, {"company_name": "Acme"}, id="company as text"),
        pytest.param({"company": {"tier": 2}}, {"company": {"tier": 2}}, id="rest of a company"),
        pytest.param({"address": "12 Main St"}, {"address": "12 Main St"}, id="address as text"),
        pytest.param({"address": {"floor": 2}}, {"address": {"floor": 2}}, id="rest of an address"),
        pytest.param({"address": {"country": "France"}}, {"address_country": "France"}, id="country by its name"),
        pytest.param({"country": "pt"}, {"country": "PT"}, id="country at the top"),
        pytest.param({"country": "Portugal"}, {"address_country": "Portugal"}, id="country's name at the top"),
        pytest.param({"language": "pt-BR"}, {"language": "pt"}, id="language at the top"),
        pytest.param({"time_zone": "Europe/Lisbon"}, {"time_zone": "Europe/Lisbon"}, id="time zone at the top"),
        pytest.param({"language": None, "time_zone": None}, {"language": None, "time_zone": None}, id="cleared"),
        pytest.param(
            {"home_city": "Porto", "image_url": "https://example.test/a.png"},
            {"home_city": "Porto", "image_url": "https://example.test/a.png"},
            id="other fields by Braze's names",
        ),
        pytest.param(
            {"home_city": "Porto", "address": {"city": "Lisbon"}}, {"home_city": "Lisbon"}, id="the reserved one wins"
        ),
        pytest.param({"plan_tier": "gold", "n": 3}, {"plan_tier": "gold", "n": 3}, id="custom traits keep their name"),
        pytest.param({"bio_text": "x" * 300}, {"bio_text": "x" * 255}, id="long text is cut"),
        pytest.param(
            {"more": {"a": None, "b": ["x" * 300, None]}}, {"more": {"b": ["x" * 255]}}, id="no null in a nested one"
        ),
        pytest.param({"logins": {"inc": 2}}, {"logins": {"inc": 2}}, id="an operation of Braze's"),
        pytest.param({"note": ""}, {"note": ""}, id="an empty custom text is a value"),
        *(
            pytest.param({"gender": given}, {"gender": letter}, id=f"gender {given}")
            for given, letter in {
                "M": "M",
                "man": "M",
                "Male": "M",
                "w": "F",
                "woman": "F",
                "other": "O",
                "not applicable": "N",
                "prefer not to say": "P",
            }.items()
        ),
    ],
)
def test_traits_of_odd_shapes_arrive(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert attributes_of(traits) == {"external_id": "u-17", **expected}


@pytest.mark.parametrize(
    "traits",
    [
        pytest.param({"phone": "020 7946 0958"}, id="a phone that is not E.164"),
        pytest.param({"birthday": "long ago"}, id="unreadable date"),
        pytest.param({"language": "Portuguese"}, id="a language by its name"),
        pytest.param({"language": ["pt"], "time_zone": 1, "home_city": {}}, id="fields of Braze's, of other types"),
        pytest.param({"time_zone": "x" * 256}, id="a time zone that is none"),
        pytest.param({"image_url": "ada.png"}, id="an image without a host"),
        pytest.param({"createdAt": "yesterday"}, id="unreadable createdAt"),
        pytest.param({"gender": "x"}, id="unknown gender"),
        pytest.param({"avatar": "ada.png"}, id="avatar without a host"),
        pytest.param({"age": "old"}, id="age in words"),
        pytest.param({"email": ["ada@example.test"]}, id="email as a list"),
        pytest.param({"email": "ada"}, id="an email that is none"),
        pytest.param({"email": "a" * 250 + "@b.test"}, id="an email that is too long, and cost the person"),
        pytest.param({"avatar": "https://cdn.test/" + "a" * 250}, id="an avatar whose address is too long"),
        pytest.param({"email": "", "address": {}, "company": ""}, id="empty reserved traits"),
        pytest.param({"external_id": "u-0", "user_alias": {}, "braze_id": "b"}, id="other people's ids"),
        pytest.param({"_update_existing_only": True, "_merge_objects": True}, id="how it is written"),
        pytest.param({"email_subscribe": "unsubscribed", "facebook": "ada", "bio": "x"}, id="fields of Braze's own"),
        pytest.param({"$set": 1, " ": 2, "x" * 256: 3}, id="names that Braze does not take"),
    ],
)
def test_what_braze_cannot_take_is_left_out_alone(traits: dict[str, Any]) -> None:
    assert attributes_of({"kept": 1, **traits}) == {"external_id": "u-17", "kept": 1}


def test_what_is_left_out_is_reported() -> None:
    event = make_event("identify", **ADA, traits={"push_subscribe": "opted_in", "phone": "1"})

    trace = trace_of(event, "update user")

    assert trace.unmapped == ["traits.push_subscribe"]
    assert [warning.split(":")[0] for warning in trace.warnings] == ["traits.push_subscribe", "traits.phone"]


def test_a_field_of_braze_s_own_is_set_where_the_operator_says_so() -> None:
    event = make_event("identify", **ADA, traits={"email_subscribe": "opted_in", "push_subscribe": "opted_in"})

    assert item_of(event, "update user", special_traits=["email_subscribe"]) == {
        "external_id": "u-17",
        "email_subscribe": "opted_in",
    }


SPECIAL = list(get_args(SpecialTrait))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param(
            {"email_subscribe": False, "push_subscribe": "true"},
            {"email_subscribe": "unsubscribed", "push_subscribe": "subscribed"},
            id="states as true and false",
        ),
        pytest.param(
            {"email_subscribe": " Opted_In ", "push_subscribe": "no"}, {"email_subscribe": "opted_in"}, id="states"
        ),
        pytest.param(
            {"email_open_tracking_disabled": "true", "email_click_tracking_disabled": "no"},
            {"email_open_tracking_disabled": True},
            id="switches",
        ),
        pytest.param(
            {"date_of_first_session": 1724508922, "date_of_last_session": "today", "marked_email_as_spam_at": None},
            {"date_of_first_session": "2024-08-24T14:15:22Z", "marked_email_as_spam_at": None},
            id="dates",
        ),
        pytest.param({"facebook": "ada", "twitter": {"id": 7, "bio": None}}, {"twitter": {"id": 7}}, id="objects"),
        pytest.param(
            {
                "push_tokens": "t",
                "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}],
            },
            {"subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}]},
            id="lists",
        ),
    ],
)
async def test_a_field_of_braze_s_own_in_another_form_does_not_cost_the_person(
    given: Any, sent: dict[str, Any]
) -> None:
    event = make_event("identify", **ADA, traits={"plan": "gold", **given})

    async with open_stand_in(PLUGIN, special_traits=SPECIAL) as vendor:
        judgements = await vendor.deliver(event)

    assert list(judgements.values()) == [[[Delivered()]]]
    assert vendor.accepted("attributes") == [{"external_id": "u-17", "plan": "gold", **sent}]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        pytest.param({"$add": [{"id": 1, "name": None}]}, {"$add": [{"id": 1}]}, id="add"),
        pytest.param(
            {"$update": [{"$identifier_key": "id", "$identifier_value": 1, "$new_object": {"name": "Ruby"}}]},
            {"$update": [{"$identifier_key": "id", "$identifier_value": 1, "$new_object": {"name": "Ruby"}}]},
            id="update",
        ),
        pytest.param({"$set": 1, "name": "Ruby"}, {"name": "Ruby"}, id="no operation"),
    ],
)
def test_an_operation_on_a_list_of_objects_is_sent_on(value: Any, sent: Any) -> None:
    """As an empty object it would take the place of the list."""
    assert attributes_of({"pets": value})["pets"] == sent


@pytest.mark.parametrize(
    ("traits", "cleared"),
    [
        pytest.param(
            {"address": {"country": None}}, ["country", "address_country"], id="country, wherever it was written"
        ),
        pytest.param({"gender": None}, ["gender"], id="reserved"),
        pytest.param({"colour": None}, ["colour"], id="custom"),
        pytest.param({"name": None}, ["first_name", "last_name"], id="name"),
        pytest.param(
            {"address": None},
            [
                "home_city",
                "country",
                "address_country",
                "address_state",
                "address_postal_code",
                "address_street",
                "address",
            ],
            id="whole address",
        ),
        pytest.param(
            {"company": None},
            ["company_name", "company_id", "company_industry", "company_employee_count", "company_plan", "company"],
            id="whole company",
        ),
    ],
)
def test_a_null_clears_the_attribute(traits: dict[str, Any], cleared: list[str]) -> None:
    assert attributes_of(traits) == {"external_id": "u-17", **dict.fromkeys(cleared)}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param({"locale": "pt-BR"}, {"language": "pt"}, id="locale"),
        pytest.param({"timezone": "x" * 256}, {}, id="a time zone that is none"),
        pytest.param({"locale": "portuguese"}, {}, id="no locale"),
        pytest.param({"timezone": "Europe/Lisbon"}, {"time_zone": "Europe/Lisbon"}, id="timezone"),
        pytest.param({"timezone": "GMT+0100"}, {}, id="an offset"),
        pytest.param(
            {"location": {"latitude": 41.1, "longitude": -8}},
            {"current_location": {"latitude": 41.1, "longitude": -8}},
            id="location",
        ),
        pytest.param({"location": {"latitude": 41.1}}, {}, id="half a location"),
        pytest.param({"location": {"latitude": 411, "longitude": -8}}, {}, id="a place beyond the earth"),
        pytest.param({"location": {"latitude": 41.1, "longitude": None}}, {}, id="half a location, half null"),
        pytest.param({"locale": None, "timezone": None}, {}, id="a null clears nothing"),
    ],
)
def test_the_context_tells_of_language_and_place(context: dict[str, Any], expected: dict[str, Any]) -> None:
    assert attributes_of({}, context=context) == {"external_id": "u-17", **expected}


# --- whom ---


@pytest.mark.parametrize(
    ("ids", "settings", "identifier"),
    [
        pytest.param(ADA, {}, {"external_id": "u-17"}, id="userId"),
        pytest.param({**ADA, **ANON}, {}, {"external_id": "u-17"}, id="both"),
        pytest.param(ANON, {}, ALIAS, id="anonymous"),
        pytest.param(
            ANON,
            {"alias_label": "rudder_id"},
            {"user_alias": {"alias_name": "anon-5", "alias_label": "rudder_id"}, "_update_existing_only": False},
            id="another label",
        ),
        pytest.param(
            {"traits": {"email": "Ada@Example.test", "plan": "gold"}},
            {},
            {"email": "ada@example.test", "_update_existing_only": False},
            id="email alone",
        ),
        pytest.param(
            {**ANON, "traits": {"email": "ada@example.test", "plan": "gold"}},
            {"send_anonymous": False},
            {"email": "ada@example.test", "_update_existing_only": False},
            id="email of somebody anonymous, when those are off",
        ),
    ],
)
def test_an_identify_names_the_person(ids: Any, settings: Any, identifier: dict[str, Any]) -> None:
    event = make_event("identify", **{"traits": {"plan": "gold"}, **ids})

    assert item_of(event, "update user", **settings) == {"plan": "gold", **identifier}


@pytest.mark.parametrize(
    ("call", "settings", "reason"),
    [
        pytest.param(ANON, {}, "empty profile", id="no traits"),
        pytest.param({**ANON, "context": {"locale": "en-GB"}}, {}, "empty profile", id="only a context"),
        pytest.param({**ANON, "traits": {"plan": None}}, {}, "empty profile", id="only nulls"),
        pytest.param({**ANON, "traits": {"plan": "gold"}}, {"send_anonymous": False}, "anonymous profiles", id="off"),
        pytest.param(
            {**ANON, "traits": {"email": "x"}}, {"send_anonymous": False}, "anonymous profiles", id="no email"
        ),
    ],
)
def test_an_anonymous_identify_never_makes_an_empty_profile(call: Any, settings: Any, reason: str) -> None:
    skipped = map_event(make_event("identify", **call), **settings)["update user"]

    assert isinstance(skipped, str)
    assert reason in skipped


def test_an_identify_with_both_ids_attaches_the_alias_first() -> None:
    made = map_event(make_event("identify", **ADA, **ANON, traits={"plan": "gold"}))

    assert list(made) == ["attach anonymous profile", "update user"]
    assert made["attach anonymous profile"] == [{"external_id": "u-17", "user_alias": ALIAS["user_alias"]}]


@pytest.mark.parametrize(
    ("ids", "settings"),
    [
        pytest.param(ADA, {}, id="no anonymousId"),
        pytest.param(ANON, {}, id="no userId"),
        pytest.param({**ADA, **ANON}, {"send_anonymous": False}, id="anonymous profiles off"),
    ],
)
def test_an_identify_with_one_id_attaches_nothing(ids: Any, settings: Any) -> None:
    made = map_event(make_event("identify", **ids, traits={"plan": "gold"}), **settings)

    assert isinstance(made["attach anonymous profile"], str)


MERGED = [{"identifier_to_merge": {"external_id": "old"}, "identifier_to_keep": {"external_id": "u-17"}}]


@pytest.mark.parametrize(
    ("call", "settings", "attached", "merged"),
    [
        pytest.param({"previousId": "old"}, {}, True, True, id="the call does not say which kind of id"),
        pytest.param({"previousId": "old", "anonymousId": "old"}, {}, True, False, id="known to be anonymous"),
        pytest.param({"previousId": "old"}, {"send_anonymous": False}, False, True, id="anonymous profiles off"),
    ],
)
def test_an_alias_joins_whatever_the_previous_id_is(call: Any, settings: Any, attached: bool, merged: bool) -> None:
    made = map_event(make_event("alias", **ADA, **call), **settings)

    pair = [{"external_id": "u-17", "user_alias": {"alias_name": "old", "alias_label": "anonymous_id"}}]
    assert (made["attach previous id"] == pair) is attached
    assert (made["merge users"] == MERGED) is merged


def test_an_alias_to_itself_merges_nothing() -> None:
    assert "same" in map_event(make_event("alias", **ADA, previousId="u-17"))["merge users"]


# --- groups ---


def test_all_group_traits_arrive() -> None:
    traits = {"name": "Acme", "firstName": "Ada", "tier": {"a": [1]}, "x": None}
    event = make_event("group", **ADA, groupId=9, traits=traits)

    assert item_of(event, "write group to user", group_prefix="company_") == {
        "external_id": "u-17",
        "company_id": "9",
        "company_name": "Acme",
        "company_firstName": "Ada",
        "company_tier": {"a": [1]},
        "company_x": None,
    }


def test_a_group_call_may_set_a_flag_named_after_the_group() -> None:
    event = make_event("group", **ANON, groupId="acme-1")

    assert bodies_of(event, "write group to user", group_flag_prefix="ab_segment_group_") == [
        {"attributes": {"group_id": "acme-1", "ab_segment_group_acme-1": True, **ALIAS}}
    ]


def test_a_group_call_of_nobody_is_skipped() -> None:
    event = make_event("group", **ANON, groupId="acme-1")

    assert "anonymous" in map_event(event, send_anonymous=False)["write group to user"]


@pytest.mark.parametrize(
    ("user_id", "traits", "email"),
    [
        pytest.param("Ada@Example.test", {}, "ada@example.test", id="a userId that is an email"),
        pytest.param("ada@example.test", {"email": "new@example.test"}, "new@example.test", id="another that is told"),
        pytest.param("ada@example.test", {"email": "none"}, "ada@example.test", id="no email that is told"),
        pytest.param("ada@example.test", {"email": None}, None, id="null removes"),
        pytest.param(f"{'a' * 250}@example.test", {}, "absent", id="longer than an attribute"),
        pytest.param("u-17", {}, "absent", id="a userId that is none"),
    ],
)
def test_a_user_has_an_email_to_be_written_to(user_id: str, traits: dict[str, Any], email: Any) -> None:
    item = item_of(make_event("identify", userId=user_id, traits={"plan": "gold", **traits}), "update user")

    assert item["external_id"] == user_id
    assert item.get("email", "absent") == email


def test_an_identify_by_what_is_no_email_is_skipped() -> None:
    assert "names nobody" in map_event(make_event("identify", traits={"email": "ada"}))["update user"]


@pytest.mark.parametrize("call", ["identify", "group"])
async def test_what_an_object_has_no_room_for_is_left_out_and_the_rest_arrives(call: str) -> None:
    traits = {"plan": "gold", "log": [{"n": number, "text": "x" * 200} for number in range(500)]}
    event = make_event(call, **ADA, traits=traits, **({"groupId": "g"} if call == "group" else {}))

    async with open_stand_in(PLUGIN) as vendor:
        delivered = await vendor.deliver(event)
        [attributes] = vendor.accepted("attributes")

    assert [judgement for judgements in delivered.values() for judgement in judgements] == [[Delivered()]]
    assert attributes["external_id"] == "u-17"
    assert [name.removeprefix("group_") for name in attributes if name.endswith(("plan", "log"))] == ["plan"]

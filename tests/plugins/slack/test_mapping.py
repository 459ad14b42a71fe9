"""Messages: who they are about, what they show and never show, and where they go."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.slack import PLUGIN
from router.event import Event
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, camel_case, snake_case
from router.testing import Rehearsal, make_event
from tests.plugins.slack.mapped import BY_WEBHOOK, body_of, make_settings, skipped

ADDRESS = {"city": "London", "postalCode": "N1"}
COMPANY = {"name": "Acme", "employee_count": 40}

CASES: dict[str, tuple[Any, str]] = {
    "address": (ADDRESS, '{"city":"London","postalCode":"N1"}'),
    "age": (36, "36"),
    "avatar": ("https://example.test/a.png", "https://example.test/a.png"),
    "birthday": ("1990-12-10", "1990-12-10"),
    "company": (COMPANY, '{"name":"Acme","employee_count":40}'),
    "createdAt": ("2024-03-01T09:30:00Z", "<!date^1709285400^{date_short}|2024-03-01T09:30:00Z>"),
    "description": ("Countess", "Countess"),
    "email": (" ada@example.test ", "ada@example.test"),
    "employees": ("11-50", "11-50"),
    "firstName": ("Ada", "Ada"),
    "gender": ("female", "female"),
    "id": ("u-17", "u-17"),
    "industry": ("R&D", "R&amp;D"),
    "lastName": ("Lovelace", "Lovelace"),
    "name": ("Ada Lovelace", "Ada Lovelace"),
    "phone": ("020 7946 0000", "020 7946 0000"),
    "plan": ("gold", "gold"),
    "title": ("Analyst", "Analyst"),
    "username": ("ada", "ada"),
    "website": ("https://example.test", "https://example.test"),
}


def spelled(value: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


def text_of(event: Event, action: str, **settings: Any) -> Any:
    return body_of(event, action, **settings)["text"]


def test_every_reserved_trait_has_a_case() -> None:
    assert CASES.keys() == {*USER_TRAITS, *GROUP_TRAITS}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_template_may_name_every_trait_of_a_person_in_either_spelling(trait: str, spell: Any) -> None:
    value, expected = CASES[trait]
    event = make_event("identify", userId="u-17", traits={spell(trait): spelled(value, spell)})

    assert text_of(event, "announce person", identify=f"{{traits.{trait}}}") == expected


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_template_may_name_every_trait_of_a_group_in_either_spelling(trait: str, spell: Any) -> None:
    value, expected = CASES[trait]
    event = make_event("group", userId="u-17", groupId="g-1", traits={spell(trait): spelled(value, str)})

    assert text_of(event, "announce group", group=f"{{traits.{trait}}}") == expected


@pytest.mark.parametrize("call", ["track", "page", "screen"])
def test_on_other_calls_the_traits_are_those_that_ride_along(call: str) -> None:
    event = make_event(call, userId="u-17", event="E", context={"traits": {"first_name": "Ada", "plan": "gold"}})
    action = "announce event" if call == "track" else f"announce {call}"

    assert text_of(event, action, **{call: "{name} has {traits.plan}"}) == "Ada has gold"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param({"userId": "u", "traits": {"name": "Ada", "username": "a"}}, "Ada", id="name"),
        pytest.param({"userId": "u", "traits": {"first_name": "Ada", "last_name": "L"}}, "Ada L", id="first and last"),
        pytest.param({"userId": "u", "traits": {"firstName": "Ada"}}, "Ada", id="first"),
        pytest.param({"userId": "u", "traits": {"username": "ada", "email": "a@b.test"}}, "ada", id="username"),
        pytest.param({"userId": "u", "traits": {"email": "a@b.test"}}, "a@b.test", id="email"),
        pytest.param({"userId": "<u>"}, "User &lt;u&gt;", id="userId"),
        pytest.param({"anonymousId": "a-1"}, "Anonymous user a-1", id="anonymousId"),
        pytest.param(
            {"userId": "u", "traits": {"name": {"first": "A"}}}, '{"first":"A"}', id="a name of another shape"
        ),
        pytest.param({"userId": "u", "traits": {"name": " "}}, "User u", id="a blank name"),
    ],
)
def test_whom_a_message_is_about(call: dict[str, Any], expected: str) -> None:
    assert (
        text_of(make_event("identify", **call), "announce person", identify="{name}", announce_anonymous=True)
        == expected
    )


@pytest.mark.parametrize(
    ("of_event", "of_person"),
    [("ada@example.test", None), ("ada@example.test", "lovelace@example.test"), ("", "ada@example.test")],
    ids=["alone", "before the person's", "empty"],
)
def test_an_email_among_the_properties_names_who_did_it(of_event: str, of_person: str | None) -> None:
    context = {"traits": {"email": of_person}}
    event = make_event("track", userId="u-17", event="E", properties={"email": of_event}, context=context)

    assert text_of(event, "announce event") == "ada@example.test did E"


@pytest.mark.parametrize(
    ("call", "is_told"),
    [
        pytest.param({"userId": "u-17"}, True, id="a user"),
        pytest.param({"traits": {"email": "a@b.test"}}, True, id="an email alone"),
        pytest.param({"anonymousId": "a-1", "traits": {"plan": "free"}}, False, id="anonymous"),
    ],
)
def test_an_anonymous_identify_is_told_only_where_it_is_wanted(call: dict[str, Any], is_told: bool) -> None:
    event = make_event("identify", **call)

    if not is_told:
        assert "anonymous" in skipped(event, "announce person")
    assert text_of(event, "announce person", announce_anonymous=True).startswith("Identified ")


# --- what is shown ---


def test_no_trait_and_no_property_is_shown_unless_the_settings_name_it() -> None:
    traits = {"name": "Ada", "email": "private@example.test", "phone": "+442079460000", "secret": "s-1"}
    person = make_event("identify", userId="u-17", traits=traits)
    event = make_event("track", userId="u-17", event="E", properties={"iban": "s-2"}, context={"traits": traits})

    told = str([body_of(person, "announce person"), body_of(event, "announce event")])

    assert not [word for word in ("private", "4420", "s-1", "s-2") if word in told]


def test_what_is_shown_stands_below_the_message_in_the_order_of_the_settings() -> None:
    event = make_event(
        "identify", userId="u-17", traits={"address": ADDRESS, "plan": "<gold>", "age": 36, "tier": None}
    )

    body = body_of(event, "announce person", shown_traits=["plan", "address.city", "address", "tier", "age"])

    [section] = body["blocks"]
    assert (
        section["text"]
        == {"type": "mrkdwn", "text": body["text"]}
        == {"type": "mrkdwn", "text": "Identified User u-17"}
    )
    assert [field["text"] for field in section["fields"]] == [
        "*plan*\n&lt;gold&gt;",
        "*address.city*\nLondon",
        '*address*\n{"postalCode":"N1"}',
        "*age*\n36",
    ]


def test_more_than_ten_fields_are_several_sections_and_long_ones_are_cut() -> None:
    names = [f"p{number}" for number in range(12)]
    event = make_event("track", userId="u-17", event="E", properties=dict.fromkeys(names, "x" * 900))

    blocks = body_of(event, "announce event", shown_properties=names)["blocks"]

    assert [len(block["fields"]) for block in blocks] == [10, 2]
    assert {len(field["text"]) for block in blocks for field in block["fields"]} == {200}


def test_a_message_carries_its_message_id_and_unfolds_no_links() -> None:
    body = body_of(make_event("track", userId="u-17", event="E"), "announce event")

    assert body["metadata"] == {"event_type": "router_event", "event_payload": {"message_id": "m-1"}}
    assert (body["unfurl_links"], "username" in body, "blocks" in body) == (False, False, False)


def test_the_sender_may_have_a_name_and_an_icon() -> None:
    body = body_of(make_event("track", userId="u-17", event="E"), "announce event", username="R", icon_emoji=":bell:")

    assert (body["username"], body["icon_emoji"]) == ("R", ":bell:")


def test_a_webhook_gets_text_and_blocks_and_nothing_that_it_would_ignore() -> None:
    """Fact sheet, sections 5 and 8: channel, name, icon, and perhaps metadata."""
    event = make_event("track", userId="u-17", event="E", properties={"total": 5})

    body = body_of(event, "announce event", **BY_WEBHOOK, shown_properties=["total"])

    assert body.keys() == {"text", "unfurl_links", "blocks"}
    assert body["text"] == "User u-17 did E"


def test_a_webhook_tells_the_same_as_a_bot() -> None:
    event = make_event("track", userId="u-17", event="Invoice Paid")
    rules = [{"event": "Invoice *", "text": "{name} paid"}]

    assert text_of(event, "announce event", **BY_WEBHOOK, rules=rules) == "User u-17 paid"


# --- which events, and where ---

RULES = [
    {"event": "Invoice Paid", "text": "{name} paid", "channel": "C0PAYMENTS"},
    {"event": "Invoice *", "channel": "C0INVOICES"},
    {"event": "Sign*", "text": "new: {name}"},
]


@pytest.mark.parametrize(
    ("event", "text", "channel"),
    [
        pytest.param("Invoice Paid", "User u paid", "C0PAYMENTS", id="the first that fits"),
        pytest.param("Invoice Sent", "User u did Invoice Sent", "C0INVOICES", id="elsewhere"),
        pytest.param("Signed Up", "new: User u", "C0123ABCD", id="otherwise"),
        pytest.param("Logged In", "User u did Logged In", "C0123ABCD", id="no rule"),
    ],
)
def test_a_rule_says_what_is_told_and_where(event: str, text: str, channel: str) -> None:
    body = body_of(make_event("track", userId="u", event=event), "announce event", rules=RULES)

    assert (body["text"], body["channel"]) == (text, channel)


@pytest.mark.parametrize(
    ("event", "settings", "reason"),
    [
        pytest.param("Heartbeat", {"skip_events": ["Heart*"]}, "Heartbeat is among skip_events", id="to be skipped"),
        pytest.param("Invoice Paid", {"skip_events": ["*"], "rules": RULES}, "skip_events", id="before any rule"),
        pytest.param(
            "Logged In", {"track": "", "rules": RULES}, "no template for it (setting track)", id="rules alone"
        ),
        pytest.param("E", {"track": "{traits.plan}"}, "the message would be empty", id="nothing to say"),
    ],
)
def test_events_that_are_not_told(event: str, settings: dict[str, Any], reason: str) -> None:
    assert reason in skipped(make_event("track", userId="u", event=event), "announce event", **settings)


@pytest.mark.parametrize("call", ["page", "screen", "group"])
def test_pages_screens_and_groups_are_told_only_with_a_template(call: str) -> None:
    event = make_event(call, userId="u", groupId="g-1")

    assert skipped(event, f"announce {call}") == f"no template for it (setting {call})"
    assert text_of(event, f"announce {call}", **{call: "seen"}) == "seen"


@pytest.mark.parametrize(
    ("call", "fields", "expected"),
    [
        ("page", {"name": "Home", "category": "Docs"}, "Viewed Docs Home Page"),
        ("page", {}, "Loaded a Page"),
        ("screen", {"name": "Home"}, "Viewed Home Screen"),
        ("screen", {"name": " "}, "Loaded a Screen"),
    ],
)
def test_a_page_without_a_name_is_no_viewed(call: str, fields: dict[str, str], expected: str) -> None:
    assert text_of(make_event(call, userId="u", **fields), f"announce {call}", **{call: "{view}"}) == expected


@pytest.mark.parametrize(
    ("call", "fields", "expected"),
    [
        ("group", {"groupId": "g-1", "traits": {"name": "Acme"}}, "Acme"),
        ("group", {"groupId": "g-1"}, "g-1"),
        ("page", {"context": {"groupId": "g-1"}}, "g-1"),
    ],
)
def test_a_group_is_named_by_its_name_or_its_id(call: str, fields: dict[str, Any], expected: str) -> None:
    assert text_of(make_event(call, userId="u", **fields), f"announce {call}", **{call: "{group}"}) == expected


# --- settings and explain ---


@pytest.mark.parametrize(
    "wrong",
    [
        {"track": "{nmae}"},
        {"identify": "{"},
        {"rules": [{"event": "E", "text": "{x}"}]},
        {"rules": [{"text": "E"}]},
        {"rules": [{"event": "E", "colour": "red"}]},
        {"shown_traits": ["address."]},
        {"channel": ""},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_mistake_in_the_settings_is_found_when_they_are_loaded(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**wrong)


def test_explain_says_where_each_part_of_a_message_is_from() -> None:
    event = make_event("identify", userId="u-17", traits={"name": "Ada", "plan": "gold", "phone": "1", "colour": "red"})
    destination = Rehearsal(PLUGIN, make_settings(shown_traits=["plan"])).destination

    [part] = explain(event, [destination])["destinations"]

    assert [(line["from"], line["to"]) for line in part["lineage"]] == [
        ("traits.name", "text.name"),
        ("traits.plan", "shown.traits/plan"),
    ]
    assert "traits.colour" in part["unmapped"]


def test_explain_shows_nothing_of_a_webhook_s_address_but_its_host() -> None:
    destination = Rehearsal(PLUGIN, make_settings(**BY_WEBHOOK)).destination

    told = explain(make_event("track", userId="u-17", event="E"), [destination])

    assert told["destinations"][0]["requests"][0]["url"] == "https://hooks.slack.com/services/********"
    assert not [part for part in ("T0123ABCD", "B0123ABCD", "secretOfTheTest") if part in str(told)]

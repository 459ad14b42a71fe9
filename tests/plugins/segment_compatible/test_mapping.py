"""What changes in an event that is forwarded, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.segment_compatible import PLUGIN
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, Delivered, camel_case, snake_case
from router.testing import make_event, open_stand_in
from router.testing.samples import COMPANY, PERSON
from tests.plugins.segment_compatible.mapped import FLAVOURS, item_of, make_settings, rehearse, skipped

BY_US = {"library": {"name": "trait-router", "version": "1"}, "forwardedBy": ["trait-router"]}


def spelled(given: Any, spell: Any) -> Any:
    return {spell(key): item for key, item in given.items()} if isinstance(given, dict) else given


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_user_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    event = make_event("identify", userId="u-17", traits={spell(trait): spelled(PERSON[trait], spell), "kept": 1})

    assert item_of(event)["traits"] == {trait: PERSON[trait], "kept": 1}


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", GROUP_TRAITS)
def test_a_reserved_group_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    given = {spell(trait): spelled(COMPANY[trait], spell), "kept": {"a": [1, None]}}
    event = make_event("group", userId="u-17", groupId="c9", traits=given)

    assert item_of(event)["traits"] == {trait: COMPANY[trait], "kept": {"a": [1, None]}}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"company": "Acme"}, {"company": {"name": "Acme"}}, id="company as text"),
        pytest.param({"address": "1 Main St"}, {"address": "1 Main St"}, id="address as text"),
        pytest.param(
            {"first_name": "Ada", "last_name": "Lovelace"},
            {"firstName": "Ada", "lastName": "Lovelace", "name": "Ada Lovelace"},
            id="names in snake_case",
        ),
        pytest.param({"phone": "020 7946"}, {"phone": "020 7946"}, id="a phone that is not E.164"),
        pytest.param({"createdAt": 1724508922}, {"createdAt": "2024-08-24T14:15:22Z"}, id="dates are ISO 8601"),
        pytest.param(
            {"email": None, "a": None, "b": [], "c": {"d": None}},
            {"email": None, "a": None, "b": [], "c": {"d": None}},
            id="null is a value",
        ),
        pytest.param({}, {}, id="no traits"),
    ],
)
def test_traits_of_odd_shapes(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert item_of(make_event("identify", userId="u-17", traits=traits))["traits"] == expected


CALLS: dict[str, dict[str, Any]] = {
    "identify": {"traits": {"email": "ada@example.test"}},
    "track": {"event": "Paid", "properties": {"revenue": 19.99, "products": [{"sku": "S1"}], "note": None}},
    "page": {"name": "Home", "category": "Docs", "properties": {"url": "https://example.test/"}},
    "screen": {"name": "Home"},
    "group": {"groupId": "c9", "traits": {"name": "Engines", "tier": 1}},
    "alias": {"previousId": "u-16"},
}


@pytest.mark.parametrize("call", CALLS)
def test_each_call_goes_on_as_it_came(call: str) -> None:
    event = make_event(call, userId="u-17", anonymousId="a-5", channel="server", **CALLS[call])

    item = item_of(event)

    assert item.pop("context") == BY_US
    assert item == {
        "type": call,
        "messageId": "m-1",
        "userId": "u-17",
        "anonymousId": "a-5",
        "channel": "server",
        "timestamp": "2026-03-04T10:20:30.123Z",
        **CALLS[call],
    }


def test_a_page_without_a_name_stays_without_one() -> None:
    assert "name" not in item_of(make_event("page", anonymousId="a-5"))


def test_the_time_is_the_event_s_own_and_can_t_be_corrected_again() -> None:
    """The sender's clock is an hour slow: the router has put it right, and no time of sending goes along."""
    event = make_event(
        "track",
        userId="u-17",
        event="E",
        timestamp="2026-03-04T09:20:21Z",
        sentAt="2026-03-04T09:20:31Z",
        version=2,
        projectId="p",
        writeKey="k",
    )

    item = item_of(event)

    assert item["timestamp"] == "2026-03-04T10:20:21.000Z"
    assert not {"sentAt", "originalTimestamp", "receivedAt", "version", "projectId", "writeKey"} & item.keys()


def test_what_the_spec_does_not_know_goes_along() -> None:
    assert item_of(make_event("track", userId="u-17", event="E", extra={"a": [1]}))["extra"] == {"a": [1]}


def test_the_source_s_own_library_and_context_are_kept() -> None:
    context = {"library": {"name": "analytics.js", "version": "2"}, "ip": "203.0.113.7", "consent": {"a": True}}

    assert item_of(make_event("track", userId="u-17", event="E", context=context))["context"] == {
        **context,
        "forwardedBy": ["trait-router"],
    }


@pytest.mark.parametrize(
    ("setting", "expected"), [("pass", {"All": False, "Segment-compatible": {"a": 1}}), ("drop", None)]
)
def test_integrations_go_along_where_the_operator_wants_it(setting: str, expected: Any) -> None:
    flags = {"All": False, "Segment-compatible": {"a": 1}}
    event = make_event("track", userId="u-17", event="E", integrations=flags)

    assert item_of(event, integrations=setting).get("integrations") == expected


# --- loops ---


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        pytest.param(None, ["b"], id="none"),
        pytest.param(["a"], ["a", "b"], id="of another router"),
        pytest.param("a", ["b"], id="of another shape"),
    ],
)
def test_an_event_says_through_which_routers_it_came(hops: Any, expected: list[str]) -> None:
    event = make_event("track", userId="u-17", event="E", context={"forwardedBy": hops} if hops else {})

    assert item_of(event, router_name="b")["context"]["forwardedBy"] == expected


def test_an_event_that_was_here_before_is_not_sent_again() -> None:
    event = make_event("track", userId="u-17", event="E", context={"forwardedBy": ["b", "a"]})

    assert "has been here before" in skipped(event, router_name="b")


# --- ids ---


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("id", "changed_by"),
    [
        pytest.param("m-1", set(), id="short"),
        pytest.param("a.b:c", {"jitsu"}, id="odd characters"),
        pytest.param("x" * 64, set(), id="64 characters"),
        pytest.param("x" * 65, {"jitsu"}, id="65 characters"),
        pytest.param("x" * 100, {"jitsu", "segment"}, id="100 characters"),
    ],
)
def test_a_message_id_that_the_next_system_would_change_is_hashed(flavour: str, id: str, changed_by: set[str]) -> None:
    made = item_of(make_event("track", userId="u-17", event="E", messageId=id), flavour=flavour)["messageId"]

    assert (made != id) == (flavour in changed_by)
    assert len(made) <= len(id) or len(made) == 40


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_identify_with_an_email_alone_is_for_another_router_only(flavour: str) -> None:
    event = make_event("identify", traits={"email": "ada@example.test"})

    if flavour == "trait_router":
        assert item_of(event, flavour=flavour)["traits"] == {"email": "ada@example.test"}
    else:
        assert "neither a userId nor an anonymousId" in skipped(event, flavour=flavour)


def test_an_anonymous_identify_is_sent_as_it_is() -> None:
    item = item_of(make_event("identify", anonymousId="a-5", traits={"plan": "free"}))

    assert (item["anonymousId"], "userId" in item) == ("a-5", False)


@pytest.mark.parametrize(
    ("call", "part"),
    [("identify", "traits"), ("group", "traits"), ("track", "properties"), ("page", "properties")],
)
@pytest.mark.parametrize("flavour", ["segment", "customerio"])
async def test_what_an_event_has_no_room_for_is_left_out_and_the_rest_arrives(
    flavour: str, call: str, part: str
) -> None:
    """Segment answers 200 to more than 32 KB and drops it; an order without its products still tells of the order."""
    said = {"total": 42.5, "products": [{"sku": f"S{number}", "about": "x" * 200} for number in range(200)]}
    event = make_event(call, userId="u-17", groupId="c9", event="Order Completed", **{part: said})

    async with open_stand_in(PLUGIN, flavour=flavour) as vendor:
        [judgement] = (await vendor.deliver(event)).values()
        [item] = vendor.accepted("event")

    assert judgement == [[Delivered()]]
    assert (item[part], item["userId"]) == ({"total": 42.5}, "u-17")
    [payload] = [payload for _, _, payload in rehearse(flavour=flavour).payloads(event)]
    assert payload.notes == ("beyond the 32000 bytes of an event; left out: products",)


def test_explain_tells_of_every_field() -> None:
    event = make_event("identify", userId="u-17", traits={"email": "ada@example.test", "tier": 1})

    [entry] = explain(event, [rehearse().destination])["destinations"]

    assert {line["from"]: line["to"] for line in entry["lineage"]} == {
        "traits.tier": "traits.tier",
        "traits.email": "traits.email",
        "type": "type",
        "userId": "userId",
        "messageId": "messageId",
        "timestamp": "timestamp",
    }
    assert (entry["unmapped"], entry["decision"]) == ([], "deliver")


# --- settings ---


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        pytest.param({}, "https://api.segment.io", id="segment"),
        pytest.param({"region": "eu"}, "https://events.eu1.segmentapis.com", id="segment, eu"),
        pytest.param({"flavour": "customerio"}, "https://cdp.customer.io", id="customerio"),
        pytest.param({"flavour": "customerio", "region": "eu"}, "https://cdp-eu.customer.io", id="customerio, eu"),
        pytest.param(
            {"flavour": "rudderstack", "url": "https://r.example.test/v1/"}, "https://r.example.test", id="with /v1"
        ),
        pytest.param(
            {"flavour": "jitsu", "url": "http://j.example.test/a"}, "http://j.example.test/a", id="with a path"
        ),
        pytest.param(
            {"flavour": "trait_router", "url": "http://10.0.0.7:8080"}, "http://10.0.0.7:8080", id="another router"
        ),
    ],
)
def test_where_it_goes(settings: dict[str, Any], address: str) -> None:
    assert make_settings(**{"url": "", **settings}).api_url == address


@pytest.mark.parametrize(
    "settings",
    [
        *({"flavour": flavour, "url": ""} for flavour in ("rudderstack", "jitsu", "trait_router")),
        {"url": "rudder.example.test"},
        {"url": "https://rudder.example.test?a=1"},
        {"write_key": ""},
        {"flavour": "snowplow"},
    ],
    ids=str,
)
def test_settings_that_lead_nowhere_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**settings)

"""From track, page and screen calls to what they do to a contact."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.activecampaign import PLUGIN
from router.explain import explain
from router.plugin import Event
from router.testing import Rehearsal, make_event
from tests.plugins.activecampaign.samples import EMAIL, EVENTS, body_of, make_settings, map_event, skips_of, track

CUSTOMER = {"contact": {"email": EMAIL}, "tags": ["customer"]}
AT = {"41": "2026-03-04T10:20:30+00:00"}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({}, {"fields": AT}, id="none: the time is the event's own"),
        pytest.param({"revenue": 19.99}, {"fields": {**AT, "Order value": "19.99"}}, id="money as it is"),
        pytest.param({"revenue": "$19.99"}, {"fields": {**AT, "Order value": "19.99"}}, id="money with its sign"),
        pytest.param({"sizes": ["s", "m"]}, {"fields": {**AT, "42": "||s||m||"}}, id="a list"),
        pytest.param({"revenue": None, "other": 1}, {"fields": AT}, id="null, and what has no field"),
        pytest.param(
            {"timestamp": "2020-01-02"}, {"fields": {"41": "2020-01-02T00:00:00+00:00"}}, id="a property of that name"
        ),
        pytest.param({"revenue": "much"}, {"fields": AT}, id="no number"),
    ],
)
def test_an_event_writes_fields_and_tags(properties: Any, expected: Any) -> None:
    assert body_of(track(properties=properties), events=EVENTS) == {**CUSTOMER, **expected}


def test_a_property_that_does_not_fit_its_field_is_reported() -> None:
    [mapped] = [each for each in map_event(track(properties={"revenue": "much"}), events=EVENTS) if each.payloads]

    assert mapped.payloads[0].notes == ("expected a number; left out: property revenue",)


@pytest.mark.parametrize(
    ("event", "tags"),
    [
        pytest.param(make_event("page", userId=EMAIL, name="Pricing"), ["saw pricing"], id="page"),
        pytest.param(make_event("page", userId=EMAIL), ["visitor"], id="a page without a name"),
        pytest.param(make_event("screen", userId=EMAIL, name="Home"), ["uses the app"], id="screen"),
    ],
)
def test_a_view_goes_by_the_name_it_has_as_an_event(event: Event, tags: list[str]) -> None:
    assert body_of(event, events=EVENTS) == {"contact": {"email": EMAIL}, "tags": tags}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(track("Signed Up"), "setting events", id="an event without an entry"),
        pytest.param(make_event("page", userId=EMAIL, name="About"), "setting events", id="a page without one"),
        pytest.param(track(userId="u-17"), "valid email", id="a userId alone"),
        pytest.param(make_event("track", anonymousId="a-1", event="Left"), "valid email", id="anonymous"),
        pytest.param(track("Left"), "none of the properties", id="nothing to write"),
    ],
)
def test_an_event_that_leads_nowhere_is_skipped(event: Event, reason: str) -> None:
    assert reason in skips_of(event, events=EVENTS)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param({"userId": "Ada.Lovelace@example.org"}, id="a userId that is an email"),
        pytest.param({"userId": "u-17", "context": {"traits": {"email": EMAIL.upper()}}}, id="the context's traits"),
    ],
)
def test_whose_event_it_is(call: Any) -> None:
    assert body_of(track(**call), events=EVENTS)["contact"] == {"email": EMAIL}


def test_a_part_of_a_property_has_a_field_as_one_of_a_trait_has() -> None:
    events = {"Left": {"fields": {"survey.reason": "43", "survey": "44"}}}
    event = track("Left", properties={"survey": {"stars": 2, "reason": "price"}})

    assert body_of(event, events=events)["fields"] == {"43": "price", "44": '{"stars":2,"reason":"price"}'}


def test_explain_tells_of_no_property_that_it_was_sent_where_no_rule_names_it() -> None:
    destination = Rehearsal(PLUGIN, make_settings(events=EVENTS)).destination

    entry = explain(track("Left", properties={"reason": "price", "coupon": "X"}), [destination])["destinations"][0]

    assert [line["from"] for line in entry["lineage"]] == ["timestamp", "properties.reason"]


def test_explain_tells_what_an_event_does() -> None:
    destination = Rehearsal(PLUGIN, make_settings(events=EVENTS)).destination

    entry = explain(track("Left", properties={"reason": "price"}), [destination])["destinations"][0]

    [request] = entry["requests"]
    assert request["body"]["contact"]["fieldValues"] == [{"field": "43", "value": "price"}]

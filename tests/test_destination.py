"""A destination's decisions: in which order they are made, what each says, and that no event makes them fail."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.actions import (
    ActionRule,
    Allow,
    Change,
    Constant,
    Drop,
    DropCustom,
    Expression,
    Fill,
    Hash,
    Match,
    Rename,
    Template,
    Trigger,
)
from router.consent import Consent
from router.destination import Destination
from router.event import EVENT_TYPES, Event
from router.explain import explain
from router.plugin import BatchEndpoint, Custom, Field, Payload, Skip, Table, Trait
from router.privacy import Names, Privacy
from router.source_choice import SourceChoice
from tests.destinations import ECHO, EchoSettings, echo
from tests.events import event

FREE = Trigger(where=((("properties", "plan"), Match(any_of=("free",))),))
BROKEN = Trigger(when=Expression("event.event > 1"))
OFF = ActionRule(is_enabled=False)


def track(**call: Any) -> Event:
    return event(**{"type": "track", "userId": "u1", "event": "Order Completed", **call})


NO_TO_ALL: dict[str, Any] = {
    "sources": SourceChoice(only=frozenset({"shop"})),
    "is_opt_in": True,
    "consent": Consent(("Ads",)),
    "filter": FREE,
    "rules": {"track event": ActionRule(trigger=FREE), "count event": ActionRule(trigger=FREE)},
}


def without(*names: str) -> Destination:
    return echo(**{name: rule for name, rule in NO_TO_ALL.items() if name not in names})


@pytest.mark.parametrize(
    ("destination", "reason"),
    [
        pytest.param(
            without(), "source: website is left out, by its own `destinations` or by `sources` of echo", id="source"
        ),
        pytest.param(without("sources"), "flags: opt_in: the event does not name this destination", id="flags"),
        pytest.param(
            without("sources", "is_opt_in"),
            "consent: the event has no context.consent.categoryPreferences",
            id="consent",
        ),
        pytest.param(
            without("sources", "is_opt_in", "consent"), "filter: where properties.plan is absent", id="filter"
        ),
        pytest.param(
            without("sources", "is_opt_in", "consent", "filter"),
            "trigger: track event: where properties.plan is absent; trigger: count event: where properties.plan is absent",
            id="trigger",
        ),
        pytest.param(echo(), "integrations: not named, so on", id="nothing-said"),
    ],
)
def test_the_first_no_is_the_reason(destination: Destination, reason: str) -> None:
    """facts/event-spec.md section 6.9, with consent between what the caller and what the operator wants."""
    assert destination.decide(track(), "website").reason == reason


def test_an_event_without_an_action_is_filtered_first() -> None:
    alias = event(type="alias", userId="u1", previousId="u0")

    assert echo().decide(alias, None).reason == "no action: Echo has none for alias"
    assert echo(filter=FREE).decide(alias, None).reason == "filter: where properties.plan is absent"


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        pytest.param(
            {"track event": OFF, "count event": OFF},
            "no action: track event is switched off; no action: count event is switched off",
            id="both-off",
        ),
        pytest.param(
            {"track event": OFF, "count event": ActionRule(trigger=FREE)},
            "trigger: count event: where properties.plan is absent; no action: track event is switched off",
            id="a-trigger-says-more-than-off",
        ),
        pytest.param(
            {"track event": ActionRule(trigger=FREE), "count event": ActionRule(trigger=BROKEN)},
            "expression: count event: when failed: an operation on values of the wrong kind (event is text); "
            "trigger: track event: where properties.plan is absent",
            id="what-is-broken-comes-first",
        ),
        pytest.param(
            {name: ActionRule(trigger=Trigger(on=("page",))) for name in ("track event", "count event")},
            "trigger: track event: on is page, this is track; trigger: count event: on is page, this is track",
            id="another-type",
        ),
    ],
)
def test_actions_passed_over_are_all_named_the_most_urgent_first(rules: dict[str, ActionRule], reason: str) -> None:
    """What stands before the first colon is what is counted."""
    decision = echo(rules=rules).decide(track(), None)

    assert (decision.is_delivered, decision.reason) == (False, reason)


def test_rules_count_where_every_action_has_one() -> None:
    destination = echo(rules={each.name: ActionRule(trigger=FREE) for each in ECHO.actions})

    assert not destination.decide(track(), None).is_delivered


def test_a_filter_that_fails_has_the_code_of_an_expression() -> None:
    decision = echo(filter=Trigger(when=Expression("event.event > 1"))).decide(track(), None)

    assert decision.reason == "expression: when failed: an operation on values of the wrong kind (event is text)"


def test_one_action_may_be_passed_over_and_another_not() -> None:
    destination = echo(rules={"track event": ActionRule(trigger=FREE)})

    answer = explain(track(), [destination])["destinations"]

    assert [(entry["action"], entry["decision"]) for entry in answer] == [
        ("count event", "deliver"),
        ("track event", "skip"),
    ]
    assert answer[1]["reason"] == "trigger: track event: where properties.plan is absent"
    assert [mapped.action.name for mapped in destination.map(track())] == ["count event"]


def test_an_action_may_be_triggered_by_types_that_the_plugin_did_not_think_of() -> None:
    rule = ActionRule(trigger=Trigger(on=("page", "alias")))
    destination = echo(rules={"track event": rule})

    names = [each.action.name for each in destination.map(event(type="alias", userId="u1", previousId="u0"))]

    assert names == ["track event"]
    assert [each.action.name for each in destination.map(track())] == ["count event"]


def test_a_destination_without_rules_maps_the_very_event() -> None:
    """No copy, no conversion: who changes nothing pays nothing."""
    call = track(context={"traits": {"email": "ada@example.com"}})
    destination = echo()

    mapped = destination.map(call, destination.decide(call, None))

    assert [each.payloads[0].body["event"] is call.document for each in mapped] == [True, True]


def test_each_action_sees_its_own_changes_only() -> None:
    rule = ActionRule(changes=(Constant({("event",): "Purchase"}), Drop((("properties", "plan"),))))
    first, second = echo(rules={"track event": rule}).map(track(properties={"plan": "pro"}))

    assert first.payloads[0].body["fields"] == {"name": "Purchase"}
    assert second.payloads[0].body["fields"] == {"name": "Order Completed", "plan": "pro"}


def test_explain_shows_what_was_changed_with_lineage_from_the_event_as_it_arrived() -> None:
    destination = echo(
        privacy=Privacy(block=Names(traits=(("email",),))),
        rules={
            "track event": ActionRule(changes=(Rename({("properties", "a"): ("properties", "b")}),)),
            "count event": OFF,
        },
    )

    entry, _ = explain(track(userId="ada@example.com", anonymousId="a1", properties={"a": 1}), [destination])[
        "destinations"
    ]

    assert entry["changes"] == ["block: userId, which holds an email", "rename: properties.a to properties.b"]
    assert {"from": "properties.a", "to": "b", "converter": ""} in entry["lineage"]
    assert entry["requests"][0]["body"][0]["event"]["properties"] == {"b": 1}


def test_explain_warns_of_what_a_build_had_to_leave_out() -> None:
    action = replace(ECHO.actions[1], build=lambda event, fields, settings: Payload({}, notes=("2 are too many",) * 2))
    destination = Destination("echo", replace(ECHO, actions=(action,)), EchoSettings())

    [entry] = explain(track(), [destination])["destinations"]

    assert entry["warnings"] == ["2 are too many"]


@pytest.mark.parametrize(
    ("row", "made", "unmapped"),
    [
        pytest.param(Trait("address", to="address"), Payload({}), [], id="whole"),
        pytest.param(Trait("address.city", to="city"), Payload({}), ["traits.address.street"], id="in part"),
        pytest.param(Trait("address", to="address"), Skip("not now"), ["traits.address"], id="of a skipped action"),
        pytest.param(Trait("address", note="no place"), Payload({}), ["traits.address"], id="nowhere"),
    ],
)
def test_explain_says_that_a_field_is_not_sent_where_no_action_sends_it(
    row: Field, made: Payload | Skip, unmapped: list[str]
) -> None:
    first = replace(ECHO.actions[0], table=Table((Trait("email", to="mail"),)))
    other = replace(first, name="another", table=Table((row,)), build=lambda event, fields, settings: made)
    destination = Destination("echo", replace(ECHO, actions=(first, other)), EchoSettings())
    call = event(type="identify", userId="u1", traits={"address": {"city": "Porto", "street": "1 Main St"}})

    entries = explain(call, [destination])["destinations"]

    assert list(dict.fromkeys(source for entry in entries for source in entry["unmapped"])) == unmapped


@pytest.mark.timeout(10)
def test_promise_8_explain_tells_of_an_event_with_many_fields_soon() -> None:
    """Each field that an action leaves to another was compared with each that this one sends: 0.5 MB took two minutes."""
    sent = replace(ECHO.actions[1], table=Table((), (Custom("properties"),)))
    other = replace(sent, name="another", table=Table((Field("event", to="name"),)))
    destination = Destination("echo", replace(ECHO, actions=(sent, other)), EchoSettings())
    properties = {f"n{number}": number for number in range(12_000)}

    first, second = explain(track(properties=properties), [destination])["destinations"]

    assert len(first["lineage"]) == len(properties)
    assert second["unmapped"] == []


def test_explain_measures_payloads_with_the_limits_of_the_settings() -> None:
    """What depends on the plan or the product in use is told as delivery keeps to it."""
    [endpoint] = ECHO.endpoints
    assert isinstance(endpoint, BatchEndpoint)
    narrow = replace(endpoint, byte_limits=lambda settings: (10, 10))
    destination = Destination("echo", replace(ECHO, endpoints=(narrow,)), EchoSettings())

    [first, *_] = explain(track(), [destination])["destinations"]

    assert first["decision"] == "skip"
    assert "the vendor takes 10; the event would become a dead letter" in first["reason"]


def test_explain_sends_nothing_of_an_event_of_which_one_action_makes_what_json_cant_hold() -> None:
    """Delivery makes all payloads of an event before it sends the first: one that can't be made is the end of them all."""
    broken = replace(ECHO.actions[1], build=lambda event, fields, settings: Payload({"id": object()}))
    destination = Destination("echo", replace(ECHO, actions=(broken, ECHO.actions[2])), EchoSettings())

    entries = explain(track(), [destination])["destinations"]

    assert [(entry["decision"], entry["requests"]) for entry in entries] == [("skip", [])]
    assert entries[0]["reason"].startswith("mapping: ")
    assert entries[0]["reason"].endswith("the event would become a dead letter")


def test_explain_shows_what_is_sent_beside_a_payload_that_is_too_big() -> None:
    payloads = (Payload({"text": "x" * 2_000_000}), Payload({"text": "x"}))
    action = replace(ECHO.actions[1], build=lambda event, fields, settings: payloads)
    destination = Destination("echo", replace(ECHO, actions=(action,)), EchoSettings())

    [entry] = explain(track(), [destination])["destinations"]

    assert entry["decision"] == "deliver"
    assert entry["reason"] == "size: 2000011 bytes, the vendor takes 1000000; the event would become a dead letter"
    assert [request["body"] for request in entry["requests"]] == [[{"text": "x"}]]


def test_a_mapping_brings_no_blocked_name_back_and_carries_no_blocked_value_elsewhere() -> None:
    changes: tuple[Change, ...] = (
        Fill({("properties", "copy"): Template("{context.traits.email:-none}")}),
        Rename({("properties", "contact"): ("context", "traits", "email")}),
    )
    destination = echo(
        privacy=Privacy(block=Names(traits=(("email",),))), rules={"track event": ActionRule(changes=changes)}
    )
    call = track(properties={"contact": "b@x.io"}, context={"traits": {"email": "a@x.io"}})

    mapped, _ = destination.map(call, with_trace=True)

    assert "x.io" not in json.dumps(mapped.payloads[0].body)
    assert mapped.payloads[0].body["event"]["properties"] == {"copy": "none"}


# --- any event, any change ---

EMAIL = "ada@example.com"
FIELDS = [
    ("traits", "email"),
    ("traits", "a"),
    ("context", "traits", "email"),
    ("context", "traits", "a", "b"),
    ("properties", "a"),
    ("properties", "a", "b"),
    ("properties", "c.d"),
    ("userId",),
    ("event",),
    ("groupId",),
]
paths = st.sampled_from(FIELDS)
changes = st.one_of(
    st.builds(Rename, st.dictionaries(paths, paths, min_size=1, max_size=3)),
    st.builds(Drop, st.lists(paths, max_size=3).map(tuple)),
    st.builds(Hash, st.lists(paths, max_size=3).map(tuple)),
    st.builds(
        Constant,
        st.dictionaries(paths, st.none() | st.integers() | st.text(max_size=3) | st.just({"b": [1]}), max_size=2),
    ),
    st.builds(
        Fill,
        st.dictionaries(
            paths,
            st.sampled_from(["{traits.email}", "{properties.a}", "{userId:-}!", "{context.traits.a:-x}"]).map(Template),
        ),
    ),
    st.builds(Allow, traits=st.none() | st.just((("email",), ("a",))), properties=st.none() | st.just((("a", "b"),))),
    st.just(DropCustom()),
)
triggers = st.sampled_from(
    [
        Trigger(),
        Trigger(on=("track", "identify", "alias")),
        FREE,
        Trigger(where=((("context", "traits", "a"), Match(none_of=("*x*", 1, True), present=True)),)),
        BROKEN,
        Trigger(when=Expression("event.properties.a > 1.0 || event.traits.email.endsWith('.com')")),
        Trigger(when=Expression("event.context.traits.a.exists(x, x.b == 1)")),
    ]
)
rules = st.builds(ActionRule, trigger=triggers, changes=st.lists(changes, max_size=4).map(tuple))

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["free", "\ud800"])
)
values = st.recursive(
    scalars | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c.d", "email", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(["a", "b", "c.d", "plan", "Email"]), values, max_size=4)
events = st.builds(
    Event,
    type=st.sampled_from(EVENT_TYPES),
    message_id=st.just("m1"),
    user_id=st.none() | st.sampled_from(["u1", EMAIL]),
    group_id=st.none() | st.just("g1"),
    event=st.none() | st.text(max_size=5),
    traits=objects,
    properties=objects,
    context=st.builds(
        lambda inner, traits, consent: {**inner, "traits": traits, "consent": consent},
        objects,
        objects | values,
        values,
    ),
    integrations=st.dictionaries(st.sampled_from(["All", "Echo", "x"]), values, max_size=2),
    timestamp=st.just("2026-01-01T00:00:00.000Z"),
    received_at=st.just("2026-01-01T00:00:00.000Z"),
)


@given(
    events,
    st.dictionaries(st.sampled_from(["know person", "track event", "view page"]), rules),
    triggers,
    st.booleans(),
)
def test_no_event_and_no_rule_makes_a_decision_or_a_change_fail(
    call: Event, chosen: dict[str, ActionRule], only: Trigger, asks_for_consent: bool
) -> None:
    before = repr(call.document)
    destination = echo(
        rules=chosen,
        filter=only,
        consent=Consent(("a",), True) if asks_for_consent else None,
        privacy=Privacy(Names(traits=(("Email",),), properties=(("c", "d"),)), Names(context=(("traits", "a"),))),
    )

    decision = destination.decide(call, None)
    mapped = destination.map(call, decision if decision.is_delivered else None, with_trace=True)

    assert decision.reason
    assert decision.is_delivered is bool(decision.actions)
    assert all(each.payloads or each.skipped for each in mapped)
    assert repr(call.document) == before


class RememberingSettings(EchoSettings):
    @cached_property
    def worked_out(self) -> dict[str, str]:
        return {"a": "b"}


def test_what_a_plugin_works_out_of_its_settings_makes_no_other_destination() -> None:
    """A cluster compares its destinations with new ones of the same settings, and restarts those that differ."""
    settings = RememberingSettings()
    destination = Destination("echo", ECHO, settings)

    assert settings.worked_out
    assert Destination("echo", ECHO, settings) == destination


@pytest.mark.parametrize("is_opaque", [False, True], ids=["open", "opaque"])
def test_what_waits_is_what_was_built(is_opaque: bool) -> None:
    """Opaque bodies are written once: what is measured is what is sent."""
    [endpoint] = ECHO.endpoints
    assert isinstance(endpoint, BatchEndpoint)
    plugin = replace(ECHO, endpoints=(replace(endpoint, are_bodies_opaque=is_opaque),))
    destination = Destination("echo", plugin, EchoSettings())

    for mapped in destination.map(track()):
        [payload], [written] = mapped.payloads, destination.write(mapped)
        assert orjson.dumps(written.payload.body) == orjson.dumps(payload.body)
        assert isinstance(written.payload.body, orjson.Fragment) is is_opaque
        assert written.size == len(orjson.dumps(payload.body))


@given(
    st.lists(changes, max_size=5).map(tuple),
    st.sampled_from(["traits", "context", "user_id", "external_id"]),
)
def test_no_mapping_lets_a_blocked_email_out(chosen: tuple[Change, ...], place: str) -> None:
    call = Event(
        type="track",
        message_id="m1",
        user_id=EMAIL if place == "user_id" else "u1",
        traits={"email": EMAIL} if place == "traits" else {},
        context={
            "traits": {"email": EMAIL} if place == "context" else {},
            "externalIds": [{"id": EMAIL, "type": "email"}] if place == "external_id" else [],
        },
        timestamp="2026-01-01T00:00:00.000Z",
        received_at="2026-01-01T00:00:00.000Z",
    )
    destination = echo(
        privacy=Privacy(block=Names(traits=(("email",),))), rules={"track event": ActionRule(changes=chosen)}
    )

    for mapped in destination.map(call):
        assert EMAIL not in json.dumps([payload.body for payload in mapped.payloads])

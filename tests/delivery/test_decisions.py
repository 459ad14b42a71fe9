"""Rows 51 and 52 of facts/reliability.md: who gets an event is what the tables say, and explain says what delivery does.

Each destination has a worker, a log and a state file of its own; what it has delivered is what its vendor took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

from router.actions import ActionRule, Expression, Match, Trigger
from router.consent import Consent
from router.delivery.state.changes import Place
from router.destination import Destination
from router.event import Event
from router.explain import explain
from tests.delivery.harness import Harness
from tests.destinations import echo

OFF = ActionRule(is_enabled=False)
ABSENT: Any = object()


def with_keys(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not ABSENT}


async def delivered(harness: Harness, destination: Destination, calls: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Deliver the calls; why each event was skipped, by its messageId, "" where the vendor has it.

    Checks on the way that explain has said the same of each.
    """
    harness.destination = destination
    for number, call in enumerate(calls):
        harness.log.add(f"u{number % 7}", **call)
    await harness.open()
    try:
        await harness.until_settled()
        taken = {item["id"] for item in harness.vendor.taken}
        reasons = {}
        for number, event in enumerate(harness.log.events, 1):
            outcome = await harness.worker.ledger.ask(methodcaller("outcome", Place(0, number)))
            assert outcome is not None
            assert (outcome.kind == "delivered") is (event.message_id in taken)
            assert_explain_says(event, destination, outcome.kind, outcome.reason)
            reasons[event.message_id] = outcome.reason
        return reasons
    finally:
        await harness.close()


def assert_explain_says(event: Event, destination: Destination, kind: str, reason: str) -> None:
    entries = explain(event, [destination], "website")["destinations"]
    if kind == "delivered":
        assert any(entry["decision"] == "deliver" for entry in entries)
    else:
        assert {entry["decision"] for entry in entries} == {"skip"}
        assert all(entry["reason"] in reason for entry in entries)
        assert not any(entry["requests"] for entry in entries)


# --- row 51: the integrations matrix ---

ALL = {"absent": ABSENT, "true": True, "false": False, "null": None, "malformed": 0}
NAMED: dict[str, tuple[dict[str, Any], bool | None]] = {
    "absent": ({}, None),
    "true": ({"Echo": True}, True),
    "false": ({"Echo": False}, False),
    "object": ({"Echo": {}}, True),
    "object-with-options": ({"Echo": {"k": 1}}, True),
    "null": ({"Echo": None}, None),
    "text-true": ({"Echo": "true"}, True),
    "text-false": ({"Echo": "False"}, False),
    "number": ({"Echo": 1}, False),
    "list": ({"Echo": [True]}, False),
    "lower-case-true": ({"echo": True}, True),
    "lower-case-false": ({"echo": False}, False),
    "upper-case-object": ({"ECHO": {"k": 1}}, True),
    "destination-name": ({"CRM": False, "Echo": True}, False),
    "alias": ({"echo (actions)": False}, False),
    "name-before-alias": ({"Echo (Actions)": False, "Echo": True}, True),
    "spellings-disagree": ({"Echo": True, "ECHO ": False}, False),
    "unknown": ({"Ecko": False, "Salesforce": True}, None),
}
"""What names the destination "crm" of the plugin Echo, and what that means; None leaves it to ``All``."""


@pytest.mark.parametrize("is_opt_in", [False, True], ids=["opt-out", "opt-in"])
async def test_the_integrations_matrix_is_kept_to_the_letter(tmp_path: Path, is_opt_in: bool) -> None:
    cases = list(product(ALL.values(), NAMED.values()))
    calls = [{"integrations": {**with_keys(All=of_all), **named}} for of_all, (named, _) in cases]
    expected = [
        named if named is not None else not is_opt_in and of_all in (ABSENT, True, None) for of_all, (_, named) in cases
    ]

    reasons = await delivered(Harness(tmp_path), echo("crm", is_opt_in=is_opt_in), calls)

    assert [reason == "" for reason in reasons.values()] == expected
    assert {reason.split(":")[0] for reason in reasons.values() if reason} == {"flags"}


# --- row 52: consent, flags, filter, triggers ---

CONSENT_OF_EVENT = {
    "none": ABSENT,
    "yes": {"categoryPreferences": {"Ads": True}},
    "no": {"categoryPreferences": {"Ads": False}},
    "other": {"categoryPreferences": {"Analytics": True}},
    "text": {"categoryPreferences": {"Ads": "true"}},
    "malformed": "yes",
}
FLAGS_OF_EVENT = {
    "absent": {},
    "all-off": {"All": False},
    "only-this": {"All": False, "Echo": True},
    "not-this": {"echo": False},
    "malformed": {"Echo": 0},
}
PLANS: list[Any] = [ABSENT, "pro", "free"]

CONSENTS = {"any": None, "ads": Consent(("Ads",)), "ads-or-absent": Consent(("Ads",), is_sent_when_absent=True)}
FILTERS = {
    "any": None,
    "where": Trigger(where=((("properties", "plan"), Match(any_of=("pro",))),)),
    "when": Trigger(when=Expression("event.properties.plan == 'pro'")),
}
PRO = Trigger(where=((("properties", "plan"), Match(any_of=("p*",))),))
RULES: dict[str, dict[str, ActionRule]] = {
    "none": {},
    "one-off": {"track event": OFF},
    "both-off": {"track event": OFF, "count event": OFF},
    "one-for-pro": {"track event": OFF, "count event": ActionRule(trigger=PRO)},
    "fails": {
        name: ActionRule(trigger=Trigger(when=Expression("event.type > 1"))) for name in ("track event", "count event")
    },
}


def expected_code(consent: str, filter: str, rules: str, of_event: tuple[str, str, Any]) -> str:
    """The code of the first "no", "" where the event is delivered: the same rules written down another way."""
    agreed, flags, plan = of_event
    if flags not in ("absent", "only-this"):
        return "flags"
    if consent != "any" and agreed != "yes" and not (consent == "ads-or-absent" and agreed == "none"):
        return "consent"
    if filter != "any" and plan != "pro":
        return "filter"
    if rules == "both-off":
        return "no action"
    if rules == "fails":
        return "expression"
    return "trigger" if rules == "one-for-pro" and plan != "pro" else ""


EVENTS = list(product(CONSENT_OF_EVENT, FLAGS_OF_EVENT, PLANS))
DESTINATIONS = list(product(CONSENTS, FILTERS, RULES))


def test_the_matrix_is_as_large_as_asked_for() -> None:
    assert len(EVENTS) * len(DESTINATIONS) >= 500


@pytest.mark.parametrize(("consent", "filter", "rules"), DESTINATIONS)
async def test_consent_flags_filter_and_triggers_decide_as_explain_says(
    tmp_path: Path, consent: str, filter: str, rules: str
) -> None:
    destination = echo(consent=CONSENTS[consent], filter=FILTERS[filter], rules=RULES[rules])
    calls = [
        {
            "context": with_keys(consent=CONSENT_OF_EVENT[agreed]),
            "integrations": FLAGS_OF_EVENT[flags],
            "properties": with_keys(plan=plan),
        }
        for agreed, flags, plan in EVENTS
    ]

    reasons = await delivered(Harness(tmp_path), destination, calls)

    assert [reason.split(":")[0] for reason in reasons.values()] == [
        expected_code(consent, filter, rules, of_event) for of_event in EVENTS
    ]


async def test_an_expression_that_fails_never_stops_the_destination(tmp_path: Path) -> None:
    """It is skipped and counted by its code; what comes after it is delivered."""
    harness = Harness(tmp_path)
    rule = ActionRule(trigger=Trigger(when=Expression("event.properties.total > 100.0")))
    totals = [150, "a lot", 150.5, None, {}, [], 2**60, 99]

    reasons = await delivered(
        harness,
        echo(rules={"track event": rule, "count event": OFF}),
        [{"properties": {"total": total}} for total in totals],
    )

    codes = [reason.split(":")[0] for reason in reasons.values()]
    assert codes == ["", "expression", "", "trigger", "expression", "expression", "", "trigger"]
    assert harness.worker.ledger.counts["skipped", "expression"] == 3
    assert harness.worker.ledger.counts["skipped", "trigger"] == 2

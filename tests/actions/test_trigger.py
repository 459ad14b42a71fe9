"""Triggers: all must hold, what costs least is asked first, and the reason names the part that says no."""

from __future__ import annotations

from typing import Any

import pytest

from router.actions import EventContext, Expression, Match, Refusal, Trigger
from tests.events import event

PLAN = (("properties", "plan"), Match(any_of=("pro",)))
NAME = (("event",), Match(any_of=("Order *",)))


@pytest.mark.parametrize(
    ("trigger", "refusal"),
    [
        pytest.param(Trigger(), None, id="nothing-said"),
        pytest.param(Trigger(on=("page", "track")), None, id="on"),
        pytest.param(Trigger(on=("page",)), Refusal("trigger", "on is page, this is track"), id="on-another"),
        pytest.param(Trigger(where=(NAME, PLAN)), None, id="where"),
        pytest.param(
            Trigger(where=(NAME, (("properties", "x"), Match(present=True)))),
            Refusal("trigger", "where properties.x is absent"),
            id="where-one-does-not-hold",
        ),
        pytest.param(
            Trigger(where=((("properties", "plan"), Match(any_of=("free",))),)),
            Refusal("trigger", 'where properties.plan does not match "free"'),
            id="where-another-value",
        ),
        pytest.param(Trigger(when=Expression("event.properties.total > 1")), None, id="when"),
        pytest.param(
            Trigger(when=Expression("event.properties.total > 1000")),
            Refusal("trigger", "when is false"),
            id="when-false",
        ),
        pytest.param(
            Trigger(when=Expression("event.properties.x > 1")),
            Refusal("trigger", "when properties.x is absent"),
            id="when-absent",
        ),
        pytest.param(
            Trigger(when=Expression("event.properties.plan > 1")),
            Refusal("expression", "when failed: an operation on values of the wrong kind (properties.plan is text)"),
            id="when-failed",
        ),
    ],
)
def test_a_trigger_fires_or_says_which_part_does_not_hold(trigger: Trigger, refusal: Refusal | None) -> None:
    call = event(type="track", userId="u1", event="Order Completed", properties={"plan": "pro", "total": 150})

    assert trigger.why_not(call, EventContext(call)) == refusal


def test_an_event_is_not_converted_where_a_match_has_said_no() -> None:
    call = event(type="track", userId="u1", event="Other")
    context = EventContext(call)

    refusal: Any = Trigger(where=(NAME,), when=Expression("event.properties.total > 1")).why_not(call, context)

    assert refusal.detail.startswith("where")
    assert "converted" not in vars(context)

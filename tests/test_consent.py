"""Consent, as ``context.consent.categoryPreferences`` tells it: strictly, and no by default."""

from __future__ import annotations

from typing import Any

import pytest

from router.consent import Consent
from tests.events import event

BOTH = ("Advertising", "Analytics")
NO_CONSENT: Any = object()


def preferences(**categories: Any) -> dict[str, Any]:
    return {"categoryPreferences": categories}


@pytest.mark.parametrize(
    ("consent", "categories", "said"),
    [
        pytest.param(preferences(Advertising=True), BOTH[:1], "", id="yes"),
        pytest.param(preferences(Advertising=True, Analytics=True, Other=False), BOTH, "", id="all"),
        pytest.param(preferences(Advertising=True, Analytics=False), BOTH, "Analytics is false", id="one-is-no"),
        pytest.param(preferences(Advertising=True), BOTH, "Analytics is absent", id="one-is-not-there"),
        pytest.param(preferences(), BOTH, "Advertising is absent", id="none-is-there"),
        pytest.param(preferences(advertising=True), BOTH[:1], "Advertising is absent", id="another-case"),
        pytest.param(preferences(Advertising=None), BOTH[:1], "Advertising is absent", id="null"),
        pytest.param(preferences(Advertising="true"), BOTH[:1], "Advertising is neither", id="text"),
        pytest.param(preferences(Advertising=1), BOTH[:1], "Advertising is neither", id="number"),
        pytest.param(preferences(Advertising={}), BOTH[:1], "Advertising is neither", id="object"),
        pytest.param("yes", BOTH[:1], "is no object", id="malformed"),
        pytest.param({"categoryPreferences": True}, BOTH[:1], "is no object", id="malformed-preferences"),
        pytest.param({"categoryPreferences": ["Advertising"]}, BOTH[:1], "is no object", id="a-list"),
    ],
)
def test_every_category_must_be_true(consent: Any, categories: tuple[str, ...], said: str) -> None:
    call = event(type="page", userId="u1", context={"consent": consent})

    for when_absent in (False, True):  # which is asked only of events that say nothing at all
        reason = Consent(categories, when_absent).why_not(call)
        assert (said in reason) if said else reason == ""


@pytest.mark.parametrize(
    "context",
    [
        pytest.param({}, id="no-consent"),
        pytest.param({"consent": None}, id="null"),
        pytest.param({"consent": {}}, id="no-preferences"),
        pytest.param({"consent": {"categoryPreferences": None}}, id="null-preferences"),
    ],
)
def test_an_event_that_says_nothing_is_not_sent_unless_asked_for(context: dict[str, Any]) -> None:
    call = event(type="page", userId="u1", context=context)

    assert Consent(("Advertising",)).why_not(call) == "the event has no context.consent.categoryPreferences"
    assert Consent(("Advertising",), is_sent_when_absent=True).why_not(call) == ""

"""Whose events a destination takes: what both sides say, and what is remembered of sources that are gone."""

from __future__ import annotations

import pytest

from router.source_choice import SourceChoice

NAMED = frozenset({"website", "app"})
APP = frozenset({"app"})


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        pytest.param(SourceChoice(), {"website", "app", "gone"}, id="nobody says anything"),
        pytest.param(SourceChoice(only=NAMED), {"website", "app"}, id="it names some"),
        pytest.param(
            SourceChoice(never=APP), {"website", "gone"}, id="one leaves it out, which says nothing of others"
        ),
        pytest.param(SourceChoice(NAMED, APP), {"website"}, id="both"),
    ],
)
def test_each_source_is_judged_by_what_is_said_of_it(choice: SourceChoice, taken: set[str]) -> None:
    assert {source for source in ("website", "app", "gone") if choice.takes(source)} == taken


@pytest.mark.parametrize(
    ("known", "never"),
    [
        pytest.param(frozenset({"website"}), {"website", "app"}, id="it is gone"),
        pytest.param(NAMED, {"website"}, id="it is there, and says otherwise now"),
        pytest.param(None, {"website", "app"}, id="nobody knows"),
    ],
)
def test_what_a_source_said_last_holds_once_it_is_gone(known: frozenset[str] | None, never: set[str]) -> None:
    choice = SourceChoice(never=frozenset({"website"}), known=known)

    assert choice.recall(APP).never == never


def test_a_source_more_is_no_other_choice() -> None:
    """So a new source makes no destination start anew that takes any."""
    assert SourceChoice(known=APP) == SourceChoice(known=NAMED)

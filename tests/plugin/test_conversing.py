"""Conversations in parts: how they end."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import (
    Blocked,
    Dead,
    Delivered,
    Ended,
    Later,
    Payload,
    Request,
    Response,
    Said,
    Step,
    Verdict,
    conversation,
    unless_refused,
)

STEP = Step(Request("GET", "https://vendor.example"), Response(200))
ENDS: list[Verdict | Blocked] = [Dead("no"), Later("wait", 2.0), Blocked("401")]


def ask(verdicts: dict[int, Verdict | Blocked]) -> Said[int]:
    """A part that ends with the status, unless there is a verdict on it."""
    response = yield STEP
    if response.status in verdicts:
        raise Ended(verdicts[response.status])
    return response.status


@conversation
def converse(body: Any, settings: Any, warnings: list[str]) -> Said[None]:
    """Two parts, the second of which may be refused."""
    first = yield from ask(body)
    warnings.append(f"first {first}")
    second = yield from unless_refused(ask(body), "the second was left out", warnings)
    warnings.append(f"second {second}")


def talk(verdicts: dict[int, Verdict | Blocked], *statuses: int) -> Any:
    """What a talk ends with that gets answers with these statuses."""
    said = converse(Payload(verdicts), None)
    next(said)
    for status in statuses:
        try:
            said.send(Response(status))
        except StopIteration as end:
            return end.value
    raise AssertionError("it goes on")


def test_what_goes_through_is_delivered_with_the_warnings_of_all_parts() -> None:
    assert talk({}, 200, 201) == Delivered(("first 200", "second 201"))


@pytest.mark.parametrize("verdict", ENDS)
def test_any_part_may_end_the_whole(verdict: Verdict | Blocked) -> None:
    assert talk({400: verdict}, 400) == verdict


def test_a_refusal_that_costs_no_more_is_a_warning() -> None:
    assert talk({400: Dead("no")}, 200, 400) == Delivered(("first 200", "the second was left out: no", "second None"))


@pytest.mark.parametrize("verdict", ENDS[1:])
def test_only_a_refusal_costs_no_more(verdict: Verdict | Blocked) -> None:
    assert talk({400: verdict}, 200, 400) == verdict


@pytest.mark.parametrize("verdict", ENDS)
def test_a_talk_may_return_its_verdict_as_any_conversation_does(verdict: Verdict | Blocked) -> None:
    """It was thrown away, and what the plugin called dead counted as delivered."""

    @conversation
    def returning(body: Any, settings: Any, warnings: list[str]) -> Said[Verdict | Blocked | None]:
        yield STEP
        return verdict

    said = returning(Payload({}), None)
    next(said)
    with pytest.raises(StopIteration) as end:
        said.send(Response(404))
    assert end.value.value == verdict


def test_a_conversation_keeps_the_name_and_the_words_of_its_talk() -> None:
    """A plugin's mistakes are told with them."""
    assert (converse.__name__, converse.__doc__) == ("converse", "Two parts, the second of which may be refused.")

"""Whose fault it is that a vendor refuses as if nothing could be delivered: the key's, or one event's."""

from __future__ import annotations

import pytest

from router.delivery.state.changes import Place
from router.delivery.suspects import MOST_SUSPECTS, Suspects

PLACE = Place(0, 1)


def verdicts(story: str) -> list[bool]:
    """What `Suspects.refused` says at each ``x`` of the *story*, all of which are about one event. A ``+`` is another event
    that gets through, an ``o`` one that is refused, too, and a ``-`` one that another endpoint takes. At ``!`` the event itself
    gets through."""
    suspects, said = Suspects(), []
    for now, happens in enumerate(story.replace(" ", "")):
        match happens:
            case "x":
                said.append(suspects.refused(PLACE, "events", float(now)))
            case "!":
                suspects.got_through("events", float(now))
                suspects.acquit(PLACE)
            case "o":
                suspects.refused(Place(0, 2 + now), "events", float(now))
            case "+":
                suspects.got_through("events", float(now))
            case "-":
                suspects.got_through("profiles", float(now))
    return said


@pytest.mark.parametrize(
    ("story", "said"),
    [
        pytest.param("x", [False], id="a first refusal may be about anything"),
        pytest.param("xxxxxxxx", [False] * 8, id="a revoked key, and nothing else to send"),
        pytest.param("xoxooxoxoox", [False] * 5, id="a revoked key: nobody gets through"),
        pytest.param("++xoxxoxoxo", [False] * 5, id="a key revoked after all was well"),
        pytest.param(
            "x+++x++x+x", [False, False, False, True], id="others get through between its refusals, three times"
        ),
        pytest.param("x+xoox+xx+x", [False] * 5 + [True], id="a proof counts, whatever lies between two of them"),
        pytest.param(
            "x+x+x+x xxx", [False, False, False, True] + [False] * 3, id="then the key is revoked: it is blocked again"
        ),
        pytest.param("x+x+x+x x+x", [False, False, False, True, False, True], id="and others get through again"),
        pytest.param(
            "x+x+x! x+x+x! x+x", [False] * 8, id="a quota that is used up now and then, and replays of one event"
        ),
        pytest.param("x-x-x-x-x-x", [False] * 6, id="a key that is good for another endpoint alone"),
    ],
)
def test_an_event_is_at_fault_once_others_have_got_through_several_times(story: str, said: list[bool]) -> None:
    assert verdicts(story) == said


def test_a_suspect_is_known_until_a_thousand_later_ones_are() -> None:
    suspects = Suspects()
    for number in range(MOST_SUSPECTS + 1):
        suspects.refused(Place(0, number), "events", float(number))

    assert Place(0, 0) not in suspects
    assert Place(0, 1) in suspects
    assert Place(0, MOST_SUSPECTS) in suspects

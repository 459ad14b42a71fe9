"""Which payloads of an event are known to be settled."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from router.payload_key import describe_settled, find_settled, payload_keys
from router.plugin import Payload

A, B = {"name": "a"}, {"name": "b"}


def known(*bodies: Any, action: str = "buy") -> list[str]:
    return payload_keys(action, [Payload(body) for body in bodies])


@pytest.mark.parametrize(
    ("settled", "bodies", "found"),
    [
        pytest.param([], [A, B], [False, False], id="nothing is settled"),
        pytest.param(known(A), [A, B], [True, False], id="one of two"),
        pytest.param(known(A), [B, A], [False, True], id="in another order"),
        pytest.param(known(A), [B], [False], id="the other one alone"),
        pytest.param(known(A), [{"name": "A"}, B], [False, False], id="one that has changed"),
        pytest.param(known(A, A), [A, A, A], [True, True, False], id="two of three that say the same"),
        pytest.param(known(A, A)[1:], [A, A], [False, True], id="the second of two that say the same"),
        pytest.param(known(A), [orjson.Fragment(orjson.dumps(A))], [True], id="written as JSON meanwhile"),
        pytest.param(["buy"], [A, B], [True, True], id="the whole action"),
        pytest.param(["buy again", *known(A, action="buy again")], [A], [False], id="of another action"),
        pytest.param(["buy/0", "buy/1"], [A, B], [False, False], id="places, as older routers noted them"),
    ],
)
def test_a_payload_is_known_by_what_it_says(settled: list[str], bodies: list[Any], found: list[bool]) -> None:
    assert list(map(bool, find_settled("buy", [Payload(body) for body in bodies], settled))) == found


def test_what_is_settled_is_not_looked_through_for_each_payload() -> None:
    """A dead letter holds it as a tuple, which may be of thousands: a dry run stopped everything else for that long."""

    class Settled(tuple[str, ...]):
        asked = 0

        def __contains__(self, key: object) -> bool:
            self.asked += 1
            return super().__contains__(key)

    bodies = [{"line": number} for number in range(100)]
    settled = Settled(known(*bodies))

    assert all(find_settled("buy", [Payload(body) for body in bodies], settled))
    assert settled.asked < 10


def test_a_group_may_be_any_text() -> None:
    """JSON could not hold this one. It is asked for when the answer is there, and that must not fail."""
    groups = ["a", "b", "\ud800", "\ud801"]

    assert len({payload_keys("buy", [Payload(A, group=group)])[0] for group in groups}) == len(groups)


def test_what_is_settled_is_told_by_action() -> None:
    settled = ["greet", *known({"name": "c"}, action="greet"), *known(A, A, B), *known(A, action="ask/2"), "tell/0"]

    assert describe_settled(settled) == ["greet", "buy (3 payloads)", "ask/2 (1 payload)", "tell/0"]

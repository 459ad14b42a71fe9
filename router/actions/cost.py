"""What asking an expression may take, reckoned from its text and the event before it is asked. Pure.

Nothing else goes on while one is asked, and the binding can't be broken off. It copies more than one would think: for each item
that ``filter`` and ``map`` come to, the list that they have made so far, with all that is in its items; for each item that any
macro comes to, the whole of ``properties``, wherever a field in it is named within the macro. 16,000 numbers in one event took
a filter 12 s, a thousand lists of a hundred numbers 5 s. And it makes a pattern of ``matches`` anew for each item: 10 us for
``^a``, 60 us for ``^[a-z]{1,100}$``, 300 us for ``^\\w+$``, 9 ms for ``^\\w{1,30}$``: what stands for letters or digits of all
the world's scripts is large, and is made as often as it may be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, NamedTuple

MAX_STEPS: Final = 1_000_000
"""Of one question: mostly a tenth of a second."""

TEXT: Final = r'"(?:\\.|[^"\\])*"|' + r"'(?:\\.|[^'\\])*'"
"""A text in quotes."""
OF_ANOTHER: Final = r"\.\s*event\b"
"""A field called ``event`` of something else: ``item.event``."""

_NESTING = re.compile(
    rf"{TEXT}|{OF_ANOTHER}|\.\s*(?P<macro>all|exists|exists_one|existsOne|filter|map)\s*\(|(?P<match>\bmatches\s*\()"
    r"|(?P<open>\()|(?P<close>\))|(?P<event>\bevent\b)"
)
_REPEATED: Final = re.compile(r"(?P<group>\)?)\{(?P<least>[0-9]+)(?:,(?P<most>[0-9]*))?\}")
"""``{30}``, ``{1,30}`` or ``{30,}`` in a pattern, which holds what stands before it so many times."""
_STEPS_OF_A_CLASS: Final = ((re.compile(r"\\[wp]", re.IGNORECASE), 500), (re.compile(r"\\[ds]", re.IGNORECASE), 60))
"""What is large in a pattern."""
_STEPS_OF_A_SIGN: Final = 15
"""Anything else in it, such as ``[a-z]`` or a dot."""
_LEAST_STEPS_OF_A_MATCH: Final = 500
_COPYING: Final = frozenset({"filter", "map"})


class Cost(NamedTuple):
    """Powers of the length of the longest list."""

    power: int
    """How deep macros stand within each other; those that copy count twice."""
    power_of_copies: int
    """How deep in them the event is named."""
    is_copying: bool
    """Whether one of them is a macro that copies."""
    power_of_matches: int
    """How deep in them ``matches`` stands."""
    steps_of_a_match: int

    @property
    def may_be_high(self) -> bool:
        return self.power > 1 or self.power_of_copies > 0 or self.power_of_matches > 0

    def steps(self, gone_through: Collection[Any], copied: Iterable[Any]) -> int:
        """At most so many, where the lists are in *gone_through* and *copied* are the objects that are named."""
        longest = max(map(_longest, gone_through), default=0)
        steps: int = longest**self.power
        if self.power_of_matches:
            steps = max(steps, longest**self.power_of_matches * self.steps_of_a_match)
        copies: int = longest**self.power_of_copies * sum(map(_count, copied))
        if not self.is_copying:
            return max(steps, copies)
        # The lists within a list are gone through once for all: together they have no more items than there are.
        whole_items: int = longest ** max(1, self.power - 2) * max(map(_count, gone_through), default=0)
        return max(steps, copies, whole_items)


def cost_of(text: str) -> Cost:
    """The cost of the expression that *text* is."""
    weights: list[int] = []
    power = power_of_copies = power_of_matches = 0
    is_copying = False
    for match in _NESTING.finditer(text):
        if match["macro"]:
            is_copying |= match["macro"] in _COPYING
            weights.append(1 + (match["macro"] in _COPYING))
            power = max(power, sum(weights))
        elif match["match"]:
            power_of_matches = max(power_of_matches, sum(map(bool, weights)))
            weights.append(0)
        elif match["event"]:
            power_of_copies = max(power_of_copies, sum(weights))
        elif match["open"]:
            weights.append(0)
        elif match["close"] and weights:
            weights.pop()
    return Cost(power, power_of_copies, is_copying, power_of_matches, _steps_of_a_match(text))


def _steps_of_a_match(text: str) -> int:
    """Of the patterns in *text*, as if they were one, and each sign that is repeated the largest of all."""
    text = "".join(text.split())  # blanks may stand in a count, and with ``(?x)`` before one, and change nothing
    found = ((steps, len(large.findall(text))) for large, steps in _STEPS_OF_A_CLASS)
    of_a_sign, count = next((each for each in found if each[1]), (_STEPS_OF_A_SIGN, 1))
    repeated, in_groups = 0, 1
    for match in _REPEATED.finditer(text):
        times = int(match["most"] or match["least"])
        if match["group"]:  # what is in it may be repeated, too
            in_groups *= max(1, times)
        else:
            repeated += times
    return max(_LEAST_STEPS_OF_A_MATCH, of_a_sign * max(count, repeated) * in_groups)


def _longest(value: Any) -> int:
    """Items of the longest list or object in it."""
    items = _items(value)
    return max(len(items), max(map(_longest, _nested(items)), default=0))


def _count(value: Any) -> int:
    """Items of all of them."""
    items = _items(value)
    return len(items) + sum(map(_count, _nested(items)))


def _items(value: Any) -> Collection[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _nested(items: Iterable[Any]) -> Iterator[Any]:
    return (item for item in items if isinstance(item, dict | list))

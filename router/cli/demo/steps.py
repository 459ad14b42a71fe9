"""The events of the demo's third part, and the evidence, in what a stand-in has taken, that each of them arrived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

USERS = 50
KEY = "step"
"""Under this name each event carries its number, as a trait or as a property: every vendor keeps it, wherever it puts it."""


def make_step(number: int) -> dict[str, Any]:
    """An identify for each of the users first, then what they do."""
    user = f"user-{number % USERS}"
    if number < USERS:
        return {"type": "identify", "userId": user, "traits": {"email": f"{user}@example.test", KEY: number}}
    return {"type": "track", "userId": user, "event": "Step Done", "properties": {KEY: number}}


def steps_in(items: Iterable[Any]) -> set[int]:
    """The numbers of all steps that are found in *items*, at any depth."""
    return {number for item in items for number in _numbers(item)}


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == KEY and isinstance(inner, int):
                yield inner
            else:
                yield from _numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)

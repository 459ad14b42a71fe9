"""How a vendor wants objects, lists and null."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import orjson

Rule = Literal["keep", "flatten", "json", "drop"]

LONGEST_NAME: Final = 500
"""Characters of a name that ``flatten`` makes. Each name repeats those that it lies within, so without a limit thousands of
values within one long name are gigabytes."""
TOO_LONG: Final[Any] = object()
"""Stands in for what ``flatten`` leaves out because of its name."""


@dataclass(frozen=True, slots=True)
class Values:
    """How the vendor wants objects, lists and null. Applied to every value that a table writes.

    ``flatten`` turns ``{"a": {"b": 1}}`` into ``a_b: 1``; in a list, an item's index is its name; what gets a name that is
    longer than any vendor takes is left out. ``json`` writes JSON in a string. ``null="clear"`` sends null on: only for a
    vendor that reads it as "clear this". The null of a trait such as ``address`` is then one of each of its parts that has a
    row, unless something else is told there. A null or an empty text in the event's context is always as if absent.
    """

    objects: Rule = "keep"
    lists: Rule = "keep"
    null: Literal["clear", "drop"] = "drop"
    separator: str = "_"

    def __post_init__(self) -> None:
        for name, taken in (("objects", get_args(Rule)), ("lists", get_args(Rule)), ("null", ("clear", "drop"))):
            if getattr(self, name) not in taken:
                raise ValueError(f"Values({name}={getattr(self, name)!r}), expected {' or '.join(taken)}")

    @property
    def ruled(self) -> tuple[type, ...]:
        """The types whose values are not always written unchanged."""
        values: tuple[Any, ...] = ({}, [], None)
        return tuple(type(value) for value in values if self.rule(value) != "keep")

    def rule(self, value: Any) -> Rule:
        """What to do with *value*."""
        if isinstance(value, dict):
            return self.objects
        if isinstance(value, list):
            return self.lists
        return "drop" if value is None and self.null == "drop" else "keep"

    def written(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """The (name, value) pairs to write for *value*, which is called *name*; none if it is dropped.

        `TOO_LONG` stands in for each that would have a name beyond `LONGEST_NAME`, with the name of what it lies in.
        """
        rule = self.rule(value)
        if rule == "keep":
            yield name, value
        elif rule == "json":
            yield name, orjson.dumps(value).decode()
        elif rule == "flatten":
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if len(name) + len(self.separator) + len(str(key)) > LONGEST_NAME:
                    yield name, TOO_LONG
                else:
                    yield from self.written(f"{name}{self.separator}{key}", item)

    def dropped(self, path: str, value: Any) -> Iterator[tuple[str, Any]]:
        """The (path, value) pairs that `written` leaves out of *value*, which is at *path*: itself, or what is within it."""
        rule = self.rule(value)
        if rule == "drop":
            yield path, value
        elif rule == "flatten":
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                # Cut as names are: each repeats those around it, which may be long.
                yield from self.dropped(f"{path[:LONGEST_NAME]}.{key}", item)

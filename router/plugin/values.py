"""What a vendor does with values that are no scalars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Rule = Literal["keep", "flatten", "json", "drop"]


@dataclass(frozen=True, slots=True)
class Values:
    """What the vendor does with values that are no scalars; applied to every value that a table writes.

    ``flatten`` turns ``{"a": {"b": 1}}`` into ``a_b: 1`` (a list's index is the name of its items); ``json`` writes JSON in a
    string. ``null`` is sent on (``clear``) only where the vendor reads it as "clear this"; in the event's context it is as if
    absent.
    """

    objects: Literal["keep", "flatten", "json", "drop"] = "keep"
    lists: Literal["keep", "flatten", "json", "drop"] = "keep"
    null: Literal["clear", "drop"] = "drop"
    separator: str = "_"

    @property
    def ruled(self) -> tuple[type, ...]:
        """The types of which a value may be written otherwise than as it is."""
        values: tuple[Any, ...] = ({}, [], None)
        return tuple(type(value) for value in values if self.rule(value) != "keep")

    def rule(self, value: Any) -> Rule:
        """What is done with *value*."""
        if isinstance(value, dict):
            return self.objects
        if isinstance(value, list):
            return self.lists
        return "drop" if value is None and self.null == "drop" else "keep"

    def written(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """Under which names, and how, *value* is written that is called *name*; nothing where it is dropped."""
        rule = self.rule(value)
        if rule == "keep":
            yield name, value
        elif rule == "json":
            yield name, orjson.dumps(value).decode()
        elif rule == "flatten":
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from self.written(f"{name}{self.separator}{key}", item)

"""Matches on one field: a value, a list of values, a glob, present or absent. A missing field matches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from router.actions.path import ABSENT

Scalar = str | bool | int | float

_MOST_SHOWN: Final = 5
_LARGEST_INTEGER: Final = 2**64


@dataclass(frozen=True, slots=True)
class Match:
    """What must be true of a field. All conditions must hold.

    Text may hold ``*``, which stands for any run of characters (``\\*`` is an asterisk). Case counts. Numbers and booleans
    match themselves, also written as text. A field with a list matches if one of its items does.
    """

    any_of: tuple[Scalar, ...] | None = None
    """One of these values or globs."""
    none_of: tuple[Scalar, ...] | None = None
    """None of these. Also true of a missing field."""
    present: bool | None = None
    """True: the field is there and not null. False: it is not."""
    _any: _Values | None = field(init=False, repr=False)
    """Part of the comparison: 1 and ``true`` are equal in *any_of* but match differently."""
    _none: _Values | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_any", _Values.of(self.any_of) if self.any_of is not None else None)
        object.__setattr__(self, "_none", _Values.of(self.none_of) if self.none_of is not None else None)

    def why_not(self, value: Any) -> str:
        """What is wrong with *value* (`ABSENT` for none), as the end of a sentence; "" if nothing. Does not show the value."""
        is_there = value is not ABSENT and value is not None
        if self.present is not None and is_there != self.present:
            return "is absent" if self.present else "is present"
        if self._any is not None and not self._any.fit(value):
            return f"does not match {_list(self._any.shown)}" if is_there else "is absent"
        if self._none is not None and self._none.fit(value):
            return f"matches {_list(self._none.shown)}, which is left out"
        return ""


@dataclass(frozen=True, slots=True)
class _Values:
    """Values and globs, parsed once."""

    texts: frozenset[str]
    numbers: frozenset[float]
    globs: tuple[tuple[str, ...], ...]
    """Each glob as the texts between its asterisks: two or more."""
    shown: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[Scalar]) -> _Values:
        globs = [_split(value) if isinstance(value, str) else (_text(value),) for value in values]
        return cls(
            texts=frozenset(parts[0] for parts in globs if len(parts) == 1),
            numbers=frozenset(
                value for value in values if isinstance(value, int | float) and not isinstance(value, bool)
            ),
            globs=tuple(parts for parts in globs if len(parts) > 1),
            shown=tuple(f'"{value}"' if isinstance(value, str) else _text(value) for value in values),
        )

    def fit(self, value: Any) -> bool:
        return any(map(self._fits, value)) if isinstance(value, list) else self._fits(value)

    def _fits(self, value: Any) -> bool:
        if not isinstance(value, str | bool | int | float):
            return False
        if not isinstance(value, str | bool) and value in self.numbers:
            return True
        text = _text(value)
        return text in self.texts or any(_fits_glob(text, parts) for parts in self.globs)


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return ""  # Python does not write numbers of thousands of digits
    return str(value)


def _split(glob: str) -> tuple[str, ...]:
    return tuple(part.replace("\0", "*") for part in glob.replace("\\*", "\0").split("*"))


def _fits_glob(text: str, parts: tuple[str, ...]) -> bool:
    """Whether *text* fits the glob. Each part is searched once, from the left, so that no text or glob makes this slow."""
    first, *middle, last = parts
    at, end = len(first), len(text) - len(last)
    if end < at or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _list(shown: Sequence[str]) -> str:
    more = len(shown) - _MOST_SHOWN
    return " or ".join(shown[:_MOST_SHOWN]) + (f" or {more} more" if more > 0 else "")

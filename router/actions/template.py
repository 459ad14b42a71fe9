"""Templates: text with fields of the event in braces, ``"{properties.plan} for {traits.company.name:-somebody}"``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from router.actions.path import ABSENT, Path, dotted, find, read_path
from router.event import Document
from router.plugin import convert

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Unfilled(Exception):
    """A field that the template needs is absent or is not a single value. The message says which."""


@dataclass(frozen=True, slots=True)
class Template:
    """``{path}`` stands for a field, and ``{path:-text}`` also says what to write without it. ``{{`` and ``}}`` are braces.

    A template of just one field gives the field's value as it is, even a number or an object. Raises ValueError if the text
    can't be read.
    """

    text: str
    _pieces: tuple[str | _Slot, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pieces", tuple(_read(self.text)))

    def sources_in(self, document: Document) -> tuple[Path, ...]:
        """The fields whose values are in what `fill` makes of *document*, in order, each once."""
        slots = (piece for piece in self._pieces if isinstance(piece, _Slot))
        return tuple(dict.fromkeys(slot.path for slot in slots if slot.found(document) is not ABSENT))

    def fill(self, document: Document) -> Any:
        """The value for *document*.

        Raises:
            Unfilled: a field without a default is absent, null or blank, or it is an object or a list inside text.
        """
        if len(self._pieces) == 1 and isinstance(self._pieces[0], _Slot):
            return self._pieces[0].value(document)
        return "".join(piece if isinstance(piece, str) else piece.text(document) for piece in self._pieces)


@dataclass(frozen=True, slots=True)
class _Slot:
    path: Path
    default: str | None

    def found(self, document: Document) -> Any:
        """`ABSENT` for null and blank text, too."""
        found = find(document, self.path)
        return ABSENT if found is None or (isinstance(found, str) and not found.strip()) else found

    def value(self, document: Document) -> Any:
        found = self.found(document)
        if found is not ABSENT:
            return found
        if self.default is None:
            raise Unfilled(f"{dotted(self.path)} is absent")
        return self.default

    def text(self, document: Document) -> str:
        try:
            return convert.to_text(self.value(document))
        except ValueError:
            raise Unfilled(f"{dotted(self.path)} is no single value") from None


def _read(text: str) -> Iterator[str | _Slot]:
    plain = ""
    position = 0
    for match in _PIECE.finditer(text):
        plain += text[position : match.start()]
        position = match.end()
        if match.group() in ("{{", "}}"):
            plain += match.group()[0]
            continue
        if match[1] is None:
            raise ValueError(
                f'"{match.group()}" stands alone; a field is {{properties.plan}}, a plain brace is doubled'
            )
        if plain:
            yield plain
        plain = ""
        name, separator, default = match[1].partition(":-")
        yield _Slot(read_path(name.strip()), default if separator else None)
    plain += text[position:]
    if plain:
        yield plain

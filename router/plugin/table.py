"""The mapping table: which field of the event becomes which of the vendor's fields, and through which converter.

A table is data. The running mapper, explain's lineage, the plugin's README and the tests all read the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from router.event import Document, Event
from router.plugin.convert import Converter
from router.plugin.declaration_check import check_plain, check_tuple
from router.plugin.mapper import Mapper, write_mapper
from router.plugin.trace import Trace
from router.plugin.values import Values
from router.traits import GROUP_TRAITS, USER_TRAITS

_NONE: Final[frozenset[str]] = frozenset()
_TOLD: Final = ("traits.", "context.traits.", "properties.")
"""Where an event says what a caller wants to arrive; the rest of it is the router's and the SDK's."""
_RESERVED: Mapping[str, frozenset[str]] = {"identify": frozenset(USER_TRAITS), "group": frozenset(GROUP_TRAITS)}
"""The reserved traits by call: ``plan`` is a custom trait of a person but a reserved one of a group."""


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a table.

    *source* is a dotted path into the event (``context.page.url``, ``userId``), or several. Of several the first one counts
    that has a value which *convert* takes and which is no empty text; an empty text counts before null.

    *to* is a dotted path into the result; "" means that the value is not sent from here, and *note* says why, for the README.
    Explain lists it as not sent, unless it *is_within* the value of another row.

    A row for a whole object (``traits.address``) gets what the rows for its parts (``traits.address.city``) leave over.
    """

    source: str | tuple[str, ...]
    to: str = ""
    convert: Converter | None = None
    note: str = ""
    is_within: bool = False

    def __post_init__(self) -> None:
        convert: Any = self.convert
        to: Any = self.to
        source = " or ".join(self.sources)
        if convert is not None and not callable(convert):
            raise ValueError(f"{source}: convert={convert!r}, expected a function such as convert.to_text")
        check_plain(convert, f"{source}: convert")
        if not isinstance(to, str):
            raise ValueError(f"{source}: to={to!r}, expected a text")

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,) if isinstance(self.source, str) else self.source


def Trait(
    name: str, to: str = "", convert: Converter | None = None, note: str = "", *, is_within: bool = False
) -> Field:
    """A row for one trait: ``Trait("createdAt", to="created_at", convert=to_unix_seconds)``."""
    return Field("traits." + name, to, convert, note, is_within)


def same_name(*traits: str, at: str = "") -> tuple[Field, ...]:
    """Rows for traits that keep their name, inside the object *at* if it is given."""
    return tuple(Trait(name, to=f"{at}.{name}" if at else name) for name in traits)


@dataclass(frozen=True, slots=True)
class Custom:
    """Where those keys of ``traits`` or ``properties`` go that no row names. Reserved traits never go this way.

    *at* is the dotted path of the object they are put in; "" is the top. *rename* returns the vendor's form of a key. It
    returns None if the vendor takes no such name, or raises a ValueError that says why; the key is then left out and reported.
    So is a key in *forbidden*, the names that the vendor reserves.
    """

    source: Literal["traits", "properties"]
    at: str = ""
    rename: Callable[[str], str | None] | None = None
    forbidden: frozenset[str] = frozenset()
    convert: Converter | None = None

    def __post_init__(self) -> None:
        if self.source not in ("traits", "properties"):
            raise ValueError(f"Custom({self.source!r}), expected traits or properties")
        check_plain(self.convert, f"Custom({self.source!r}): convert")


@dataclass(frozen=True)
class Table:
    """The rows, where all other keys go, and how objects, lists and null are written.

    Custom keys are written first, so that a mapped value wins over a custom one of the same name.
    """

    fields: tuple[Field, ...]
    custom: tuple[Custom, ...] = ()
    values: Values = Values()

    def __post_init__(self) -> None:
        check_tuple(self.fields, "fields")
        check_tuple(self.custom, "custom")

    def __add__(self, rows: Sequence[Field]) -> Table:
        return Table((*self.fields, *rows), self.custom, self.values)

    def apply(self, event: Event, trace: Trace | None = None) -> Document:
        """Map *event* to the vendor's fields, as a nested object. A *trace* is filled with how each field came about."""
        result: Document = {}
        reserved = _RESERVED.get(event.type, _NONE)
        if trace is None:
            self._mapper(event.document, result, reserved)
        else:
            self._traced_mapper(event.document, result, reserved, trace)
            self._list_unmapped(event.document, reserved, trace)
        return result

    @cached_property
    def _mapper(self) -> Mapper:
        return write_mapper(self.fields, self.custom, self.values, is_traced=False)

    @cached_property
    def _traced_mapper(self) -> Mapper:
        return write_mapper(self.fields, self.custom, self.values, is_traced=True)

    @cached_property
    def _paths(self) -> tuple[tuple[str, ...], ...]:
        """The paths of all sources of all rows."""
        return tuple(tuple(source.split(".")) for row in self.fields for source in row.sources)

    def _list_unmapped(self, document: Document, reserved: frozenset[str], trace: Trace) -> None:
        trace.unmapped += self._sent_nowhere(document)
        custom = {each.source for each in self.custom}
        for root in ("traits", "properties"):
            values = document.get(root)
            if not isinstance(values, dict) or any(root in row.sources and row.to for row in self.fields):
                continue
            named = {path[1] for path in self._paths if path[0] == root and len(path) > 1}
            for key, value in values.items():
                if key in named:
                    trace.unmapped += self._leftovers(root, key, value)
                elif root not in custom or (root == "traits" and key in reserved):
                    trace.unmapped.append(f"{root}.{key}")

    def _sent_nowhere(self, document: Document) -> list[str]:
        """The traits and properties that the event has for rows without a target, unless other rows send them; of an object
        some parts of which other rows take, the other parts."""
        sent = {source for row in self.fields if row.to for source in row.sources}
        unsent = dict.fromkeys(
            source for row in self.fields if not row.to and not row.is_within for source in row.sources
        )
        told = [source for source in unsent if source.startswith(_TOLD) and source not in sent]
        return [left for source in told for left in self._left_of(document, tuple(source.split(".")))]

    def _left_of(self, document: Document, path: tuple[str, ...]) -> list[str]:
        value: Any = document
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return [] if value is None else self._other_parts(path, value)

    def _leftovers(self, root: str, key: str, value: Any) -> list[str]:
        """What remains unmapped of a key that rows name: the other keys of an object whose parts are mapped, or a value that is
        no object where parts of one are mapped."""
        return [] if (root, key) in self._paths else self._other_parts((root, key), value)

    def _other_parts(self, path: tuple[str, ...], value: Any) -> list[str]:
        """Of an object at *path* whose parts rows name, the others; else all of it."""
        source = ".".join(path)
        named = {each[len(path)] for each in self._paths if len(each) > len(path) and each[: len(path)] == path}
        if isinstance(value, dict) and named:
            return [f"{source}.{part}" for part in value if part not in named]
        return [source]

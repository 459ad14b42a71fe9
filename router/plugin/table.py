"""The mapping table: which field of the event becomes which field of the vendor, and through which converter.

A table is data. The running mapper, explain's lineage, the plugin's README and the tests all read the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from router.event import Document, Event
from router.plugin.convert import Converter
from router.traits import GROUP_TRAITS, USER_TRAITS

_ABSENT: Any = object()
_RESERVED: Mapping[str, frozenset[str]] = {"identify": frozenset(USER_TRAITS), "group": frozenset(GROUP_TRAITS)}
"""By call: a person's ``plan`` is a custom trait, a group's is reserved."""


@dataclass(frozen=True, slots=True)
class Values:
    """What the vendor does with values that are no scalars; applied to every value that a table writes.

    ``flatten`` turns ``{"a": {"b": 1}}`` into ``a_b: 1`` (a list's index is the name of its items); ``json`` writes JSON in a
    string. ``null`` is sent on (``clear``) only where the vendor reads it as "clear this".
    """

    objects: Literal["keep", "flatten", "json", "drop"] = "keep"
    lists: Literal["keep", "flatten", "json", "drop"] = "keep"
    null: Literal["clear", "drop"] = "drop"
    separator: str = "_"


@dataclass(frozen=True, slots=True)
class Field:
    """One row: *source* is a dotted path into the event (``context.page.url``, ``userId``), or several of which the first
    that is present counts; *to* is a dotted path into the result, and "" where the value is not sent from here (*note* says
    why, for the README).

    A row for a whole object (``traits.address``) gets what the rows for its parts (``traits.address.city``) have left.
    """

    source: str | tuple[str, ...]
    to: str = ""
    convert: Converter | None = None
    note: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,) if isinstance(self.source, str) else self.source


def Trait(name: str, to: str = "", convert: Converter | None = None, note: str = "") -> Field:
    """A row for one trait: ``Trait("createdAt", to="created_at", convert=to_unix_seconds)``."""
    return Field("traits." + name, to, convert, note)


def same_name(*traits: str, at: str = "") -> tuple[Field, ...]:
    """Rows for traits that keep their name, inside the object *at* if given."""
    return tuple(Trait(name, to=f"{at}.{name}" if at else name) for name in traits)


@dataclass(frozen=True, slots=True)
class Custom:
    """Where the keys of one object (``traits`` or ``properties``) go that no row names. Reserved traits never go this way.

    *at* is the dotted path of the object they are put in, "" for the top. *rename* returns the vendor's form of a key;
    what has none is left out and reported: None says that the vendor takes no such name, a ValueError says why in
    its own words. *forbidden* are names the vendor reserves: those are left out and reported too.
    """

    source: Literal["traits", "properties"]
    at: str = ""
    rename: Callable[[str], str | None] | None = None
    forbidden: frozenset[str] = frozenset()
    convert: Converter | None = None

    def name_of(self, key: str) -> tuple[str | None, str]:
        """The vendor's form of *key*, or None and why it has none."""
        try:
            name = self.rename(key) if self.rename else key
        except ValueError as error:
            return None, str(error)
        if name is None:
            return None, "the vendor takes no such name"
        return (None, "the vendor reserves this name") if name in self.forbidden else (name, "")


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where one field of the result came from."""

    source: str
    to: str
    converter: str = ""


@dataclass(slots=True)
class Trace:
    """What explain wants to know of one mapping."""

    lineage: list[Lineage] = field(default_factory=list)
    unmapped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """Rows, what is done with everything else, and how values that are no scalars are written.

    Custom keys are written first, so that a mapped value always wins over a custom one of the same name.
    """

    fields: tuple[Field, ...]
    custom: tuple[Custom, ...] = ()
    values: Values = Values()
    _rows: tuple[_Row, ...] = field(init=False, repr=False, compare=False)
    _named: dict[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        paths = [tuple(source.split(".")) for row in self.fields for source in row.sources]
        object.__setattr__(self, "_rows", tuple(_Row.of(row, paths) for row in self.fields))
        named = {
            root: frozenset(path[1] for path in paths if path[0] == root and len(path) > 1)
            for root in ("traits", "properties")
        }
        object.__setattr__(self, "_named", named)

    def __add__(self, rows: Sequence[Field]) -> Table:
        return Table((*self.fields, *rows), self.custom, self.values)

    def apply(self, event: Event, trace: Trace | None = None) -> Document:
        """Map *event*: the vendor's fields as a nested object. With a *trace*, also tell how each came about."""
        document = event.document
        result: Document = {}
        for custom in self.custom:
            self._write_custom(custom, event, result, trace)
        for row in self._rows:
            source, value = row.read(document)
            if value is _ABSENT or not row.to:
                continue
            if value is not None and row.convert is not None:
                try:
                    value = row.convert(value)
                except ValueError as error:
                    if trace is not None:
                        trace.warnings.append(f"{source}: {error}; left out")
                    continue
            self._write(result, row.to, value, Lineage(source, ".".join(row.to), row.converter_name), trace)
        if trace is not None:
            self._list_unmapped(event, trace)
        return result

    def _write_custom(self, custom: Custom, event: Event, result: Document, trace: Trace | None) -> None:
        values = event.document.get(custom.source)
        reserved = _RESERVED.get(event.type, frozenset())
        if not isinstance(values, dict):
            return
        named = self._named[custom.source]
        parents = tuple(custom.at.split(".")) if custom.at else ()
        for key, value in values.items():
            if key in named or (custom.source == "traits" and key in reserved):
                continue
            name, why_not = custom.name_of(key)
            if name is None:
                if trace is not None:
                    trace.unmapped.append(f"{custom.source}.{key}")
                    trace.warnings.append(f"{custom.source}.{key}: {why_not}; left out")
                continue
            converter = ""
            if custom.convert is not None and value is not None:
                try:
                    value = custom.convert(value)
                except ValueError as error:
                    if trace is not None:
                        trace.warnings.append(f"{custom.source}.{key}: {error}; left out")
                    continue
                converter = custom.convert.__name__
            line = Lineage(f"{custom.source}.{key}", ".".join((*parents, name)), converter)
            self._write(result, (*parents, name), value, line, trace, custom.forbidden)

    def _write(
        self,
        result: Document,
        path: tuple[str, ...],
        value: Any,
        lineage: Lineage,
        trace: Trace | None,
        forbidden: frozenset[str] = frozenset(),
    ) -> None:
        rule = self._rule(value)
        if rule == "drop":
            if trace is not None:
                kind = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "null"
                trace.warnings.append(f"{lineage.source}: {kind} is not sent to this vendor; left out")
            return
        if trace is not None:
            trace.lineage.append(lineage)
        if rule == "json":
            value = orjson.dumps(value).decode()
        elif rule == "flatten":
            for name, item in self._flatten(path[-1], value):
                if name not in forbidden:
                    _put(result, (*path[:-1], name), item)
                elif trace is not None:
                    trace.warnings.append(f"{lineage.source}: the vendor reserves the name {name}; left out")
            return
        _put(result, path, value)

    def _rule(self, value: Any) -> str:
        if isinstance(value, dict):
            return self.values.objects
        if isinstance(value, list):
            return self.values.lists
        if value is None:
            return "drop" if self.values.null == "drop" else "keep"
        return "keep"

    def _flatten(self, name: str, value: Any) -> list[tuple[str, Any]]:
        items: list[tuple[str, Any]] = []
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            full = f"{name}{self.values.separator}{key}"
            rule = self._rule(item)
            if rule == "flatten":
                items += self._flatten(full, item)
            elif rule == "json":
                items.append((full, orjson.dumps(item).decode()))
            elif rule == "keep":
                items.append((full, item))
        return items

    def _list_unmapped(self, event: Event, trace: Trace) -> None:
        document = event.document
        custom = {row.source for row in self.custom}
        reserved = _RESERVED.get(event.type, frozenset())
        for root in ("traits", "properties"):
            values = document.get(root)
            if not isinstance(values, dict) or any((root,) in row.paths and row.to for row in self._rows):
                continue
            named = self._named[root]
            for key, value in values.items():
                if key in named:
                    trace.unmapped += self._leftovers(root, key, value)
                elif root not in custom or (root == "traits" and key in reserved):
                    trace.unmapped.append(f"{root}.{key}")

    def _leftovers(self, root: str, key: str, value: Any) -> list[str]:
        """The keys of an object of which only parts are mapped, and a text where an object is mapped."""
        rows = [path for row in self._rows for path in row.paths if path[:2] == (root, key)]
        if any(len(path) == 2 for path in rows):
            return []
        if not isinstance(value, dict):
            return [f"{root}.{key}"]
        return [f"{root}.{key}.{part}" for part in value if not any(path[2] == part for path in rows)]


@dataclass(frozen=True, slots=True)
class _Row:
    """A field, its paths split once."""

    paths: tuple[tuple[str, ...], ...]
    to: tuple[str, ...]
    convert: Converter | None
    converter_name: str
    taken: frozenset[str]
    """Keys of this row's object that other rows take."""

    @classmethod
    def of(cls, row: Field, all_paths: Sequence[tuple[str, ...]]) -> _Row:
        paths = tuple(tuple(source.split(".")) for source in row.sources)
        taken = frozenset(
            other[len(path)]
            for path in paths
            for other in all_paths
            if len(other) > len(path) and other[: len(path)] == path
        )
        name = row.convert.__name__ if row.convert else ""
        return cls(paths, tuple(row.to.split(".")) if row.to else (), row.convert, name, taken)

    def read(self, document: Document) -> tuple[str, Any]:
        """The first source that is present, and its value; null only where no source has more than that."""
        found: tuple[str, Any] = ("", _ABSENT)
        for path in self.paths:
            value: Any = document
            for key in path:
                value = value.get(key, _ABSENT) if isinstance(value, dict) else _ABSENT
            if self.taken and isinstance(value, dict):
                value = {key: item for key, item in value.items() if key not in self.taken} or _ABSENT
            if value is not _ABSENT and (found[1] is _ABSENT or found[1] is None):
                found = (".".join(path), value)
                if value is not None:
                    break
        return found


def _put(result: Document, path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        inner = result.get(key)
        if not isinstance(inner, dict):
            inner = result[key] = {}
        result = inner
    result[path[-1]] = value

"""Changes: what a mapping in the config does to the event before the plugin's table reads it. None of them raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Protocol, Self, TypeVar

from router.actions.draft import Draft, Origin, Taken
from router.actions.hashing import CONVERTER, hash_value
from router.actions.path import Path, Place, Tree, dotted, find, places, shown, tree_of
from router.actions.template import Template, Unfilled
from router.event import Document
from router.plugin import Table
from router.traits import GROUP_TRAITS, USER_TRAITS

_T = TypeVar("_T")

PERSON: Final = (("traits",), ("context", "traits"))
"""Where an event keeps traits."""


class Change(Protocol):
    """One change. A mapping applies its changes from top to bottom.

    Two changes are equal if they do the same. By that a reload finds what has changed.
    """

    def apply(self, draft: Draft) -> None: ...


class _AsWritten:
    """Compared by how it is written. Python's comparison of mappings would not do: there ``true`` equals 1, and the order of
    fields that may overwrite each other does not count."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and repr(other) == repr(self)

    def __hash__(self) -> int:
        return hash(repr(self))


@dataclass(frozen=True, eq=False)
class Rename(_AsWritten):
    """Renames fields, all at once, so that two may swap their names. An absent field changes nothing."""

    names: Mapping[Path, Path]

    def apply(self, draft: Draft) -> None:
        taken = [(source, to, draft.take(source)) for source, to in self.names.items()]
        for source, to, value in taken:
            if value is None:
                continue
            if draft.put(to, value):
                draft.note(f"rename: {dotted(source)} to {dotted(to)}")
            else:
                draft.note(f"rename: {dotted(source)} is no text, which {dotted(to)} must be; left out")


@dataclass(frozen=True)
class Drop:
    """Leaves fields out."""

    paths: tuple[Path, ...]

    def apply(self, draft: Draft) -> None:
        for path in self.paths:
            for place in draft.places(partial(places, path=path)):
                draft.drop(place)
                draft.note(f"drop: {dotted(path)}")


@dataclass(frozen=True)
class Hash:
    """Replaces fields by their hashes."""

    paths: tuple[Path, ...]

    def apply(self, draft: Draft) -> None:
        for path in self.paths:
            for place in draft.places(partial(places, path=path)):
                hash_place(draft, place)


def hash_place(draft: Draft, place: Place) -> None:
    """Replace the value at *place* by its hash. A value without one is left out, never sent as it is."""
    try:
        hashed = hash_value(place.key, place.holder[place.key])
    except ValueError:
        draft.drop(place)
        draft.note(f"hash: {shown(place.path)} has no hash (blank, or no single value); left out")
        return
    draft.convert(place, hashed, CONVERTER)
    draft.note(f"hash: {shown(place.path)}")


@dataclass(frozen=True, eq=False)
class Constant(_AsWritten):
    """Sets fields to the operator's values, whatever the event says."""

    values: Mapping[Path, Any]

    def apply(self, draft: Draft) -> None:
        for path, value in self.values.items():
            if draft.put(path, Taken(value, {(): Origin(())})):
                draft.note(f"set: {dotted(path)}")
            else:
                draft.note(f"set: {dotted(path)} must be text, and the constant is none; left as it is")


@dataclass(frozen=True, eq=False)
class Fill(_AsWritten):
    """Fills fields from templates. If a template lacks a field that it needs, its target stays as it is."""

    templates: Mapping[Path, Template]

    def apply(self, draft: Draft) -> None:
        for path, template in self.templates.items():
            try:
                value = template.fill(draft.document)
            except Unfilled as error:
                draft.note(f"template: {error}, so {dotted(path)} is left as it is")
                continue
            origins = [draft.origin(source) for source in template.sources_in(draft.document)]
            sources = dict.fromkeys(source for origin in origins for source in origin.sources)
            converters = dict.fromkeys(name for origin in origins for name in origin.converters)
            if draft.put(path, Taken(value, {(): Origin(tuple(sources), (*converters, "template"))})):
                draft.note(f"template: {dotted(path)}")
            else:
                draft.note(f"template: {dotted(path)} must be text, and what it would be is none; left as it is")


def in_objects(traits: _T, properties: _T, context: _T) -> list[tuple[Path, _T]]:
    """Where each object lies of which an operator names fields, with what they name in it. Traits lie in two places."""
    return [*((at, traits) for at in PERSON), (("properties",), properties), (("context",), context)]


@dataclass(frozen=True)
class Allow:
    """Keeps only the named fields of these objects. None keeps the whole object. ``traits`` includes those of the context."""

    traits: tuple[Path, ...] | None = None
    properties: tuple[Path, ...] | None = None
    context: tuple[Path, ...] | None = None
    _kept: tuple[tuple[Path, Tree], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lists = in_objects(self.traits, self.properties, self.context)
        object.__setattr__(self, "_kept", tuple((at, tree_of(names)) for at, names in lists if names is not None))

    def apply(self, draft: Draft) -> None:
        for place in draft.places(self._unlisted):
            draft.drop(place)
            draft.note(f"allow: {shown(place.path)} is not on the list; left out")

    def _unlisted(self, document: Document) -> Iterator[Place]:
        for at, tree in self._kept:
            yield from _left_out(find(document, at), tree, at)


def _left_out(value: Any, tree: Tree, at: Path) -> Iterator[Place]:
    """The places that *tree* does not name, each as a whole."""
    if isinstance(value, list):
        for item in value:
            yield from _left_out(item, tree, at)
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = tree.get(key, {})
            if below and _holds_fields(inner):
                yield from _left_out(inner, below, (*at, key))
            elif below is not None:
                yield Place(value, key, (*at, key))


def _holds_fields(value: Any) -> bool:
    """True for objects, and for lists of objects alone."""
    return isinstance(value, dict) or (isinstance(value, list) and all(map(_holds_fields, value)))


@dataclass(frozen=True)
class DropCustom:
    """Leaves custom traits out: those that are neither reserved nor named by the action's table."""

    named: frozenset[str] = frozenset()

    def for_table(self, table: Table) -> Self:
        """This change for an action with that table."""
        paths = [source.split(".") for row in table.fields for source in row.sources]
        return replace(self, named=frozenset(path[1] for path in paths if path[0] == "traits" and len(path) > 1))

    def apply(self, draft: Draft) -> None:
        for place in draft.places(partial(self._custom, kind=draft.event.type)):
            draft.drop(place)
            draft.note(f"custom: {shown(place.path)} is a custom trait; left out")

    def _custom(self, document: Document, kind: str) -> Iterator[Place]:
        for at in PERSON:
            traits = find(document, at)
            reserved = GROUP_TRAITS if kind == "group" and at == ("traits",) else USER_TRAITS
            for key in traits if isinstance(traits, dict) else ():
                if key not in reserved and key not in self.named:
                    yield Place(traits, key, (*at, key))

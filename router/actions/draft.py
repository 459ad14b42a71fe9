"""A draft: an event while it is changed for one destination, with the origins of its values.

The event itself is shared and does not change. It is copied when the first change finds something to change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from router.actions.path import ABSENT, TEXTS, Path, Place, find, place_of, put, shown
from router.event import Document, Event
from router.plugin import convert
from router.plugin.trace import Lineage, Trace


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a changed field came from: fields of the event as it arrived (none for a constant)."""

    sources: tuple[Path, ...]
    converters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """A value on its way to another field, with its own origin (under ``()``) and the origins of its parts."""

    value: Any
    origins: Mapping[Path, Origin]


class Draft:
    """One event for one destination. `notes` has a key for each thing that was changed, for explain; None if nobody asks."""

    def __init__(self, event: Event, notes: dict[str, None] | None = None) -> None:
        self.event = event
        self.document: Document = event.document
        """The event with the changes so far. Only this class changes it."""
        self.notes = notes
        self._is_copied = False
        self._origins: dict[Path, Origin] = {}
        self._within: dict[Path, dict[Path, None]] = {}
        """By what they lie in: the paths in `_origins`, and some that were there. An event may have thousands."""

    def note(self, text: str) -> None:
        if self.notes is not None:
            self.notes[text] = None

    # --- changes ---

    def places(self, search: Callable[[Document], Iterable[Place]]) -> Sequence[Place]:
        """The places that *search* finds in the document, to be changed. If there are any, the event is copied first."""
        if not self._is_copied:
            if next(iter(search(self.document)), None) is None:
                return ()
            self.copy()
        return list(search(self.document))

    def drop(self, place: Place) -> None:
        """Remove the value at *place*, which `places` has returned."""
        place.holder.pop(place.key, None)
        self._forget(place.path)

    def take(self, path: Path) -> Taken | None:
        """Remove the value at *path* and return it; None if there is none. Lists are not searched.

        If it stands there twice, nested and under a key with a dot, the nested one is taken, as a table does; the other stays.
        """
        if find(self.document, path) is ABSENT:
            return None
        self.copy()
        place = place_of(self.document, path)
        assert place is not None
        value = place.holder[place.key]
        below = {inner[len(path) :]: self._origins[inner] for inner in self._inner(path)}
        taken = Taken(value, {(): self.origin(path), **below})
        self.drop(place)
        return taken

    def put(self, path: Path, taken: Taken) -> bool:
        """Write a copy of a value. False, with nothing written, if the field takes only text and the value is not text."""
        value = taken.value
        if path[0] in TEXTS:
            with suppress(ValueError):
                value = convert.to_text(value)
            if not isinstance(value, str) or not value.strip():
                return False
        self.copy()
        put(self.document, path, _copy(value))
        self._forget(path)
        for below, origin in taken.origins.items():
            self._remember((*path, *below), origin)
        return True

    def convert(self, place: Place, value: Any, converter: str) -> None:
        """Replace the value at *place* by its converted one."""
        place.holder[place.key] = value
        origin = self.origin(place.path)
        if converter not in origin.converters:  # each item of a list passes here
            self._remember(place.path, replace(origin, converters=(*origin.converters, converter)))

    def copy(self) -> None:
        """Copy the document before anything in it is changed."""
        if not self._is_copied:
            self.document = _copy(self.document)
            self._is_copied = True

    def _remember(self, path: Path, origin: Origin) -> None:
        self._origins[path] = origin
        for length in range(1, len(path)):
            self._within.setdefault(path[:length], {})[path] = None

    def _inner(self, path: Path) -> list[Path]:
        """The paths in `_origins` that lie within *path*."""
        return [each for each in self._within.get(path, ()) if each in self._origins]

    def _forget(self, path: Path) -> None:
        for each in (path, *self._within.pop(path, ())):
            self._origins.pop(each, None)

    # --- what comes of it ---

    def finish(self) -> Event:
        """The event with its changes; the very same one if nothing was changed."""
        return Event.of_document(self.document) if self._is_copied else self.event

    def origin(self, path: Path) -> Origin:
        """Where the value at *path* came from."""
        for length in range(len(path), 0, -1):
            found = self._origins.get(path[:length])
            if found is not None:
                return replace(found, sources=tuple((*source, *path[length:]) for source in found.sources))
        return Origin((path,))

    def retrace(self, trace: Trace) -> None:
        """Make *trace*, which a table has filled from the changed event, speak of the event as it arrived."""
        if not self._origins:
            return
        trace.lineage[:] = dict.fromkeys(line for told in trace.lineage for line in self._lines(told))
        trace.unmapped[:] = list(dict.fromkeys(name for told in trace.unmapped for name in self._names(told)))

    def _lines(self, told: Lineage) -> Iterator[Lineage]:
        path = tuple(told.source.split("."))
        yield from _retold(self.origin(path), told.to, told.converter)
        for inner in self._inner(path):  # the changed parts of a whole object get lines of their own
            yield from _retold(self._origins[inner], shown((told.to, *inner[len(path) :])), told.converter)

    def _names(self, told: str) -> list[str]:
        return [shown(source) for source in self.origin(tuple(told.split("."))).sources] or [told]


CONSTANT = "(constant)"
"""The source that lineage gives for a value set by the operator."""


def _retold(origin: Origin, to: str, converter: str) -> Iterator[Lineage]:
    converters = ", ".join(filter(None, (*origin.converters, converter)))
    for source in map(shown, origin.sources):
        yield Lineage(source, to, converters)
    if not origin.sources:
        yield Lineage(CONSTANT, to, converters)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copy(inner) for inner in value]
    return value

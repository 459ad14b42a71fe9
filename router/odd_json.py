"""Odd JSON: values that JSON texts written by Python can hold and strict readers refuse.

How each is mended (facts/ingest-protocol.md sections 1.14 and 7, "keep the batch, mend the value"):

    lone surrogate or NUL in a text or a key  U+FFFD in its place (bytes that are no UTF-8 are read as lone surrogates)
    lone surrogate in an id                   its number: ``\\udcfc``
    integer beyond 64 bits                    the nearest float, as strict readers make of it
    NaN, Infinity, an integer beyond floats   left out of an object, null in a list (which keeps its length)
    a key that stands twice in one object     the last one, as all readers have it

NaN is left out rather than made null: a null trait means "clear this", but Python programs write NaN for "unknown". NUL is
replaced because many vendors' databases can't hold it: the event would become a dead letter, or its text be cut short. An id
tells one person, or one event, from another: with U+FFFD in place of ``ü`` and ``ö`` in Latin-1, two would become one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from router.rejection import Rejected, RejectionCode

MAX_DEPTH = 100
"""Levels of objects and lists in one call, including the call. The JSON codec takes 254, and plugins add some around an
event."""

_FIRST_TOO_BIG = 1 << 64
_LAST_TOO_SMALL = -(1 << 63) - 1
_LEFT_OUT: Any = object()
TWICE = "stands there twice; the last one counts"
_LONGEST_PATH = 200
"""Characters of a path that a warning shows. A key can be as long as an event."""


class Doubled(dict[str, Any]):
    """An object whose text had a key more than once, or that holds such an object somewhere within."""

    __slots__ = ("names",)

    def __init__(self, document: Mapping[str, Any], names: tuple[str, ...]) -> None:
        """*names* are the keys that stood more than once in this object itself."""
        super().__init__(document)
        self.names = names


class DoubledHook:
    """Notices doubled keys, as the ``object_pairs_hook`` of a JSON reader. Use one per text."""

    MOST = 1_000
    """The most objects that are marked, including those around them. A text of 10 MB has room for a million."""

    def __init__(self) -> None:
        self._left = self.MOST
        self._last: list[tuple[str, Any]] = []
        """The pairs of the object that ended last: finally, of the outermost."""

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._last = pairs
        document = dict(pairs)
        is_doubled = len(document) < len(pairs) and self._left > 0
        if not is_doubled and not any(map(_has_doubled, document.values())):
            return document
        self._left -= is_doubled
        return Doubled(document, _repeated(name for name, _ in pairs) if is_doubled else ())

    def outermost(self, value: Any) -> Any:
        """*value*, which the reader made of the whole text; marked if it is an object with a doubled key, however many objects
        were marked before."""
        if not isinstance(value, dict) or len(value) == len(self._last):
            return value
        return Doubled(value, _repeated(name for name, _ in self._last))


def _repeated(names: Iterable[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    repeated: dict[str, None] = {}
    for name in names:
        if name in seen:
            repeated[name] = None
        seen.add(name)
    return tuple(repeated)


def _has_doubled(value: Any, levels: int = MAX_DEPTH) -> bool:
    """Whether *value* is a `Doubled` object, or a list with one somewhere within. Looks no deeper than an event may be."""
    if type(value) is not list:
        return type(value) is Doubled
    kinds = set(map(type, value))  # most lists hold only plain values, even long ones
    if Doubled in kinds or list not in kinds or not levels:
        return Doubled in kinds
    return any(_has_doubled(item, levels - 1) for item in value if type(item) is list)


def is_plain(value: Any) -> bool:
    """Whether nothing in *value* is odd and it has at most `MAX_DEPTH` levels. Under 1 µs for most events."""
    if isinstance(value, Doubled):
        return False
    try:
        text = orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    if rb"\u0000" in text and _has_nul(value, 1):
        return False
    # The codec silently writes NaN as null, so NaN need only be looked for if there are nulls.
    return not ((b"null" in text or text.count(b"{") + text.count(b"[") > MAX_DEPTH) and _is_odd(value, 1))


def _is_odd(value: Any, level: int) -> bool:
    if isinstance(value, dict | list | tuple):
        if level > MAX_DEPTH:
            return True
        items = value.values() if isinstance(value, dict) else value
        return any(_is_odd(item, level + 1) for item in items if isinstance(item, dict | list | tuple | float))
    return isinstance(value, float) and not math.isfinite(value)


def _has_nul(value: Any, level: int) -> bool:
    """Whether *value* holds a NUL, or is too deep to be searched."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict | list | tuple):
        items = [*value, *value.values()] if isinstance(value, dict) else value
        return level > MAX_DEPTH or any(_has_nul(item, level + 1) for item in items)
    return False


class Mending:
    """Makes plain copies of values. Notes in *warnings* what was mended: the first of each kind, however many there are."""

    def __init__(self, warnings: list[str], ids: Collection[str] = ()) -> None:
        """*ids* are the paths of texts that are ids: ``context.groupId``."""
        self._warnings = warnings
        self._ids = ids
        self._noted: set[str] = set()

    def mend(self, call: Mapping[str, Any], numbers_kept: Collection[str] = ()) -> dict[str, Any]:
        """A plain copy of *call*. Numbers directly under a name in *numbers_kept* stay as they are: ids, which will become
        text.

        Raises:
            Rejected: there are more than `MAX_DEPTH` levels.
        """
        self._note_doubled(call, "")
        kept = {key: call[key] for key in numbers_kept if isinstance(call.get(key), int | float)}
        mended: dict[str, Any] = self._mend({key: item for key, item in call.items() if key not in kept}, "", 1)
        return mended | kept

    def _mend(self, value: Any, path: str, level: int) -> Any:
        """A plain copy of *value*, which stands at *path*, at *level* if it is an object or a list; or `_LEFT_OUT`."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, int | float):
            return self._number(value, path)
        if isinstance(value, Mapping | list | tuple) and level > MAX_DEPTH:
            top = path.split(".", 1)[0]
            raise Rejected(RejectionCode.TOO_DEEP, top, f"at most {MAX_DEPTH} levels of objects and lists", "more")
        if isinstance(value, Mapping):
            self._note_doubled(value, path)
            result = {}
            for key, item in value.items():
                name = self._text(str(key), path)
                mended = self._mend(item, f"{path}.{name}" if path else name, level + 1)
                if mended is not _LEFT_OUT:
                    result[name] = mended
            return result
        if isinstance(value, list | tuple):
            items = [self._mend(item, path, level + 1) for item in value]
            return [None if item is _LEFT_OUT else item for item in items]
        self._note(path, "no JSON value; left out")
        return _LEFT_OUT

    def _note_doubled(self, value: Mapping[str, Any], path: str) -> None:
        if isinstance(value, Doubled) and value.names:
            name = self._text(value.names[0], path)
            self._note(f"{path}.{name}" if path else name, TWICE)

    def _text(self, text: str, path: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            self._note(path, "half a character (a lone surrogate) or bytes that are no UTF-8; replaced")
            joined = text.encode("utf-16-le", "surrogatepass")  # two halves that belong together become one character
            if path in self._ids:
                text = joined.decode("utf-16-le", "surrogatepass").encode("utf-8", "backslashreplace").decode()
            else:
                text = joined.decode("utf-16-le", "replace")
        if "\0" in text:
            self._note(path, "NUL in a text or a name; replaced")
            text = text.replace("\0", "\ufffd")
        return str(text)

    def _number(self, number: float, path: str) -> Any:
        if isinstance(number, int) and _LAST_TOO_SMALL < number < _FIRST_TOO_BIG:
            return int(number)
        try:
            nearest = float(number)
        except OverflowError:
            nearest = math.inf
        if not math.isfinite(nearest):
            self._note(path, "a number that is not finite; left out")
            return _LEFT_OUT
        if isinstance(number, int):
            self._note(path, "an integer beyond 64 bits; rounded")
        return nearest

    def _note(self, path: str, what: str) -> None:
        if what not in self._noted:
            self._noted.add(what)
            where = path if len(path) <= _LONGEST_PATH else path[:_LONGEST_PATH] + "…"
            self._warnings.append(f"{where or 'the call'}: {what}")

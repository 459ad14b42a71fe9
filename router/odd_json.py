"""Odd JSON: values that JSON texts from Python can hold and no strict reader takes.

What is done (facts/ingest-protocol.md sections 1.14 and 7, "keep the batch, mend the value"):

    lone surrogate in a text or a key        U+FFFD in its place
    integer beyond 64 bits                   the nearest float, as strict readers make of it
    NaN, Infinity, an integer beyond floats  left out of an object, null in a list (which keeps its length)

Left out rather than null: a null trait means "clear this", and NaN is how Python programs say "unknown".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from router.rejection import Rejected, RejectionCode

MAX_DEPTH = 100
"""Levels of objects and lists in one call, itself included. The JSON codec takes 254; plugins put some around an event."""

_FIRST_TOO_BIG = 1 << 64
_LAST_TOO_SMALL = -(1 << 63) - 1
_LEFT_OUT: Any = object()


def is_plain(value: Any) -> bool:
    """True when nothing in *value* is odd and it has at most `MAX_DEPTH` levels. Under 1 µs for most events."""
    try:
        text = orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    # The codec writes NaN as null, without a word; so only where there are nulls is it worth looking for one.
    if b"null" in text or text.count(b"{") + text.count(b"[") > MAX_DEPTH:
        return not _is_odd(value, 1)
    return True


def _is_odd(value: Any, level: int) -> bool:
    if isinstance(value, dict | list | tuple):
        if level > MAX_DEPTH:
            return True
        items = value.values() if isinstance(value, dict) else value
        return any(_is_odd(item, level + 1) for item in items if isinstance(item, dict | list | tuple | float))
    return isinstance(value, float) and not math.isfinite(value)


class Mending:
    """Makes plain copies of values, and notes in *warnings* what was mended: the first of each kind, however many."""

    def __init__(self, warnings: list[str]) -> None:
        self._warnings = warnings
        self._noted: set[str] = set()

    def mend(self, call: Mapping[str, Any], numbers_kept: Collection[str] = ()) -> dict[str, Any]:
        """A plain copy of *call*. Numbers right under a name in *numbers_kept* stay as they are: ids that are text to be.

        Raises:
            Rejected: there are more than `MAX_DEPTH` levels.
        """
        kept = {key: call[key] for key in numbers_kept if isinstance(call.get(key), int | float)}
        mended: dict[str, Any] = self._mend({key: item for key, item in call.items() if key not in kept}, "", 1)
        return mended | kept

    def _mend(self, value: Any, path: str, level: int) -> Any:
        """*value*, which stands at *path* and is at *level* if it is an object or a list; or `_LEFT_OUT`."""
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

    def _text(self, text: str, path: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            self._note(path, "half a character (a lone surrogate) in a text or a name; replaced")
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
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
            self._warnings.append(f"{path or 'the call'}: {what}")

"""The document in a body: one JSON object, read as leniently as its meaning allows. Pure.

The fast codec reads well-formed JSON. The standard library reads what Python programs also write (NaN, Infinity, half a
surrogate pair, numbers that no float holds), and JSON that is damaged only in its texts (bytes that are not UTF-8, bare control
characters), so that no batch is lost for such a thing. `router.normalise` mends the values.

Source: facts/ingest-protocol.md section 1, point 14, and section 7, "Odd JSON".
"""

from __future__ import annotations

import codecs
import gc
import json
from typing import Any, NamedTuple

import orjson

from router.gateway.refusal import RefusalCode, bad_request
from router.odd_json import DoubledHook

_UNREAD: Any = object()
_NUL = rb"\u0000"
_DIGITS_AS_ZEROS = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_LONG = 20
"""Digits (with the sign) of the shortest integer beyond 64 bits."""
_LONGEST_INTEGER = 400
"""Digits. No float is as big as a longer integer, and reading one takes quadratic time (Python itself stops at 4,300)."""


class Reading(NamedTuple):
    """What was read, and whether it is known to hold nothing odd, apart from its depth; see `router.odd_json`."""

    document: dict[str, Any]
    is_plain: bool


def read_document(body: bytes | bytearray) -> Reading:
    """The JSON object in *body*. Of two equal keys the last one counts, and the objects around it are `Doubled`.

    Integers of up to 400 digits are exact, since an id may be one. Floats may be NaN or infinite, and texts may hold lone
    surrogates, which also stand for bytes that are no UTF-8.

    Raises:
        Refused: 400.
    """
    value, is_whole = _parse(body)
    if not isinstance(value, dict):
        raise bad_request(RefusalCode.NOT_AN_OBJECT, "the body is JSON, but no object; expected a JSON object")
    return Reading(value, is_whole and not (b"\\" in body and _NUL in body))


def parse_json(body: bytes | bytearray) -> Any:
    """Any JSON value, read in the same way."""
    return _parse(body)[0]


def _parse(body: bytes | bytearray) -> tuple[Any, bool]:
    """The value, and whether the fast codec read it without losing anything."""
    value = _parse_fast(body)
    return (_parse_odd(body), False) if value is _UNREAD else (value, True)


def _parse_odd(body: bytes | bytearray) -> Any:
    digits = _longest_number(body)
    text = body.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")  # so that it is told of
    try:
        hook = DoubledHook()
        return hook.outermost(_lenient(hook, digits > _LONGEST_INTEGER).decode(text))
    except json.JSONDecodeError as error:
        message = f"the body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise bad_request(RefusalCode.INVALID_JSON, message) from None
    except RecursionError:
        raise bad_request(RefusalCode.TOO_DEEP, "objects and lists are nested too deep to be read") from None


def _longest_number(body: bytes | bytearray) -> int:
    """Roughly the digits of the longest number: 0 if all numbers fit into 64 bits, `_LONG` if one may not, more if one is
    longer than `_LONGEST_INTEGER`. Digits in texts count too. Looking for zeros is quicker than a regular expression."""
    digits = body.translate(_DIGITS_AS_ZEROS)
    if b"0" * _LONG not in digits and b"-" + b"0" * (_LONG - 1) not in digits:
        return 0
    return _LONG if b"0" * (_LONGEST_INTEGER + 1) not in digits else _LONGEST_INTEGER + 1


def _parse_fast(body: bytes | bytearray) -> Any:
    """What the fast codec makes of *body*. `_UNREAD` if it can't read it or would silently lose a part: the first of two equal
    keys, or the last digits of an integer beyond 64 bits."""
    is_collecting = gc.isenabled()
    gc.disable()  # there is nothing to collect yet, and looking for it takes four times as long as the reading
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _UNREAD
    finally:
        if is_collecting:
            gc.enable()
    return _UNREAD if _may_have_lost(body, value) else value


def _may_have_lost(body: bytes | bytearray, value: Any) -> bool:
    """Whether *value* may lack something that stands in *body*.

    The codec writes some 1 GB/s, so this costs a fraction of the reading. Most programs write JSON just as it does, and if the
    output equals the input, nothing was lost.
    """
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:  # too deep for the codec to write
        return True
    if written == body:
        return False
    # The first of two equal keys is lost with its quotes, so count quotes, also in their other spelling.
    is_doubled = body.count(b'"') != written.count(b'"') or (b"\\" in body and rb"\u0022" in body)
    return is_doubled or _longest_number(body) >= _LONG


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _lenient(hook: DoubledHook, has_long_integers: bool) -> json.JSONDecoder:
    parse_int = _integer if has_long_integers else None  # Python's own conversion is much faster
    return json.JSONDecoder(parse_int=parse_int, object_pairs_hook=hook, strict=False)

"""The document in a body: one JSON object, read as leniently as its meaning stays clear. Pure.

Well-formed JSON is read by the fast codec. What Python programs write besides — NaN, Infinity, half a surrogate pair,
numbers that no float holds — is read by the standard library, and so is what is only damaged in its texts (bytes that are
no UTF-8, bare control characters): a batch is not lost for it. `router.normalise` mends the values.

Source: facts/ingest-protocol.md section 1, point 14, and section 7, "Odd JSON".
"""

from __future__ import annotations

import codecs
import json
from typing import Any

import orjson

from router.gateway.refusal import RefusalCode, bad_request
from router.odd_json import Doubled

_DIGITS_AS_ZEROS = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_LONG_NUMBER = b"0" * 20
_LONG_NEGATIVE = b"-" + b"0" * 19
_LONGEST_INTEGER = 400
"""Digits. Beyond it no float is as big; and reading takes quadratic time, for which Python draws its own line at 4,300."""


def parse_document(body: bytes) -> dict[str, Any]:
    """The JSON object in *body*. Of two keys alike the last one counts, and the objects around it are `Doubled`.

    Integers are exact, however big (up to 400 digits): an id may be one. Floats may be NaN or infinite, texts may hold lone
    surrogates.

    Raises:
        Refused: 400.
    """
    value = _parse(body)
    if not isinstance(value, dict):
        raise bad_request(RefusalCode.NOT_AN_OBJECT, "the body is JSON, but no object; expected a JSON object")
    return value


def _parse(body: bytes) -> Any:
    # The fast codec reads integers beyond 64 bits as floats, without a word. Looking for digits is quicker than a regexp.
    digits = body.translate(_DIGITS_AS_ZEROS)
    if _LONG_NUMBER not in digits and _LONG_NEGATIVE not in digits:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
        else:
            if not _may_have_doubles(body, value):
                return value
    text = body.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    try:
        return _LENIENT.decode(text)
    except json.JSONDecodeError as error:
        message = f"the body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise bad_request(RefusalCode.INVALID_JSON, message) from None
    except RecursionError:
        raise bad_request(RefusalCode.TOO_DEEP, "objects and lists are nested too deep to be read") from None


def _may_have_doubles(body: bytes, value: Any) -> bool:
    """Whether some of what stands in *body* is not in *value*: a key that stood twice took its quotes along.

    The fast codec keeps the last of them without a word. It writes some 1 GB/s, so that this costs a fraction of the reading.
    """
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:  # deeper than it writes
        return True
    return body.count(b'"') != written.count(b'"') or rb"\u0022" in body  # a quote that the codec writes another way


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


_LENIENT = json.JSONDecoder(parse_int=_integer, object_pairs_hook=Doubled.of_pairs, strict=False)

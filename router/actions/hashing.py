"""Hashing of fields: the value as vendors normalise it before they hash, then SHA-256."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from router.plugin import convert

CONVERTER = "to_sha256"
"""The name that explain shows."""


def hash_value(name: str, value: Any) -> Any:
    """The hash of *value*; of each item if it is a list. Null stays null, since it says nothing.

    The text is trimmed and lower-cased first. A field whose *name* ends in ``phone`` is brought into E.164 form, if it has its
    country. A value that is already a hash (64 hex digits) stays.

    Raises:
        ValueError: an object or blank text, whose hash would mean nothing.
    """
    if value is None:
        return None
    if isinstance(value, list):
        return [_hash(name, item) for item in value]
    return _hash(name, value)


def _hash(name: str, value: Any) -> str:
    if name.casefold().endswith("phone"):
        with suppress(ValueError):
            value = convert.to_e164(value)
    return convert.to_sha256(value)

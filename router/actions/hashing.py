"""Hashing of fields: the value as vendors normalise it before they hash, then SHA-256."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from router.plugin import convert

CONVERTER = "to_sha256"
"""What explain calls it."""


def hash_value(name: str, value: Any) -> Any:
    """The hash of *value*, of each item where it is a list. Null stays null: it says nothing.

    Trimmed and in lower case; a field whose *name* ends in ``phone`` is brought into E.164 form first, if it has its country.
    What is hashed already (64 hex digits) stays.

    Raises:
        ValueError: an object or blank text, which has no hash that means anything.
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

"""The query of an address: for vendors that must not be told of a person, where a form was sent with its fields in it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_plus


def without_params(address: str, is_unwanted: Callable[[str], bool]) -> str:
    """*address* as it is, but for the parameters whose name *is_unwanted*: ``/thanks?phone=1&a=2`` becomes ``/thanks?a=2``."""
    page, mark, rest = address.partition("?")
    query, hash_mark, fragment = rest.partition("#")
    parts = query.split("&")
    kept = [part for part in parts if not is_unwanted(unquote_plus(part.partition("=")[0]))]
    if len(kept) == len(parts):
        return address
    return page + (mark + "&".join(kept) if kept else "") + hash_mark + fragment

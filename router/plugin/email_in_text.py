"""Emails inside other text: for vendors that may be told of people in hashes alone, or not at all."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_EMAIL: Final = re.compile(r"[^\s@/]@(?![0-9]x\.)[^\s@/?#&=]+\.[^\W\d_]{2}")
"""No more than its middle; neither in somebody's page (``/@ada.lovelace``) nor in a picture's name (``logo@2x.png``) nor in a
version (``lib@1.2.3``)."""
_MOST_LAYERS: Final = 3
_ORIGIN: Final = re.compile(r"https?://[^/?#@\s]+(?=[/?#]|$)", re.IGNORECASE)


def holds_email(text: str) -> bool:
    """Whether an email address is somewhere in *text*, percent-encoded or not: as often as an address lies within another, as
    that of the page that somebody wanted does in the address of a login."""
    for _ in range(_MOST_LAYERS):
        if "%" not in text:
            break
        text = unquote(text)
    return "@" in text and _EMAIL.search(text) is not None


def without_email(address: str) -> str:
    """The address of a page as it is; where an email address is in it, without its query, and if need be without its path.

    Raises:
        ValueError: nothing else is in it.
    """
    if not holds_email(address):
        return address
    page = re.split("[?#]", address)[0]
    if page and not holds_email(page):
        return page
    origin = _ORIGIN.match(address)
    if origin is None or holds_email(origin[0]):
        raise ValueError("expected no email address in it")
    return origin[0] + "/"

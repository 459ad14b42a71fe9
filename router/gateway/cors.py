"""CORS: the headers that let a page's script send here and see the answer, errors included. Pure.

Without them a page sees a network fault and sends its events again, whether they were stored or not.

Source: facts/ingest-protocol.md section 5, and section 1, point 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NO_PAGE: Final[Mapping[str, str]] = {"Vary": "Origin"}
_PREFLIGHT_AGE_S = 7_200
"""The longest that browsers of the Chromium family remember a preflight's answer."""


def cors_headers(origin: str | None) -> Mapping[str, str]:
    """The headers of any answer to a request from *origin*. Not ``*``, since a page may send its cookies along."""
    if not origin or not _is_sendable(origin):
        return _NO_PAGE
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }


def preflight_headers(asked_for: str | None) -> Mapping[str, str]:
    """Further headers of the answer to OPTIONS. *asked_for* is ``Access-Control-Request-Headers``.

    Every header asked for is allowed: a page may add its own, and a wildcard would not cover ``Authorization``.
    """
    headers = {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
        "Access-Control-Max-Age": str(_PREFLIGHT_AGE_S),
    }
    if asked_for and _is_sendable(asked_for):
        headers["Access-Control-Allow-Headers"] = asked_for
    return headers


def _is_sendable(value: str) -> bool:
    """False for bytes that are not text. They can't be sent back, and no browser sends them."""
    return value.isascii() and value.isprintable()

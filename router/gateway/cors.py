"""CORS: what lets a page's script send here and see the answer, errors included. Pure.

A page sees an answer without these headers as a network fault and sends its events again, stored or not.

Source: facts/ingest-protocol.md section 5, and section 1, point 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NO_PAGE: Final[Mapping[str, str]] = {"Vary": "Origin"}
_PREFLIGHT_AGE_S = 7_200
"""The longest that browsers of the Chromium family keep what a preflight said."""


def cors_headers(origin: str | None) -> Mapping[str, str]:
    """For any answer to a request from *origin*. Not ``*``: a page may send its cookies along."""
    if not origin or not _is_sendable(origin):
        return _NO_PAGE
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }


def preflight_headers(asked_for: str | None) -> Mapping[str, str]:
    """What the answer to OPTIONS has besides. *asked_for* is ``Access-Control-Request-Headers``.

    Whatever is asked for is allowed: a page may add headers of its own, and a wildcard would not cover ``Authorization``.
    """
    headers = {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
        "Access-Control-Max-Age": str(_PREFLIGHT_AGE_S),
    }
    if asked_for and _is_sendable(asked_for):
        headers["Access-Control-Allow-Headers"] = asked_for
    return headers


def _is_sendable(value: str) -> bool:
    """False for bytes that are no text: they can't be sent back, and no browser sends them."""
    return value.isascii() and value.isprintable()

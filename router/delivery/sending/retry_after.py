"""Retry-After and reset headers: how long a vendor asks us to wait. Pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from router.plugin import Response

MAX_ASKED_S = 86_400.0
"""The longest that a vendor can make us wait: a header with a date in 2106 must not strand a destination."""


def asked_wait_s(response: Response, reset_header: str, now_s: float) -> float | None:
    """The seconds that a vendor asks us to wait, from Retry-After (seconds or an HTTP date), else from the plugin's reset
    header; None if neither says so.

    A reset header holds Unix seconds or, if the number is too small for a date of this century, seconds to wait. Dates are
    compared with the vendor's clock, as its Date header gives it, since ours (*now_s*) may be wrong.
    """
    now_s = _unix_s(response.headers.get("date", "")) or now_s
    text = response.headers.get("retry-after", "").strip()
    if text:
        seconds = _number(text)
        if seconds is not None:
            return max(0.0, seconds)
        moment_s = _unix_s(text)
        if moment_s is not None:
            return max(0.0, moment_s - now_s)
    seconds = _number(response.headers.get(reset_header, "")) if reset_header else None
    if seconds is None:
        return None
    return max(0.0, seconds - now_s if seconds > 1e9 else seconds)


def bounded(seconds: float | None) -> float | None:
    """*seconds*, from 0 to `MAX_ASKED_S`."""
    return None if seconds is None else min(max(seconds, 0.0), MAX_ASKED_S)


def _unix_s(date: str) -> float | None:
    """The Unix seconds of an HTTP date; None if *date* is not one."""
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):  # a header may hold anything
        return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e11 else None

"""Dates: reads every form in which callers send a point in time, and writes each in one form."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

Moment = datetime | date
"""A datetime is always aware and in UTC. A plain date has no time of day and stays a date."""

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_FIRST_MILLISECOND_VALUE = 1e11  # as seconds this is the year 5138, as milliseconds 1973
_FIRST_MICROSECOND_VALUE = 1e14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_TEXT = 64
"""Characters. No date is longer."""
_MILLISECONDS = tuple(f".{number:03d}Z" for number in range(1000))


def parse(value: object) -> Moment | None:
    """Read a moment, or return None if *value* is not one. Never raises.

    Understands ISO 8601 dates and date-times in either letter case (no zone means UTC; digits finer than a microsecond are cut
    off), Unix seconds and Unix milliseconds. Numbers may also be digits in a string. Numbers from 1e11 on are milliseconds.
    Eight digits in a string are an ISO basic date (``20240824``); fewer are no date.
    """
    if isinstance(value, str):
        text = value.strip()
        return _from_text(text) if len(text) <= LONGEST_TEXT else None  # before it is kept
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_number(value)
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        return value
    return None


def _in_utc(moment: datetime) -> datetime | None:
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # the very first or last day, in another zone
        return None


def _from_number(number: float) -> datetime | None:
    size = abs(number)
    if not size < _FIRST_MICROSECOND_VALUE:  # also false for NaN
        return None
    try:
        if size >= _FIRST_MILLISECOND_VALUE:
            return _EPOCH + timedelta(milliseconds=number)
        return _EPOCH + timedelta(seconds=number)
    except OverflowError:
        return None


@lru_cache(maxsize=256)
def _from_text(text: str) -> Moment | None:
    """Cached for the last texts: every destination reads an event's time, most of them more than once."""
    text = text.upper()  # "t" and "z" are allowed by RFC 3339
    if text[4:5] != "-" and _NUMBER.fullmatch(text):
        digits = len(text.lstrip("+-").split(".")[0])
        if digits < 8:
            return None
        if digits > 8:
            return _from_number(float(text))
    try:
        if "T" not in text and " " not in text and ":" not in text:
            return date.fromisoformat(text)
        return _in_utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def day_begun(value: object) -> date | None:
    """The day that begins at *value* where it was written: of ``1990-12-10T00:00:00+02:00`` the 10th, which in UTC is still to
    come. None for any other value, and for one in UTC."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return None
    try:
        written = datetime.fromisoformat(value.strip().upper())
    except ValueError:
        return None
    return written.date() if written.utcoffset() and written.time() == time() else None


def to_datetime(moment: Moment) -> datetime:
    """The moment itself, or midnight UTC of a plain date."""
    if isinstance(moment, datetime):
        return moment
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def to_iso(moment: Moment) -> str:
    """``2024-08-24`` for a date, else ``2024-08-24T14:15:22Z`` or, with a fraction, ``…:22.123Z`` (milliseconds, cut)."""
    if not isinstance(moment, datetime):
        return moment.isoformat()
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    precision = "milliseconds" if moment.microsecond >= 1000 else "seconds"
    return moment.isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def to_iso_milliseconds(moment: datetime) -> str:
    """``2024-08-24T14:15:22.000Z``: always with milliseconds, so that the texts sort like the moments."""
    since = moment - _EPOCH
    return _to_the_second(since.days, since.seconds) + _MILLISECONDS[since.microseconds // 1000]


@lru_cache(maxsize=256)
def _to_the_second(days: int, seconds: int) -> str:
    """``2024-08-24T14:15:22``, so long after 1970. Cached, since most events happen within the same few seconds."""
    return (_EPOCH + timedelta(days, seconds)).isoformat()[:19]

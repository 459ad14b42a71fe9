"""Parameters of an event: which values Google takes, how long they may be, and how many.

Source: facts/vendors/ga4.md sections 5 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from plugins.ga4.names import param_name
from plugins.ga4.settings import Settings
from router.plugin import (
    Converter,
    Custom,
    Document,
    Event,
    Field,
    convert,
    has_odd_currency,
    holds_email,
    left_out,
    tells_person,
    without_email,
    without_params,
)

OF_EACH: Final = ("session_id", "engagement_time_msec")
"""Numbers that every event wants; without them it makes nobody active."""
MAX_PARAMS: Final = 25
MAX_TEXT: Final = 100
ADDRESSES: Final = frozenset({"page_location", "page_referrer", "referrer", "search", "url"})
LONGER_TEXTS: Final = {"page_title": 300, "page_referrer": 420, "page_location": 1_000}

OF_CONTEXT: Final = tuple(
    Field(f"context.page.{name}", f"params.{param}", convert.to_text)
    for name, param in (("url", "page_location"), ("referrer", "page_referrer"), ("title", "page_title"))
)
"""The page that something happened on."""


def to_param(settings: Settings) -> Converter:
    """The converter of values that are sent as they are."""

    def to_param(value: Any) -> Any:
        if isinstance(value, list):
            raise ValueError("Google Analytics takes no lists")
        if settings.pii_guard and tells_email(value):
            raise ValueError("an email; Google forbids it (pii_guard)")
        return _impersonal(value) if settings.pii_guard and isinstance(value, dict) else value

    return to_param


def _impersonal(value: Any) -> Any:
    """An object without the keys that tell the person: flattened, a ``phone`` of a ``customer`` would have another name."""
    if not isinstance(value, dict):
        return value
    return {key: _impersonal(item) for key, item in value.items() if not tells_person(key)}


def custom_params(source: Any, settings: Settings) -> Custom:
    """Everything else in *source*, ``traits`` or ``properties``."""

    def rename(key: str) -> str | None:
        if settings.pii_guard and tells_person(key):
            raise ValueError("it tells the person; Google forbids it (pii_guard)")
        name = param_name(key)
        return None if name in OF_EACH else name

    return Custom(source, "params", rename, convert=to_param(settings))


def pair_value(params: Document, event: Event, settings: Settings) -> tuple[str, ...]:
    """A value is a number and never goes without its currency, or Google drops the event. Beside a currency that can't be read
    it would be of another, and stays here. Ends with what to say of it."""
    if "value" not in params:
        return ()
    told = params.pop("value")
    with suppress(ValueError):
        value = convert.to_amount(told)
        currency = convert.to_currency(params.get("currency") or settings.default_currency)
        if not has_odd_currency(event):
            params |= {"value": value, "currency": currency}
            return ()
    return left_out(["value"], "no amount of a currency that can be read")


def tidy(params: Document, settings: Settings, first: Sequence[str]) -> tuple[Document, list[str]]:
    """What is left of *params* once flattened objects are named anew and texts cut; and the names of those beyond 25.

    Those named in *first* stay whatever comes before them.
    """
    tidied: Document = {}
    for key in (*first, *params):
        name = param_name(key)
        value = params.get(key)
        if settings.pii_guard and key in ADDRESSES:
            value = _address(value)
        if name is not None and _is_taken(name, value, settings):
            tidied.setdefault(name, cut(name, value))
    return dict(list(tidied.items())[:MAX_PARAMS]), list(tidied)[MAX_PARAMS:]


def cut(name: str, value: Any) -> Any:
    return value[: LONGER_TEXTS.get(name, MAX_TEXT)] if isinstance(value, str) else value


def _is_taken(name: str, value: Any, settings: Settings) -> bool:
    if name == "items":
        return isinstance(value, list)  # of our own making; a caller's number or text of that name Google refuses
    is_personal = settings.pii_guard and (tells_person(name) or tells_email(value))
    return isinstance(value, str | int | float) and not is_personal


def _address(value: Any) -> Any:
    """An address, or the query of one, with nothing in it that tells the person; None where it is nothing else."""
    try:
        return without_email(without_params(value, tells_person)) or None if isinstance(value, str) else value
    except ValueError:
        return None


def tells_email(value: Any) -> bool:
    return isinstance(value, str) and holds_email(value)

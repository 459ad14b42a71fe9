"""Fields of Braze's own that a caller may mean, or may set by accident: in which form Braze takes them.

Source: facts/vendors/braze.md section 4, other special fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from plugins.braze.identity import to_value
from plugins.braze.settings import SpecialTrait
from router.plugin import Converter, convert


def to_subscription(value: Any) -> str:
    """``opted_in``, ``subscribed`` or ``unsubscribed``; true and false are the latter two."""
    with suppress(ValueError):
        return "subscribed" if convert.to_boolean(value) else "unsubscribed"
    state = convert.to_lower(value)
    if state not in ("opted_in", "subscribed", "unsubscribed"):
        raise ValueError("expected true, false, opted_in, subscribed or unsubscribed")
    return state


def to_object(value: Any) -> Any:
    """An object, without null in it."""
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return to_value(value)


def to_list(value: Any) -> Any:
    """A list of objects, without null in them."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("expected a list of objects")
    return to_value(value)


FORMS: Final[Mapping[SpecialTrait, Converter]] = {
    "date_of_first_session": convert.to_iso_utc,
    "date_of_last_session": convert.to_iso_utc,
    "email_click_tracking_disabled": convert.to_boolean,
    "email_open_tracking_disabled": convert.to_boolean,
    "email_subscribe": to_subscription,
    "facebook": to_object,
    "marked_email_as_spam_at": convert.to_iso_utc,
    "push_subscribe": to_subscription,
    "push_tokens": to_list,
    "subscription_groups": to_list,
    "twitter": to_object,
}
"""What Braze takes in each. A value of another form would cost the person everything beside it."""

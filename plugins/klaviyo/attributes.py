"""Values as Klaviyo takes them.

Source: facts/vendors/klaviyo.md sections 3, 4 and 6.
"""

from __future__ import annotations

import re
from typing import Any, Final

from plugins.klaviyo.settings import Settings
from router.plugin import Converter, Document, Event, Field, convert, looks_like_email

MAX_ID: Final = 255
MAX_DEPTH: Final = 10
MAX_ITEMS: Final = 4_000
MAX_TEXT_BYTES: Final = 100_000
_AT_HOME: Final = {"+1": "1", "+39": "", "+378": ""}
"""What a number begins with that is dialled at home alone, where that is not a zero: in North America a one; in Italy and San
Marino nothing, for their zero is part of the number."""


def attribute_name(key: str) -> str | None:
    """The key itself; None for the empty one and for those that begin with ``$``, which are Klaviyo's own."""
    return None if not key.strip() or key.startswith("$") else key


def to_phone(settings: Settings) -> Converter:
    """A number in E.164 form. One without a calling code gets the default one, where there is one."""
    code = settings.default_calling_code
    at_home = _AT_HOME.get(code, "0")

    def to_phone_number(value: Any) -> str:
        try:
            return convert.to_e164(value)
        except ValueError:
            if not code or convert.to_text(value).strip().startswith("+"):
                raise
            return convert.to_e164(code + re.sub(r"\D", "", convert.to_text(value)).lstrip(at_home))

    return to_phone_number


def to_moment(value: Any) -> str:
    """``2024-03-01T09:30:00+00:00``, which Klaviyo recognises as a date; a plain date is midnight UTC."""
    return convert.to_naive_utc(value) + "+00:00"


def to_property(value: Any) -> Any:
    """Any JSON; a list is cut to 4000 items, and what is nested deeper than ten levels becomes JSON in a text. What has a text
    of more than 100 KB in it is refused: it would cost the whole event."""
    return _within(value, MAX_DEPTH)


def _within(value: Any, levels: int) -> Any:
    if (
        isinstance(value, str)
        and len(value) > MAX_TEXT_BYTES // 4
        and len(value.encode("utf-8", "replace")) > MAX_TEXT_BYTES
    ):
        raise ValueError("longer than the 100 KB a text may have")
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return _within(convert.to_json_text(value), levels)
    if isinstance(value, list):
        return [_within(item, levels - 1) for item in value[:MAX_ITEMS]]
    return {key: _within(item, levels - 1) for key, item in value.items()}


def id_rows(settings: Settings, at: str, traits: str) -> tuple[Field, ...]:
    """Rows for who a profile is; *at* is its path in the result, *traits* that of the person's traits in the event."""
    prefix = f"{at}." if at else ""
    user_id = (
        Field("userId", f"{prefix}external_id", convert.at_most(MAX_ID))
        if settings.send_external_id
        else Field("userId", note="not sent with `send_external_id: false`")
    )
    return (
        user_id,
        Field(f"{traits}.email", f"{prefix}email", convert.to_email),
        Field(f"{traits}.phone", f"{prefix}phone_number", to_phone(settings)),
    )


def complete_ids(event: Event, profile: Document) -> bool:
    """Settle who *profile* is, in place; False where it is nobody whom Klaviyo could tell from others.

    A userId that is an email is one. An email is never cleared: it is what the profile is known by.
    """
    if profile.get("email") is None:
        profile.pop("email", None)
        if event.user_id and looks_like_email(event.user_id):
            profile["email"] = convert.to_email(event.user_id)
    return any(profile.get(name) for name in ("external_id", "email", "phone_number"))

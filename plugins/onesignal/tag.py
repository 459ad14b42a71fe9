"""Tags: what OneSignal takes as the name and the value of one.

Source: facts/vendors/onesignal.md section 4.
"""

from __future__ import annotations

import re
from typing import Any, Final

from plugins.onesignal.settings import Settings
from router.plugin import Document, convert, left_out

RESERVED: Final = frozenset(
    {
        "app",
        "custom_data",
        "data_feed",
        "dynamic_content",
        "journey",
        "message",
        "notification",
        "org",
        "subscription",
        "template",
        "user",
    }
)
"""Names that templates use for something else."""

_FORBIDDEN_SIGNS = re.compile(r"[^A-Za-z0-9_-]")
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})?")


def tag_name(key: str) -> str | None:
    """The name with ``_`` for all but letters, digits, ``_`` and ``-``; None where nothing is left of it."""
    name = _FORBIDDEN_SIGNS.sub("_", key)
    return name if name.strip("_") else None


def to_tag(value: Any) -> str:
    """A tag is text: numbers as JSON writes them, ``1`` and ``0`` for true and false, an ISO 8601 time as Unix seconds."""
    if isinstance(value, bool):
        return "1" if value else "0"
    text = convert.to_text(value)
    if isinstance(value, str) and _ISO_TIME.fullmatch(text):
        try:
            return str(convert.to_unix_seconds(text))
        except ValueError:
            return text
    return text


def to_time_tag(value: Any) -> str:
    """A date as Unix seconds, which OneSignal's filters by time read."""
    return str(convert.to_unix_seconds(value))


def to_tags(values: Document, settings: Settings) -> tuple[Document, tuple[str, ...]]:
    """All values as tags, null as the empty text, which deletes a tag; and notes on those that are left out."""
    tags: Document = {}
    unnamed, unlisted = [], []
    for key, value in values.items():
        name = tag_name(key)
        if name is None or name in RESERVED or isinstance(value, dict | list):
            unnamed.append(key)
        elif settings.tags and name not in settings.tags:
            unlisted.append(name)
        else:
            tags[name] = "" if value is None else to_tag(value)
    notes = left_out(unnamed, "no tag may have such a name or value")
    return tags, notes + left_out(unlisted, "not among the tags to be written (setting tags)")

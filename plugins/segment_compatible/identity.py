"""The key by which the next system knows a message that it has had before.

Source: facts/vendors/segment-compatible.md sections 6 and 8.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from plugins.segment_compatible.settings import Flavour
from router.plugin import Converter, convert

MAX_ID: Final[dict[Flavour, int]] = {"segment": 99, "jitsu": 64}
"""Segment wants fewer than 100 characters. Jitsu cuts at 64 and changes odd characters, so that two ids could become one."""

_PLAIN = re.compile("[A-Za-z0-9_-]+")


def to_message_id(flavour: Flavour) -> Converter:
    """The converter of messageIds: as they are where the next system keeps them so, else a hash, always the same."""

    def to_message_id(value: object) -> str:
        text = convert.to_text(value)
        is_kept = len(text) <= MAX_ID.get(flavour, len(text)) and (flavour != "jitsu" or _PLAIN.fullmatch(text))
        return text if is_kept else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]

    return to_message_id

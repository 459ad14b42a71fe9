"""Ids by which a receiver knows what it has had before: of one event, and of a request that carries several.

Source: facts/vendors/webhook.md, sections 2 and 8 (stable over retries, without a dot).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,100}")


def message_key(message_id: str) -> str:
    """The ``messageId`` itself where it is short, without dots and fit for a header, else a hash of it."""
    return message_id if _SAFE.fullmatch(message_id) else _hash("msg", message_id)


def request_id(keys: Sequence[str]) -> str:
    """The only key, or a hash of all keys in their order. *keys* come from `message_key`; there is at least one."""
    return keys[0] if len(keys) == 1 else _hash("batch", "\n".join(keys))


def _hash(kind: str, text: str) -> str:
    return f"{kind}_{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:40]}"

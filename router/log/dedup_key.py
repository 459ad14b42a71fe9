"""The key by which a repeat is recognised: of two events with one key, the later one is a duplicate."""

from __future__ import annotations

from hashlib import blake2b


def dedup_key(source: str, message_id: str) -> bytes:
    """16 bytes that stand for a messageId of a source.

    Raises:
        ValueError: half a surrogate pair in a text.
    """
    return blake2b(f"{len(source)}:{source}{message_id}".encode(), digest_size=16).digest()

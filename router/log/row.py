"""One event as a row of a segment, with a checksum over all of it."""

from __future__ import annotations

import math
import struct
from hashlib import blake2b
from typing import NamedTuple

from router.log.record import Entry, Record

MAX_ROW_BYTES = 500_000_000
"""Well below SQLite's own limit of a billion."""

_HEAD = struct.Struct("<qd7iq")


class Row(NamedTuple):
    """The columns of the table ``events``, in order."""

    sequence: int
    source: str
    message_id: str
    user_key: str
    user_id: str | None
    anonymous_id: str | None
    email: str | None
    type: str
    received_at_s: float
    event: bytes
    checksum: bytes

    @classmethod
    def of(cls, sequence: int, entry: Entry) -> Row:
        """*entry* as it is stored under *sequence*.

        Raises:
            ValueError: half a surrogate pair in a text, a time that is not a number, or more than `MAX_ROW_BYTES`.
        """
        received_at_s = float(entry.received_at_s) + 0.0  # SQLite has no -0.0
        if not math.isfinite(received_at_s):
            raise ValueError(f"received_at_s: got {received_at_s}, expected Unix seconds")
        texts = (
            entry.source,
            entry.message_id,
            entry.user_key,
            entry.user_id,
            entry.anonymous_id,
            entry.email,
            entry.type,
        )
        event = bytes(entry.event)
        content = _content(sequence, *texts, received_at_s, event)
        if len(content) > MAX_ROW_BYTES:
            raise ValueError(f"event: expected at most {MAX_ROW_BYTES} bytes")
        return cls._make((sequence, *texts, received_at_s, event, _checksum(content)))

    def is_sound(self) -> bool:
        """Whether every column is what was written. In a damaged file a column may hold anything, of any type."""
        try:
            return self.checksum == _checksum(_content(*self[:-1]))
        except (TypeError, AttributeError, ValueError, struct.error):
            return False

    def record(self) -> Record:
        sequence, source, message_id, user_key, _, _, _, kind, received_at_s, event, _ = self
        return Record(0, sequence, source, message_id, user_key, kind, received_at_s, event)


def _content(
    sequence: int,
    source: str,
    message_id: str,
    user_key: str,
    user_id: str | None,
    anonymous_id: str | None,
    email: str | None,
    kind: str,
    received_at_s: float,
    event: bytes,
) -> bytes:
    """The bytes that the checksum covers. A single expression without a loop, since every row written passes through here."""
    head = _HEAD.pack(
        sequence,
        received_at_s,
        len(source),  # the lengths say where each text ends in the whole
        len(message_id),
        len(user_key),
        -1 if user_id is None else len(user_id),
        -1 if anonymous_id is None else len(anonymous_id),
        -1 if email is None else len(email),
        len(kind),
        len(event),
    )
    person = f"{'' if user_id is None else user_id}{'' if anonymous_id is None else anonymous_id}"
    whole = f"{source}{message_id}{user_key}{person}{'' if email is None else email}{kind}"
    return b"".join((head, whole.encode(), event))


def _checksum(content: bytes) -> bytes:
    return blake2b(content, digest_size=8).digest()

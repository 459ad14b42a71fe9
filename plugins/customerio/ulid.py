"""The ULID that makes a repeated event harmless: Customer.io ignores an event whose ``id`` it has seen.

Source: facts/vendors/customerio.md, section 8.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_LENGTH = 26
_RANDOM_BITS = 80
_RANDOM_SHIFTS = range(_RANDOM_BITS - 10, -1, -10)
_LAST_MILLISECOND = 2**48 - 1


def is_ulid(text: str) -> bool:
    """26 characters of Crockford's base 32 in upper case, the first at most 7 (128 bits)."""
    return len(text) == _LENGTH and _ULID.fullmatch(text) is not None


def to_ulid(message_id: str, unix_millis: int) -> str:
    """The ULID of one event: always the same for the same arguments.

    A *message_id* that is a ULID (in either case) is kept. Otherwise the time part is *unix_millis*, held within what a
    ULID can say (1970 to 10889), and the other 80 bits come from the SHA-256 of *message_id*.
    """
    if is_ulid(upper := message_id.upper()):
        return upper
    digest = hashlib.sha256(message_id.encode("utf-8", "replace")).digest()
    random_part = int.from_bytes(digest[: _RANDOM_BITS // 8], "big")
    time_part = _time_part(min(max(unix_millis, 0), _LAST_MILLISECOND))
    return time_part + "".join([_PAIRS[random_part >> shift & 1023] for shift in _RANDOM_SHIFTS])


@lru_cache(maxsize=256)
def _time_part(unix_millis: int) -> str:
    """The first ten characters. Kept, for events come in the order of their time."""
    return "".join([_PAIRS[unix_millis >> shift & 1023] for shift in range(40, -1, -10)])

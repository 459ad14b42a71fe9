"""Which partition of the log a user's events go to."""

from __future__ import annotations

from hashlib import blake2b


def partition_of(user_key: str, partitions: int) -> int:
    """A number from 0 to *partitions* - 1; the same on every machine, for as long as *partitions* is the same.

    Another function than the one that chooses a lane: were it the same, all users of a partition would share one lane.

    Raises:
        ValueError: a text with half a surrogate pair.
    """
    if partitions == 1:
        user_key.encode()
        return 0
    return int.from_bytes(blake2b(user_key.encode(), digest_size=8).digest(), "big") % partitions

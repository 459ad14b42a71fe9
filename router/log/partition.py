"""The partition of the log that a user's events go to."""

from __future__ import annotations

from hashlib import blake2b


def partition_of(user_key: str, partitions: int) -> int:
    """A number from 0 to *partitions* - 1, the same on every machine as long as *partitions* is the same.

    A different function chooses the lane: with the same one, all users of a partition would share a lane.

    Raises:
        ValueError: *user_key* holds half a surrogate pair.
    """
    if partitions == 1:
        user_key.encode()
        return 0
    return int.from_bytes(blake2b(user_key.encode(), digest_size=8).digest(), "big") % partitions

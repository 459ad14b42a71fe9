"""Which partition a user is in."""

from __future__ import annotations

import zlib
from collections import Counter

import pytest

from router.log.partition import partition_of


@pytest.mark.parametrize(
    ("user", "partitions", "partition"),
    [("u1", 16, 5), ("u2", 16, 14), ("ada@example.com", 16, 7), ("", 16, 4), ("ü", 16, 7), ("u1", 3, 1), ("u1", 1, 0)],
)
def test_a_user_stays_in_a_partition_for_ever(user: str, partitions: int, partition: int) -> None:
    """These are facts of logs that exist: a change here would tear users apart."""
    assert partition_of(user, partitions) == partition


def test_users_are_spread_over_partitions_and_those_of_a_partition_over_lanes() -> None:
    users = [f"user{number}" for number in range(16_000)]
    found = Counter(partition_of(user, 16) for user in users)
    lanes = Counter(zlib.crc32(user.encode()) % 4 for user in users if partition_of(user, 16) == 3)

    assert set(found) == set(range(16))
    assert max(found.values()) < 1.2 * min(found.values())
    assert max(lanes.values()) < 1.3 * min(lanes.values())


@pytest.mark.parametrize("partitions", [1, 16])
def test_half_a_surrogate_pair_is_no_user(partitions: int) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        partition_of("\ud800", partitions)

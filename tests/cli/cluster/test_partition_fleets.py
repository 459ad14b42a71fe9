"""The partitions of a router in a cluster: one that is given up goes, whatever it waits for."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from router.cli.cluster import partition_fleets
from router.cli.cluster.partition_fleets import PartitionFleets
from router.clock import SystemClock
from router.delivery.sharing.claim import Claim
from router.log.jetstream.connection import ClusterAway
from router.log.jetstream.log import NatsLog


class LeaderlessLog:
    """Its only partition can't be looked at."""

    partitions = range(1)

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def look(self, partition: int) -> None:
        self.asked.set()
        raise ClusterAway("no leader just now")


async def test_a_partition_is_given_up_although_it_waits_for_a_leader_of_its_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its node may be away for hours, and the claims be renewed: a router that is stopped must not wait for it."""
    monkeypatch.setattr(partition_fleets, "RETRY_S", 0.01)
    log, clock = LeaderlessLog(), SystemClock()
    changes: list[object] = []
    fleets = PartitionFleets(
        cast(NatsLog, log), {}, clock, list, lambda: 60.0, lambda *change: changes.append(change), changes.append
    )
    fleets.gained(Claim(0, clock.monotonic() + 60.0, clock))
    await log.asked.wait()

    async with asyncio.timeout(20):
        await fleets.give_up(0)
        await fleets.stop()

    assert not fleets.all

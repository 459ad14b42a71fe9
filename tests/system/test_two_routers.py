"""Several routers over one log: one that dies is replaced by another, and nothing is lost, out of order or booked twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nats.server import Cluster
from tests.system.checks import check_delivered, check_repeats_straddle
from tests.system.harness import Stage, until
from tests.system.routers import TAKEOVER_S, Routers, divert, partitions_of, running, until_shared

PARTITIONS = 4
CONCURRENCY = 2
LANES = PARTITIONS * CONCURRENCY
"""Each partition has its own lanes; what waits for a commit was sent and is not yet written."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Cluster]:
    with running(tmp_path / "nats") as cluster:
        yield cluster


def test_a_router_that_dies_is_replaced_within_seconds(stage: Stage, server: Cluster) -> None:
    [vendor] = stage.vendors("mixpanel")
    destination = vendor.destination(delivery={"concurrency": CONCURRENCY})
    routers = Routers(stage, server, {"mixpanel": destination}, PARTITIONS)
    first, second = routers.start("first", "second")
    until_shared(first, second, partitions=PARTITIONS)
    generators = [
        routers.generator(router, users=20, first_user=100 * number, batch=5, workers=2, pause_s=0.02, seed=number)
        for number, router in enumerate((first, second))
    ]
    until(lambda: all(len(generator.acked()) > 100 for generator in generators), "both take events")

    first.kill()
    died = time.monotonic()
    moment = time.time() + 0.2
    divert(first, second)
    until(lambda: len(partitions_of(second)) == PARTITIONS, "the other one takes over", TAKEOVER_S)
    taken_s = time.monotonic() - died
    acked = [label for generator in generators for label in generator.stop()]
    second.until_settled()

    assert taken_s < TAKEOVER_S
    check_delivered(acked, vendor)
    check_repeats_straddle(vendor.arrivals(), [moment], LANES)
    books = second.books("mixpanel")
    assert books["delivered"] == len(acked)
    assert books["accepted"] == books["delivered"] + books["skipped"]

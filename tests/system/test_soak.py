"""Row 4 of the battery, in short: under steady load nothing grows for ever. Hours of it: ``make soak``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.disk import file_bytes
from tests.system.harness import Router, Stage
from tests.system.memory import MB, needs_linux, resident_bytes

SECONDS = 28
KEPT = "3s"
"""By the log and the window of duplicates, so that both reach their steady size at once."""
CONNECTIONS = 8
"""To four vendors up to four each are open, as many as there is need for."""


@dataclass(frozen=True, slots=True)
class Look:
    resident_bytes: int
    descriptors: int
    disk_bytes: int


def look(router: Router) -> Look:
    disk_bytes = sum(map(file_bytes, (router.folder / "var").rglob("*")))
    return Look(resident_bytes(router.pid), len(list(Path(f"/proc/{router.pid}/fd").iterdir())), disk_bytes)


def middle(looks: Sequence[Look], of: Callable[[Look], int]) -> float:
    return median(of(each) for each in looks)


@needs_linux
@pytest.mark.full
@pytest.mark.timeout(180)
def test_row_4_steady_load_lets_nothing_grow(stage: Stage) -> None:
    """A few hundred events a second, to four destinations. The last quarter beside the second one: the first fills caches."""
    vendors = stage.vendors("mixpanel", "customerio", third="mixpanel", fourth="customerio")
    router = stage.router(
        {vendor.name: vendor.destination() for vendor in vendors},
        retention={"age": KEPT, "dedup_window": KEPT, "segment": "200KB"},
    )
    generator = stage.generator(router, users=50, batch=4, workers=2, pause_s=0.02)
    looks = []

    for _ in range(SECONDS):
        time.sleep(1.0)
        looks.append(look(router))
    acked = generator.stop()
    router.until_settled()

    quarter = SECONDS // 4
    early, late = looks[quarter : 2 * quarter], looks[-quarter:]
    assert middle(late, lambda each: each.descriptors) <= middle(early, lambda each: each.descriptors) + CONNECTIONS
    assert middle(late, lambda each: each.disk_bytes) <= 2 * middle(early, lambda each: each.disk_bytes)
    assert middle(late, lambda each: each.resident_bytes) <= middle(early, lambda each: each.resident_bytes) + 25 * MB
    check_delivered(acked, *vendors)
    check_books(router, **{vendor.name: len(acked) for vendor in vendors})

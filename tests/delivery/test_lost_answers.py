"""Row 32 of the battery: the vendor takes a request and its answer gets lost, a thousand times."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from router.delivery.options import DeliveryOptions
from router.delivery.pace import Backoff
from router.plugin import Request, Response
from tests.delivery.harness import NETWORK_DOWN, Answer, Harness, Vendor, plugin


class Forgetful(Vendor):
    """Takes whatever comes, and loses some of its answers."""

    def __init__(self, drops: int) -> None:
        super().__init__(self._answer)
        self.drops = drops
        self._chance = random.Random(drops)

    def _answer(self, request: Request) -> Answer:
        if self.drops and self._chance.random() < 0.5:
            self.drops -= 1
            self.taken += request.json
            return NETWORK_DOWN
        return Response(200)


@pytest.mark.parametrize("drops", [pytest.param(50), pytest.param(1_000, marks=pytest.mark.full)])
async def test_row_32_each_answer_that_gets_lost_is_one_repeat(tmp_path: Path, drops: int) -> None:
    vendor = Forgetful(drops)
    harness = Harness(tmp_path, vendor, DeliveryOptions(backoff=Backoff(0.01, 0.05, 1.0), batch_wait_s=0.01))
    harness.plugin = plugin(max_events=1)
    for number in range(drops + 50):
        harness.log.add(f"u{number % 40}")
    with capture_logs():
        await harness.open()
        await harness.until(lambda: harness.books.pending == 0, seconds=100)
        await harness.until_settled()
        await harness.close()

    came = Counter(item["id"] for item in vendor.taken)
    assert vendor.drops == 0
    assert len(came) == drops + 50
    assert sum(came.values()) - len(came) == drops, "a repeat for each answer that got lost, and for nothing else"
    for user in {item["user"] for item in vendor.taken}:
        numbers = [int(item["id"][1:]) for item in vendor.taken if item["user"] == user]
        assert numbers == sorted(numbers), "a repeat comes before whatever is next"

"""How many events an operator wants in a request is kept to by the worker, not only declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.delivery.harness import Harness, plugin


@pytest.mark.parametrize(("wanted", "largest"), [(1, 1), (3, 3), (500, 10)])
async def test_no_request_holds_more_events_than_wanted_or_allowed(tmp_path: Path, wanted: int, largest: int) -> None:
    harness = Harness(tmp_path)
    harness.plugin = plugin(batch_size=lambda settings: wanted)  # the endpoint takes 10
    for _ in range(25):
        harness.log.add("u1")
    await harness.open()

    await harness.until_settled()
    await harness.close()

    sizes = [len(request) for request in harness.vendor.requests]
    assert max(sizes) == largest
    assert sum(sizes) == 25

"""Row 44 of the battery in facts/reliability.md: names without number make neither the metrics nor the memory grow."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.system.harness import Router, Stage, call
from tests.system.memory import MB, needs_linux, resident_bytes

BATCH = 2_500


def events(first: int) -> list[dict[str, Any]]:
    """A batch in which every event and every trait or property has a name that never came before."""
    calls: list[dict[str, Any]] = []
    for number in range(first, first + BATCH):
        person = {"userId": f"user {number}", "messageId": f"m{number}"}
        if number % 2:
            calls.append({"type": "identify", "traits": {f"trait {number}": 1}, **person})
        else:
            calls.append({"type": "track", "event": f"Event {number}", "properties": {f"p {number}": 1}, **person})
    return calls


def series(router: Router) -> set[str]:
    """Name and labels of each."""
    status, text = call("GET", f"{router.admin_url}/metrics")
    assert status == 200
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


@pytest.fixture
def router(stage: Stage) -> Router:
    [vendor] = stage.vendors("mixpanel")
    return stage.router({"mixpanel": vendor.destination()})


def flood(router: Router, batches: range) -> None:
    for number in batches:
        status, receipt = router.post(events(number * BATCH))
        assert (status, receipt["accepted"]) == (200, BATCH)


def test_row_44_names_that_never_came_before_are_no_labels_of_metrics(router: Router) -> None:
    flood(router, range(1))
    router.until_settled()
    before = series(router)

    flood(router, range(1, 3))
    router.until_settled()

    assert len(before) > 20
    assert series(router) - before == set()
    assert [each for each in before if re.search(r"(Event|user|trait|p) \d", each)] == []


@needs_linux
@pytest.mark.full
@pytest.mark.timeout(300)
def test_row_44_a_hundred_thousand_names_leave_the_memory_where_it_was(router: Router) -> None:
    """The first half fills what is kept of the latest events, which has a limit of its own."""
    flood(router, range(40))
    router.until_settled(patience_s=120)
    before = resident_bytes(router.pid)

    flood(router, range(40, 80))
    router.until_settled(patience_s=120)

    assert resident_bytes(router.pid) - before < 20 * MB

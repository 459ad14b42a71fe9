"""Two routers took the same event: the first in the order of the log wins, at every destination and after a restart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from router.delivery.sharing.repeats import Repeats
from router.delivery.state.changes import Changes, Outcome, Place
from router.log.record import Record
from tests.delivery.harness import Harness, MemoryLog

WINDOW_S = 100.0


def record(sequence: int, message_id: str, source: str = "website", received_at_s: float = 0.0) -> Record:
    return Record(0, sequence, source, message_id, "u", "track", received_at_s, b"{}")


def test_the_first_one_wins_for_every_reader() -> None:
    repeats = Repeats(WINDOW_S)
    line = [record(1, "a"), record(2, "b"), record(3, "a")]

    found = [repeats.is_repeat(each) for _ in range(2) for each in line]

    assert found == [False, False, True, False, False, True]


def test_one_who_reads_behind_another_hears_the_same() -> None:
    """The other one has passed both already."""
    repeats = Repeats(WINDOW_S)

    assert repeats.is_repeat(record(3, "a")) is False
    assert repeats.is_repeat(record(1, "a")) is False
    assert repeats.is_repeat(record(3, "a")) is True


def test_another_source_or_another_time_is_another_event() -> None:
    repeats = Repeats(WINDOW_S)
    repeats.is_repeat(record(1, "a"))

    assert not repeats.is_repeat(record(2, "a", source="app"))
    assert not repeats.is_repeat(record(3, "a", received_at_s=WINDOW_S + 1))


async def test_who_takes_over_knows_what_came_before() -> None:
    log = MemoryLog()
    first = log.add("u")
    for _ in range(20):
        log.add("u")
    repeats = Repeats(WINDOW_S)

    await repeats.read_back(log, 0, 10)

    assert repeats.is_repeat(first._replace(sequence=30))


async def test_what_was_settled_before_a_restart_is_known_too(tmp_path: Path) -> None:
    """It lies beyond the position: an earlier event was still under way."""
    harness = Harness(tmp_path)
    harness.is_repeat = Repeats(WINDOW_S).is_repeat
    harness.log.add("ada")
    first = harness.log.add("bob")
    again = harness.log.add("bob")
    harness.log.records[-1] = again._replace(message_id=first.message_id)
    state = harness.open_state()
    state.add_partition(0, 0)
    state.commit(
        Changes(outcomes=[Outcome(Place.of(first), "delivered", "", 0.0)], counts=Counter({("delivered", ""): 1}))
    )
    state.close()

    await harness.open()
    await harness.until_settled()

    assert harness.vendor.ids() == ["m1"]
    assert harness.books.skipped == 1
    await harness.close()

"""Which events of a stretch of the log a replay sends."""

from __future__ import annotations

from typing import Any

import pytest

from router.delivery.jobs.selection import LEFT_OUT, LOST, Stretch, select
from router.delivery.jobs.spec import ReplaySpec, RetrySpec
from router.delivery.state.state import Earlier
from router.log.record import Gap, Record

EARLIER: dict[int, Earlier] = {1: "delivered", 2: "skipped", 3: "dead", 4: "pending", 5: "dead letter"}


def record(sequence: int, **fields: Any) -> Record:
    usual = {
        "source": "website",
        "message_id": f"m{sequence}",
        "user_key": f"u{sequence}",
        "type": "track",
        "received_at_s": 100.0 * sequence,
        "event": b'{"event": "Paid"}' if sequence % 2 else b'{"event": "Seen"}',
    }
    return Record(0, sequence, **{**usual, **fields})


RECORDS = [record(number) for number in range(1, 8)]


def chosen(stretch: Stretch) -> list[int]:
    return [record.sequence for record, _ in stretch.chosen]


@pytest.mark.parametrize(
    ("fields", "sequences"),
    [
        pytest.param({}, [1, 2, 3, 6, 7], id="all but what is left to others"),
        pytest.param({"since_s": 300.0}, [3, 6, 7], id="from a moment on"),
        pytest.param({"until_s": 300.0}, [1, 2], id="before a moment"),
        pytest.param({"source": ["app"]}, [], id="a source"),
        pytest.param({"type": ["track", "page"]}, [1, 2, 3, 6, 7], id="types"),
        pytest.param({"event": ["Paid"]}, [1, 3, 7], id="a name"),
        pytest.param({"user": ["u2", "u6"]}, [2, 6], id="users"),
        pytest.param({"outcome": ["delivered"]}, [1], id="delivered before"),
        pytest.param({"outcome": ["skipped", "dead"]}, [2, 3], id="skipped or discarded before"),
        pytest.param({"outcome": ["none"]}, [6, 7], id="never for it"),
        pytest.param({"last": 6}, [1, 2, 3, 6], id="up to the last"),
    ],
)
def test_what_is_chosen(fields: dict[str, Any], sequences: list[int]) -> None:
    stretch = select(ReplaySpec(**{"last": 7, **fields}), RECORDS, EARLIER, 0)

    assert chosen(stretch) == sequences
    assert stretch.last == fields.get("last", 7)


def test_what_is_left_to_others_is_told_if_it_fits() -> None:
    told = select(ReplaySpec(last=7), RECORDS, EARLIER, 0).passed

    assert told == [(4, LEFT_OUT["pending"], 1), (5, LEFT_OUT["dead letter"], 1)]
    assert select(ReplaySpec(last=7, user=["u1"]), RECORDS, EARLIER, 0).passed == []


def test_what_the_same_replay_has_done_is_passed_over_in_silence() -> None:
    stretch = select(ReplaySpec(last=7), RECORDS, EARLIER, 0, done={1, 6})

    assert chosen(stretch) == [2, 3, 7]


@pytest.mark.parametrize(
    ("records", "after", "passed", "last"),
    [
        pytest.param([record(4), Gap(0, 5, 7, "damaged"), record(8)], 3, [(7, LOST, 3)], 8, id="a gap"),
        pytest.param([record(4), Gap(0, 5, 5, "damaged")], 3, [(5, LOST, 1)], 5, id="a gap of one event"),
        pytest.param([Gap(0, 1, 6, "expired")], 3, [(6, LOST, 3)], 6, id="a gap that began before"),
        pytest.param([record(4), Gap(0, 5, 20, "damaged")], 3, [(9, LOST, 5)], 9, id="a gap beyond the last"),
        pytest.param([Gap(0, 10, 20, "damaged")], 9, [], 9, id="a gap behind the last"),
        pytest.param([record(4), record(12)], 3, [], 9, id="an event behind the last"),
        pytest.param([], 3, [], 9, id="the end of the log"),
    ],
)
def test_how_far_was_looked_and_what_was_lost(
    records: list[Record | Gap], after: int, passed: list[tuple[int, str, int]], last: int
) -> None:
    stretch = select(ReplaySpec(last=9), records, {}, after)

    assert (stretch.passed, stretch.last) == (passed, last)


@pytest.mark.parametrize("event", [b"", b"no JSON", b"[]", b"7"])
def test_an_event_that_cannot_be_read_has_no_name(event: bytes) -> None:
    assert not ReplaySpec(last=1, event=["Paid"]).fits(record(1, event=event))


def test_an_older_programs_job_is_understood() -> None:
    spec = ReplaySpec.model_validate({"last": 9, "source": "website", "type": "track", "user": "u1"})

    assert (spec.source, spec.type, spec.user) == (["website"], ["track"], ["u1"])
    assert spec.is_historical is True
    assert RetrySpec.model_validate({"up_to": 3, "reason": "400"}).is_historical is False

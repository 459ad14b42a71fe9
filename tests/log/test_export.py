"""What is taken out of the log: exactly what was asked for, in order, and what is lost is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from router.log.export import Selection, select, to_line
from router.log.record import Entry, Gap, Record
from router.log.sqlite import LogOptions, SqliteLog
from tests.events import event
from tests.log.damage import fill_with_noise, first_in, segments_of
from tests.log.harness import DAY_S, NOW_S, PARTITION, StillClock, entries

OPTIONS = LogOptions(segment_bytes=16_384, tail_bytes=0)

CALLS: list[tuple[str, float, dict[str, Any]]] = [
    ("website", 0, {"type": "identify", "userId": "u1", "traits": {"email": "ada@example.com"}}),
    ("website", 1, {"type": "track", "userId": "u1", "event": "Opened"}),
    ("app", 2, {"type": "track", "anonymousId": "a1", "event": "Opened"}),
    ("app", 3, {"type": "identify", "anonymousId": "a1", "traits": {"email": "ada@example.com"}}),
    ("app", 4, {"type": "track", "userId": "u2", "anonymousId": "a1", "event": "Said", "properties": {"who": "u1"}}),
    ("website", 5, {"type": "page", "userId": 'u"3', "name": "Home"}),
]


def stored(number: int, source: str, after_s: float, call: dict[str, Any]) -> Entry:
    made = event(messageId=f"m{number}", **call)
    return Entry(
        source=source,
        message_id=made.message_id,
        user_key=made.user_key,
        user_id=made.user_id,
        anonymous_id=made.anonymous_id,
        email=made.email,
        type=made.type,
        received_at_s=NOW_S + after_s,
        event=made.to_json(),
    )


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    await log.append([stored(number, *call) for number, call in enumerate(CALLS, 1)])
    yield log
    await log.close()


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        pytest.param(Selection(), [1, 2, 3, 4, 5, 6], id="all"),
        pytest.param(Selection(since_s=NOW_S + 2), [3, 4, 5, 6], id="since, included"),
        pytest.param(Selection(until_s=NOW_S + 2), [1, 2], id="until, excluded"),
        pytest.param(Selection(source="app"), [3, 4, 5], id="source"),
        pytest.param(Selection(type="identify"), [1, 4], id="type"),
        pytest.param(Selection(user="u1"), [1, 2], id="userId, and not where a property says it"),
        pytest.param(Selection(user="a1"), [3, 4, 5], id="anonymousId, also where there is a userId"),
        pytest.param(Selection(user="ada@example.com"), [1, 4], id="email"),
        pytest.param(Selection(user='u"3'), [6], id="a user that JSON escapes"),
        pytest.param(Selection(user="\ud800"), [], id="a user that nothing can be called"),
        pytest.param(Selection(source="app", type="track", user="u2"), [5], id="several at once"),
    ],
)
async def test_what_fits_is_exported_in_order(log: SqliteLog, selection: Selection, expected: list[int]) -> None:
    found = [item async for item in select(log, selection)]

    assert [item.sequence for item in found if isinstance(item, Record)] == expected
    assert len(found) == len(expected)


async def test_a_line_holds_the_event_as_it_is_stored(log: SqliteLog) -> None:
    [first, *_] = [item async for item in select(log, Selection(user="u1")) if isinstance(item, Record)]

    line = to_line(first)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    read = orjson.loads(line)
    assert (read["partition"], read["sequence"], read["source"]) == (0, 1, "website")
    assert orjson.dumps(read["event"]) == first.event


async def test_what_comes_meanwhile_is_left_for_the_next_time(log: SqliteLog) -> None:
    found: list[Record | Gap] = []
    async for item in select(log, Selection()):
        await log.append(entries(len(found) * 100 + 100, len(found) * 100 + 110))
        found.append(item)

    assert len(found) == len(CALLS)


async def test_what_is_lost_at_the_beginning_is_told_too(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    for start in range(1, 301, 10):
        await log.append(entries(start, start + 9))
    await log.close()
    first, second = segments_of(tmp_path / "log")[:2]
    first.unlink()
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock(), read_only=True)

    found = [item async for item in select(log, Selection())]
    await log.close()

    assert [item for item in found if isinstance(item, Gap)] == [Gap(PARTITION, 1, first_in(second) - 1, "damaged")]


async def test_what_is_lost_is_told_and_what_was_given_up_is_not(tmp_path: Path) -> None:
    clock = StillClock()
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, clock)
    for start in range(1, 301, 10):
        await log.append(entries(start, start + 9))
    clock.now_s += 10 * DAY_S
    await log.trim({PARTITION: 100})
    start = log.start(PARTITION)
    segment = segments_of(tmp_path / "log")[1]
    await log.close()
    fill_with_noise(segment)
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, clock)

    found = [item async for item in select(log, Selection(type="track"))]
    await log.close()

    assert start > 1
    [gap] = [item for item in found if isinstance(item, Gap)]
    assert gap.reason == "damaged"
    assert len(found) - 1 + gap.last - gap.first + 1 == 300 - start + 1

"""What the tests of the log share: entries, a clock that stands still, and reading everything there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from router.log.interface import Log
from router.log.record import Entry, Gap, Record

NOW_S = 1_700_000_000.0
DAY_S = 86_400.0
PARTITION = 0

OpenLog = Callable[[], Awaitable[Log]]
"""Opens the log that the test works on; again and again, after each `close`."""


@dataclass
class StillClock:
    """Shows *now_s* (Unix seconds) until somebody moves it."""

    now_s: float = NOW_S

    def __call__(self) -> float:
        return self.now_s


def entry(
    number: int,
    *,
    source: str = "website",
    received_at_s: float = NOW_S,
    size: int = 200,
    message_id: str | None = None,
) -> Entry:
    """The event ``m<number>`` of one of seven users, *size* bytes long; the same arguments give the same event."""
    user = f"u{number % 7}"
    return Entry(
        source=source,
        message_id=f"m{number}" if message_id is None else message_id,
        user_key=user,
        user_id=user,
        anonymous_id=None if number % 2 else f"a{number}",
        email="ada@example.com" if number % 3 else None,
        type="track",
        received_at_s=received_at_s,
        event=(b'{"n":%d}' % number).ljust(size, b" "),
    )


def entries(first: int, last: int, *, size: int = 200, received_at_s: float = NOW_S) -> list[Entry]:
    """The events *first* to *last*, both included."""
    return [entry(number, size=size, received_at_s=received_at_s) for number in range(first, last + 1)]


def record(sequence: int, of: Entry) -> Record:
    """What comes out of the log where *of* went in under *sequence*."""
    return Record(
        partition=PARTITION,
        sequence=sequence,
        source=of.source,
        message_id=of.message_id,
        user_key=of.user_key,
        type=of.type,
        received_at_s=of.received_at_s,
        event=of.event,
    )


def last_of(item: Record | Gap) -> int:
    """Where an item that was read ends."""
    return item.last if isinstance(item, Gap) else item.sequence


def first_of(item: Record | Gap) -> int:
    return item.first if isinstance(item, Gap) else item.sequence


async def read_all(log: Log, after: int = 0, limit: int = 500) -> list[Record | Gap]:
    """Everything above *after*; fails unless each read goes on, in order, exactly where the one before ended."""
    return await read_all_of(log, PARTITION, after, limit)


async def read_all_of(log: Log, partition: int, after: int = 0, limit: int = 500) -> list[Record | Gap]:
    """The same, of any partition."""
    end = log.end(partition)
    found: list[Record | Gap] = []
    while after < end:
        part = await log.read(partition, after, limit)
        assert part, f"nothing above {after}, but the log ends at {end}"
        assert sum(isinstance(item, Record) for item in part) <= limit
        for item in part:
            assert first_of(item) == after + 1, f"{item} does not follow {after}"
            assert last_of(item) > after
            after = last_of(item)
        found += part
    assert after == end
    return found


async def sequences(log: Log) -> list[int]:
    """The sequences of all that can be read."""
    return [item.sequence for item in await read_all(log) if isinstance(item, Record)]


async def message_ids(log: Log) -> list[str]:
    return [item.message_id for item in await read_all(log) if isinstance(item, Record)]


def lost_of(found: Iterable[Record | Gap]) -> set[int]:
    """Every sequence that lies in a gap."""
    return {n for item in found if isinstance(item, Gap) for n in range(item.first, item.last + 1)}


def assert_only_lost(found: Iterable[Record | Gap], written: Mapping[int, Entry]) -> set[int]:
    """What was read is what was written, but for what lies in gaps; returns the sequences that do."""
    items = list(found)
    lost = lost_of(items)
    read = {item.sequence: item for item in items if isinstance(item, Record)}
    assert read == {n: record(n, of) for n, of in written.items() if n not in lost}
    return lost

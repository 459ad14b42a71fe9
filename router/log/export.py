"""Export: events out of the log, for other programs and for people who ask what is stored about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import orjson

from router.event import Event
from router.log.interface import Log
from router.log.record import Gap, Record


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events to export. None means any. Times are Unix seconds of receipt."""

    since_s: float | None = None
    until_s: float | None = None
    source: str | None = None
    type: str | None = None
    user: str | None = None
    """A userId, an anonymousId or an email. An event with any of them is that person's."""

    def fits(self, record: Record) -> bool:
        return (
            (self.since_s is None or record.received_at_s >= self.since_s)
            and (self.until_s is None or record.received_at_s < self.until_s)
            and self.source in (None, record.source)
            and self.type in (None, record.type)
            and (self.user is None or _is_of(self.user, record))
        )


def _is_of(user: str, record: Record) -> bool:
    if user == record.user_key:
        return True
    try:
        if orjson.dumps(user)[1:-1] not in record.event:  # as JSON spells it; to parse each event would be far slower
            return False
    except orjson.JSONEncodeError:  # half a surrogate pair, which is never stored
        return False
    event = Event.from_json(record.event)
    return user in (event.user_id, event.anonymous_id, event.email)


async def select(log: Log, selection: Selection) -> AsyncIterator[Record | Gap]:
    """The selected events, partition by partition and in order, up to the present end of the log; and its gaps.

    What retention has given up is not a gap. Nobody knows whether a lost event would have been selected, so every gap is named.
    """
    for partition in log.partitions:
        after, end = 0, log.end(partition)  # from 0, not from the log's start: events before that may be lost
        while after < end:
            for item in await log.read(partition, after, min(500, end - after)):
                if isinstance(item, Record):
                    after = item.sequence
                    if after <= end and selection.fits(item):
                        yield item
                else:
                    after = item.last
                    if item.reason != "expired":
                        yield Gap(partition, item.first, min(item.last, end), item.reason)


def to_line(record: Record) -> bytes:
    """One line of JSON: the event, and beside it what the log knows about it."""
    about = {"partition": record.partition, "sequence": record.sequence, "source": record.source}
    return orjson.dumps({**about, "event": orjson.Fragment(record.event)}) + b"\n"

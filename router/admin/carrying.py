"""Carrying events from one log to another: what is still to be delivered, and how far each destination has come.

    source: log, states ──▶ carried: what is pending, parked or a dead letter anywhere, in order ──▶ target: log, then states

It carries events that some destination has not settled, and parked events and dead letters, which may have left the log long
ago. In the target they get new sequences. Order per user is kept, since a user's events lie in one partition on either side. A
destination that has settled one of them keeps its outcome, so its books balance, counted from the first carried event on.

The source alone determines the order of what is carried, so an interrupted copy needs no notes: the number of events in each
partition of the target tells how many were carried. States come last, and an unfinished one is begun anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from router.admin.copied_state import CopiedState
from router.admin.standing import ALL_KEYS, Standing
from router.counted import counted
from router.delivery.berth import LEFT_OUT_BY
from router.delivery.state.changes import Changes, Place
from router.delivery.state.state import State, StateUnusable, telling_trouble
from router.delivery.state.states import States
from router.errors import OperatorError
from router.event import Event
from router.log.dedup_key import dedup_key
from router.log.interface import Log, NotStored
from router.log.partition import partition_of
from router.log.record import Entry, Gap, Record, last_of
from router.log.seen import Seen

BATCH: Final = 500
"""Roughly the events in one append, and the changes in one commit."""
_KEPT_NOTES: Final = ("disabled_since_s", LEFT_OUT_BY)


@dataclass(frozen=True, slots=True)
class Side:
    """A log, with the states of its destinations by partition."""

    log: Log
    states: Mapping[int, States]


@dataclass(slots=True)
class Copied:
    """What was carried, and what was not: *repeats* have the messageId of another carried event, *lost* events can no longer be
    read from the source, *empty* dead letters stand for lost events, and *jobs* were under way."""

    events: int = 0
    there_before: int = 0
    destinations: list[str] = field(default_factory=list)
    parked: int = 0
    dead_letters: int = 0
    repeats: int = 0
    lost: int = 0
    empty: int = 0
    jobs: int = 0


class Carrying:
    """Copies from *source*, which does not change meanwhile, to *target*, which holds nothing but what an earlier run
    copied."""

    def __init__(self, source: Side, target: Side, window_s: float) -> None:
        """Within *window_s*, a repeat of an event is left out."""
        self._source = source
        self._target = target
        self._window_s = window_s
        self.copied = Copied()
        self._gaps: set[Gap] = set()
        self._open: list[State] = []
        self._standings = {partition: self._stand(partition) for partition in source.log.partitions}

    def _stand(self, partition: int) -> dict[str, Standing]:
        standings = {}
        for name in self._source.states[partition].names():
            state = self._source.states[partition].look(name, read_only=True)
            self._open.append(state)
            standings[name] = Standing(state, partition)
            self.copied.empty += standings[name].empty
            self.copied.jobs += len(state.jobs("running"))
        return standings

    def close(self) -> None:
        """Let go of the source's states."""
        for state in self._open:
            state.close()
        self._open.clear()

    async def run(self) -> Copied:
        """Copy, or continue an interrupted copy.

        Raises:
            OperatorError: the target is the source, holds something else, has no room, or can't be written now.
        """
        if self._source.log.id == self._target.log.id:
            raise OperatorError(
                "the target is the log of the source, by another address. Copy into a log that is new: another `data`, or "
                "another nats.name."
            )
        await self._copy_events()
        names = sorted({name for standings in self._standings.values() for name in standings})
        for name in names:
            try:
                await self._copy_state(name)
            except StateUnusable as error:
                raise OperatorError(f"{error}. Run the command again: it goes on where it was.") from error
            self.copied.destinations.append(name)
        return self.copied

    # --- what is carried ---

    async def _carried(self) -> AsyncIterator[tuple[Record, Place]]:
        """Each carried event, and its place in the target."""
        count = len(self._target.log.partitions)
        ends = dict.fromkeys(range(count), 0)
        # A partition of the target takes no event twice, but two partitions of the source may hold the same one.
        seen = [Seen(self._window_s, ALL_KEYS) for _ in range(count)]
        self.copied.repeats = 0
        for partition in self._source.log.partitions:
            async for record in self._needed(partition):
                to = partition_of(record.user_key, count)
                key = dedup_key(record.source, record.message_id)
                if seen[to].first(key, record.received_at_s) is not None:
                    self.copied.repeats += 1
                    continue
                ends[to] += 1
                seen[to].add(key, ends[to], record.received_at_s)
                yield record, Place(to, ends[to])

    async def _needed(self, partition: int) -> AsyncIterator[Record]:
        """The events that some destination has not settled, or keeps, in order."""
        log, standings = self._source.log, list(self._standings[partition].values())
        kept: dict[int, Record] = {}
        for each in standings:
            kept |= each.parked
            kept |= {sequence: letters[0].record for sequence, letters in each.letters.items()}
        order = sorted(kept, reverse=True)
        positions = [each.position for each in standings if not each.is_new]
        after, end = max(min(positions, default=log.end(partition)), log.start(partition) - 1), log.end(partition)
        while after < end:
            for item in await log.read(partition, after, min(BATCH, end - after)):
                first = last_of(item) + 1 if isinstance(item, Gap) else item.sequence
                while order and order[-1] < first:
                    yield kept[order.pop()]
                if isinstance(item, Gap):
                    self._gaps.add(item)
                else:
                    if order and order[-1] == item.sequence:
                        order.pop()
                    if any(each.is_needed(item.sequence) for each in standings):
                        yield item
                after = last_of(item)
        while order:
            yield kept[order.pop()]

    async def _copy_events(self) -> None:
        target = self._target.log
        before = {partition: target.end(partition) for partition in target.partitions}
        last: dict[int, Record] = {}
        batch: list[Entry] = []
        places: list[Place] = []
        async for record, place in self._carried():
            self.copied.events += 1
            if place.sequence <= before[place.partition]:
                self.copied.there_before += 1
                last[place.partition] = record
                continue
            if last:
                await self._check(before, last)
                last.clear()
            batch.append(to_entry(record))
            places.append(place)
            if len(batch) >= BATCH:
                await self._append(batch, places)
                batch, places = [], []
        if last:
            await self._check(before, last)
        await self._append(batch, places)
        self.copied.lost = sum(gap.last - gap.first + 1 for gap in self._gaps)
        ends = sum(target.end(partition) for partition in target.partitions)
        if ends != self.copied.events:
            raise _not_ours(f"{counted(ends, 'event')}, and {self.copied.events} are to be copied")

    async def _append(self, batch: Sequence[Entry], places: Sequence[Place]) -> None:
        try:
            answers = await self._target.log.append(batch)
        except NotStored as error:
            raise OperatorError(
                f"the target takes no more events ({error}). Make room, and run the command again."
            ) from None
        except ValueError as error:
            raise OperatorError(
                f"the target can't hold an event of the source ({error}). Raise the limit, and run the command again."
            ) from None
        for answer, place in zip(answers, places, strict=True):
            if (answer.partition, answer.sequence) != place:
                raise _not_ours(
                    f"an event at {answer.sequence} of partition {answer.partition} that is to be at {place}"
                )

    async def _check(self, before: Mapping[int, int], last: Mapping[int, Record]) -> None:
        """Check that the target ends with what an earlier run carried there."""
        for partition, record in last.items():
            end = before[partition]
            for found in await self._target.log.read(partition, end - 1, 1):
                if not isinstance(found, Record) or (found.source, found.message_id) != (
                    record.source,
                    record.message_id,
                ):
                    raise _not_ours(f"another event at {end} of partition {partition}")

    # --- states ---

    async def _copy_state(self, name: str) -> None:
        drafts = {partition: self._begin(name, partition) for partition in self._target.log.partitions}
        try:
            async for record, place in self._carried():
                standing = self._standings[record.partition].get(name)
                draft = drafts[place.partition]
                draft.take(record, place, standing)
                if draft.size >= BATCH:
                    draft.write()
            for draft in drafts.values():
                draft.write()
                self.copied.parked += draft.parked
                self.copied.dead_letters += draft.letters
        finally:
            for draft in drafts.values():
                draft.state.close()

    def _begin(self, name: str, partition: int) -> CopiedState:
        states = self._target.states[partition]
        if states.has(name):
            states.forget(name)
        state = states.take(name)
        with telling_trouble(state):
            state.add_partition(partition, 0)
        notes: dict[str, str] = {}
        for standings in self._standings.values():
            if name in standings:
                found = {key: standings[name].state.meta(key) for key in _KEPT_NOTES}
                notes |= {key: value for key, value in found.items() if value}
        return CopiedState(state, partition, Changes(meta=notes))


def to_entry(record: Record) -> Entry:
    """*record* as an entry for another log."""
    try:
        event = Event.from_log(record.event)
        user_id, anonymous_id, email = event.user_id, event.anonymous_id, event.email
    except (ValueError, TypeError, AttributeError, KeyError):  # not an event of ours, so it lacks these keys
        user_id = anonymous_id = email = None
    return Entry(
        source=record.source,
        message_id=record.message_id,
        user_key=record.user_key,
        user_id=user_id,
        anonymous_id=anonymous_id,
        email=email,
        type=record.type,
        received_at_s=record.received_at_s,
        event=record.event,
    )


def _not_ours(what: str) -> OperatorError:
    return OperatorError(
        f"the target is no copy of this source: it has {what}. Copy into a log that is new: another `data`, or another "
        "nats.name."
    )

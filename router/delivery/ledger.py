"""The ledger of a destination: every settlement goes through it, into the books and, by `StateWriter`, onto disk."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from router.clock import Clock
from router.delivery.order import in_line
from router.delivery.state.changes import (
    Changes,
    Job,
    Kind,
    Outcome,
    ParkedUser,
    Place,
    Replayed,
    SettledPayload,
    Tries,
)
from router.delivery.state.letters import DeadLetter
from router.delivery.state.state import State
from router.delivery.state.writer import HANG_S, StateWriter
from router.delivery.tally import Tally
from router.delivery.transit import Transit
from router.delivery.window import Window
from router.log.interface import Log
from router.log.record import Gap, Record
from router.log.room import NO_RESERVE, Reserve

MAX_REASON = 2_000
"""Characters of a reason that are kept. A vendor's words may be of any length."""


@dataclass(frozen=True, slots=True)
class Books:
    """How many of a destination's events ended how. Replays are booked apart.

    The log counts ``accepted``, the destination everything else. That they agree is promise 5.
    """

    accepted: int
    delivered: int
    skipped: int
    dead: int
    pending: int

    @property
    def unaccounted(self) -> int:
        """Events accepted but in no other column. Anything but 0 is a bug."""
        return self.accepted - self.delivered - self.skipped - self.dead - self.pending


class Ledger(StateWriter):
    """See the module's docstring. One per destination. Call its methods from the event loop."""

    def __init__(
        self, name: str, state: State, clock: Clock, reserve: Reserve = NO_RESERVE, hang_s: float = HANG_S
    ) -> None:
        """See `StateWriter`."""
        super().__init__(name, state, clock, reserve, hang_s)
        self.tally = Tally()
        self.on_foreign: Callable[[str, tuple[Any, ...]], None] = lambda method, arguments: None
        """Called when somebody else changed the state: with the name of the method of `State` and its arguments."""
        self.disabled_since_s = float(state.meta("disabled_since_s") or 0) or None
        above = state.settled_above_position()
        positions = state.positions()
        self.starts = {partition: start for partition, (start, _) in positions.items()}
        self.written_positions = {partition: position for partition, (_, position) in positions.items()}
        self.windows = {
            partition: Window(position, above.get(partition, ()))
            for partition, position in self.written_positions.items()
        }
        self.counts: Counter[tuple[str, str]] = state.counts()
        self.tries: dict[Place, Tries] = state.notes.tries()
        self.settled_payloads: dict[Place, dict[str, str]] = state.notes.settled_payloads()
        """See `NoteTable.settled_payloads`. A job asks for its own when it begins."""
        self.parked = state.parked.places()
        """For each parked line (a user, if order is kept): which events wait."""
        self.parked_events = sum(map(len, self.parked.values()))
        self.parked_users = state.parked.users()

    def start(self) -> None:
        """Begin to write what gathers and to hear what others change."""
        loop = asyncio.get_running_loop()

        def hear(method: str, arguments: tuple[Any, ...], result: Any) -> None:
            loop.call_soon_threadsafe(self._hear, method, arguments, result)

        self._state.listen(hear)
        super().start()

    def _hear(self, method: str, arguments: tuple[Any, ...], result: Any) -> None:
        """Somebody else has changed the state: an operator, through another router."""
        if method == "discard" and result is not None:
            self.note_discarded(result[1])
        self.on_foreign(method, arguments)

    # --- what happens to events ---

    def skip(self, transit: Transit, reason: str) -> None:
        """Nothing of the event is for this destination. *reason* is a code, a colon and a detail."""
        self._settle_place(transit.record, "skipped", reason, transit)

    def settle(self, transit: Transit) -> None:
        """All payloads of *transit* are settled: book the outcome. Not for replays."""
        if transit.refused:
            self.kill(transit.record, transit.reason, transit)
        else:
            self.deliver([transit])

    def deliver(self, transits: Sequence[Transit]) -> None:
        """The vendor has all payloads of *transits*. Not for replays."""
        if not transits:
            return
        now = self._clock.now()
        self._count("delivered", "", len(transits))
        self._changes.outcomes += [Outcome(transit.place, "delivered", "", now) for transit in transits]
        self.tally.latencies_s.observe(*[max(0.0, now - transit.record.received_at_s) for transit in transits])
        passed: dict[int, list[int]] = {}
        """By partition: sequences that held the position back."""
        for transit in transits:
            place = transit.place
            if not self._forget(place, transit):
                passed.setdefault(place.partition, []).append(place.sequence)
        for partition, sequences in passed.items():
            self.windows[partition].settle_each(sequences)
            self._note_position(partition)
        self._changed(len(transits))

    def kill(self, record: Record, reason: str, transit: Transit | None = None, events: int = 1) -> None:
        """The event (or *events* sequences from it on) becomes a dead letter."""
        place = Place.of(record)
        attempts = self.tries[place].attempts if place in self.tries else 1 if transit else 0
        noted = self.settled_payloads.get(place, {})  # an earlier run may have noted them
        settled = {key for key, refused in noted.items() if not refused} | (transit.settled if transit else set())
        letter = DeadLetter(record, storable(reason), attempts, self._clock.now(), tuple(sorted(settled)), events)
        self._changes.dead_letters.append(letter)
        self._settle_place(record, "dead", reason, transit, events)

    def lose(self, gap: Gap) -> None:
        """Events that the log can no longer give become one dead letter without content."""
        record = Record(gap.partition, gap.first, "", "", "", "", self._clock.now(), b"")
        self.kill(record, f"log {gap.reason}: events {gap.first} to {gap.last}", events=gap.last - gap.first + 1)

    def _settle_place(self, record: Record, kind: Kind, reason: str, transit: Transit | None, events: int = 1) -> None:
        """The event (or *events* sequences from it on) is no longer under way."""
        place = Place.of(record)
        code = reason.split(":", 1)[0] if kind == "skipped" else ""
        self._count(kind, code, events)
        self._changes.outcomes.append(Outcome(place, kind, storable(reason), self._clock.now()))
        if not self._forget(place, transit):
            self._move(place.partition, place.sequence, place.sequence + events - 1)
        self._changed()

    def _forget(self, place: Place, transit: Transit | None) -> bool:
        """Drop what is noted of an event only while it is under way. Returns whether it was parked: the position is past it
        then."""
        if self.tries:
            self.tries.pop(place, None)
        if self.settled_payloads:
            self.settled_payloads.pop(place, None)
        if transit is None or transit.origin != "parked":
            return False
        self._changes.unpark.append(place)
        self._unpark_one(transit.line, place)
        return True

    def _move(self, partition: int, first: int, last: int) -> None:
        self.windows[partition].settle(first, last)
        self._note_position(partition)

    def _note_position(self, partition: int) -> None:
        self._changes.positions[partition] = self.windows[partition].position

    def settle_payload(self, transit: Transit, key: str, refused: str = "") -> None:
        """The vendor has taken this payload (or *refused* it, for that reason) while others of its event are under way: it is
        not sent again."""
        note = SettledPayload(transit.place, key, storable(refused), transit.job)
        if not note.job:
            self.settled_payloads.setdefault(note.place, {})[key] = note.refused
        self._changes.settled_payloads.append(note)
        self._changed()

    def tried(self, place: Place, began_s: float) -> Tries:
        """One more try of the event at *place* has failed. If it is the first, its retry window began at *began_s* (Unix
        seconds)."""
        before = self.tries.get(place)
        tries = Tries(before.first_s, before.attempts + 1) if before else Tries(began_s, 1)
        self.tries[place] = self._changes.tries[place] = tries
        self._changed()
        return tries

    def move_tries(self, move: Callable[[float], float]) -> None:
        """Move the start of each retry window (Unix seconds) to where *move* says: not all time counts."""
        for place, tries in self.tries.items():
            first_s = move(tries.first_s)
            if first_s != tries.first_s:
                self.tries[place] = self._changes.tries[place] = Tries(first_s, tries.attempts)
                self._changed()

    # --- parking ---

    def park(self, record: Record, reason: str, line: str | None = None) -> None:
        """The event waits in its *line* (None: its user's). It is copied whole, and the position moves on without it."""
        line = record.user_key if line is None else line
        self._changes.park.append((in_line(record, line), storable(reason)))
        self.parked.setdefault(line, set()).add(Place.of(record))
        self.parked_events += 1
        self._move(record.partition, record.sequence, record.sequence)
        self._changed()

    def schedule(self, line: str, user: ParkedUser) -> None:
        """Note when a parked line's turn comes."""
        self.parked_users[line] = self._changes.parked_users[line] = user
        self._changed()

    def _unpark_one(self, line: str, place: Place) -> None:
        self.parked[line].remove(place)
        self.parked_events -= 1
        if not self.parked[line]:
            del self.parked[line]
            self.parked_users.pop(line, None)
            self._changes.parked_users[line] = None

    # --- dead letters tried again, replays, notes ---

    def revive(self, letter: DeadLetter, job: int, reason: str = "") -> None:
        """A dead letter was delivered after all or, with a *reason*, is skipped today. It moves to that column of the books and
        counts as retried."""
        kind: Kind = "skipped" if reason else "delivered"
        self._changes.revived.append(letter.id)
        place, now = Place.of(letter.record), self._clock.now()
        if letter.is_replayed:
            self._count("replayed", "dead", -1)
            self._count("replayed", kind, 1)
            self._count("retried", "replayed", 1)
            self._changes.replayed.append(Replayed(place, job, kind, storable(reason), now))
        else:
            self._count("dead", "", -letter.events)
            self._count("retried", "", letter.events)
            self._count(kind, reason.split(":", 1)[0], letter.events)
            self._changes.outcomes.append(Outcome(place, kind, storable(reason), now))
        self._changed()

    def refuse_again(self, letter: DeadLetter, job: int, reason: str, settled: set[str]) -> None:
        """A dead letter was tried again in vain. *settled* are its payloads that are delivered by now."""
        tried = replace(letter, reason=storable(reason), settled=tuple(sorted(settled)), job=job)
        self._changes.refused_again.append(tried)
        self._changed()

    def replayed(self, transit: Transit, job: int, kind: Kind, reason: str = "") -> None:
        """Book, apart from the rest, what became of an event in a replay. A refused one is a dead letter."""
        reason, now = storable(reason), self._clock.now()
        self._count("replayed", kind, 1)
        self._changes.replayed.append(Replayed(transit.place, job, kind, reason, now))
        if kind == "dead":
            settled = tuple(sorted(transit.settled))
            self._changes.dead_letters.append(
                DeadLetter(transit.record, reason, 1, now, settled, job=job, is_replayed=True)
            )
        self._changed()

    def note_job(self, job: Job) -> None:
        self._changes.jobs[job.id] = job
        self._changed()

    def note(self, key: str, value: str, limit: int = MAX_REASON) -> None:
        """Keep a fact about the destination over restarts, cut at *limit* characters."""
        if key == "disabled_since_s":
            self.disabled_since_s = float(value or 0) or None
        self._changes.meta[key] = storable(value, limit)
        self._changed()

    def note_now(self, notes: Mapping[str, str]) -> None:
        """Keep facts ahead of all that waits to be written. May be called from any thread, while the event loop stands
        still."""
        kept = {key: storable(value) for key, value in notes.items()}
        self._thread.submit(self._state.commit, Changes(meta=kept))

    def count(self, name: str, reason: str = "", number: int = 1) -> None:
        """Count something that is not in the books (replays, warnings)."""
        self._count(name, reason, number)
        self._changed()

    def note_discarded(self, events: int) -> None:
        """Somebody has discarded dead letters of so many *events*, and the state has counted them."""
        self.counts["discarded", ""] += events

    # --- the books ---

    def _count(self, name: str, reason: str, number: int) -> None:
        self.counts[name, reason] += number
        self._changes.counts[name, reason] += number

    def books(self, end: Callable[[int], int]) -> Books:
        """The books. *end* gives the last sequence of a partition of the log."""
        accepted = pending = 0
        for partition, window in self.windows.items():
            last = max(end(partition), window.position)
            accepted += last - self.starts[partition]
            pending += last - window.position - len(window.above)
        return Books(
            accepted=accepted,
            delivered=self._total("delivered"),
            skipped=self._total("skipped"),
            dead=self._total("dead"),
            pending=pending + self.parked_events,
        )

    async def oldest_pending_s(self, log: Log) -> float | None:
        """When the oldest unsettled event was received, in Unix seconds; None if nothing is pending."""
        parked_s = await self.ask(lambda state: state.parked.oldest_s()) if self.parked else None
        return await self.oldest_s(log, parked_s)

    async def oldest_s(self, log: Log, parked_s: float | None) -> float | None:
        """Like `oldest_pending_s`, for a caller that knows when the oldest parked event was received."""
        found = [parked_s]
        for partition, window in self.windows.items():
            records = await log.read(partition, window.position, 1) if window.position < log.end(partition) else []
            found += [record.received_at_s for record in records if isinstance(record, Record)]
        return min((received_s for received_s in found if received_s is not None), default=None)

    def _total(self, name: str) -> int:
        return sum(count for (kind, _), count in self.counts.items() if kind == name)


def storable(text: str, limit: int = MAX_REASON) -> str:
    """*text*, cut and made fit for a database, which would refuse a lone surrogate and everything written with it."""
    return text[:limit].encode("utf-8", "replace").decode() if text else ""

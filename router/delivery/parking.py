"""Parking: lines in which an event waits for another try, with the line's later events behind it.

A line is a user if order is kept: see `router.delivery.order`.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Mapping

from router.clock import Clock
from router.delivery.ledger import Ledger
from router.delivery.order import out_of_line
from router.delivery.pace import Backoff
from router.delivery.signal import Signal
from router.delivery.state.changes import ParkedUser, Place
from router.delivery.transit import Transit
from router.log.record import Record

PARKING_NOTES = ("longest_turn_s",)
"""The longest wait, in seconds, that a vendor has asked for any of the lines that are parked."""
RELEASED_AT_ONCE = 100
"""How many events of a line go back into its lane together once the first one got through."""


class Parking:
    """Which lines are parked, and when their turns come. The events themselves are on disk.

    line in its lane ──Later──▶ parked ──turn──▶ released: the first event alone in the lane
          ▲                       ▲                   │ Later          │ settled
          │                       └───────────────────┘                ▼
          └──── no event left ◀──────────────────────── released: the next events, in order

    Every parked line is either released or has a turn that will come. Turns go by a clock that never jumps.
    """

    def __init__(
        self,
        ledger: Ledger,
        backoff: Backoff,
        clock: Clock,
        chance: random.Random,
        notes: Mapping[str, str | None],
    ) -> None:
        """*notes* are those of the last run."""
        self.changed = Signal(clock)
        self._ledger = ledger
        self._backoff = backoff
        self._clock = clock
        self._chance = chance
        self._released: dict[str, set[Place]] = {}
        """Released lines, each with those of its events that are in the lanes."""
        self._turns: dict[str, float] = {}
        """When the turn comes of each parked line that is not released."""
        self._order: list[tuple[float, str]] = []
        """A heap of turns. An entry that differs from ``_turns`` is out of date."""
        self._away = {line: user.attempts for line, user in ledger.parked_users.items()}
        """How many of a line's attempts say nothing of the event: the vendor was away, or they were before a start."""
        self._longest_s = float(notes.get("longest_turn_s") or 0)
        if self._longest_s and not ledger.parked:
            self._longest_s = 0.0
            ledger.note("longest_turn_s", "")
        now, most_s = clock.now(), max(backoff.max_s, self._longest_s)
        for line in ledger.parked:
            wait_s = ledger.parked_users.get(line, ParkedUser(0, 0)).next_s - now
            self._set_turn(line, min(wait_s, most_s))  # a clock that was set back must not strand anybody

    def park(self, transit: Transit, reason: str) -> None:
        """Write the event down as parked, if it is not already."""
        if transit.origin != "parked":
            transit.origin = "parked"
            self._ledger.park(transit.record, reason, transit.line)

    def attempts(self, line: str) -> int:
        """How often the event at the head of the line has failed since it is there. What makes the destination wait does not
        count."""
        user = self._ledger.parked_users.get(line)
        return user.attempts if user else 0

    def own_attempts(self, line: str) -> int:
        """How often it has been told to wait, once it is told so now. What is refused while its line waits for a turn belongs
        to the last attempt: an event's payloads for endpoints that are independent are sent side by side."""
        return max(1, self._attempts_now(line) - self._away.get(line, 0))

    def _attempts_now(self, line: str) -> int:
        attempts = self.attempts(line)
        return attempts if attempts and line in self._turns else attempts + 1

    def postpone(self, line: str, after_s: float | None, is_away: bool = False) -> None:
        """Set the line's next turn: after *after_s* seconds or, if None, after the back-off for its number of attempts; no
        sooner than a turn that it waits for already. *is_away*: the vendor may have been, and has told it nothing."""
        before, attempts = self.attempts(line), self._attempts_now(line)
        wait_s = after_s or self._backoff.wait_s(attempts, self._chance)
        if attempts == before:
            wait_s = max(wait_s, self._turns[line] - self._clock.monotonic())
        elif is_away:
            self._away[line] = self._away.get(line, 0) + 1
        self._schedule(line, attempts, wait_s)

    def _schedule(self, line: str, attempts: int, wait_s: float) -> None:
        self._released.pop(line, None)
        if not attempts:
            self._away.pop(line, None)
        self._ledger.schedule(line, ParkedUser(self._clock.now() + wait_s if wait_s else 0, attempts))
        if wait_s > max(self._backoff.max_s, self._longest_s):
            self._longest_s = wait_s
            self._ledger.note("longest_turn_s", str(wait_s))
        self._set_turn(line, wait_s)
        self.changed.notify()

    def _set_turn(self, line: str, wait_s: float) -> None:
        turn = self._turns[line] = self._clock.monotonic() + max(0.0, wait_s)
        heapq.heappush(self._order, (turn, line))

    def next_line(self) -> tuple[str | None, float]:
        """The line whose turn comes first (None if there is none), and the seconds until then."""
        while self._order:
            turn, line = self._order[0]
            if self._turns.get(line) == turn:
                if line in self._ledger.parked:
                    return line, max(0.0, turn - self._clock.monotonic())
                del self._turns[line]
                self._away.pop(line, None)
            heapq.heappop(self._order)
        return None, 0.0

    @property
    def turn_s(self) -> float | None:
        """Seconds until the first turn; None if nobody waits for one."""
        line, wait_s = self.next_line()
        return None if line is None else wait_s

    async def release(self, line: str) -> list[Record]:
        """Release the line. Returns the events whose turn it is, in order: the first alone if it failed before, else the next
        ones.

        If an event of the line came to its end in an independent lane meanwhile, what was read from disk is out of date. Then
        nothing is released and the answer is empty.
        """
        limit = 1 if self.attempts(line) > 0 else RELEASED_AT_ONCE
        await self._ledger.flushed()
        found = await self._ledger.ask(lambda state: state.parked.first_of(line, limit))
        places = [Place.of(record) for record in found]
        parked = self._ledger.parked.get(line, set())
        is_due = self._turns.get(line, math.inf) <= self._clock.monotonic()
        if not is_due or places != heapq.nsmallest(len(places), parked, key=lambda place: place.sequence):
            return []
        del self._turns[line]
        self._released[line] = set(places)
        return [out_of_line(record) for record in found]

    def is_released(self, line: str, place: Place) -> bool:
        """Whether it is still this event's turn."""
        return place in self._released.get(line, ())

    def settled(self, line: str, place: Place) -> None:
        """A parked event is settled. If it was the last one released, the turn of the line's next events comes at once."""
        released = self._released.get(line)
        if released is None:
            return  # it was in an independent lane while its line was parked: the turn does not change
        released.discard(place)
        if released:
            return
        if line in self._ledger.parked:
            self._schedule(line, 0, 0.0)
        else:
            del self._released[line]
            self._away.pop(line, None)

"""Parked users: whose events wait for another try, with everything of theirs behind it."""

from __future__ import annotations

import heapq
import math
import random

from router.clock import Clock
from router.delivery.ledger import Ledger
from router.delivery.pace import Backoff
from router.delivery.signal import Signal
from router.delivery.state import ParkedUser, Place
from router.delivery.transit import Transit
from router.log.record import Record

RELEASED_AT_ONCE = 100
"""Events of one user that go back into its lane together, once the first of them got through."""


class Parking:
    """Which users are parked and when their turn comes; the events themselves lie on disk.

    user in its lane ──Later──▶ parked ──turn──▶ released: the first event alone in the lane
          ▲                       ▲                   │ Later          │ settled
          │                       └───────────────────┘                ▼
          └──── no event left ◀──────────────────────── released: the next events, in order

    Every parked user either has a turn that will come or is released. Turns are kept by a clock that never jumps.
    """

    def __init__(self, ledger: Ledger, backoff: Backoff, clock: Clock, chance: random.Random) -> None:
        self.changed = Signal(clock)
        self._ledger = ledger
        self._backoff = backoff
        self._clock = clock
        self._chance = chance
        self._released: dict[str, set[Place]] = {}
        """Users whose events are in the lanes, and which of their events."""
        self._turns: dict[str, float] = {}
        """Parked users that are not released, and when their turn comes."""
        self._order: list[tuple[float, str]] = []
        """A heap of turns; those that ``_turns`` does not confirm are out of date."""
        now = clock.now()
        for user_key in ledger.parked:
            wait_s = ledger.parked_users.get(user_key, ParkedUser(0, 0)).next_s - now
            self._set_turn(user_key, min(wait_s, backoff.max_s))  # a clock that was set back must not strand anybody

    def park(self, transit: Transit, reason: str) -> None:
        """Write the event down as parked, if it is not already."""
        if transit.origin != "parked":
            transit.origin = "parked"
            self._ledger.park(transit.record, reason)

    def postpone(self, user_key: str, after_s: float | None) -> None:
        """The user's turn comes after *after_s* seconds, or after the back-off for so many attempts."""
        before = self._ledger.parked_users.get(user_key)
        attempts = (before.attempts if before else 0) + 1
        self._schedule(user_key, attempts, after_s or self._backoff.wait_s(attempts, self._chance))

    def _schedule(self, user_key: str, attempts: int, wait_s: float) -> None:
        self._released.pop(user_key, None)
        self._ledger.schedule(user_key, ParkedUser(self._clock.now() + wait_s if wait_s else 0, attempts))
        self._set_turn(user_key, wait_s)
        self.changed.notify()

    def _set_turn(self, user_key: str, wait_s: float) -> None:
        turn = self._turns[user_key] = self._clock.monotonic() + max(0.0, wait_s)
        heapq.heappush(self._order, (turn, user_key))

    def next_user(self) -> tuple[str | None, float]:
        """The user whose turn comes first, and the seconds until then."""
        while self._order:
            turn, user_key = self._order[0]
            if self._turns.get(user_key) == turn:
                if user_key in self._ledger.parked:
                    return user_key, max(0.0, turn - self._clock.monotonic())
                del self._turns[user_key]
            heapq.heappop(self._order)
        return None, 0.0

    @property
    def turn_s(self) -> float | None:
        """Seconds until the first turn; None if nobody waits for one."""
        user_key, wait_s = self.next_user()
        return None if user_key is None else wait_s

    async def release(self, user_key: str) -> list[Record]:
        """The events whose turn it is, in order: the first alone if it failed before, else the next ones.

        It may return none, and then nothing has changed: what an independent lane still had of the user came to its end
        meanwhile, so that what was read from disk is out of date.
        """
        user = self._ledger.parked_users.get(user_key)
        limit = 1 if user is not None and user.attempts > 0 else RELEASED_AT_ONCE
        await self._ledger.flushed()
        found = await self._ledger.ask(lambda state: state.parked(user_key, limit))
        places = [Place(record.partition, record.sequence) for record in found]
        parked = self._ledger.parked.get(user_key, set())
        is_due = self._turns.get(user_key, math.inf) <= self._clock.monotonic()
        if not is_due or places != heapq.nsmallest(len(places), parked, key=lambda place: place.sequence):
            return []
        del self._turns[user_key]
        self._released[user_key] = set(places)
        return found

    def settled(self, user_key: str, place: Place) -> None:
        """A parked event is settled; with the last one of those released, the turn of the next ones comes at once."""
        released = self._released.get(user_key)
        if released is None:
            return  # it was in an independent lane while its user was parked: the turn stays as it is
        released.discard(place)
        if released:
            return
        if user_key in self._ledger.parked:
            self._schedule(user_key, 0, 0.0)
        else:
            del self._released[user_key]

"""Parked users: whose events wait for another try, with everything of theirs behind it."""

from __future__ import annotations

import random

from router.clock import Clock
from router.delivery.ledger import Ledger
from router.delivery.pace import Backoff
from router.delivery.signal import Signal
from router.delivery.state import ParkedUser
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
    """

    def __init__(
        self, ledger: Ledger, retry_for_s: float, backoff: Backoff, clock: Clock, chance: random.Random
    ) -> None:
        self.changed = Signal(clock)
        self._ledger = ledger
        self._backoff = backoff
        self._clock = clock
        self._chance = chance
        self._released: dict[str, int] = {}
        """Users with events in the lanes, and how many."""

    def park(self, transit: Transit, reason: str) -> None:
        """Write the event down as parked, if it is not already."""
        if transit.origin != "parked":
            transit.origin = "parked"
            self._ledger.park(transit.record, reason)

    def postpone(self, user_key: str, after_s: float | None) -> None:
        """The user's turn comes after *after_s* seconds, or after the back-off for so many attempts."""
        before = self._ledger.parked_users.get(user_key)
        attempts = (before.attempts if before else 0) + 1
        wait_s = after_s if after_s is not None else self._backoff.wait_s(attempts, self._chance)
        self._released.pop(user_key, None)
        self._ledger.schedule(user_key, ParkedUser(self._clock.now() + wait_s, attempts))
        self.changed.notify()

    def next_user(self) -> tuple[str | None, float]:
        """The user whose turn comes first, and the seconds until then."""
        waiting = {
            user: self._ledger.parked_users.get(user, ParkedUser(0, 0)).next_s
            for user in self._ledger.parked
            if user not in self._released
        }
        if not waiting:
            return None, 0.0
        user_key = min(waiting, key=waiting.__getitem__)
        # Never longer than the longest back-off: a clock that was set back must not strand anybody.
        return user_key, min(max(0.0, waiting[user_key] - self._clock.now()), self._backoff.max_s)

    async def release(self, user_key: str) -> list[Record]:
        """The events whose turn it is, in order: the first alone if it failed before, else the next ones."""
        user = self._ledger.parked_users.get(user_key)
        limit = 1 if user is not None and user.attempts > 0 else RELEASED_AT_ONCE
        await self._ledger.flushed()
        records = await self._ledger.ask(lambda state: state.parked(user_key, limit))
        self._released[user_key] = len(records)
        return records

    def settled(self, user_key: str) -> None:
        """One released event of the user is settled; with the last one, the next ones' turn comes at once."""
        left = self._released.get(user_key, 0) - 1
        if left > 0:
            self._released[user_key] = left
            return
        self._released.pop(user_key, None)
        if user_key in self._ledger.parked:
            self._ledger.schedule(user_key, ParkedUser(0, 0))
        self.changed.notify()

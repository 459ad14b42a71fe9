"""The outages and blocks of a destination: it tells the pace and the operator of them, and keeps them over restarts."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from router.clock import Clock
from router.delivery.ledger import Ledger
from router.delivery.pace import Pace
from router.delivery.retry_windows import RetryWindows
from router.delivery.transit import Transit

PACE_NOTES = ("blocked_since_s", "next_try_s", "wait_s", "reason")
"""`wait_s` is what the vendor asked for, of the wait that ends at `next_try_s`."""


class Outages:
    """The outages and blocks of one worker."""

    def __init__(
        self, pace: Pace, ledger: Ledger, windows: RetryWindows, clock: Clock, notes: Mapping[str, str | None]
    ) -> None:
        """*windows* stand still while the destination is blocked. *notes* are those of the last run."""
        self._delivered: float | None = None
        """When the vendor was last seen well, by the clock that never jumps."""
        self._pace = pace
        self._ledger = ledger
        self._windows = windows
        self._clock = clock
        self._is_noted = bool(notes.get("blocked_since_s") or notes.get("next_try_s"))
        """The notes on disk say that the destination waits. Other workers may share the pace and know better."""
        self._logger = structlog.get_logger().bind(destination=ledger.name)
        self._restore(notes)

    def _restore(self, notes: Mapping[str, str | None]) -> None:
        now, wall = self._clock.monotonic(), self._clock.now()
        next_try = notes.get("next_try_s")
        if self._windows.still_since_s is not None:
            self._pace.blocked(now, notes.get("reason") or "")
            self._pace.until = now  # a restart may bring a corrected credential: probe at once
        elif next_try and float(next_try) > wall:
            asked_s = min(float(next_try) - wall, float(notes.get("wait_s") or 0))  # the clock may have been set back
            # A restart may bring a corrected address: without being asked to wait, try at once.
            self._pace.wait_out(now, notes.get("reason") or "", asked_s)

    def fail(self, reason: str, after_s: float | None) -> None:
        """A flight failed for a reason that concerns the whole destination, so it waits."""
        now = self._clock.monotonic()
        wait_s = self._pace.outage(now, reason, after_s)
        if not self._pace.is_blocked:
            self._is_noted = True
            self._ledger.note("next_try_s", str(self._clock.now() + wait_s))
            self._ledger.note("wait_s", str(self._pace.asked_s(now)))
            self._ledger.note("reason", reason)
        self._ledger.count("outages")
        if self._pace.told == "going":
            self._pace.told = "throttled"
            self._logger.warning("destination is failing, it waits", reason=reason, wait_s=round(wait_s, 1))

    def block(self, reason: str) -> None:
        """The vendor refuses the destination itself."""
        if self._windows.still_since_s is None:
            self._windows.stop()
            self._is_noted = True
            self._ledger.note("blocked_since_s", str(self._windows.still_since_s))
            self._ledger.note("reason", reason)
        if self._pace.told != "blocked":
            self._pace.told = "blocked"
            self._logger.error(
                "destination is blocked: nothing is lost, correct its settings and reload (SIGHUP)", reason=reason
            )
        self._pace.blocked(self._clock.monotonic(), reason)

    def end(self) -> None:
        """The vendor is well."""
        self._delivered = self._clock.monotonic()
        if self._windows.still_since_s is not None:
            self._ledger.note("blocked_since_s", "")
        self._windows.go_on()
        was_going = self._pace.is_going
        self._pace.delivered(self._delivered)
        if not self._pace.is_going:
            return  # the vendor asked for quiet, and that is noted
        if self._is_noted:
            self._is_noted = False
            for name in PACE_NOTES:
                self._ledger.note(name, "")
        if not was_going:
            self._logger.info("destination delivers again")

    def has_delivered_since_it_failed(self, transit: Transit) -> bool:
        """Whether the vendor was well at some time after the event's first failure."""
        return self._delivered is not None and self._windows.began_before(transit, self._delivered)

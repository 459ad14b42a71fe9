"""The halt: keeps a worker away from a plugin that misbehaves, and later lets it try again.

What the halt stops waits where it is: in the log, in the lanes, among the parked events or in a replay. Another thread reports
a hang, since everything else stands still then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from router.clock import Clock
from router.delivery.conduct import Conduct, Part, next_wait_s
from router.delivery.ledger import Ledger
from router.delivery.signal import Signal
from router.guard import Guard
from router.plugin import Action

HANG_NOTES = ("hang_until_s", "hang_wait_s", "hang_reason")
"""What is noted of a hang over restarts: a router restarted because of one must not run into the same call at once."""


class Halt:
    """One per worker. While it `is_on`, nothing may call the plugin, except to judge answers under way."""

    def __init__(
        self,
        guard: Guard,
        ledger: Ledger,
        clock: Clock,
        notes: Mapping[str, str | None],
        go_on: Callable[[float], None],
    ) -> None:
        """*go_on* is called with the seconds a halt took when it is over."""
        self._guard = guard
        self._ledger = ledger
        self._clock = clock
        self._notes = {name: notes.get(name) or "" for name in HANG_NOTES}
        self._go_on = go_on
        self._conduct = Conduct()
        self._changed = Signal(clock)
        self._logger = structlog.get_logger().bind(destination=guard.destination, plugin=guard.slug)
        guard.on_held_up = self._held_up
        self._restore()

    @property
    def is_on(self) -> bool:
        return self._conduct.is_stopped

    @property
    def reason(self) -> str:
        return f"plugin {self._guard.slug}: {self._conduct.reason}"

    @property
    def wait_s(self) -> float:
        """Seconds until it is over. Only while it is on."""
        return max(0.0, self._conduct.until - self._clock.monotonic())

    async def run(self) -> None:
        """For ever: end each halt when its time is up."""
        while True:
            if not self.is_on:
                await self._changed.wait()
            elif self.wait_s > 0:
                await self._changed.wait(self.wait_s)
            else:
                self.end()

    def end(self) -> None:
        """End a halt, if it is on, and let the plugin try again: its time is up, or the operator says so."""
        if not self.is_on:
            return
        now = self._clock.monotonic()
        self._conduct.go_on(now)
        self._logger.info("the plugin is tried again")
        self._changed.notify()
        self._go_on(now - self._conduct.stopped_at)

    # --- what the plugin does ---

    def failed(self, part: Part, reason: str) -> None:
        """An event became a dead letter because of the plugin."""
        self._tell(self.is_on, self._conduct.failed(part, reason, self._clock.monotonic()))

    def worked(self, part: Part) -> None:
        """An event got through."""
        if self._conduct.worked(part):
            self._logger.info("the plugin works again")

    def _held_up(self, what: Any, seconds: float, is_broken_off: bool) -> None:
        part: Part = "mapping" if isinstance(what, Action) else "sending"
        label = self._guard.label(what)
        if is_broken_off:
            self._ledger.count("stuck_calls")
            self._logger.warning(
                "a call into the plugin took too long and was broken off", call=label, lasted_s=seconds
            )
        self._tell(self.is_on, self._conduct.held_up(part, seconds, label, self._clock.monotonic()))

    def _tell(self, was_on: bool, is_on: bool) -> None:
        if is_on and not was_on:
            self._ledger.count("halts")
            self._logger.error(
                "the destination is stopped because its plugin misbehaves; its events wait in the log. Correct the plugin and "
                "restart; to try it sooner, reload (SIGHUP)",
                reason=self._conduct.reason,
                wait_s=round(self.wait_s),
            )
            self._changed.notify()

    # --- a hang ---

    def note_hang(self, call: str) -> None:
        """A call can't be broken off. Called from another thread. Written down for the next run, ahead of all that waits."""
        now = self._clock.now()
        last_until, last_wait = (float(self._notes[name] or 0) for name in HANG_NOTES[:2])
        wait_s = next_wait_s(last_wait, now - last_until)
        values = (str(now + wait_s), str(wait_s), f"{call} did not come back, and could not be broken off")
        self._notes = dict(zip(HANG_NOTES, values, strict=True))
        self._ledger.note_now(self._notes)

    def forget_hang(self) -> None:
        """The operator wants another try: let the next run begin as if nothing had happened."""
        if self._notes["hang_until_s"]:
            self._notes = dict.fromkeys(HANG_NOTES, "")
            for name in HANG_NOTES:
                self._ledger.note(name, "")

    def _restore(self) -> None:
        until, wait, reason = (self._notes[name] for name in HANG_NOTES)
        left_s = min(float(until or 0) - self._clock.now(), float(wait or 0))  # the clock may have been set back
        if left_s > 0:
            part: Part = "mapping" if reason.startswith("action") else "sending"
            self._conduct.stop(part, f"before the restart, {reason}", float(wait), left_s, self._clock.monotonic())
            self._tell(False, True)

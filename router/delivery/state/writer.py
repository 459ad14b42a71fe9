"""The writer of a destination's state, in a thread of its own.

Changes gather in memory and are written together: one fsync for all that came in while the last one ran. `flushed` returns
when they are on disk. While the disk takes nothing, changes wait in memory; a caller that makes many of them looks at
`unwritten` first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from router.clock import Clock
from router.delivery.signal import Signal
from router.delivery.state.changes import Changes
from router.delivery.state.state import State, StateTaken
from router.log.room import NO_RESERVE, Reserve

_T = TypeVar("_T")

RETRY_COMMIT_S = 1.0
GATHER_S = 0.05
STUCK_S = 3.0
"""After refusing writes for this long, a disk is reported by `StateWriter.broken`."""
HANG_S = 5.0
"""So is a disk that has been busy with a single write for this long."""


class RoomKept(Exception):
    """What is left of a full disk is for the positions of all destinations."""

    def __str__(self) -> str:
        return "the disk is full, and has no more room for dead letters and parked events"


class StateWriter:
    """See the module's docstring. Call its methods from the event loop.

    What is to be written a subclass puts into ``_changes``; then it calls `_changed`.
    """

    def __init__(
        self, name: str, state: State, clock: Clock, reserve: Reserve = NO_RESERVE, hang_s: float = HANG_S
    ) -> None:
        """*reserve* is spent if the disk has no room for a change. A write that takes longer than *hang_s* counts as hung."""
        self.name = name
        self._state = state
        self._clock = clock
        self._reserve = reserve
        self._hang_s = hang_s
        # A thread of its own: questions to the state never meet, and no destination waits for another whose disk hangs.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"state of {name}")
        self._changes = Changes()
        self.made = 0
        """Changes made since the start."""
        self._written = 0
        self.written_positions: dict[int, int] = {}
        """The positions on disk. What lies above them is still needed from the log, whatever is settled in memory."""
        self._is_waited_for = False
        self._is_closing = self._is_taken = False
        self.on_taken: Callable[[], None] = lambda: None
        """Called when another router delivers now, so that nothing more can be written."""
        self._writer: asyncio.Task[None] | None = None
        self._writing_since: float | None = None
        self._failing_since: float | None = None
        self._work = Signal(clock)
        self._hurry = Signal(clock)
        self._stop = Signal(clock)
        self._done = Signal(clock)
        self._log = structlog.get_logger().bind(destination=name)

    def _changed(self, changes: int = 1) -> None:
        self.made += changes
        self._work.notify()

    @property
    def unwritten(self) -> int:
        """Changes that wait in memory to be written."""
        return self.made - self._written

    @property
    def broken(self) -> list[str]:
        """What is stuck, if anything: the writer has ended, or the disk has taken nothing for a while."""
        if self._writer is not None and self._writer.done() and not (self._is_closing or self._is_taken):
            return [self._writer.get_name()]
        now, failing, writing = self._clock.monotonic(), self._failing_since, self._writing_since
        if failing is not None and now - failing > STUCK_S:
            return [f"ledger {self.name}: the state can't be written"]
        if writing is not None and now - writing > self._hang_s:
            return [f"ledger {self.name}: a write of the state hangs"]
        return []

    async def flushed(self) -> None:
        """Return when everything booked before this call is on disk."""
        target = self.made
        self._is_waited_for = True
        self._hurry.notify()
        while self._written < target:
            await self._done.wait()

    def start(self) -> None:
        """Begin to write what gathers."""
        self._writer = asyncio.create_task(self._write(), name=f"ledger {self.name}")

    async def _write(self) -> None:
        while True:
            while not self._changes:
                if self._is_closing:
                    return
                await self._work.wait()
            if not self._is_waited_for and not self._is_closing:
                await self._hurry.wait(GATHER_S)  # nobody waits: let more gather
            changes, self._changes = self._changes, Changes()
            target = self.made
            self._is_waited_for = False
            if not await self._commit(changes):
                return
            self.written_positions |= changes.positions
            self._written = target
            self._done.notify()

    async def _commit(self, changes: Changes) -> bool:
        """Write *changes*, trying until the disk takes them: nothing may be sent on the strength of what isn't written.

        Returns:
            False if another router delivers now, or if the ledger is closing and the disk still takes nothing. What is not
            written is read from the log again.
        """
        told = ""  # the last error logged: a full disk repeats the same one
        while True:
            try:
                await self.ask(lambda state: self._write_now(state, changes))
            except StateTaken:
                self._log.warning("another router delivers by now, this one stops")
                self._is_taken = True
                self.on_taken()
                return False
            except Exception as error:
                if not self._state.is_away(error):
                    self._failing_since = self._failing_since or self._clock.monotonic()
                if self._is_closing:
                    self._log.error("state can't be written, what is not in it will be sent again", error=str(error))
                    return False
                if str(error) != told:
                    told = str(error)
                    self._log.error("state can't be written, delivery waits for it", error=told)
                await self._stop.wait(RETRY_COMMIT_S)
            else:
                if told:
                    self._log.info("state can be written again, delivery goes on")
                self._failing_since = None
                return True

    def _write_now(self, state: State, changes: Changes) -> None:
        """Runs in the state's thread, so that time spent on an earlier question does not count as a slow write."""
        self._writing_since = self._clock.monotonic()
        try:
            copied = changes.copied_bytes
            if copied and not self._reserve.has_room_for(copied) and state.reusable_bytes() < copied:
                raise RoomKept
            state.commit(changes)
        except Exception as error:
            if not (state.has_no_room(error) and self._reserve.spend()):
                raise
            self._log.error("the disk is full; the reserve is spent, so that what was accepted can be settled")
            state.commit(changes)
        finally:
            self._writing_since = None

    async def ask(self, question: Callable[[State], _T]) -> _T:
        """Run *question* against the state, in the state's thread, after all earlier questions."""
        loop = asyncio.get_running_loop()
        # Once begun it is finished, even if nobody waits for the answer any more.
        return await asyncio.shield(loop.run_in_executor(self._thread, question, self._state))

    def abandon(self) -> None:
        """Write nothing more, and close the state after a write under way, without waiting for that."""
        self._is_closing = True
        if self._writer is not None:
            self._writer.cancel()
        self._thread.submit(self._state.close)
        self._thread.shutdown(wait=False)

    async def close(self) -> None:
        """Write what is left and close the state."""
        self._is_closing = True
        for signal in (self._work, self._hurry, self._stop):
            signal.notify()
        if self._writer is not None:
            await self._writer
        await self.ask(lambda state: state.close())
        self._thread.shutdown(wait=False)

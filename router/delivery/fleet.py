"""The fleet: all destinations of a log, started, replaced and stopped as the config says. It knows what they need of the
log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from router.clock import PATIENCE_S, Clock
from router.delivery.assignment import Assignment
from router.delivery.berth import Berth
from router.delivery.decoder import Decoder
from router.delivery.jumps import Jumps
from router.delivery.rounds import Rounds
from router.delivery.sharing.claim import Claim, Claimed
from router.delivery.sharing.repeats import Repeats
from router.delivery.state.opening import PastTheEnd, open_ledger
from router.delivery.state.state import StateUnusable
from router.delivery.state.states import States
from router.delivery.unknown_names import UnknownNames
from router.delivery.unknown_sources import UnknownSources
from router.delivery.watchdog import Glance
from router.delivery.way import Ways
from router.delivery.worker import Worker
from router.errors import OperatorError
from router.guard import PluginFailed
from router.integrations import DestinationNames
from router.log.interface import Engine
from router.log.room import NO_RESERVE, Reserve
from router.unless import unless

_LOGGER = structlog.get_logger()


class PluginUnusable(OperatorError):
    """The plugin can't be loaded, or has no address or no limits for these settings. Concerns one destination alone."""


class Fleet:
    """Starts and stops workers. Call `apply` whenever the config changes."""

    def __init__(
        self,
        log: Engine,
        states: States,
        clock: Clock,
        chance: random.Random,
        reserve: Reserve = NO_RESERVE,
        ways: Ways | None = None,
        claim: Claim | None = None,
        repeats: Repeats | None = None,
        on_taken: Callable[[], None] = lambda: None,
        rounds: Rounds | None = None,
    ) -> None:
        """*reserve* is spent if the disk has no room for a change of a state.

        The other arguments are for a log that several routers share. Nothing is sent without a good *claim*. *on_taken* is
        called when another router turns out to have it. All fleets of this process share *ways* and *rounds*. *repeats*
        recognises an event that another router stored first.
        """
        self._log = log
        self._states = states
        self._clock = clock
        self._jumps = Jumps(clock)
        self._began_s = clock.monotonic()
        self._chance = chance
        self._reserve = reserve
        self._ways = ways or Ways(clock, chance)
        self._claim = claim
        self._repeats = repeats
        self._on_taken = on_taken
        self._rounds = rounds or Rounds()
        self._decoder = Decoder()
        self.berths: dict[str, Berth] = {}
        self.problems: dict[str, str] = {}
        """Destinations that could not start, and why. `retry` tries them again."""
        self._assignments: Sequence[Assignment] = ()
        self._elsewhere: Sequence[DestinationNames] = ()
        self._applying = asyncio.Lock()
        self._landing: dict[asyncio.Task[None], Berth] = {}
        """The berths that are landing, by the task that lands them. A landing goes on even if nobody waits for it."""
        self._over = asyncio.Event()
        self.unknown_names = UnknownNames(log.end)
        self.unknown_sources = UnknownSources()

    async def apply(self, assignments: Sequence[Assignment], elsewhere: Sequence[DestinationNames] = ()) -> None:
        """Make the fleet what *assignments* say: changed destinations land their flights, then start anew.

        A destination whose state or plugin is unusable is left out and noted in ``problems``; all others work. One that was
        stopped because of its plugin is tried again. *elsewhere* are the names of destinations that another process delivers
        to.

        Raises:
            OperatorError: a state does not fit this log or this program. All other destinations work all the same.
        """
        async with self._applying:
            self._assignments = tuple(assignments)
            self._elsewhere = tuple(elsewhere)
            self._decoder.forget()
            self._forgive()
            await self._apply()

    async def retry(self, assignments: Sequence[Assignment] = ()) -> None:
        """Try again to start the destinations that could not start, according to *assignments* if there are any; those of all
        others are as before. Raises as `apply` does."""
        async with self._applying:
            if self.problems:
                self._assignments = tuple(assignments) or self._assignments
                await self._apply()

    def _forgive(self) -> None:
        """Let every plugin that was stopped try again: now, or in the next worker if the destination starts anew."""
        for berth in self.berths.values():
            if berth.worker is not None:
                berth.worker.halt.forget_hang()
                if berth.assignment in self._assignments:
                    berth.worker.halt.end()

    async def _apply(self) -> None:
        if self._over.is_set():
            return
        self._follow_clock()
        wanted = {assignment.name: assignment for assignment in self._assignments}
        names = (*(each.destination.names for each in self._assignments), *self._elsewhere)
        self.unknown_names.configure(self._log.partitions, names)
        for assignment in self._assignments:
            self.unknown_sources.configure(assignment.destination.sources.known)  # all say the same
        leaving = [name for name, berth in self.berths.items() if not berth.is_as(wanted.get(name))]
        await asyncio.gather(*(self._leave(name) for name in leaving))
        before, self.problems = self.problems, {}
        unfit: list[str] = []
        try:
            for name, assignment in wanted.items():
                if name in self.berths or self._over.is_set():
                    continue
                try:
                    await self._enter(assignment, wanted)
                except OperatorError as error:
                    if not isinstance(error, StateUnusable | PluginUnusable):
                        unfit.append(str(error))
                    self._note_problem(name, str(error), before, reason=str(error))
                except Exception as error:  # whatever it is, it concerns this destination alone and is tried again
                    if name in self.berths:
                        await self._leave(name)
                    self._note_problem(name, f"{type(error).__name__}: {error}", before, exc_info=error)
                else:
                    if name in before:
                        _LOGGER.info("destination starts after all", destination=name)
        finally:
            self._start_workers()
        if unfit:
            raise OperatorError("\n".join(unfit))

    def _start_workers(self) -> None:
        """All at the end: backlogs of the first would hold up the opening of the others, and with it that of the gateway."""
        for berth in self.berths.values():
            if berth.worker is not None and not berth.worker.is_started and not self._over.is_set():
                berth.worker.start()

    def _note_problem(self, name: str, problem: str, before: Mapping[str, str], **facts: Any) -> None:
        """Log a problem once, not at every try."""
        self.problems[name] = problem
        if before.get(name) != problem:
            _LOGGER.error("destination can't start; the log keeps its events", destination=name, **facts)

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Stop all destinations for good, side by side, within about *deadline_s* seconds.

        An `apply` under way starts nothing more. What it has begun to stop is waited for.
        """
        self.end()
        earlier = map(asyncio.shield, self._landing)
        await asyncio.gather(*earlier, *(self._leave(name, deadline_s) for name in list(self.berths)))
        async with self._applying:
            pass

    def end(self) -> None:
        """Start nothing from now on. `stop` or `abandon` does the rest."""
        self._over.set()

    def cut(self) -> None:
        """Break off everything under way at once: another router delivers, or is about to. `abandon` does the rest."""
        self.end()
        for berth in (*self.berths.values(), *self._landing.values()):
            if berth.worker is not None:
                berth.worker.cut()

    async def abandon(self) -> None:
        """Stop all destinations for good, and write nothing more."""
        self.end()
        async with self._applying:  # so that what was about to start is stopped too
            self.cut()
            berths, self.berths = list(self.berths.values()), {}
            self._assignments = ()
            for berth in berths:
                if berth.worker is not None:
                    await berth.worker.stop(0.0)
                berth.ledger.abandon()
                if berth.way is not None:
                    await self._ways.give_back(berth.way)

    def _leave(self, name: str, deadline_s: float = 10.0) -> asyncio.Future[None]:
        """Take the destination out of ``berths`` at once, so that nobody else does. The future is done when it has landed."""
        berth = self.berths.pop(name)
        landing = asyncio.create_task(self._land(berth, deadline_s), name=f"landing of {name}")
        self._landing[landing] = berth
        landing.add_done_callback(self._landing.pop)
        return asyncio.shield(landing)  # flights land and positions are saved, even if nobody waits for it any more

    async def _land(self, berth: Berth, deadline_s: float) -> None:
        if berth.worker is not None:
            await berth.worker.stop(deadline_s)
        await berth.ledger.close()
        if berth.way is not None:
            await self._ways.give_back(berth.way)

    async def _enter(self, assignment: Assignment, wanted: Collection[str]) -> None:
        open_state = partial(open_ledger, assignment, self._states, self._log, self._clock, self._reserve, wanted)
        try:
            ledger, notes = await asyncio.to_thread(open_state)
        except PastTheEnd:  # another router knows of events that are not known here yet
            await self._log.look()
            ledger, notes = await asyncio.to_thread(open_state)
        ledger.on_taken = self._on_taken
        try:
            if self._repeats is not None:
                for partition, position in ledger.written_positions.items():
                    # It may wait for a cluster to come back.
                    await unless(self._over, self._repeats.read_back(self._log, partition, position))
        except BaseException:
            ledger.abandon()
            raise
        if self._over.is_set():
            ledger.abandon()
            return
        berth = self.berths[assignment.name] = Berth.of(assignment, ledger, notes)
        ledger.start()
        if not assignment.is_enabled:
            if ledger.disabled_since_s is None:
                ledger.note("disabled_since_s", str(self._clock.now()))
            return
        ledger.note("disabled_since_s", "")
        try:
            if assignment.obstacle:
                raise PluginFailed(assignment.obstacle)
            # The assignment's destination, without what this partition remembers: all partitions share one way.
            berth.way = self._ways.take(
                assignment.destination, assignment.options, assignment.timeout_s, assignment.connect_timeout_s
            )
            berth.worker = Worker(
                berth.destination,
                self._log,
                ledger,
                berth.way.send if self._claim is None else Claimed(berth.way.send, self._claim),
                berth.way.outlet,
                assignment.options,
                self._clock,
                self._chance,
                notes,
                self._decoder,
                self.unknown_names,
                self.unknown_sources,
                self._repeats.is_repeat if self._repeats else None,
                self._rounds,
            )
        except PluginFailed as error:
            await self._leave(assignment.name)
            raise PluginUnusable(str(error)) from error

    # --- what is still needed of the log ---

    def needed_from(self) -> dict[int, int]:
        """Per partition: the first sequence that is still needed by an enabled destination, or by one within its hold, as far
        as the ``max_backlog`` of each goes.

        An event that is settled but not yet written down is still needed: after a crash it is read again. Of a destination that
        is changing or could not start, only the disk knows its place, so all is needed that it may have. The answer is empty
        once another router delivers.
        """
        if self._over.is_set():
            return {}
        self._follow_clock()
        # For an hour after a start every hold goes on: the clock may have been set meanwhile.
        is_patient = self._clock.monotonic() - self._began_s < PATIENCE_S
        needed = {partition: self._log.end(partition) + 1 for partition in self._log.partitions}
        for assignment in self._assignments:
            berth = self.berths.get(assignment.name)
            if berth is not None and berth.worker is not None:  # gives up by itself what is beyond its bound
                places = berth.ledger.written_positions
            elif berth is None or is_patient or berth.is_held(self._clock.now()):
                positions = berth.ledger.written_positions if berth else {}
                beyond = partial(self._log.sequence_at_backlog, max_bytes=assignment.max_backlog_bytes)
                places = {partition: max(positions.get(partition, 0), beyond(partition)) for partition in needed}
            else:
                berth.give_up()
                continue
            for partition, position in places.items():
                needed[partition] = min(needed[partition], position + 1)
        return needed

    def _follow_clock(self) -> None:
        jump_s = self._jumps.take()
        if jump_s:
            for berth in self.berths.values():
                berth.follow_clock(jump_s)

    # --- how they are doing ---

    def note_hang(self, name: str, call: str) -> None:
        """A call into the destination's plugin can't be broken off. Called from another thread; see `Halt.note_hang`."""
        berth = self.berths.get(name)
        if berth is not None and berth.worker is not None:
            berth.worker.halt.note_hang(call)

    def glances(self) -> dict[str, Glance]:
        """For the watchdog: how each destination at work is doing."""
        return {
            name: berth.worker.glance(berth.way.send.longest_s)
            for name, berth in self.berths.items()
            if berth.worker is not None and berth.worker.is_started and berth.way is not None
        }

    @property
    def broken(self) -> list[str]:
        """Tasks that should run but do not."""
        return [task for berth in self.berths.values() if berth.worker for task in berth.worker.broken]

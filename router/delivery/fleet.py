"""The fleet: all destinations of a log, started, replaced and stopped as the config says. It knows what they need of the
log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from router.clock import PATIENCE_S, Clock
from router.delivery.assignment import Assignment
from router.delivery.berth import Berth
from router.delivery.jumps import Jumps
from router.delivery.openings import Openings
from router.delivery.outfitter import Outfitter
from router.delivery.rounds import Rounds
from router.delivery.sending.http_send import MOST_EXCHANGES
from router.delivery.sharing.claim import Claim
from router.delivery.sharing.repeats import Repeats
from router.delivery.state.state import StateUnusable
from router.delivery.state.states import States
from router.delivery.unknown_names import UnknownNames
from router.delivery.unknown_sources import UnknownSources
from router.delivery.watchdog import Glance
from router.delivery.way import Ways
from router.errors import OperatorError
from router.guard import PluginFailed
from router.integrations import DestinationNames
from router.log.interface import Engine
from router.log.room import NO_RESERVE, Reserve
from router.unless import unless

APPLY_S: Final = 10.0
"""How long a start or a reload waits for destinations that take their time. They go on by themselves."""

RETRY_S: Final = 1.0
"""The same of a `Fleet.retry`. A stop waits for it."""

LANDED_S: Final = 10.0
"""How long what is under way at a change may take in any case, until its outcome is on disk."""

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
        self._clock = clock
        self._jumps = Jumps(clock)
        self._began_s = clock.monotonic()
        self._ways = ways or Ways(clock, chance)
        self.unknown_names = UnknownNames(log.end)
        self.unknown_sources = UnknownSources()
        self._openings = Openings(self._start_workers)
        self._outfitter = Outfitter(
            log,
            states,
            clock,
            chance,
            reserve,
            self._ways,
            claim,
            repeats,
            on_taken,
            rounds or Rounds(),
            self.unknown_names,
            self.unknown_sources,
            self._openings,
        )
        self.berths: dict[str, Berth] = {}
        self._former: dict[str, Berth] = {}
        """The last berths of wanted destinations that have none: they change, or can't start any more."""
        self.problems: dict[str, str] = {}
        """Destinations that could not start, and why. `retry` tries them again."""
        self._assignments: Sequence[Assignment] = ()
        self._elsewhere: Sequence[DestinationNames] = ()
        self._wanted: Mapping[str, Assignment] = {}
        """The assignments by name."""
        self._applying = asyncio.Lock()
        self._entering: dict[str, asyncio.Task[None]] = {}
        """The tasks that bring in the destinations that are wanted and have no berth, by name."""
        self._opening: dict[str, asyncio.Task[None]] = {}
        """Those of their parts that open a state. They too go on even if nobody waits."""
        self._landing: dict[asyncio.Task[None], Berth] = {}
        """The berths that are landing, by the task that lands them. A landing goes on even if nobody waits for it."""
        self._late: set[str] = set()
        """Those of both that were told of."""
        self._hurried: set[str] = set()
        """Destinations whose last worker has left something waiting."""
        self._unfit: dict[str, str] = {}
        """Destinations whose state does not fit this log or this program, and why."""
        self._over = asyncio.Event()

    async def apply(self, assignments: Sequence[Assignment], elsewhere: Sequence[DestinationNames] = ()) -> None:
        """Make the fleet what *assignments* say: changed destinations land their flights, then start anew, each by itself.

        A destination whose state or plugin is unusable is left out and noted in ``problems``; all others work. One that was
        stopped because of its plugin is tried again. *elsewhere* are the names of destinations that another process delivers
        to.

        Raises:
            OperatorError: a state does not fit this log or this program, or a request that was under way still is after
                `APPLY_S`. All other destinations work all the same.
        """
        async with self._applying:
            self._assignments = tuple(assignments)
            self._elsewhere = tuple(elsewhere)
            self._outfitter.decoder.forget()
            self._forgive()
            self._begin({})
            # Once it is over all of them go on, but nobody waits here any more: a stop would wait for that.
            await unless(self._over, _wait_for({*self._landing, *self._entering.values()}, APPLY_S))
            if problems := [*self._unfit.values(), *self._tell_of_late()]:
                raise OperatorError("\n".join(problems))

    async def retry(self, assignments: Sequence[Assignment] = ()) -> None:
        """Try again to start the destinations that could not start, according to *assignments* if there are any; those of all
        others are as before. Without, it leaves that to a change that is under way.

        Raises:
            OperatorError: a state does not fit this log or this program.
        """
        if self._applying.locked() and not assignments:
            return
        async with self._applying:
            if self.problems:
                self._assignments = tuple(assignments) or self._assignments
                await _wait_for(self._begin(self.problems), RETRY_S)
                if self._unfit:
                    raise OperatorError("\n".join(self._unfit.values()))

    def _forgive(self) -> None:
        """Let every plugin that was stopped try again: now, or in the next worker if the destination starts anew."""
        for berth in self.berths.values():
            if berth.worker is not None:
                berth.worker.halt.forget_hang()
                if berth.assignment in self._assignments:
                    berth.worker.halt.end()

    def _begin(self, problems: Mapping[str, str]) -> set[asyncio.Task[None]]:
        """Begin to do what the assignments say. Returns the tasks that bring in destinations. *problems* are those that are
        still true until it turns out otherwise."""
        if self._over.is_set():
            return set()
        self._follow_clock()
        wanted = self._wanted = {assignment.name: assignment for assignment in self._assignments}
        names = (*(each.destination.names for each in self._assignments), *self._elsewhere)
        self.unknown_names.configure(self._log.partitions, names)
        for assignment in self._assignments:
            self.unknown_sources.configure(assignment.destination.sources.known)  # all say the same
        for name in [name for name, berth in self.berths.items() if not berth.is_as(wanted.get(name))]:
            self._leave(name)
        self._former = {name: berth for name, berth in self._former.items() if name in wanted}
        before, self._unfit = self.problems, {}
        self.problems = {name: problem for name, problem in problems.items() if name in wanted}
        coming = {
            name: asyncio.create_task(self._bring(name, before.get(name, "")), name=f"entering of {name}")
            for name in wanted
            if name not in self.berths and name not in self._entering
        }
        self._entering |= coming
        return set(coming.values())

    def _tell_of_late(self) -> list[str]:
        """Tell of destinations that are not done yet. Returns a sentence for each that may still send what it would have sent
        before."""
        if self._over.is_set():
            return []
        landing = {berth.assignment.name for berth in self._landing.values()}
        self._late = landing | self._entering.keys()
        for name in sorted(self._late):
            _LOGGER.warning(
                "a destination takes long to start or to change; until that is done its events wait. The others go on",
                destination=name,
                waits_for="requests under way" if name in landing else "its state to be opened",
            )
        return [f"{name}: its requests that are under way have not ended yet" for name in sorted(landing)]

    async def _bring(self, name: str, before: str) -> None:
        """Give the destination the berth that is wanted, whatever that is by the time. *before*: why that failed last time."""
        ends = {partition: self._log.end(partition) for partition in self._log.partitions}
        try:
            while not self._over.is_set():
                assignment, berth = self._wanted.get(name), self.berths.get(name)
                if berth is not None and not berth.is_as(assignment):
                    await self._leave(name)
                    continue
                if assignment is None or berth is not None:
                    return
                if in_the_way := self._in_the_way_of(assignment):
                    await asyncio.wait(in_the_way)
                elif not await self._has_entered(assignment, ends, before):
                    return
        finally:
            del self._entering[name]

    async def _has_entered(self, assignment: Assignment, ends: Mapping[int, int], before: str) -> bool:
        """Enter, and start if nothing else is wanted by now. False if that has failed, and nothing else is wanted."""
        name = assignment.name
        opening = self._opening[name] = asyncio.create_task(self._enter(assignment, ends), name=f"opening of {name}")
        try:
            await opening
        except Exception as error:  # whatever it is, it concerns this destination alone and is tried again
            if name in self.berths:
                await self._leave(name)
            if self._wanted.get(name) is not assignment:
                return True
            self._note_problem(name, error, before)
            return False
        finally:
            del self._opening[name]
        self.problems.pop(name, None)
        berth = self.berths.get(name)
        if berth is None or not berth.is_as(self._wanted.get(name)):
            return True
        if before or name in self._late:
            self._late.discard(name)
            _LOGGER.info("destination starts after all", destination=name)
        if not self._openings.has_line:
            self._start_workers()
        return True

    def _in_the_way_of(self, assignment: Assignment) -> set[asyncio.Task[None]]:
        """Whoever has its state, also under its former name, and is about to let go of it."""
        name, former = assignment.name, assignment.formerly
        names = {name} if former is None or former in self._wanted else {name, former}
        if former in names and former in self.berths:
            self._leave(former)
        landing = {task for task, berth in self._landing.items() if berth.assignment.name in names}
        return landing | {task for name, task in self._opening.items() if name in names}

    def _start_workers(self) -> None:
        """All at the end of the line: backlogs of the first would hold up the opening of the others."""
        for berth in self.berths.values():
            if berth.worker is not None and not berth.worker.is_started and not self._over.is_set():
                berth.worker.start()

    def _note_problem(self, name: str, error: Exception, before: str) -> None:
        """Log a problem once, not at every try."""
        facts: Mapping[str, object] = {"reason": str(error)}
        problem = str(error)
        if not isinstance(error, OperatorError):
            facts, problem = {"exc_info": error}, f"{type(error).__name__}: {error}"
        elif not isinstance(error, StateUnusable | PluginUnusable):
            self._unfit[name] = problem
        self.problems[name] = problem
        self._late.discard(name)
        if before != problem:
            _LOGGER.error("destination can't start; the log keeps its events", destination=name, **facts)

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Stop all destinations for good, side by side, within about *deadline_s* seconds.

        An `apply` under way starts nothing more. What it has begun to stop is waited for, for as long.
        """
        self.end()
        earlier = [berth.worker.stop(deadline_s) for berth in self._landing.values() if berth.worker is not None]
        for name in list(self.berths):
            self._leave(name, deadline_s)
        await asyncio.gather(*earlier, *map(asyncio.shield, self._landing))
        await _wait_for(self._entering.values(), deadline_s)  # a state that opens later is let go of at once

    def end(self) -> None:
        """Start nothing from now on. `stop` or `abandon` does the rest."""
        self._over.set()

    def cut(self) -> None:
        """Break off everything under way at once: another router delivers, or is about to. `abandon` does the rest."""
        self.end()
        for berth in self._at_work:
            if berth.worker is not None:
                berth.worker.cut()

    async def abandon(self) -> None:
        """Stop all destinations for good, and write nothing more."""
        self.cut()
        if under_way := {*self._landing, *self._entering.values()}:
            await asyncio.wait(under_way)  # so that what was about to start is stopped too
        berths, self.berths = list(self.berths.values()), {}
        self._assignments = ()
        for berth in berths:
            if berth.worker is not None:
                await berth.worker.stop(0.0)
            berth.ledger.abandon()
            if berth.way is not None:
                await self._ways.give_back(berth.way)

    def _leave(self, name: str, deadline_s: float | None = None) -> asyncio.Future[None]:
        """Take the destination out of ``berths`` at once, so that nobody else does. The future is done when it has landed:
        after *deadline_s* at the latest; if that is None, after as long as its requests may take."""
        berth = self.berths.pop(name)
        if name in self._wanted:
            self._former[name] = berth
        landing = asyncio.create_task(self._land(berth, deadline_s), name=f"landing of {name}")
        self._landing[landing] = berth
        landing.add_done_callback(self._landing.pop)
        return asyncio.shield(landing)  # flights land and positions are saved, even if nobody waits for it any more

    async def _land(self, berth: Berth, deadline_s: float | None) -> None:
        if berth.worker is not None:
            if deadline_s is None:  # what is broken off is sent again, and may have been taken
                longest_s = berth.way.send.longest_s if berth.way is not None else 0.0
                deadline_s = max(LANDED_S, MOST_EXCHANGES * longest_s)
            await berth.worker.stop(deadline_s)
            if berth.worker.waiting:
                self._hurried.add(berth.assignment.name)
        await berth.ledger.close()
        if berth.way is not None:
            await self._ways.give_back(berth.way)

    async def _enter(self, assignment: Assignment, ends: Mapping[int, int]) -> None:
        """*ends*: where the log ended, by partition, when the change began; a new destination begins there."""
        opened = await self._outfitter.open(assignment, ends, self._wanted.keys(), self._over)
        if opened is None:
            return
        ledger, notes = opened
        berth = self.berths[assignment.name] = Berth.of(assignment, ledger, notes)
        if (former := self._former.pop(assignment.name, None)) is not None:
            ledger.tally = former.ledger.tally
        ledger.start()
        if not assignment.is_enabled:
            if ledger.disabled_since_s is None:
                ledger.note("disabled_since_s", str(self._clock.now()))
            return
        ledger.note("disabled_since_s", "")
        try:
            worker = self._outfitter.equip(berth, notes)
        except PluginFailed as error:
            await self._leave(assignment.name)
            raise PluginUnusable(str(error)) from error
        if assignment.name in self._hurried:
            self._hurried.remove(assignment.name)
            worker.hurry()

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

    @property
    def shown(self) -> Mapping[str, Berth]:
        """The berth of each destination that has had one, or its last one while it has none, which knows its counts."""
        return {**self._former, **self.berths}

    def note_hang(self, name: str, call: str) -> None:
        """A call into the destination's plugin can't be broken off. Called from another thread; see `Halt.note_hang`."""
        for berth in self._at_work:
            if berth.assignment.name == name and berth.worker is not None:
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
        """Tasks that should run but do not, and states that can't be written."""
        return [task for berth in self._at_work if berth.worker for task in berth.worker.broken]

    @property
    def _at_work(self) -> list[Berth]:
        """All berths, and those that are landing."""
        return [*self.berths.values(), *self._landing.values()]


async def _wait_for(tasks: Collection[asyncio.Task[None]], within_s: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=within_s)

"""The fleet: all destinations of a log, started, replaced and stopped as the config says. It knows what they need of the
log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from router.clock import PATIENCE_S, Clock
from router.delivery.assignment import Assignment
from router.delivery.berth import LEFT_OUT_BY, Berth
from router.delivery.claim import Claim, Claimed
from router.delivery.decoder import Decoder
from router.delivery.jumps import Jumps
from router.delivery.ledger import Ledger
from router.delivery.repeats import Repeats
from router.delivery.rounds import Rounds
from router.delivery.state import Changes, State, StateUnusable, telling_trouble
from router.delivery.states import States
from router.delivery.unknown_names import UnknownNames
from router.delivery.unknown_sources import UnknownSources
from router.delivery.watchdog import Glance
from router.delivery.way import Ways
from router.delivery.worker import NOTES, Worker
from router.destination import Destination
from router.errors import OperatorError
from router.guard import PluginFailed
from router.integrations import DestinationNames
from router.log.interface import Engine
from router.log.room import NO_RESERVE, Reserve
from router.unless import unless

_LOGGER = structlog.get_logger()


class PluginUnusable(OperatorError):
    """The plugin can't be loaded, or has no address or no limits for these settings. Concerns one destination alone."""


class PastTheEnd(OperatorError):
    """The position of a destination is past the end of the log, as far as that is known here."""


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
        try:
            ledger, notes = await asyncio.to_thread(self._open, assignment, wanted)
        except PastTheEnd:  # another router knows of events that are not known here yet
            await self._log.look()
            ledger, notes = await asyncio.to_thread(self._open, assignment, wanted)
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
        destination, options = self._with_memory(assignment.destination, ledger, notes), assignment.options
        berth = self.berths[assignment.name] = Berth(
            assignment, ledger, destination, is_noted_blocked=bool(notes["blocked_since_s"])
        )
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
                assignment.destination, options, assignment.timeout_s, assignment.connect_timeout_s
            )
            berth.worker = Worker(
                destination,
                self._log,
                ledger,
                berth.way.send if self._claim is None else Claimed(berth.way.send, self._claim),
                options,
                self._clock,
                self._chance,
                notes,
                self.unknown_names,
                self.unknown_sources,
                self._decoder,
                berth.way.outlet,
                self._repeats.is_repeat if self._repeats else None,
                self._rounds,
            )
        except PluginFailed as error:
            await self._leave(assignment.name)
            raise PluginUnusable(str(error)) from error

    def _open(self, assignment: Assignment, wanted: Collection[str]) -> tuple[Ledger, dict[str, str | None]]:
        """Open the destination's state and find its place in the log. Returns its ledger and the notes of the last run."""
        former = assignment.formerly
        if former and former not in wanted and self._states.has(former) and self._states.has(assignment.name):
            _LOGGER.warning(
                "what is kept under the former name is not taken over: something is kept under the new one already. To take it "
                "over, remove the destination from the config and reload, run router destinations forget, and put it back",
                destination=assignment.name,
                formerly=former,
            )
        state = self._states.take(assignment.name, former, wanted)
        try:
            with telling_trouble(state):
                for partition in self._log.partitions:
                    self._find_place(state, partition, assignment.starts_at_beginning)
                disabled_since = state.meta("disabled_since_s")
                # Time spent disabled does not count for the retry windows. In a block it need not be taken out here: the whole
                # block is, once it is over.
                if assignment.is_enabled and disabled_since and not state.meta("blocked_since_s"):
                    spent_s = max(0.0, self._clock.now() - float(disabled_since))
                    tries = {
                        place: replace(each, first_s=each.first_s + spent_s) for place, each in state.tries().items()
                    }
                    # At once: a start may take several tries, and the time counts once.
                    state.commit(Changes(tries=tries, meta={"disabled_since_s": ""}))
                notes = {name: state.meta(name) for name in (*NOTES, LEFT_OUT_BY)}
                ledger = Ledger(assignment.name, state, self._clock, self._reserve)
        except BaseException:
            state.close()
            raise
        ledger.on_taken = self._on_taken
        return ledger, notes

    def _with_memory(self, destination: Destination, ledger: Ledger, notes: Mapping[str, str | None]) -> Destination:
        """*destination*, still left out by sources that left it out before they went from the config: the log may hold their
        events."""
        noted = notes[LEFT_OUT_BY] or ""
        sources = destination.sources.recall(frozenset(noted.split()))
        names = " ".join(sorted(sources.never))
        if names != noted:
            ledger.note(LEFT_OUT_BY, names, limit=len(names))
        return destination if sources == destination.sources else replace(destination, sources=sources)

    def _find_place(self, state: State, partition: int, starts_at_beginning: bool) -> None:
        end = self._log.end(partition)
        state.add_partition(partition, self._log.start(partition) - 1 if starts_at_beginning else end)
        furthest = state.furthest(partition)
        if furthest > end:
            raise PastTheEnd(
                f"{state.label}: the position {furthest} is past the end of the log ({end}). The log is older than the state: "
                "restore both from the same backup, or move the state file away to start this destination anew from the end of "
                "the log."
            )

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
        needed = {partition: self._log.end(partition) + 1 for partition in self._log.partitions}
        for assignment in self._assignments:
            berth = self.berths.get(assignment.name)
            if berth is not None and berth.worker is not None:  # gives up by itself what is beyond its bound
                places = berth.ledger.written_positions
            elif berth is None or self._is_held(berth):
                positions = berth.ledger.written_positions if berth else {}
                places = {
                    partition: max(positions.get(partition, 0), self._bound(assignment, partition))
                    for partition in needed
                }
            else:
                self._give_up(berth)
                continue
            for partition, position in places.items():
                needed[partition] = min(needed[partition], position + 1)
        return needed

    def _bound(self, assignment: Assignment, partition: int) -> int:
        """The last sequence that is beyond what the destination may hold of the log."""
        return self._log.sequence_at_backlog(partition, assignment.max_backlog_bytes)

    def _give_up(self, berth: Berth) -> None:
        """Tell, once, that the log keeps nothing more for a disabled destination."""
        if not berth.is_given_up:
            berth.is_given_up = True
            _LOGGER.warning(
                "the hold of a disabled destination is over: the log keeps its events no longer",
                destination=berth.assignment.name,
                hold_s=berth.assignment.hold_s,
            )

    def _follow_clock(self) -> None:
        """When the wall clock was set, move the starts of holds and the retry windows of disabled destinations along with it.
        A block needs no help: none of its time counts."""
        jump_s = self._jumps.take()
        if not jump_s:
            return
        for berth in self.berths.values():
            ledger = berth.ledger
            if ledger.disabled_since_s is None:
                continue
            ledger.note("disabled_since_s", str(ledger.disabled_since_s + jump_s))
            if not berth.is_noted_blocked:
                ledger.move_tries(lambda first_s: first_s + jump_s)

    def _is_held(self, berth: Berth) -> bool:
        """Whether the log keeps a disabled destination's place. It does for an hour after a start: the clock may have been set
        meanwhile."""
        since = berth.ledger.disabled_since_s
        is_patient = self._clock.monotonic() - self._began_s < PATIENCE_S
        return since is None or is_patient or self._clock.now() - since < berth.assignment.hold_s

    def note_hang(self, name: str, call: str) -> None:
        """A call into the destination's plugin can't be broken off. Called from another thread; see `Halt.note_hang`."""
        berth = self.berths.get(name)
        if berth is not None and berth.worker is not None:
            berth.worker.halt.note_hang(call)

    def glances(self) -> dict[str, Glance]:
        """For the watchdog: how each destination at work is doing."""
        return {
            name: berth.worker.glance(berth.assignment.timeout_s)
            for name, berth in self.berths.items()
            if berth.worker is not None
        }

    @property
    def broken(self) -> list[str]:
        """Tasks that should run but do not."""
        return [task for berth in self.berths.values() if berth.worker for task in berth.worker.broken]

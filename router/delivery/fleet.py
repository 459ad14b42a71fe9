"""All destinations at work: started, replaced and stopped as the config says; and what of the log they still need."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from router.clock import Clock
from router.delivery.decoder import Decoder
from router.delivery.ledger import Ledger
from router.delivery.send import HttpSend, Send
from router.delivery.state import State, StateUnusable, unusable
from router.delivery.unknown_names import UnknownNames
from router.delivery.watchdog import Glance
from router.delivery.worker import NOTES, DeliveryOptions, Worker
from router.destination import Destination
from router.errors import OperatorError
from router.guard import PluginFailed
from router.integrations import DestinationNames
from router.log.interface import Log
from router.log.lock import Held, Lock
from router.log.room import NO_RESERVE, Reserve, is_no_room

_LOGGER = structlog.get_logger()


@dataclass(frozen=True)
class Assignment:
    """One destination as the config wants it. Two that are equal need no restart."""

    destination: Destination
    options: DeliveryOptions = DeliveryOptions()
    timeout_s: float = 10.0
    connect_timeout_s: float = 5.0
    is_enabled: bool = True
    starts_at_beginning: bool = False
    formerly: str | None = None
    hold_s: float = 7 * 86_400.0
    max_backlog_bytes: int = 10_000_000_000

    @property
    def name(self) -> str:
        return self.destination.name


@dataclass(slots=True)
class Berth:
    """A destination's place in the fleet: its files and connections, and its worker while it is enabled."""

    assignment: Assignment
    ledger: Ledger
    lock: Lock
    send: Send | None = None
    worker: Worker | None = None


class PluginUnusable(OperatorError):
    """The plugin has no address or no limits for these settings: the trouble of one destination, and of no other."""


class Fleet:
    """Starts and stops workers. `apply` may be called again and again with what the config says by then."""

    def __init__(
        self, log: Log, directory: Path, clock: Clock, chance: random.Random, reserve: Reserve = NO_RESERVE
    ) -> None:
        """*directory* holds one state file a destination. *reserve* is spent where there is no room for one of them."""
        self._log = log
        self._directory = directory
        self._clock = clock
        self._chance = chance
        self._reserve = reserve
        self._decoder = Decoder()
        self._logger = structlog.get_logger()
        self.berths: dict[str, Berth] = {}
        self.problems: dict[str, str] = {}
        """Destinations that could not start, and why; `retry` tries them again."""
        self._assignments: Sequence[Assignment] = ()
        self._elsewhere: Sequence[DestinationNames] = ()
        self._applying = asyncio.Lock()
        self.unknown_names = UnknownNames(log.end)

    async def apply(self, assignments: Sequence[Assignment], elsewhere: Sequence[DestinationNames] = ()) -> None:
        """Make the fleet what *assignments* say: changed destinations land their flights, then start anew.

        *elsewhere* are the names of destinations that another process delivers to. One whose state or plugin is unusable is
        left out, in ``problems``; all others are at work. One that was stopped because of its plugin is tried again.

        Raises:
            OperatorError: states that fit neither this log nor this program. All others are at work here too.
        """
        async with self._applying:
            self._assignments = tuple(assignments)
            self._elsewhere = tuple(elsewhere)
            self._forgive()
            await self._apply()

    async def retry(self) -> None:
        """Start those that could not start, if they can by now. Raises as `apply` does."""
        async with self._applying:
            if self.problems:
                await self._apply()

    def _forgive(self) -> None:
        """Let every plugin that was stopped try again; where the destination starts anew, its next worker does."""
        for berth in self.berths.values():
            if berth.worker is not None:
                berth.worker.halt.forget_hang()
                if berth.assignment in self._assignments:
                    berth.worker.halt.end()

    async def _apply(self) -> None:
        wanted = {assignment.name: assignment for assignment in self._assignments}
        names = (*(each.destination.names for each in self._assignments), *self._elsewhere)
        self.unknown_names.configure(self._log.partitions, names)
        leaving = [name for name, berth in self.berths.items() if wanted.get(name) != berth.assignment]
        await asyncio.gather(*(self._leave(name) for name in leaving))
        before, self.problems = self.problems, {}
        unfit: list[str] = []
        for name, assignment in wanted.items():
            if name in self.berths:
                continue
            try:
                await self._enter(assignment, wanted)
            except OperatorError as error:
                self.problems[name] = str(error)
                if not isinstance(error, StateUnusable | PluginUnusable):
                    unfit.append(str(error))
                if before.get(name) != str(error):
                    _LOGGER.error(
                        "destination can't start; the log keeps its events", reason=str(error), destination=name
                    )
            else:
                if name in before:
                    _LOGGER.info("destination starts after all", destination=name)
        if unfit:
            raise OperatorError("\n".join(unfit))

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Stop all, side by side, within about *deadline_s* seconds."""
        await asyncio.gather(*(self._leave(name, deadline_s) for name in list(self.berths)))

    async def _leave(self, name: str, deadline_s: float = 10.0) -> None:
        berth = self.berths.pop(name)
        if berth.worker is not None:
            await berth.worker.stop(deadline_s)
        await berth.ledger.close()
        berth.lock.release()
        if isinstance(berth.send, HttpSend):
            await berth.send.close()

    async def _enter(self, assignment: Assignment, wanted: Collection[str]) -> None:
        ledger, lock, notes = await asyncio.to_thread(self._open, assignment, wanted)
        berth = self.berths[assignment.name] = Berth(assignment, ledger, lock)
        ledger.start()
        if not assignment.is_enabled:
            if ledger.disabled_since_s is None:
                ledger.note("disabled_since_s", str(self._clock.now()))
            return
        ledger.note("disabled_since_s", "")
        destination, options = assignment.destination, assignment.options
        try:
            berth.send = HttpSend(
                destination.origins,
                assignment.timeout_s,
                options.concurrency + 1,
                self._clock,
                assignment.connect_timeout_s,
            )
            berth.worker = Worker(
                destination,
                self._log,
                ledger,
                berth.send,
                options,
                self._clock,
                self._chance,
                notes,
                self.unknown_names,
                self._decoder,
            )
        except PluginFailed as error:
            await self._leave(assignment.name)
            raise PluginUnusable(str(error)) from error
        berth.worker.start()

    def _open(self, assignment: Assignment, wanted: Collection[str]) -> tuple[Ledger, Lock, dict[str, str | None]]:
        """The ledger over the destination's state file, its place in the log found; its lock; the notes of an earlier run."""
        path = self.state_path(assignment.name)
        lock = _lock(path)
        try:
            if assignment.formerly and not path.exists():
                self._rename(assignment.formerly, path, wanted)
            return self._open_ledger(path, assignment, lock)
        except BaseException:
            lock.release()
            raise

    def _open_ledger(
        self, path: Path, assignment: Assignment, lock: Lock
    ) -> tuple[Ledger, Lock, dict[str, str | None]]:
        state = self._open_state(path)
        try:
            for partition in self._log.partitions:
                self._find_place(state, partition, assignment.starts_at_beginning)
            disabled_since = state.meta("disabled_since_s")
            if assignment.is_enabled and disabled_since:  # time spent disabled does not count for the retry windows
                state.shift_tries(max(0.0, self._clock.now() - float(disabled_since)))
            notes = {name: state.meta(name) for name in NOTES}
            return Ledger(assignment.name, state, self._clock, self._reserve), lock, notes
        except BaseException as error:
            state.close()
            if isinstance(error, sqlite3.Error):
                raise unusable(path, error) from error
            raise

    def _open_state(self, path: Path) -> State:
        """Open it; a disk without room for the files that SQLite works with is no reason not to settle what is accepted."""
        try:
            return State.open(path, self._log.id)
        except OperatorError as error:
            cause = error.__cause__
            if cause is None or not is_no_room(cause, path.parent) or not self._reserve.spend():
                raise
            return State.open(path, self._log.id)

    def _find_place(self, state: State, partition: int, starts_at_beginning: bool) -> None:
        end = self._log.end(partition)
        state.add_partition(partition, self._log.start(partition) - 1 if starts_at_beginning else end)
        furthest = state.furthest(partition)
        if furthest > end:
            raise OperatorError(
                f"{state.path}: the position {furthest} is past the end of the log ({end}). The log is older than the state: "
                "restore both from the same backup, or move the state file away to start this destination anew from the end of "
                "the log."
            )

    def _rename(self, formerly: str, path: Path, wanted: Collection[str]) -> None:
        """Take over the state of a destination that was renamed."""
        old = self.state_path(formerly)
        if not old.exists():
            return
        if formerly in wanted:
            raise OperatorError(
                f'{path}: "formerly: {formerly}" names a destination that is still in the config. Remove one of the two: '
                "a state belongs to one destination."
            )
        lock = _lock(old)
        try:
            State.open(
                old, self._log.id
            ).close()  # SQLite folds its -wal file into the file: one rename is all or nothing
            old.rename(path)
        finally:
            lock.release()

    def state_path(self, name: str) -> Path:
        return self._directory / f"{name}.sqlite"

    # --- what is still needed of the log ---

    def needed_from(self) -> dict[int, int]:
        """Per partition: the first sequence that an enabled destination, or one within its hold, still needs.

        What is settled but not yet on disk is still needed: a crash would ask for it again. Nothing is said of any partition
        while a destination is changing, or could not start: its place is on disk alone, and all may be needed.
        """
        if any(assignment.name not in self.berths for assignment in self._assignments):
            return {}
        needed = {partition: self._log.end(partition) + 1 for partition in self._log.partitions}
        for berth in self.berths.values():
            if berth.worker is None and not self._is_held(berth):
                continue
            for partition, position in berth.ledger.written_positions.items():
                needed[partition] = min(needed[partition], position + 1)
        return needed

    def _is_held(self, berth: Berth) -> bool:
        since = berth.ledger.disabled_since_s
        return since is None or self._clock.now() - since < berth.assignment.hold_s

    def note_hang(self, name: str, call: str) -> None:
        """A call into the plugin of that destination can't be broken off. Called in another thread; see `Halt.note_hang`."""
        berth = self.berths.get(name)
        if berth is not None and berth.worker is not None:
            berth.worker.halt.note_hang(call)

    def glances(self) -> dict[str, Glance]:
        """For the watchdog: what is seen of each destination at work."""
        return {
            name: berth.worker.glance(berth.assignment.timeout_s)
            for name, berth in self.berths.items()
            if berth.worker is not None
        }

    @property
    def broken(self) -> list[str]:
        """Tasks that should run and don't."""
        return [task for berth in self.berths.values() if berth.worker for task in berth.worker.broken]


def files_of(path: Path) -> list[Path]:
    """A state file and what lies beside it: the files of SQLite, the lock."""
    return [*(path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")), _lock_path(path)]


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _lock(path: Path) -> Lock:
    """One process at a time delivers to a destination; two would not know what the other has sent."""
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        return Lock.take_file(_lock_path(path))
    except Held as held:
        raise StateUnusable(
            f"{path}: another process ({held.holder}) delivers to this destination. It ends with its router, or stop it."
        ) from None
    except OSError as error:
        raise StateUnusable(f"{path}: can't be locked ({error}). Make room, or mend the disk.") from error

"""The state of one destination as a file, `var/destinations/NAME.sqlite`: one writer, and one transaction per change."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from router.delivery.state.changes import Changes, Job, JobKind, Outcome, Place, Replayed
from router.delivery.state.job_table import JobTable
from router.delivery.state.letter_table import LetterTable
from router.delivery.state.letters import Choice
from router.delivery.state.note_table import NoteTable
from router.delivery.state.outcome_table import OutcomeTable
from router.delivery.state.parked_table import ParkedTable
from router.delivery.state.replay_table import ReplayTable
from router.delivery.state.schema import SCHEMA_VERSION, upgrade
from router.delivery.state.state import Earlier, Erasure, Hear, StateUnusable
from router.errors import OperatorError
from router.log.connections import connect_to_read
from router.log.lock import Lock
from router.log.room import is_no_room
from router.suppressed import Suppressed

_WAL_PAGES: Final = 250
"""Pages of 4 kB in the write-ahead log, before they move into the file. SQLite's own 1,000 are no faster, and take four times
as much of a full disk."""
GROWS_BY_BYTES: Final = 2_000_000
"""What a state grows by while a million events are settled: 1 MB is the write-ahead log."""
ERASED_AT_ONCE: Final = 10_000
"""Dead letters that are looked through in one transaction when people are erased. Events wait for it, some 50 ms."""
_MOST: Final = 2**63 - 1
"""The highest id that SQLite gives out."""


class StateOlder(OperatorError):
    """An older program wrote the file, and a reader does not bring it up to date. There is nothing wrong with it."""


class StateFile:
    """A `State` in a file. Open it with `StateFile.open`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path
        self.label = str(path)
        self.lock: Lock | None = None
        """Released with the file."""
        self.letters = LetterTable(connection)
        self.parked = ParkedTable(connection)
        self.notes = NoteTable(connection)
        self._jobs = JobTable(connection)
        self._outcomes = OutcomeTable(connection)
        self._replays = ReplayTable(connection)

    @classmethod
    def open(cls, path: Path, log_id: str, *, read_only: bool = False, upgrades: bool = True) -> StateFile:
        """Open the state file of a destination, or make it. A file of an older program is brought up to date, if it *upgrades*.

        Raises:
            OperatorError: a newer program wrote it, or it belongs to another log.
            StateUnusable: it is damaged, or the disk refuses.
            StateOlder: an older program wrote it, and it is opened *read_only* or not brought up to date.
        """
        connection = None
        try:
            connection = _connect(path, read_only)
            state = cls(connection, path)
            state._check(log_id, upgrades and not read_only)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error | UnicodeDecodeError):
                raise unusable(path, error) from error
            raise
        return state

    def _check(self, log_id: str, upgrades: bool) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise OperatorError(
                f"{self.path}: has schema version {version}, this program knows {SCHEMA_VERSION}. Run the newer program."
            )
        if version < SCHEMA_VERSION and upgrades:
            self._upgrade(version, log_id)
        elif version < SCHEMA_VERSION:
            raise StateOlder(
                f"{self.path}: has schema version {version}, of an older program. Start the router with this destination in "
                "its config: it brings it up to date."
            )
        found = self.meta("log_id")
        if found != log_id:
            raise OperatorError(
                f"{self.path}: its positions are of log {found}, but the log in this data directory is {log_id}. "
                "Restore the log they belong to, or move the state file away to start the destination anew from the end of the "
                "log."
            )

    def _upgrade(self, version: int, log_id: str) -> None:
        """Make a new file, or bring an older one up to date: all or nothing."""
        with self._transaction():
            upgrade(self._connection, version)
            if version == 0:
                self._connection.execute("INSERT INTO meta VALUES ('log_id', ?)", (log_id,))

    def _is_within(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction. One inside another is part of it."""
        if self._is_within():
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._is_within():
                self._connection.execute("ROLLBACK")
            raise

    def fold(self) -> None:
        """Move everything from the write-ahead log into the file itself, as closing its last connection would.

        Raises:
            StateUnusable: another program has the file open, or there is no room.
        """
        try:
            (is_busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise unusable(self.path, error) from error
        if is_busy:
            raise StateUnusable(f"{self.path}: can't be renamed, for it is open in another program. Close that one.")

    def close(self) -> None:
        """See `State.close`."""
        self._connection.close()
        if self.lock is not None:
            self.lock.release()

    def listen(self, hear: Hear) -> None:
        """There is nothing to hear: while a router runs, everybody else changes the file through the router."""

    def catch_up(self) -> None:
        """The file is all there is."""

    # --- writing ---

    def commit(self, changes: Changes) -> None:
        """Write *changes* durably.

        Raises:
            sqlite3.OperationalError: no space or a failing disk; nothing was written, try again.
        """
        run = self._connection.executemany
        with self._transaction():
            run("UPDATE positions SET position = ? WHERE partition = ?", [(s, p) for p, s in changes.positions.items()])
            self._outcomes.add(changes.outcomes)
            self.notes.change(changes)
            self.parked.change(changes)
            self.letters.add(changes.dead_letters)
            self.letters.remove(changes.revived)
            self.letters.update(changes.refused_again)
            self._replays.add(changes.replayed)
            run(
                "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(name, reason, count) for (name, reason), count in changes.counts.items()],
            )
            self._jobs.update(changes.jobs.values())
            run("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(changes.meta.items()))

    def _forget_notes_of_ended_jobs(self) -> None:
        """Their dead letters keep what is delivered."""
        self.letters.note_delivered(self.notes.forget_ended_jobs())

    def add_partition(self, partition: int, start: int) -> None:
        """See `State.add_partition`."""
        self._connection.execute("INSERT OR IGNORE INTO positions VALUES (?, ?, ?)", (partition, start, start))

    def has_no_room(self, error: Exception) -> bool:
        """See `State.has_no_room`."""
        return is_no_room(error, self.path.parent)

    def reusable_bytes(self) -> int:
        """See `State.reusable_bytes`."""
        [pages], [page_bytes] = (
            self._connection.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size")
        )
        return int(pages) * int(page_bytes)

    def is_away(self, error: Exception) -> bool:
        """Never: the disk is part of this machine."""
        return False

    def trouble(self, error: BaseException) -> StateUnusable | None:
        """See `State.trouble`."""
        return unusable(self.path, error) if isinstance(error, sqlite3.Error) else None

    def shift_tries(self, seconds: float) -> None:
        """Move the retry windows forward. Only journals written by an older program contain this operation."""
        self.notes.shift_tries(seconds)

    def forget_outcomes(self, partition: int, before: int) -> None:
        """See `State.forget_outcomes`."""
        _, position = self.positions().get(partition, (0, 0))
        before = min(before, position + 1)
        with self._transaction():
            self._outcomes.forget(partition, before)
            self._replays.forget(partition, before)

    def discard(self, choice: Choice, limit: int = 1_000) -> tuple[int, int]:
        """See `State.discard`."""
        with self._transaction():
            letters, events = self.letters.delete(choice, limit)
            self._connection.execute(
                "INSERT INTO counts VALUES ('discarded', '', ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                (events,),
            )
        return letters, events

    def erase(self, suppressed: Suppressed, buried: Set[int] = frozenset(), after: int = 0) -> Erasure:
        """See `State.erase`. What is erased is overwritten in the file, too."""
        with self._transaction():
            last = self.letters.id_after(after, ERASED_AT_ONCE)
            letters, events, words = self._erase_letters(suppressed, after, _MOST if last is None else last)
            if last is None:
                words |= self._erase_words(buried)
            names = self._jobs.erase_reasons(words)
            if last is not None:
                return Erasure(letters, events, 0, is_overwritten=True, looked_through=last, job_reasons=names)
            parked = self.parked.erase(suppressed)
            self.notes.erase(parked, buried)
        (is_busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return Erasure(letters, events, len(parked), is_overwritten=not is_busy, job_reasons=names)

    def _erase_letters(self, suppressed: Suppressed, after: int, last: int) -> tuple[int, int, set[str]]:
        """Returns how many there were, of how many events outside of replays, and what was said of them."""
        found = self.letters.of(suppressed, after, last)
        if not found:
            return 0, 0, set()
        words = {reason for *_, reason in found} | self._erase_words({sequence for _, sequence, *_ in found})
        return *self.discard(Choice(ids=[id for id, *_ in found]), len(found)), words

    def _erase_words(self, sequences: Set[int]) -> set[str]:
        """Forget why the events with these *sequences* are dead. Returns what it was."""
        return self._outcomes.erase_reasons(sequences) | self._replays.erase_reasons(sequences)

    def add_job(self, kind: JobKind, spec: dict[str, Any], total: int, made_s: float) -> Job:
        """See `State.add_job`."""
        with self._transaction():
            self._forget_notes_of_ended_jobs()  # a crash may have left some of a cancelled one
            return self._jobs.add(kind, spec, total, made_s)

    def cancel_job(self, id: int) -> bool:
        """See `State.cancel_job`."""
        with self._transaction():
            is_cancelled = self._jobs.cancel(id)
            self._forget_notes_of_ended_jobs()
        return is_cancelled

    # --- reading ---

    def damage(self) -> list[str]:
        """What SQLite finds wrong with the file. Slow."""
        try:
            lines = [line for (line,) in self._connection.execute("PRAGMA quick_check(10)")]
        except sqlite3.Error as error:
            return [str(unusable(self.path, error))]
        return [f"{self.path}: {' '.join(line.split())}" for line in lines if line != "ok"]

    def reach(self) -> int:
        """The last sequence, in any partition, that this state knows of."""
        return max((self.furthest(partition) for partition in self.positions()), default=0)

    def meta(self, key: str) -> str | None:
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def positions(self) -> dict[int, tuple[int, int]]:
        """See `State.positions`."""
        rows = self._connection.execute("SELECT partition, start, position FROM positions")
        return {partition: (start, position) for partition, start, position in rows}

    def settled_above_position(self) -> dict[int, set[int]]:
        """See `State.settled_above_position`."""
        return {
            partition: self._outcomes.above(partition, position) | self.parked.above(partition, position)
            for partition, (_, position) in self.positions().items()
        }

    def furthest(self, partition: int) -> int:
        """See `State.furthest`."""
        _, position = self.positions().get(partition, (0, 0))
        return max(position, self.parked.furthest(partition), self._outcomes.furthest(partition))

    def counts(self) -> Counter[tuple[str, str]]:
        return Counter(
            {(name, reason): count for name, reason, count in self._connection.execute("SELECT * FROM counts")}
        )

    def outcome(self, place: Place) -> Outcome | None:
        return self._outcomes.among(place.partition, place.sequence, place.sequence).get(place.sequence)

    def earlier(self, partition: int, first: int, last: int) -> dict[int, Earlier]:
        """See `State.earlier`."""
        span = (partition, first, last)
        found: dict[int, Earlier] = {sequence: each.kind for sequence, each in self._outcomes.among(*span).items()}
        replays = self._replays.among(*span)
        found |= {sequence: each.kind for sequence, each in replays.items() if found.get(sequence) != "delivered"}
        _, position = self.positions().get(partition, (0, 0))
        found |= dict.fromkeys(set(range(max(first, position + 1), last + 1)) - found.keys(), "pending")
        found |= dict.fromkeys(self.parked.among(*span), "pending")
        return found | dict.fromkeys(self.letters.among(*span), "dead letter")

    def done_by(self, job: int, partition: int, first: int, last: int) -> set[int]:
        """Which of the events *first* to *last* (both included) that replay has done."""
        return {sequence for sequence, each in self._replays.among(partition, first, last).items() if each.job == job}

    def replayed(self, place: Place) -> Replayed | None:
        """What became of the event in the last replay that sent it."""
        return self._replays.among(place.partition, place.sequence, place.sequence).get(place.sequence)

    def jobs(self, state: str | None = None, id: int | None = None) -> list[Job]:
        """See `State.jobs`."""
        return self._jobs.find(state, id)


def unusable(path: Path, error: Exception) -> StateUnusable:
    """What to tell an operator when SQLite can't work with a state file."""
    if isinstance(error, sqlite3.OperationalError):
        # No space, no permission: to advise moving the file away would lose what is in it.
        return StateUnusable(
            f"{path}: the state of this destination can't be opened ({error}). Check the free space and the permissions of "
            "its directory."
        )
    return StateUnusable(
        f"{path}: the state of this destination can't be read ({error}). Move the file away to start the destination anew "
        "from the end of the log, or restore it from a backup."
    )


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    if read_only:
        return connect_to_read(path)
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        # Not only while people are erased: what is deleted before, nobody finds again. Not every SQLite is built to do so.
        connection.execute("PRAGMA secure_delete = ON").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection

"""The state of one destination as a file, `var/destinations/NAME.sqlite`: one writer, and one transaction per change."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from router.delivery.cause import counted_as
from router.delivery.state.letter_table import LetterTable, where
from router.delivery.state.letters import Choice
from router.delivery.state.outcome_table import ERASED, OutcomeTable
from router.delivery.state.replay_table import ReplayTable
from router.delivery.state.schema import SCHEMA_VERSION, upgrade
from router.delivery.state.state import (
    Changes,
    Earlier,
    Erasure,
    Hear,
    Job,
    JobKind,
    Outcome,
    ParkedUser,
    Place,
    Replayed,
    StateUnusable,
    Tries,
)
from router.errors import OperatorError
from router.log.connections import connect_to_read
from router.log.lock import Lock
from router.log.record import Record
from router.log.room import is_no_room
from router.log.tombstone import tombstone
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
            run(
                "INSERT OR REPLACE INTO settled_payloads (partition, sequence, key, refused, job) VALUES (?, ?, ?, ?, ?)",
                [(*each.place, each.key, each.refused, each.job) for each in changes.settled_payloads],
            )
            run(
                "INSERT OR REPLACE INTO tries VALUES (?, ?, ?, ?)",
                [(at.partition, at.sequence, tries.first_s, tries.attempts) for at, tries in changes.tries.items()],
            )
            self._forget_notes(changes)
            self._write_parked(changes)
            self.letters.add(changes.dead_letters)
            self.letters.remove(changes.revived)
            self.letters.update(changes.refused_again)
            self._replays.add(changes.replayed)
            run(
                "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(name, reason, count) for (name, reason), count in changes.counts.items()],
            )
            run(
                # The worker may not know yet that its job is cancelled.
                "UPDATE jobs SET cursor = ?, total = ?, counts = ?, reasons = ?,"
                " state = CASE state WHEN 'cancelled' THEN state ELSE ? END WHERE id = ?",
                [
                    (
                        job.cursor,
                        job.total,
                        orjson.dumps(job.counts).decode(),
                        orjson.dumps(job.reasons).decode(),
                        job.state,
                        job.id,
                    )
                    for job in changes.jobs.values()
                ],
            )
            run("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(changes.meta.items()))

    def _forget_notes(self, changes: Changes) -> None:
        """Drop the notes on events that were under way. Most events have none."""
        for table in ("settled_payloads", "tries"):
            if self._connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
                places = [outcome.place for outcome in changes.outcomes]
                places += [replayed.place for replayed in changes.replayed]
                places += [Place.of(letter.record) for letter in changes.refused_again]
                self._connection.executemany(f"DELETE FROM {table} WHERE partition = ? AND sequence = ?", places)

    def _forget_notes_of_jobs(self) -> None:
        """Drop what jobs that are over have noted of events that were under way: their dead letters keep what is delivered."""
        over = "FROM settled_payloads WHERE job != 0 AND job NOT IN (SELECT id FROM jobs WHERE state = 'running')"
        delivered = self._connection.execute(f"SELECT partition, sequence, key {over} AND refused = ''").fetchall()
        self.letters.note_delivered(delivered)
        self._connection.execute(f"DELETE {over}")

    def _write_parked(self, changes: Changes) -> None:
        run = self._connection.executemany
        run(
            "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (r.partition, r.sequence, r.user_key, r.source, r.message_id, r.type, r.received_at_s, r.event, reason)
                for r, reason in changes.park
            ],
        )
        run(
            "DELETE FROM parked WHERE partition = ? AND sequence = ?",
            [(p.partition, p.sequence) for p in changes.unpark],
        )
        for user_key, user in changes.parked_users.items():
            if user is None:
                self._connection.execute("DELETE FROM parked_users WHERE user_key = ?", (user_key,))
            else:
                self._connection.execute(
                    "INSERT OR REPLACE INTO parked_users VALUES (?, ?, ?)", (user_key, user.next_s, user.attempts)
                )

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
        self._connection.execute("UPDATE tries SET first_s = first_s + ?", (seconds,))

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
            names = self._erase_job_reasons(words)
            if last is not None:
                return Erasure(letters, events, 0, is_overwritten=True, looked_through=last, job_reasons=names)
            parked = self._erase_parked(suppressed)
            self._erase_notes(parked, buried)
        (is_busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return Erasure(letters, events, len(parked), is_overwritten=not is_busy, job_reasons=names)

    def _erase_letters(self, suppressed: Suppressed, after: int, last: int) -> tuple[int, int, set[str]]:
        """Returns how many there were, of how many events outside of replays, and what was said of them."""
        query = "SELECT id, sequence, reason, event FROM dead_letters WHERE id > ? AND id <= ?"
        found = self._theirs(suppressed, query, (after, last))
        if not found:
            return 0, 0, set()
        words = {reason for *_, reason, _ in found} | self._erase_words({sequence for _, sequence, *_ in found})
        return *self.discard(Choice(ids=[id for id, *_ in found]), len(found)), words

    def _erase_words(self, sequences: Set[int]) -> set[str]:
        """Forget why the events with these *sequences* are dead. Returns what it was."""
        return self._outcomes.erase_reasons(sequences) | self._replays.erase_reasons(sequences)

    def _erase_parked(self, suppressed: Suppressed) -> list[Place]:
        """Returns their places."""
        query = "SELECT partition, sequence, type, message_id, received_at_s, event FROM parked"
        parked = [
            (tombstone(kind, message_id, received_s), ERASED, partition, sequence)
            for partition, sequence, kind, message_id, received_s, _ in self._theirs(suppressed, query)
        ]
        update = "UPDATE parked SET event = ?, reason = ? WHERE partition = ? AND sequence = ?"
        self._connection.executemany(update, parked)
        return [Place(*each[2:]) for each in parked]

    def _erase_notes(self, parked: Collection[Place], buried: Set[int]) -> None:
        """Forget why payloads of events under way were refused: of those that are *parked*, and of those with the sequences
        *buried*, which a destination that is disabled, or at rest, has not read again."""
        theirs = [place for place in self.settled_payloads() if place.sequence in buried] + list(parked)
        self._connection.executemany(
            "UPDATE settled_payloads SET refused = ? WHERE refused != '' AND partition = ? AND sequence = ?",
            [(ERASED, *place) for place in theirs],
        )
        # Whose event a replay has under way the log alone knows. Without the note the payload is tried once more.
        self._connection.execute("DELETE FROM settled_payloads WHERE refused != '' AND job != 0")

    def _theirs(self, suppressed: Suppressed, query: str, values: Sequence[int] = ()) -> list[tuple[Any, ...]]:
        """The rows of *query*, with the event in the last column, whose event is of *suppressed*."""
        return [
            row
            for row in self._connection.execute(query, values)
            if row[-1] and suppressed.names_stored(row[-1])  # one that the log lost is empty
        ]

    def _erase_job_reasons(self, words: Set[str]) -> frozenset[str]:
        """Let jobs no longer count events by *words*. Returns the names by which they did."""
        erased: set[str] = set()
        names = set(map(counted_as, words))
        for job in self.jobs():
            theirs = names.intersection(job.reasons)
            if theirs:
                kept = Counter({reason: count for reason, count in job.reasons.items() if reason not in theirs})
                kept[ERASED] += sum(job.reasons[reason] for reason in theirs)
                reasons = orjson.dumps(kept).decode()
                self._connection.execute("UPDATE jobs SET reasons = ? WHERE id = ?", (reasons, job.id))
                erased |= theirs
        return frozenset(erased)

    def add_job(self, kind: JobKind, spec: dict[str, Any], total: int, made_s: float) -> Job:
        """See `State.add_job`."""
        with self._transaction():
            self._forget_notes_of_jobs()  # a crash may have left some of a cancelled one
            cursor = self._connection.execute(
                "INSERT INTO jobs (kind, spec, cursor, total, counts, state, made_s) VALUES (?, ?, 0, ?, '{}', 'running', ?)",
                (kind, orjson.dumps(spec).decode(), total, made_s),
            )
        return Job(int(cursor.lastrowid or 0), kind, spec, 0, total, {}, "running", made_s)

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
        above = {}
        for partition, (_, position) in self.positions().items():
            rows = self._connection.execute(
                "SELECT sequence FROM parked WHERE partition = ? AND sequence > ?", (partition, position)
            )
            above[partition] = self._outcomes.above(partition, position) | {sequence for (sequence,) in rows}
        return above

    def furthest(self, partition: int) -> int:
        """See `State.furthest`."""
        (last,) = self._connection.execute(
            "SELECT max(coalesce((SELECT position FROM positions WHERE partition = ?1), 0),"
            " coalesce((SELECT max(sequence) FROM parked WHERE partition = ?1), 0))",
            (partition,),
        ).fetchone()
        return max(int(last), self._outcomes.furthest(partition))

    def settled_payloads(self, job: int = 0) -> dict[Place, dict[str, str]]:
        """See `State.settled_payloads`."""
        settled: dict[Place, dict[str, str]] = {}
        query = "SELECT partition, sequence, key, refused FROM settled_payloads WHERE job = ?"
        for partition, sequence, key, refused in self._connection.execute(query, (job,)):
            settled.setdefault(Place(partition, sequence), {})[key] = refused
        return settled

    def tries(self) -> dict[Place, Tries]:
        rows = self._connection.execute("SELECT * FROM tries")
        return {Place(partition, sequence): Tries(first, attempts) for partition, sequence, first, attempts in rows}

    def parked_users(self) -> dict[str, ParkedUser]:
        """See `State.parked_users`."""
        rows = self._connection.execute("SELECT user_key, next_s, attempts FROM parked_users")
        return {user_key: ParkedUser(next_s, attempts) for user_key, next_s, attempts in rows}

    def parked_places(self) -> dict[str, set[Place]]:
        """See `State.parked_places`."""
        places: dict[str, set[Place]] = {}
        rows = self._connection.execute("SELECT user_key, partition, sequence FROM parked")
        for user_key, partition, sequence in rows:
            places.setdefault(user_key, set()).add(Place(partition, sequence))
        return places

    def parked(self, user_key: str, limit: int) -> list[Record]:
        """See `State.parked`."""
        rows = self._connection.execute(
            "SELECT partition, sequence, source, message_id, user_key, type, received_at_s, event FROM parked "
            "WHERE user_key = ? ORDER BY partition, sequence LIMIT ?",
            (user_key, limit),
        )
        return [Record(*row) for row in rows]

    def oldest_parked_s(self) -> float | None:
        """See `State.oldest_parked_s`."""
        (oldest,) = self._connection.execute("SELECT min(received_at_s) FROM parked").fetchone()
        return None if oldest is None else float(oldest)

    def counts(self) -> Counter[tuple[str, str]]:
        return Counter(
            {(name, reason): count for name, reason, count in self._connection.execute("SELECT * FROM counts")}
        )

    def outcome(self, place: Place) -> Outcome | None:
        return self._outcomes.among(place.partition, place.sequence, place.sequence).get(place.sequence)

    def parked_reason(self, place: Place) -> tuple[str, ParkedUser] | None:
        """See `State.parked_reason`."""
        row = self._connection.execute(
            "SELECT reason, coalesce(u.next_s, 0), coalesce(u.attempts, 0) FROM parked LEFT JOIN parked_users u "
            "USING (user_key) WHERE partition = ? AND sequence = ?",
            (place.partition, place.sequence),
        ).fetchone()
        return (row[0], ParkedUser(row[1], row[2])) if row else None

    def earlier(self, partition: int, first: int, last: int) -> dict[int, Earlier]:
        """See `State.earlier`."""
        span = (partition, first, last)
        found: dict[int, Earlier] = {sequence: each.kind for sequence, each in self._outcomes.among(*span).items()}
        replays = self._replays.among(*span)
        found |= {sequence: each.kind for sequence, each in replays.items() if found.get(sequence) != "delivered"}
        _, position = self.positions().get(partition, (0, 0))
        found |= dict.fromkeys(set(range(max(first, position + 1), last + 1)) - found.keys(), "pending")
        rows = self._connection.execute(
            "SELECT sequence FROM parked WHERE partition = ? AND sequence BETWEEN ? AND ?", span
        )
        found |= dict.fromkeys((sequence for (sequence,) in rows), "pending")
        return found | dict.fromkeys(self.letters.among(*span), "dead letter")

    def done_by(self, job: int, partition: int, first: int, last: int) -> set[int]:
        """Which of the events *first* to *last* (both included) that replay has done."""
        return {sequence for sequence, each in self._replays.among(partition, first, last).items() if each.job == job}

    def replayed(self, place: Place) -> Replayed | None:
        """What became of the event in the last replay that sent it."""
        return self._replays.among(place.partition, place.sequence, place.sequence).get(place.sequence)

    def jobs(self, state: str | None = None, id: int | None = None) -> list[Job]:
        condition, values = where(("state = ?", state), ("id = ?", id))
        rows = self._connection.execute(
            f"SELECT id, kind, spec, cursor, total, counts, state, made_s, reasons FROM jobs WHERE {condition} ORDER BY id",
            values,
        )
        return [
            replace(Job(*row), spec=orjson.loads(row[2]), counts=orjson.loads(row[5]), reasons=orjson.loads(row[8]))
            for row in rows
        ]

    def cancel_job(self, id: int) -> bool:
        """Cancel a job that is not done; False where there is none of that number."""
        with self._transaction():
            changed = self._connection.execute(
                "UPDATE jobs SET state = 'cancelled' WHERE id = ? AND state = 'running'", (id,)
            ).rowcount
            self._forget_notes_of_jobs()
        return changed > 0


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

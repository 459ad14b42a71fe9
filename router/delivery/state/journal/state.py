"""A state that is kept as a journal in the cluster, with a view of it on this machine.

    commit ──▶ journal: "if nothing came in between" ──▶ view (a `StateFile`, in one transaction with how far it has come)
                 │                                        ▲
                 └── something came: read on ─────────────┤
                        │                                 │
                        └── a claim of another router: this one has lost the destination, and writes no more

The view is made from the journal alone, so it may be lost: a router without one begins with the last snapshot. The view answers
all questions. Only the router that delivers writes outcomes. Any router may add a job or discard dead letters; the one that
delivers learns of it when it reads on.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Set
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Self

import structlog

from router.delivery.state.changes import Changes, Job, JobKind
from router.delivery.state.file import StateFile
from router.delivery.state.journal.entry import Assembler, BegunAnew, Draft, Entry, Hole
from router.delivery.state.journal.entry import Kind as EntryKind
from router.delivery.state.journal.journal import Journal, Overtaken
from router.delivery.state.journal.operation import Operation, UnknownOperation, from_bytes, to_bytes
from router.delivery.state.letters import Choice
from router.delivery.state.state import Erasure, Hear, StateTaken, StateUnusable
from router.errors import OperatorError
from router.log.jetstream.connection import ApiError, ClusterAway
from router.suppressed import Suppressed

SNAPSHOT_BYTES: Final = 4_000_000
SNAPSHOT_ENTRIES: Final = 5_000
"""This many entries, and as many bytes as the last snapshot had, may follow it before the next. So a state is written at most
twice."""
PIECE_BYTES: Final = 1_000_000
ASKED_FOR_S: Final = 8.0
"""How long an operator's request is tried. An operator who is told that it failed asks again, and it could count twice. A
change of leader takes a few seconds."""
RETRY_S: Final = 0.25
_OPERATORS: Final = frozenset({"discard", "add_job", "cancel_job"})
"""Operators' requests. Other writers try again themselves after a failure: a commit with the same changes, a start as a
whole."""
_PLACE: Final = "journal"
"""The note in the view of the journal's message up to which it is made."""

_LOGGER = structlog.get_logger()


class Forgotten(OperatorError):
    """The journal was removed after the view was made from it, and may have begun anew: the view is worthless."""


class JournaledState(StateFile):
    """A `State`. Open it with `open_view`, then `claim` it to deliver, or `catch_up` to look."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(connection, path)
        # A power cut may cost the view its last changes: they are read from the journal again.
        connection.execute("PRAGMA synchronous = NORMAL")
        self._journal: Journal
        self._writer = ""
        self._turn: threading.RLock
        """A lock on changes of the view: the caller that wrote an entry applies it, and so learns its result."""
        self._number = 0
        self._is_ours = self._is_taken = False
        self._is_unsure = False
        """Nobody knows whether the last entry was written."""
        self._landed: dict[tuple[EntryKind, bytes], Any] = {}
        """Entries that were written although no answer came, by kind and body, with their results: for a caller that tries
        again."""
        self._assembler = Assembler(0)
        self._read_up_to = 0
        """The last message of the last entry read here. Others may have brought the view further."""
        self._since_snapshot = [0, 0]
        """The number of entries, and of their bytes."""
        self._snapshot_bytes = 0
        self._hear: Hear = lambda *told: None

    @classmethod
    def open_view(cls, path: Path, log_id: str, journal: Journal, writer: str, turn: threading.RLock) -> Self:
        """Open the view at *path*, or make it. *writer* is a name that nobody else has or will ever have. All who have this
        view share *turn*.

        Raises:
            StateUnusable: the disk refuses.
        """
        try:
            state = cls.open(path, log_id)
        except OperatorError:  # the view is of another log, or damaged: make it anew from the journal
            remove_view(path)
            state = cls.open(path, log_id)
        assert isinstance(state, cls)
        state.label = journal.subject
        state._journal = journal
        state._writer = writer
        state._turn = turn
        state._begin_after(state._place)
        return state

    def _begin_after(self, message: int) -> None:
        self._read_up_to, self._assembler = message, Assembler(message)

    @property
    def _place(self) -> int:
        return int(self.meta(_PLACE) or 0)

    def is_away(self, error: Exception) -> bool:
        return isinstance(error, ClusterAway | ApiError)

    def trouble(self, error: BaseException) -> StateUnusable | None:
        if isinstance(error, ClusterAway | ApiError):
            return StateUnusable(
                f"{self.label}: the cluster does not take or give the state ({error}); it is tried again"
            )
        if isinstance(error, OSError | zlib.error):
            return StateUnusable(f"{self.label}: a snapshot of the state can't be read or written here ({error})")
        return super().trouble(error)

    # --- the journal ---

    def claim(self) -> None:
        """Deliver from here on. The router that did so before has lost the destination.

        Raises:
            ClusterAway, ApiError: it can't be claimed now.
            StateUnusable: a newer program wrote the journal, or it is damaged.
            Forgotten: make another view.
        """
        self._append("claim", b"")

    def catch_up(self) -> None:
        """Bring the view up to the present journal. Raises as `claim` does, and `StateTaken` if another router delivers."""
        self._read_on()

    def listen(self, hear: Hear) -> None:
        self._hear = hear

    def _append(self, kind: EntryKind, body: bytes, operation: Operation | None = None) -> Any:
        """Write an entry and apply it to the view. Returns the operation's result."""
        if self._is_taken:
            raise StateTaken(self.label)
        if self._is_unsure:
            self._read_on()  # to learn what became of the last entry
        while (kind, body) not in self._landed:
            self._number += 1
            draft = Draft(kind, self._writer, self._number, body)
            self._is_unsure = True
            try:
                with self._turn:
                    first, last = self._journal.append(draft, self._assembler.head)
                    result = self._apply(Entry(draft, first, last, self._assembler.head), operation)[1]
            except Overtaken:
                self._read_on()
                if kind == "snapshot":  # it would undo what has just been read; the next commit will take another
                    self._is_unsure = False
                    return None
            else:
                self._begin_after(last)
                self._is_unsure = False
                if kind == "snapshot":
                    self._journal.forget(before=first)
                return result
        self._is_unsure = False
        return self._landed.pop((kind, body))

    def _read_on(self) -> None:
        """Apply what was written since."""
        landed: dict[tuple[EntryKind, bytes], Any] = {}
        try:
            end = self._journal.last()
            if not end and self._assembler.head:
                raise BegunAnew
            if end < self._assembler.head:  # numbers only grow, so this answer is from a leader that has not caught up
                raise ClusterAway(f"the journal ends before message {self._assembler.head}, which is known here")
            entries = list(self._journal.read(self._assembler, end))
            read_up_to = entries[-1].last if entries else self._read_up_to
            snapshots = [number for number, entry in enumerate(entries) if entry.draft.kind == "snapshot"]
            for number in snapshots[-1:]:  # it contains everything before it
                with self._turn:
                    self._become(entries[number])
                landed |= {_key(entry): None for entry in entries[:number] if self._is_lost(entry)}
                entries = entries[number + 1 :]
            with self._turn, self._transaction():
                for entry in entries:
                    operation, outcome = self._apply(entry)
                    if self._is_lost(entry):
                        landed[_key(entry)] = outcome
                    elif operation is not None:
                        self._hear(*operation, outcome)
        except BegunAnew as error:
            self._begin_after(self._read_up_to)
            if self._is_ours:
                self._is_taken = True
                raise StateTaken(self.label) from error
            raise Forgotten(f"{self.label}: its state was forgotten meanwhile. Ask again.") from error
        except (Hole, UnknownOperation) as error:
            self._begin_after(self._read_up_to)
            raise StateUnusable(f"{self.label}: the journal can't be read: {error}") from error
        except BaseException:
            self._begin_after(self._read_up_to)  # the view has not changed
            raise
        self._read_up_to = read_up_to
        self._landed |= landed

    def _is_lost(self, entry: Entry) -> bool:
        """Whether it is one of our own entries, which we read only if the answer to writing it was lost."""
        return entry.draft.writer == self._writer and entry.draft.kind != "snapshot"

    def _apply(self, entry: Entry, operation: Operation | None = None) -> tuple[Operation | None, Any]:
        """Apply the entry to the view. Returns the operation and its result; None if another user of the same view was
        faster."""
        result = None
        self._look_whose(entry)
        if entry.draft.kind == "operation":
            operation = operation or from_bytes(entry.draft.body)
        with self._transaction():
            if entry.last <= self._place:
                return operation, None
            if operation is not None:
                result = operation.apply(self)
            super().commit(Changes(meta={_PLACE: str(entry.last)}))
        size = len(entry.draft.body)
        if entry.draft.kind == "snapshot":
            self._snapshot_bytes, self._since_snapshot = size, [0, 0]
        else:
            self._since_snapshot = [self._since_snapshot[0] + 1, self._since_snapshot[1] + size]
        return operation, result

    def _look_whose(self, entry: Entry) -> None:
        """Raises:
        StateTaken: another router has claimed what was ours; with its snapshot its claim may have gone.
        """
        if entry.draft.kind == "operation":
            return
        is_by_us = entry.draft.writer == self._writer
        if self._is_ours and not is_by_us:
            self._is_taken = True
            raise StateTaken(self.label)
        self._is_ours = self._is_ours or is_by_us

    # --- snapshots ---

    def _snapshot_if_due(self) -> None:
        entries, size = self._since_snapshot
        if (entries < SNAPSHOT_ENTRIES and size < SNAPSHOT_BYTES) or size < self._snapshot_bytes:
            return
        self._append("snapshot", self._snapshot())

    def _snapshot(self) -> bytes:
        with tempfile.TemporaryDirectory(dir=self.path.parent) as folder:
            copy = Path(folder) / "snapshot"
            self._connection.execute("VACUUM INTO ?", (str(copy),))
            packer = zlib.compressobj(1)
            with copy.open("rb") as file:  # in pieces, since a state may be larger than the memory
                return b"".join([*map(packer.compress, iter(lambda: file.read(PIECE_BYTES), b"")), packer.flush()])

    def _become(self, entry: Entry) -> None:
        """Make the view equal to the snapshot, unless another user of it has brought it further."""
        self._look_whose(entry)
        if entry.last <= self._place:
            return
        with tempfile.TemporaryDirectory(dir=self.path.parent) as folder:
            copy = Path(folder) / "snapshot"
            with copy.open("wb") as file:
                file.writelines(_unpacked(entry.draft.body))
            # One of an older program is brought up to date.
            with closing(StateFile.open(copy, self.meta("log_id") or "")) as state:
                state._connection.backup(self._connection)
        self._apply(entry)

    def adopt(self, other: JournaledState) -> None:
        """Become what *other* is. Raises as `claim` does, or `Overtaken`: then try all of it again."""
        self._number += 1
        draft, head = Draft("snapshot", self._writer, self._number, other._snapshot()), self._assembler.head
        first, last = self._journal.append(draft, head)
        self._become(Entry(draft, first, last, head))
        self._begin_after(last)

    # --- what writes ---

    def commit(self, changes: Changes) -> None:
        self._write("commit", changes)
        try:
            self._snapshot_if_due()
        except (ClusterAway, ApiError, OSError, sqlite3.Error) as error:  # the next one does
            _LOGGER.warning(
                "a snapshot of a state could not be taken, it is tried again", state=self.label, reason=str(error)
            )

    def add_partition(self, partition: int, start: int) -> None:
        if partition not in self.positions():
            self._write("add_partition", partition, start)

    def discard(self, choice: Choice, limit: int = 1_000) -> tuple[int, int]:
        done: tuple[int, int] | None = self._write("discard", choice, limit)
        if done is None:
            raise StateUnusable(f"{self.label}: they are discarded, but how many is not known: an answer was lost")
        return done

    def erase(self, suppressed: Suppressed, buried: Set[int] = frozenset(), after: int = 0) -> Erasure:
        raise NotImplementedError("the entries of a journal stay until a snapshot")

    def add_job(self, kind: JobKind, spec: dict[str, Any], total: int, made_s: float) -> Job:
        job: Job | None = self._write("add_job", kind, spec, total, made_s)
        return job or next(each for each in reversed(self.jobs()) if (each.kind, each.made_s) == (kind, made_s))

    def cancel_job(self, id: int) -> bool:
        done: bool | None = self._write("cancel_job", id)
        return bool(self.jobs("cancelled", id)) if done is None else done

    def _write(self, name: str, *arguments: Any) -> Any:
        """Returns the result; None if it is not known, because the answer was lost and somebody else has read the entry."""
        operation = Operation(name, arguments)
        body = to_bytes(operation)
        until = time.monotonic() + ASKED_FOR_S
        while True:
            try:
                result = self._append("operation", body, operation)
                break
            except ClusterAway as error:
                if name not in _OPERATORS:
                    raise
                if time.monotonic() > until:
                    raise StateUnusable(
                        f"{self.label}: nobody knows whether the change was made: the cluster does not answer ({error}). "
                        "Have a look before you ask again."
                    ) from error
                time.sleep(RETRY_S)
        if not self._is_ours:
            self._journal.tell()  # the router that delivers
        return result


def _key(entry: Entry) -> tuple[EntryKind, bytes]:
    return entry.draft.kind, entry.draft.body


def _unpacked(packed: bytes) -> Iterator[bytes]:
    """The unpacked bytes, in pieces."""
    unpacker = zlib.decompressobj()
    while not unpacker.eof:
        piece = unpacker.decompress(packed, PIECE_BYTES)
        packed = unpacker.unconsumed_tail
        if not piece and not packed and not unpacker.eof:
            raise zlib.error("a snapshot is cut short")
        yield piece


def remove_view(path: Path) -> None:
    """Remove the files of a view. The journal stays."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)

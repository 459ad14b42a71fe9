"""The store: the log on disk as its one writer sees it. Everything is synchronous, and for one thread at a time.

commit ──▶ which are new? (index) ──▶ active segment (one transaction, fsync) ──▶ mark ──▶ answer ──▶ index, when there is time
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from router.errors import OperatorError
from router.log.dedup_index import Broken
from router.log.deduplication import NOT_NOW, Deduplication
from router.log.identity import ensure_id
from router.log.interface import LogAway, LogFull, NotStored
from router.log.lock import Lock
from router.log.mark import START_NAME, Mark
from router.log.options import LogOptions
from router.log.plan import Plan, plan
from router.log.pulse import Pulse
from router.log.record import Appended, Entry, Record
from router.log.recovery import check_headers, known_end, recover, remembered_id, remove_drafts
from router.log.room import Reserve, is_as_good_as_full, is_no_room
from router.log.row import Row
from router.log.segment import Segment
from router.log.segment_file import SegmentFile, find_segments
from router.log.segments import Segments, Unreadable

COMFORT: Final = 0.75
"""Above this share of ``max_bytes``, segments that nobody needs are given up before their time, so that there is always
room."""

Answer = list[Appended] | NotStored | ValueError


@dataclass(slots=True)
class Committed:
    """The *answers* to the calls of one commit, in order, and its new *records*."""

    answers: list[Answer]
    records: list[Record]


class Store:
    """Open it with `Store.open`, and `close` it."""

    def __init__(
        self,
        directory: Path,
        options: LogOptions,
        clock: Callable[[], float],
        lock: Lock,
        segments: Segments,
        reserve: Reserve,
        pulse: Pulse,
    ) -> None:
        self.segments = segments
        self.end = 0
        """The last sequence given out."""
        self._directory = directory
        self._place = os.stat(directory)
        self._options = options
        self._clock = clock
        self._lock = lock
        self._mark = Mark.open(directory, segments.log_id)
        self._start_mark = Mark.open(directory, segments.log_id, START_NAME)
        self._active: Segment | None = None
        self._active_since_s: float | None = None
        self._seen = Deduplication(segments, options, clock)
        self._is_index_due = False
        """Writing the index has failed and is due again."""
        self._reserve = reserve
        self.pulse = pulse
        self.obstacle = ""
        """Why nothing could be stored the last time; "" if something could."""
        self._is_failing = False
        self._is_out_of_room = False
        self._logger = structlog.get_logger()

    @classmethod
    def open(
        cls, directory: Path, options: LogOptions, clock: Callable[[], float], reserve: Reserve, pulse: Pulse
    ) -> Store:
        """Open or make the log in *directory*.

        Raises:
            OperatorError: another router has it open, a newer program wrote it, or the disk does not let us.
        """
        try:
            directory.mkdir(0o700, parents=True, exist_ok=True)  # private: it holds what people did
            lock = Lock.take(directory)
        except OSError as error:
            raise OperatorError(
                f"{directory}: can't be made ({error.strerror}). Correct `data` in the config."
            ) from error
        try:
            remove_drafts(directory)
            log_id = ensure_id(directory, lambda: remembered_id(find_segments(directory, directory)))
            segments = Segments(directory, directory, log_id)
            check_headers(segments, may_migrate=True)
            store = cls(directory, options, clock, lock, segments, reserve, pulse)
            try:
                store._recover()
            except BaseException:
                store._close_marks()
                raise
        except (sqlite3.Error, OSError, Unreadable) as error:
            lock.release()
            raise OperatorError(
                f"{directory}: the log can't be opened ({error}). Make room, mend the disk, or correct the permissions."
            ) from error
        except BaseException:
            lock.release()
            raise
        return store

    def _recover(self) -> None:
        known = known_end(self._directory, self.segments.log_id)
        self.segments.read_start()
        self.end, last = recover(self.segments, known)
        self._note_start(self.segments.start or self.end + 1)
        self.segments.retire = self.retire
        self._reserve.fill()
        try:
            if last is not None:
                self._active = Segment.open(last, self._options.roll_bytes, self.pulse)
                self.segments.active = last
                self._active_since_s = self._received_s(last.first)
            self._prepare()
            self._seen.catch_up(self.end)
        except NOT_NOW as error:
            self._report_failure(error)  # no room: what is stored can be delivered, and appends will try again

    def _received_s(self, sequence: int) -> float | None:
        found = self.segments.read(sequence - 1, 1, self.end, 1)
        return found[0].received_at_s if found and isinstance(found[0], Record) else None

    # --- appending ---

    def commit(self, calls: Sequence[Sequence[Entry]]) -> Committed:
        """Store the entries of *calls* with one fsync for all of them. Each call gets its own answer."""
        try:
            if self._is_index_due or self._seen.is_behind(self.end):
                self._seen.catch_up(self.end)
                self._is_index_due = False
            try:
                plans = self._plan(calls)
            except Broken:
                self._seen.recreate()
                self._seen.catch_up(self.end)
                plans = self._plan(calls)
        except NOT_NOW as error:
            self._report_failure(error)
            return Committed([self._refusal("the deduplication index can't be used", error) for _ in calls], [])
        rows = [row for each in plans if each.refused is None for row in each.rows]
        if rows:
            try:
                self._write(rows)
            except (sqlite3.Error, OSError, LogFull) as error:
                self._report_failure(error)
                for each in plans:
                    if each.is_waiting and each.refused is None:
                        each.refused = self._refusal("the log can't be written", error)
                rows = []
        if rows:
            self.end = rows[-1].sequence
            self._mark.write(self.end)
            self._seen.note((each.keys for each in plans if each.refused is None), self.end)
            self._report_success()
        over_budget = next((each.refused for each in plans if isinstance(each.refused, LogFull)), None)
        if over_budget is not None:
            self.obstacle = str(over_budget)
        return Committed([each.refused or each.answers for each in plans], [row.record() for row in rows])

    def _plan(self, calls: Sequence[Sequence[Entry]]) -> list[Plan]:
        return plan(calls, self._seen, self.end, self.segments.size_bytes, self._options.max_bytes)

    def _write(self, rows: Sequence[Row]) -> None:
        self._check_room()
        active = self._prepare()
        try:
            active.append(rows)
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_FULL:
                self.retire()  # nobody knows what the failing disk did to it
            raise
        if self._active_since_s is None:
            self._active_since_s = self._clock()

    def _check_room(self) -> None:
        self._check_place()  # first: a place that is gone has no room either
        if not self._reserve.fill():
            raise LogFull("the disk is full, and what room there is on it is kept for settling")
        if self._is_out_of_room and is_as_good_as_full(self._directory):
            # A small event might still fit, and callers would get yes and no in turns.
            raise LogFull("the disk is full")

    def _prepare(self) -> Segment:
        """The segment to write to: a new one if there is none or the last one is full."""
        active = self._active
        if active is not None and (active.file.bytes >= self._options.roll_bytes or self._is_old_enough()):
            self.seal()
        if self._active is None:
            self._begin()
        assert self._active is not None
        return self._active

    def _is_old_enough(self) -> bool:
        since_s = self._active_since_s
        return since_s is not None and abs(self._clock() - since_s) > self._options.segment_age_s

    def seal(self) -> None:
        """Seal the active segment, if it holds anything, and begin another: what is stored so far is not added to any more, and
        where each segment ends is known from the next one.

        Raises:
            sqlite3.Error, OSError: no room, or a failing disk.
        """
        if self._active is not None and self._active.file.first <= self.end:
            sealed = self._active
            self._begin()
            self.segments.connections.drop(sealed.file.path)
            sealed.seal()
        if self._active is None:
            self._begin()

    def _begin(self) -> None:
        """Start a segment after the last sequence ever given out."""
        self._check_place()
        first = self.end + 1
        for file in self.segments.files:
            if file.first == first:
                self.segments.remove(file)  # left by a failing disk: it never held anything
        file = SegmentFile(self._directory, first, self._directory)
        segment = Segment.create(file, self.segments.log_id, self._options.roll_bytes, self.pulse)
        self.segments.add(file)
        self.segments.active, self._active, self._active_since_s = file, segment, None

    def _check_place(self) -> None:
        """Raise OSError if the directory was replaced: another one under its name holds another log or none, and is not
        locked."""
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self._directory), self._place):
                return
        raise OSError(f"{self._directory}: was removed or replaced while the router runs; restart the router")

    def retire(self) -> None:
        """Write no more to the active segment. The next commit begins a new one."""
        if self._active is not None:
            self.segments.active = None
            self._active.close()
            self._active = None

    def _report_failure(self, error: Exception) -> None:
        self._is_out_of_room = isinstance(error, LogFull) or is_no_room(error, self._directory)
        if self._is_out_of_room:
            self.pulse.excuse()
        else:
            self.pulse.fail(str(error))
        self.obstacle = str(error)
        if not self._is_failing:
            self._is_failing = True
            self._logger.error("the log can't be written, it is tried again with every append", reason=self.obstacle)

    def _refusal(self, what: str, error: Exception) -> NotStored:
        """The refusal to answer after `_report_failure`. `LogFull` sends an operator to look for room, so it is not for a
        failing disk."""
        return (LogFull if self._is_out_of_room else LogAway)(f"{what}: {error}")

    def _report_success(self) -> None:
        if self._is_failing:
            self._logger.info("the log can be written again")
        self.obstacle, self._is_failing, self._is_out_of_room = "", False, False

    def probe(self) -> None:
        """Try whether the disk takes anything. `pulse` and `obstacle` then show the result."""
        try:
            self._seen.catch_up(self.end)
            self._check_room()
            active = self._prepare()
            try:
                active.touch()
            except (sqlite3.Error, OSError):
                self.retire()
                raise
        except (*NOT_NOW, LogFull) as error:
            self._report_failure(error)
        else:
            self._report_success()

    def index(self) -> None:
        """Write what was committed into the index. If that fails, it is done before the next commit."""
        self._is_index_due = True
        with suppress(*NOT_NOW):
            self._seen.catch_up(self.end)
            self._is_index_due = False

    @property
    def unindexed(self) -> int:
        """How many events wait for `index`."""
        return self._seen.unindexed

    # --- retention ---

    def trim(self, needed_from: int) -> None:
        """Give up segments that hold nothing from *needed_from* on: the old ones, or any of them if room is short."""
        self._reserve.fill()
        if self._active is not None and self._is_old_enough():
            try:
                self.seal()
            except (sqlite3.Error, OSError) as error:
                self._report_failure(error)
        expired_s = self._clock() - self._options.retention_s
        for file in self.segments.files[:-1]:
            last = self.segments.last_of(file)
            if last is None or last >= needed_from or file is self.segments.active:
                return
            is_tight = self._is_out_of_room or self.segments.size_bytes > self._options.max_bytes * COMFORT
            if not is_tight and self._came_by_s(file) >= expired_s:
                return
            self._note_start(last + 1)
            self.segments.remove(file)

    def _came_by_s(self, file: SegmentFile) -> float:
        """When all events of *file* had been received. If that lies in the future, the clock was ahead then, and a later
        segment says more."""
        now_s = self._clock()
        times = (self.segments.newest_s(each) for each in self.segments.files[:-1] if each.first >= file.first)
        return next((time_s for time_s in times if time_s <= now_s), math.inf)

    def known_s(self) -> float | None:
        """When the last event was received, in Unix seconds; None if there is none, or it can't be read."""
        try:
            return self._received_s(self.end) if self.end else None
        except Unreadable:
            return None

    def _note_start(self, sequence: int) -> None:
        self._start_mark.write(sequence, is_synced=True)
        self.segments.start = sequence

    def _close_marks(self) -> None:
        self._mark.close()
        self._start_mark.close()

    def close(self) -> None:
        """Close everything and let go of the directory."""
        self.index()
        self.segments.close()
        if self._active is not None:
            self._active.close()
        self._seen.close()
        self._close_marks()
        self._lock.release()

"""The check-up: looks through a whole log for damage and says exactly what it is. Changes nothing, and may run beside a router.

sound      everything in the segment is what was written
repaired   events are lost, and `router.log.repair` has noted them: nothing is left to do
damaged    anything else. What can be saved is delivered; the rest is named as lost
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import orjson

from router.errors import OperatorError
from router.log import schema
from router.log.carve import carve, wal_reach
from router.log.connections import connect_to_read
from router.log.dedup_index import INDEX_NAME
from router.log.identity import ID_NAME, read_id
from router.log.mark import MARK_NAME, START_NAME, read_mark
from router.log.recovery import known_end, remembered_id
from router.log.rescue import holes, runs
from router.log.row import Row
from router.log.segment_file import SegmentFile, beside, find_segments

State = Literal["sound", "repaired", "damaged"]

LOST_KEY = "lost"
"""The key in a repaired segment's table ``meta``: the lost sequences, as a JSON list of pairs."""

_SELECT = f"SELECT {schema.COLUMNS} FROM events ORDER BY sequence"
_LISTED = 10
"""The most findings of one kind that are listed. Counts are always complete."""
_LOOKS = 3
AGAIN_S = 1.0
"""Seconds between looks at the last segment, which a running router may be writing to."""


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """The report on one segment. It goes from the sequence *first* to *last*, after which the next segment begins."""

    path: Path
    first: int
    last: int
    state: State
    events: int
    """Events that can be read, if need be from a rescued copy."""
    lost: tuple[tuple[int, int], ...] = ()
    """Sequences that are lost for good, as pairs of first and last."""
    findings: tuple[str, ...] = ()

    @property
    def lost_events(self) -> int:
        return sum(last - first + 1 for first, last in self.lost)


@dataclass(frozen=True, slots=True)
class LogReport:
    """The report on a whole log. ``problems`` concern the files beside the segments and cost no event."""

    log_id: str | None
    start: int
    end: int
    segments: tuple[SegmentReport, ...]
    problems: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        return not self.problems and all(segment.state != "damaged" for segment in self.segments)


@dataclass(slots=True)
class _Scan:
    """What SQLite can read of a database, and what is wrong with it."""

    sequences: list[int] = field(default_factory=list)
    unsound: list[int] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    noted: tuple[tuple[int, int], ...] | None = None
    """What a repair has noted as lost; None if the segment was never repaired."""


def check_log(directory: Path, on_segment: Callable[[SegmentReport], None] = lambda report: None) -> LogReport:
    """Read all of the log in *directory*. *on_segment* is called with each segment's report as soon as it is read.

    Raises:
        OperatorError: there is no log, or a newer program wrote it.
    """
    if not directory.is_dir():
        raise OperatorError(f"{directory}: there is no log here. Correct `data` in the config.")
    problems = []
    log_id = read_id(directory)
    if log_id is None:
        log_id = remembered_id(find_segments(directory, directory))
        problems.append(f"{ID_NAME}: missing or damaged; the log's id stands in each segment as well")
    known = known_end(directory, log_id) if log_id else 0  # before the segments: a router may add to them
    files = find_segments(directory, directory)
    start = read_mark(directory, log_id, START_NAME) if log_id else 0  # after the segments: it may give some up
    if log_id is not None:
        problems += _check_derived(directory, log_id)
    reports: list[SegmentReport] = []
    if start and start <= known and (not files or files[0].first > start):
        last = files[0].first - 1 if files else known
        finding = "the file is missing, and retention has not given it up"
        path = SegmentFile(directory, start, directory).path
        reports.append(SegmentReport(path, start, last, "damaged", 0, ((start, last),), (finding,)))
        on_segment(reports[-1])
    for number, file in enumerate(files):
        following = files[number + 1].first if number + 1 < len(files) else None
        report = _check_patiently(file, following, known)
        if report is not None:
            reports.append(report)
            on_segment(report)
    end = max([known, *(report.last for report in reports)])
    return LogReport(log_id, start or (files[0].first if files else end + 1), end, tuple(reports), tuple(problems))


def _check_derived(directory: Path, log_id: str) -> Iterable[str]:
    for name in (MARK_NAME, START_NAME):
        if not read_mark(directory, log_id, name):
            path = directory / name
            if name == START_NAME or (path.exists() and path.stat().st_size):  # a log without events has no mark yet
                yield f"{name}: missing or damaged; it is written again at the next start"
    index = directory / INDEX_NAME
    if index.exists() and not _is_sound_database(index):
        yield f"{INDEX_NAME}: damaged; it is made anew from the log at the next start"


def _is_sound_database(path: Path) -> bool:
    try:
        with closing(connect_to_read(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def _check_patiently(file: SegmentFile, following: int | None, known: int) -> SegmentReport | None:
    """Like `check_segment`, for a segment that a router may be writing to. None: it was given up meanwhile."""
    for look in range(_LOOKS):
        if look:
            time.sleep(AGAIN_S)
        report = check_segment(file, following, known)
        if report.state != "damaged":
            return report
        if not any(path.exists() for path in (file.path, file.wal, file.rescued)):
            return None
        if following is not None:
            break
    return report


def check_segment(file: SegmentFile, following: int | None, known: int) -> SegmentReport:
    """Read one segment. *following*: where the next one begins, None for the last. *known*: see `known_end`.

    Raises:
        OperatorError: a newer program wrote it.
    """
    reach = wal_reach(file.wal) if file.has_wal else 0  # before the rows: a router may add to both
    scan = _Scan()
    if file.mended:
        _scan(file.rescued, scan)
    elif not file.path.exists():
        scan.findings.append("the file is missing, only its write-ahead log is there")
    elif not schema.read_header(file.path).is_sane:
        scan.findings.append("its first bytes are not those of a segment")
    else:
        _scan(file.path, scan)
    read_end = scan.sequences[-1] if scan.sequences else file.first - 1
    last = max(known, reach, read_end) if following is None else following - 1
    missing = holes(list(runs(scan.sequences)), file.first, last)
    if file.mended:
        _describe_rescued(file, scan, missing)
    elif not scan.findings or scan.sequences:
        _describe(scan, missing, last)
    state: State = "repaired" if file.mended else "sound"
    events, findings = len(scan.sequences), [_show_noted(missing)] if file.mended else []
    if scan.findings:
        saved = list(runs(sorted(_savable(file, last))))
        state, events, findings = "damaged", sum(map(len, saved)), scan.findings
        missing = holes(saved, file.first, last)
    return SegmentReport(file.path, file.first, last, state, events, tuple(missing), tuple(findings))


def _scan(path: Path, scan: _Scan) -> None:
    try:
        with closing(connect_to_read(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if not schema.check_version(path, version, connection) and version not in schema.MIGRATIONS:
                scan.findings.append(f"its schema version is {version}, which is none")
            for (line,) in connection.execute(f"PRAGMA quick_check({_LISTED})"):
                if line != "ok":
                    scan.findings.append(f"SQLite: {' '.join(line.split())}")
            noted = schema.read_meta(connection, LOST_KEY)
            scan.noted = None if noted is None else tuple((first, last) for first, last in orjson.loads(noted))
            for values in connection.execute(_SELECT):
                row = Row(*values)
                (scan.sequences if row.is_sound() else scan.unsound).append(row.sequence)
    except (sqlite3.Error, ValueError, TypeError) as error:
        if (told := f"SQLite: {error}") not in scan.findings:  # its own check may have said so
            scan.findings.append(told)


def _describe_rescued(file: SegmentFile, scan: _Scan, missing: Sequence[tuple[int, int]]) -> None:
    """Say what is left to do about a segment that has a rescued copy."""
    if file.path.exists() or file.has_wal or scan.noted is None:
        scan.findings.append("it was found damaged, and is read from a rescued copy")
    elif list(scan.noted) != list(missing):
        scan.findings.append(f"its rescued copy lacks more than was noted: {show_ranges(missing)}")


def _describe(scan: _Scan, missing: Sequence[tuple[int, int]], last: int) -> None:
    """Say which events something is wrong with.

    What SQLite did not get to is not told: it may be there, and what is lost is told besides.
    """
    is_readable = not scan.findings
    unsound = [(run.start, run.stop - 1) for run in runs(scan.unsound)]
    absent = [(run.start, run.stop - 1) for pair in missing for run in runs(_without(pair, set(scan.unsound)))]
    if unsound:
        scan.findings.append(f"{show_ranges(unsound)}: the checksum does not match")
    if not is_readable:
        return
    if absent and absent[-1][1] == last:
        scan.findings.append(f"{show_ranges(absent[-1:])}: missing at its end, or in a file of their own that is gone")
        absent = absent[:-1]
    if absent:
        scan.findings.append(f"{show_ranges(absent)}: missing")


def _without(pair: tuple[int, int], others: set[int]) -> Iterable[int]:
    return (sequence for sequence in range(pair[0], pair[1] + 1) if sequence not in others)


def _savable(file: SegmentFile, last: int) -> set[int]:
    """The sequences of all sound rows left anywhere in the segment's files."""
    found = {row.sequence for row in carve(file.path, file.wal)}
    if file.mended:
        found |= {row.sequence for row in carve(file.rescued, beside(file.rescued, "-wal"))}
    return {sequence for sequence in found if file.first <= sequence <= last}


def _show_noted(lost: Sequence[tuple[int, int]]) -> str:
    return f"{show_ranges(lost)}: lost, as a repair has noted" if lost else "repaired, nothing was lost"


def show_ranges(ranges: Sequence[tuple[int, int]]) -> str:
    """``events 3, 7 to 9``, or ``event 3``; cut after a few."""
    shown = [str(first) if first == last else f"{first} to {last}" for first, last in ranges[:_LISTED]]
    more = len(ranges) - len(shown)
    is_one = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
    return f"event{'' if is_one else 's'} {', '.join(shown)}" + (f" and {more} more such" if more else "")

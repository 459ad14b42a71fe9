"""A backup of a data directory, taken from outside, whether or not a router runs over the directory.

    log, the bulk ──▶ states of the destinations ──▶ log, the rest ──▶ checked ──▶ given its name

In this order no position in the backup is ahead of the log, and every event acknowledged before the backup began is in it.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from router.delivery.state.file import StateFile, StateOlder
from router.errors import OperatorError
from router.log.checkup import LogReport, check_log
from router.log.copy import LogCopy, copy_database
from router.log.durable_files import hand_over, sync_directory
from router.log.lock import Held, Lock

_TRIES = 5
_DRAFT = ".router-backup-"
"""What the name of a backup begins with that is not whole yet."""
_UNDER_WAY = "under-way.lock"
"""The file in it that is locked for as long as somebody is at it."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied."""

    target: Path
    log: LogReport
    positions: dict[str, int | None]
    """How far each destination has come in the copied log. None: an older program wrote its state, so nobody looked."""
    problems: tuple[str, ...]
    """What is damaged in the backup, because it is damaged in the original."""


def back_up(
    log: Path,
    states: Path,
    target: Path,
    others: tuple[Path, ...] = (),
    adapt: Callable[[Path], None] = lambda draft: None,
    after_bulk: Callable[[], None] = lambda: None,
) -> Backup:
    """Copy the log in *log*, the states in *states* and the databases *others* into *target*, laid out as a data directory.

    *target* gets its name only when the backup is complete. *adapt* is called with its draft once all is copied. *after_bulk*
    is for tests: what happens while a backup is taken.

    Raises:
        OperatorError: there is nothing to copy, *target* has something in it, or it can't be written.
    """
    if not log.is_dir():
        raise OperatorError(f"{log}: there is no log here. Correct `data` in the config.")
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OperatorError(f"{target}: is there already; a backup needs a directory of its own. Choose another name.")
    if any(each.resolve() in (target.resolve(), *target.resolve().parents) for each in (log, states)):
        raise OperatorError(f"{target}: lies within what is to be copied. Choose a place outside of it.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_drafts(target.parent)
        with _draft_in(target.parent) as draft:
            backup = _fill(draft, log, states, others, after_bulk)
            adapt(draft)
            hand_over(draft, log)
            draft.rename(target)
            (target / _UNDER_WAY).unlink()  # only now, or another backup could take the draft for nobody's
            sync_directory(target.parent)
    except PermissionError:  # the error names the file, which may be one of those that are copied
        raise
    except (OSError, sqlite3.Error) as error:
        raise OperatorError(f"{target}: can't be written ({error}). Make room, or choose another place.") from error
    return _called(target, backup)


@contextmanager
def _draft_in(directory: Path) -> Iterator[Path]:
    """A directory for a backup, with mode 0700 because it holds personal data. It is removed if the backup fails."""
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=directory))
    lock = Lock.take_file(draft / _UNDER_WAY)
    try:
        yield draft
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finally:
        lock.release()


def _remove_drafts(directory: Path) -> None:
    """Remove the drafts of backups that were killed: nobody would ever look at them, and they hold personal data."""
    for file in directory.glob(f"{_DRAFT}*/{_UNDER_WAY}"):
        with suppress(Held, OSError):
            lock = Lock.take_file(file)
            shutil.rmtree(file.parent, ignore_errors=True)
            lock.release()


def _called(target: Path, backup: Backup) -> Backup:
    """*backup* with the problems' paths under its final name, since the name under which it was checked is gone."""

    def renamed(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(text.replace(str(backup.target), str(target)) for text in texts)

    segments = tuple(
        replace(each, path=target / each.path.relative_to(backup.target), findings=renamed(each.findings))
        for each in backup.log.segments
    )
    log = replace(backup.log, segments=segments, problems=renamed(backup.log.problems))
    return Backup(target, log, backup.positions, renamed(backup.problems))


def _fill(draft: Path, log: Path, states: Path, others: tuple[Path, ...], after_bulk: Callable[[], None]) -> Backup:
    (draft / log.name).mkdir(mode=0o700)
    (draft / states.name).mkdir(mode=0o700)
    copy = LogCopy(log, draft / log.name)
    for _ in range(_TRIES):
        copy.begin()
        after_bulk()
        problems = _copy_states(states, draft / states.name)
        if copy.finish():
            break
    else:
        raise OperatorError(
            f"{log}: retention gives segments up faster than they can be copied. Raise `retention.max_disk`, or stop the "
            "router for the time of a backup."
        )
    for path in filter(Path.exists, others):
        if problem := copy_database(path, draft / path.name):
            problems.append(problem)
        for copied in draft.glob(f"{path.name}*"):
            copied.chmod(0o600)  # no directory of their own keeps others out
    report = check_log(draft / log.name)
    positions: dict[str, int | None] = {}
    for path in sorted((draft / states.name).glob("*.sqlite")):
        try:
            positions[path.stem] = _position(path, copy.log_id, report.end)
        except StateOlder:
            positions[path.stem] = None  # the next start brings it up to date, here or where it is restored
        except OperatorError as error:
            problems.append(str(error))
    for directory in (draft / log.name, draft / states.name, draft):
        sync_directory(directory)
    return Backup(draft, report, positions, (*copy.problems, *problems))


def _copy_states(states: Path, target: Path) -> list[str]:
    problems = []
    for path in sorted(states.glob("*.sqlite")):
        (target / path.name).unlink(missing_ok=True)
        problem = copy_database(path, target / path.name)
        if problem:
            problems.append(problem)
    return problems


def _position(path: Path, log_id: str, end: int) -> int:
    """How far a copied state has come.

    Raises:
        OperatorError: it can't be read, belongs to another log, or is ahead of the log.
    """
    state = StateFile.open(path, log_id, read_only=True)
    try:
        reach = state.reach()
        if reach > end:
            raise OperatorError(f"{path.name}: its position {reach} is past the end of the log ({end})")
        return min((position for _, position in state.positions().values()), default=0)
    finally:
        state.close()

"""The states of all destinations in one directory: one file each, `var/destinations/NAME.sqlite`, with a lock beside it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing, suppress
from pathlib import Path

from router.delivery.state.file import StateFile
from router.delivery.state.state import StateUnusable
from router.errors import OperatorError
from router.log.lock import Held, Lock
from router.log.room import NO_RESERVE, Reserve, is_no_room


class StateDirectory:
    """`States` of one machine."""

    def __init__(self, directory: Path, log_id: str, reserve: Reserve = NO_RESERVE, upgrades: bool = True) -> None:
        """*reserve* is spent if there is no room for one of them. Unless it *upgrades*, a look at a state that an older program
        wrote is refused: that program could not read it any more."""
        self._directory = directory
        self._log_id = log_id
        self._reserve = reserve
        self._upgrades = upgrades

    def path(self, name: str) -> Path:
        return self._directory / f"{name}.sqlite"

    def names(self) -> list[str]:
        return sorted(path.stem for path in self._directory.glob("*.sqlite"))

    def has(self, name: str) -> bool:
        path = self.path(name)
        return path.parent == self._directory and path.exists()  # a name that somebody typed may lead out of it

    def take(self, name: str, formerly: str | None = None, wanted: Collection[str] = ()) -> StateFile:
        path = self.path(name)
        lock = _lock(path)
        try:
            if formerly and not path.exists():
                self._rename(formerly, path, wanted)
            state = self._open(path)
        except BaseException:
            lock.release()
            raise
        state.lock = lock
        return state

    def look(self, name: str, *, read_only: bool = False) -> StateFile:
        if not read_only:
            with suppress(StateUnusable):  # even if the disk takes nothing, the state can be read
                return StateFile.open(self.path(name), self._log_id, upgrades=self._upgrades)
        return StateFile.open(self.path(name), self._log_id, read_only=True)

    def forget(self, name: str) -> None:
        path = self.path(name)
        for file in (*(path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")), _lock_path(path)):
            file.unlink(missing_ok=True)

    def _open(self, path: Path) -> StateFile:
        """Open a state, spending the reserve if the disk has no room for SQLite's working files: accepted events must be
        settled."""
        try:
            return StateFile.open(path, self._log_id)
        except OperatorError as error:
            cause = error.__cause__
            if cause is None or not is_no_room(cause, path.parent) or not self._reserve.spend():
                raise
            return StateFile.open(path, self._log_id)

    def _rename(self, formerly: str, path: Path, wanted: Collection[str]) -> None:
        """Take over the state of a destination that was renamed."""
        old = self.path(formerly)
        if not old.exists():
            return
        if formerly in wanted:
            raise OperatorError(
                f'{path}: "formerly: {formerly}" names a destination that is still in the config. Remove one of the two: '
                "a state belongs to one destination."
            )
        lock = _lock(old)
        try:
            with closing(StateFile.open(old, self._log_id)) as state:
                state.fold()  # afterwards a single rename moves everything
            old.rename(path)
        finally:
            lock.release()


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _lock(path: Path) -> Lock:
    """The lock on a state. Only one process at a time delivers to a destination: two would not know what the other has sent."""
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        return Lock.take_file(_lock_path(path))
    except Held as held:
        raise StateUnusable(
            f"{path}: another process ({held.holder}) delivers to this destination. It ends with its router, or stop it."
        ) from None
    except OSError as error:
        raise StateUnusable(f"{path}: can't be locked ({error}). Make room, or mend the disk.") from error

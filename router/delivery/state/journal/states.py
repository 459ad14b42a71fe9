"""The states of all destinations in one partition, each with its journal in the cluster and a view of it on this machine."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from router.delivery.state.journal.blocking_connection import BlockingConnection
from router.delivery.state.journal.journal import Journal, Overtaken
from router.delivery.state.journal.state import Forgotten, JournaledState, remove_view
from router.delivery.state.journal.streams import JournalNames, destinations_of
from router.delivery.state.state import StateUnusable, telling_trouble
from router.errors import OperatorError
from router.log.jetstream.connection import ApiError, ClusterAway


class JournaledStates:
    """`States` of a partition."""

    def __init__(
        self,
        blocking: BlockingConnection,
        names: JournalNames,
        partition: int,
        directory: Path,
        log_id: str,
        router: str,
    ) -> None:
        """Views lie in *directory*. *router* is this router's name."""
        self._blocking = blocking
        self._names = names
        self._partition = partition
        self._directory = directory
        self._log_id = log_id
        self._router = router
        self._known: set[str] = set()
        self._opening = threading.Lock()
        self._turns: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        """By destination: the lock on changes of its view."""

    def refresh(self) -> None:
        """See which states there are. `names` and `has` then say what was seen. Call it from a thread.

        Raises:
            ClusterAway, ApiError: it can't be told.
        """
        self._known = self._blocking.ask(lambda connection: destinations_of(connection, self._names, self._partition))

    def names(self) -> list[str]:
        return sorted(self._known)

    def has(self, name: str) -> bool:
        return name in self._known

    def take(self, name: str, formerly: str | None = None, wanted: Collection[str] = ()) -> JournaledState:
        state = self._open(name, is_claimed=True)
        if formerly:
            try:
                self._take_over(state, formerly, wanted)
            except BaseException:
                state.close()
                raise
        return state

    def _take_over(self, state: JournaledState, formerly: str, wanted: Collection[str]) -> None:
        """Take over what a destination had under its former name, if it has nothing under its own. The old journal is removed
        last, so that after a crash in between it is simply done again."""
        if state.positions():
            return
        try:
            if not self._journal(formerly).last():
                return
            if formerly in wanted:
                raise OperatorError(
                    f'{state.label}: "formerly: {formerly}" names a destination that is still in the config. Remove one of the '
                    "two: a state belongs to one destination."
                )
            with closing(self._open(formerly, is_claimed=True)) as old:
                state.adopt(old)
        except (ClusterAway, ApiError, Overtaken) as error:
            raise StateUnusable(f"{state.label}: the state of {formerly} can't be taken over ({error})") from error
        self.forget(formerly)

    def look(self, name: str, *, read_only: bool = False) -> JournaledState:
        return self._open(name, is_claimed=False)

    def _open(self, name: str, *, is_claimed: bool) -> JournaledState:
        with self._opening:
            try:
                state = self._open_view(name, is_claimed)
            except Forgotten:  # another router removed the journal while the view lay here
                remove_view(self._view(name))
                state = self._open_view(name, is_claimed)
        self._known.add(name)
        return state

    def _open_view(self, name: str, is_claimed: bool) -> JournaledState:
        journal = self._journal(name)
        writer = f"{self._router}-{uuid4().hex[:8]}"
        state = JournaledState.open_view(self._view(name), self._log_id, journal, writer, self._turns[name])
        take = state.claim if is_claimed else state.catch_up
        try:
            with telling_trouble(state):
                try:
                    take()
                except (ClusterAway, ApiError) as error:
                    raise StateUnusable(f"{journal.subject}: the cluster does not give the state ({error})") from error
        except BaseException:
            state.close()
            raise
        return state

    def forget(self, name: str) -> None:
        try:
            self._journal(name).forget()
        except (ClusterAway, ApiError) as error:
            raise StateUnusable(f"{name}: the cluster does not forget its state ({error}). Try again.") from error
        self._known.discard(name)
        with self._opening:
            remove_view(self._view(name))

    def _journal(self, name: str) -> Journal:
        return Journal(self._blocking, self._names, self._partition, name)

    def _view(self, name: str) -> Path:
        return self._directory / str(self._partition) / f"{name}.sqlite"

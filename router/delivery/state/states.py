"""The states of all destinations, wherever they are kept."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from router.delivery.state.state import State


class States(Protocol):
    """The states, by the names of their destinations. Every method may be slow: call it from a thread."""

    def names(self) -> list[str]:
        """The destinations whose state is kept, sorted."""

    def has(self, name: str) -> bool: ...

    def take(self, name: str, formerly: str | None = None, wanted: Collection[str] = ()) -> State:
        """The state of a destination, for delivering to it; made if there is none. Nobody else may take it until it is closed.

        If there is none under *name*, a state kept under the name *formerly* is taken over, unless that is the name of one of
        the *wanted* destinations.

        Raises:
            StateUnusable: another process has it, or it can't be read.
            OperatorError: a newer program wrote it, it belongs to another log, or the renaming contradicts the config.
        """

    def look(self, name: str, *, read_only: bool = False) -> State:
        """The state of a destination that this process does not deliver to. Raises as `take` does."""

    def forget(self, name: str) -> None:
        """Remove a state for good."""

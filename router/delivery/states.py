"""Where the states of all destinations are kept."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from router.delivery.state import State


class States(Protocol):
    """Each by the name of its destination. Every method may take its time: call it from a thread."""

    def names(self) -> list[str]:
        """The destinations of which a state is kept, sorted."""

    def has(self, name: str) -> bool: ...

    def take(self, name: str, formerly: str | None = None, wanted: Collection[str] = ()) -> State:
        """The state of a destination, to deliver to it; made where there is none. Nobody else may take it until it is closed.

        One that is kept under the name *formerly*, and under no other, is taken over, unless that is the name of one of the
        destinations that are *wanted*.

        Raises:
            StateUnusable: another process has it, or it can't be read.
            OperatorError: a newer program wrote it, it belongs to another log, or the renaming contradicts the config.
        """

    def look(self, name: str, *, read_only: bool = False) -> State:
        """The state of a destination that this process does not deliver to. Raises as `take`."""

    def forget(self, name: str) -> None:
        """Remove it for good."""

"""A crew: one process that delivers, as the main process of its router sees it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, Protocol

from router.errors import OperatorError

ANSWER_S: Final = 5.0
"""How long a process may take to answer what is asked of all: the others' answers wait. What is asked of it alone takes as long
as it takes, as with one process; who gave that up would not know whether it was done."""


class Down(OperatorError):
    """The process of a destination is down or does not answer. It is started again automatically."""


class Crew(Protocol):
    @property
    def number(self) -> int:
        """From 1 on."""

    @property
    def names(self) -> Collection[str]:
        """Its destinations."""

    @property
    def is_up(self) -> bool: ...

    @property
    def starts(self) -> int:
        """How often it was started."""

    async def call(self, operation: str, *, within_s: float | None = None, **arguments: Any) -> Any:
        """Run an operation there.

        Raises:
            Down: the process is not up, with the reason; or it went down meanwhile, or has not answered *within_s*.
            OperatorError: the process refuses.
        """

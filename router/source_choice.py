"""The choice of sources: whose events a destination takes. Pure.

Each source is judged only by what is said about itself; it does not matter that another one names its destinations. So an event
of a source that is no longer in the config still goes where it was meant to go.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """What both sides say. A destination may name its sources, and a source its destinations."""

    only: frozenset[str] | None = None
    """The sources that the destination names. None: it takes any."""
    never: frozenset[str] = frozenset()
    """The sources that name other destinations but not this one."""
    known: frozenset[str] | None = field(default=None, compare=False)
    """The sources in the config, under former names too. None: unknown."""

    def takes(self, source: str) -> bool:
        return source not in self.never and (self.only is None or source in self.only)

    def recall(self, never: frozenset[str]) -> Self:
        """This choice, and in addition those of *never*, which once left the destination out, that are no longer in the
        config."""
        return replace(self, never=self.never | (never - (self.known or frozenset())))


ANY_SOURCE = SourceChoice()

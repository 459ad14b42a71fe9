"""Whose events a destination takes. Pure.

Each source is judged by what is said of it alone: that another one names its destinations changes nothing. So an event of a
source that is no longer in the config still goes where it was meant to go.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """What both sides say: a destination may name its sources, and a source its destinations."""

    only: frozenset[str] | None = None
    """Those that the destination names; None: it takes any."""
    never: frozenset[str] = frozenset()
    """Those that name other destinations, and not this one."""
    known: frozenset[str] | None = field(default=None, compare=False)
    """Those in the config, under former names too; None: nobody said."""

    def takes(self, source: str) -> bool:
        return source not in self.never and (self.only is None or source in self.only)

    def recall(self, never: frozenset[str]) -> Self:
        """With those of *never*, who once left the destination out, that are not in the config any more to say otherwise."""
        return replace(self, never=self.never | (never - (self.known or frozenset())))


ANY_SOURCE = SourceChoice()

"""Landings: how a flight can end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router.plugin import Blocked, Split, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """The vendor answered. One verdict per payload, in order."""

    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True)
class Outage:
    """The destination as a whole could not take the request. ``status`` is None if no answer came."""

    reason: str
    after_s: float | None = None
    status: int | None = None
    has_timed_out: bool = False

    @property
    def is_pushed_back(self) -> bool:
        """Whether the vendor asks for less or does not keep up. A plain 500 is a bug of the vendor's, and a refused connection
        means that it is not there: neither counts."""
        return self.has_timed_out or self.status not in (None, 500)


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing was sent: the destination became throttled or blocked while the flight waited for its turn."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The plugin failed: it raised, returned something that it must not, or made a request that can't be sent."""

    reason: str
    is_stuck: bool = False
    """A call took too long and was broken off. Such a batch must not be tried many times."""


@dataclass(frozen=True, slots=True)
class Unsendable:
    """No vendor takes such a request, so it was not sent."""

    reason: str


Landing = Judged | Outage | Held | Raised | Unsendable | Split | Blocked
"""How a flight ended."""

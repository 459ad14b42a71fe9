"""Verdicts: what a plugin reads in a vendor's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router.plugin.request import Payload


@dataclass(frozen=True, slots=True)
class Delivered:
    """The vendor has the payload."""

    warnings: tuple[str, ...] = ()
    """What the vendor had to leave out or change. Logged and counted."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: try again.

    If the answer speaks for the whole vendor (408, 425, 429, 5xx, or whatever *is_outage* says) and every payload of the
    request gets this verdict, the destination as a whole waits. Otherwise only the event waits, with its user's later events
    behind it: it is *parked*. Those of them that the vendor took with the same request are there before it: nothing can call
    them back.
    """

    reason: str
    after_s: float | None = None
    """Seconds that the vendor asked to wait. None leaves the wait to the core, which reads Retry-After itself."""
    max_attempts: int | None = None
    """A parked event becomes a dead letter after this many tries, not counting those in which the vendor as a whole was away.
    None: after the destination's retry window.

    Set it if waiting may be in vain: the user's later events wait behind a parked one.
    """
    is_outage: bool | None = None
    """Whether the answer speaks for the whole vendor, if its status does not tell: True for a limit that comes with a 200 or a
    400, False for a 429 that is about one user. None: by the status."""


@dataclass(frozen=True, slots=True)
class Dead:
    """Refused for good, in the vendor's own words: the event becomes a dead letter of this destination."""

    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """Sent again at once: nothing is wrong with this payload, and its whole request was refused because of others. It goes
    without them, so at least one payload of the request must get another verdict."""

    instead: Payload | None = None
    """Sent in its place, where the vendor refused a part of it: the payload without that part, and with a note of it (see
    `left_out`). Its key and its group stay as they were. A payload that is refused again and again in this way is dead.

    What the vendor took of the request is there before it: where the order of two payloads counts, *pack* makes one item of
    them."""


@dataclass(frozen=True, slots=True)
class Split:
    """The whole request was refused for its size, or for one item that the answer does not name: halve it. A single payload
    becomes dead."""

    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """The destination cannot deliver anything until its operator acts: credentials, account, quota."""

    reason: str


Verdict = Delivered | Later | Dead | Again
Judgement = Sequence[Verdict] | Split | Blocked
"""One verdict per payload in request order, or one for the whole request."""

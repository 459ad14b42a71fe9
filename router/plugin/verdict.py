"""Verdicts: what a plugin reads in a vendor's answer, and a sensible default reading by status."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from router.plugin.request import Payload, Response


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
    behind it: it is *parked*.
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
    `left_out`). Its key and its group stay as they were. A payload that is refused again and again in this way is dead."""


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

OF_THE_SET_UP = (301, 302, 303, 307, 308, 402)
"""Redirects, which are not followed (promise 10), and "payment required". They are about the address or the account, never
about an event."""
MISPLACED = (*OF_THE_SET_UP, 401, 403, 404, 405)
"""For the *blocked* of `judge_by_status`, if paths are fixed or made from settings alone: these are then about the set-up
(credentials, plan, base_url), never about an event."""
_OF_ONE_OF_THEM = frozenset({400, 409, 422})
"""Statuses of a refusal that is about what was sent: of several payloads, perhaps one."""
OUTAGE_STATUSES = frozenset({408, 425, 429})


def is_outage(status: int) -> bool:
    """Whether an answer with this status speaks for the whole vendor: 408, 425, 429 and every 5xx but 501."""
    return status in OUTAGE_STATUSES or (500 <= status <= 599 and status != 501)


def judge_by_status(
    response: Response,
    payloads: Sequence[Payload],
    settings: Any = None,
    *,
    blocked: Collection[int] = (401, 403),
    split: Collection[int] = (413,),
    later: Collection[int] = (),
) -> Judgement:
    """Judge by the status alone, alike for every payload. Serves as an endpoint's ``judge``, or as the end of one that has
    special cases. *settings* is ignored.

    2xx is `Delivered`. 408, 425, 429, 5xx (but 501) and *later* are `Later`. *blocked*, a redirect and a 402 (payment required)
    are `Blocked`. *split* is `Split`, and so is a 400, 409 or 422 to several payloads: one of them may be the reason, and the
    others need not suffer for it. Everything else is `Dead`, with the status and the start of the body.
    """
    status = response.status
    if status in blocked or status in OF_THE_SET_UP:
        return Blocked(describe(response))
    if status in split:
        return Split(describe(response))
    if status in later or is_outage(status):
        return [Later(describe(response))] * len(payloads)
    if response.is_success:
        return [Delivered()] * len(payloads)
    if status in _OF_ONE_OF_THEM and len(payloads) > 1:
        return Split(describe(response))
    return [Dead(describe(response))] * len(payloads)


def judge_named(errors: Iterable[tuple[int | None, str]], keys: Sequence[Hashable], reason: str) -> Judgement:
    """Judge a request that was refused as a whole because of items that the vendor names: those are dead, and the others are
    sent again at once.

    It is a `Split` instead if there is no error, or if an error names no item or an item of several payloads, of which only one
    may be at fault.

    Args:
        errors: for each error, the index of the item (None if the vendor names none) and the vendor's words.
        keys: one for each payload, in request order. Payloads with the same key are one item, at the place of the first.
        reason: the reason of a `Split`.
    """
    places: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    items = list(places.values())
    refused: dict[int, Dead] = {}
    for index, said in errors:
        if index is None or not 0 <= index < len(items) or len(items[index]) > 1:
            return Split(reason)
        refused.setdefault(items[index][0], Dead(said))
    return [refused.get(place, Again()) for place in range(len(keys))] if refused else Split(reason)


def describe(response: Response) -> str:
    """The status and the first 300 characters of the body on one line, for reasons."""
    text = " ".join(response.text.split())[:300]
    return f"{response.status} {text}".strip()

"""Verdicts: what a plugin reads in a vendor's answer, and what a sensible default reading is."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from router.plugin.request import Payload, Response


@dataclass(frozen=True, slots=True)
class Delivered:
    """The vendor has the payload."""

    warnings: tuple[str, ...] = ()
    """What had to be left out or changed for it, for the log and a counter."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: try again.

    On an answer that speaks for the whole vendor (408, 425, 429, 5xx, or what *is_outage* says) the destination as a whole
    waits, if it says so of all that was sent. On any other answer only the event waits, with its user's later events behind
    it (it is *parked*).
    """

    reason: str
    after_s: float | None = None
    """Seconds the vendor asked to wait; None leaves the wait to the core (which reads Retry-After by itself)."""
    max_attempts: int | None = None
    """After so many tries of a parked event it becomes a dead letter; None waits as long as the destination's retry window.

    Set it where waiting may be in vain: behind a parked event its user's later events wait too.
    """
    is_outage: bool | None = None
    """Whether the answer speaks for the whole vendor, where its status does not tell: True for a limit that comes with a 200
    or a 400, False for a 429 that is about one user. None: by the status."""


@dataclass(frozen=True, slots=True)
class Dead:
    """Refused for good, in the vendor's own words: the event becomes a dead letter of this destination."""

    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing is wrong with this payload: its request was refused, and nothing of it kept, because of others. It is sent again
    at once, without those: at least one of the request has to get another verdict."""


@dataclass(frozen=True, slots=True)
class Split:
    """The whole request was refused because of its size, or of one item and it doesn't say which: halve it. A single payload
    becomes dead."""

    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """The destination cannot deliver anything until its operator acts: credentials, account, quota."""

    reason: str


Verdict = Delivered | Later | Dead | Again
Judgement = Sequence[Verdict] | Split | Blocked
"""One verdict per payload in request order, or one word for the whole request."""

OF_THE_SET_UP = (301, 302, 303, 307, 308, 402)
"""Redirects, which are not followed (promise 10), and payment: of the address or the account, and never of an event."""
MISPLACED = (*OF_THE_SET_UP, 401, 403, 404, 405)
"""Where paths are fixed, or made of settings alone, these speak of the set-up (credentials, plan, base_url) and never of an
event: for *blocked* of `judge_by_status`."""
_OF_ONE_OF_THEM = frozenset({400, 409, 422})
"""Statuses of a refusal that is about what was sent."""
OUTAGE_STATUSES = frozenset({408, 425, 429})


def is_outage(status: int) -> bool:
    """True for answers that speak for the whole vendor: 408, 425, 429 and every 5xx but 501."""
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
    """Read nothing but the status, alike for every payload: an endpoint's ``judge`` as it is, or what one with special cases
    ends with. *settings* is not looked at.

    2xx is `Delivered`; 408, 425, 429, 5xx (but 501) and *later* are `Later`; *blocked* and *split* are what they say; a
    redirect and a 402 (payment required) are `Blocked`, too. A 400, 409 or 422 to several payloads is `Split`: one of them may
    be the reason, and the others are no worse for it. All else is `Dead`, with the status and the start of the body.
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
    """Of a request that was refused as a whole for some of its items, which the vendor names: those are dead, and the others go
    again at once.

    Args:
        errors: what the vendor says: the index of an item, None where it names none, and its words.
        keys: one for each payload, in request order. Payloads of one key are one item, at the place of the first.
        reason: of the `Split` that it is instead where an error names no item, or one of several payloads, of which one alone
            may be at fault; or where there is no error.
    """
    places: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    items = list(places.values())
    refused: dict[int, Dead] = {}
    for index, said in errors:
        if index is None or index >= len(items) or len(items[index]) > 1:
            return Split(reason)
        refused.setdefault(items[index][0], Dead(said))
    return [refused.get(place, Again()) for place in range(len(keys))] if refused else Split(reason)


def describe(response: Response) -> str:
    """The status and the first 300 characters of the body on one line, for reasons."""
    text = " ".join(response.text.split())[:300]
    return f"{response.status} {text}".strip()

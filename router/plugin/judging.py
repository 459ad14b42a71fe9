"""Judging: verdicts by an answer's status, or by the items that the vendor names in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from router.plugin.omission import has_part, without
from router.plugin.request import Payload, Response
from router.plugin.verdict import Again, Blocked, Dead, Delivered, Judgement, Later, Split, Verdict

OF_THE_SET_UP = (301, 302, 303, 307, 308, 402)
"""Redirects, which are not followed (promise 10), and "payment required". They are about the address or the account, never
about an event."""
MISPLACED = (*OF_THE_SET_UP, 401, 403, 404, 405)
"""For the *blocked* of `judge_by_status`, if paths are fixed or made from settings alone: these are then about the set-up
(credentials, plan, base_url), never about an event."""
_OF_ONE_OF_THEM = frozenset({400, 409, 422})
"""Statuses of a refusal that is about what was sent: of several payloads, perhaps one."""
_OUTAGE_STATUSES = frozenset({408, 425, 429})
_AGAIN = Again()


def is_outage(status: int) -> bool:
    """Whether an answer with this status speaks for the whole vendor: 408, 425, 429, every 5xx but 501, and what is no final
    status of HTTP's (101, 600 and beyond), such as the 999 of a firewall.

    Source: RFC 9110 section 15: a client treats an invalid status as a 5xx.
    """
    return status in _OUTAGE_STATUSES or not (200 <= status <= 499 or status == 501)


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

    2xx is `Delivered`. An outage (`is_outage`) and *later* are `Later`. *blocked*, a redirect and a 402 (payment required)
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


Named = tuple[int | None, str] | tuple[int | None, str, Sequence[str]]
"""What an error names: the item by its index (None if the vendor names none), the vendor's words, and where in the body of its
payloads the refused part is, as for `without`. No path, or an empty one: not told."""
Mend = Callable[[Payload, Sequence[Sequence[str]], str], Payload | None]
"""From a payload, the paths of what is refused of it and the vendor's words to what is sent in its place. None: it can't do
without."""


def judge_named(
    errors: Iterable[Named],
    keys: Sequence[Hashable],
    reason: str,
    *,
    payloads: Sequence[Payload] = (),
    mend: Mend | None = None,
    others: Verdict = _AGAIN,
) -> Judgement:
    """Judge a request of which the vendor names the items that it refuses: those are dead. The others are sent again at once,
    for the request was refused as a whole; or get the verdict *others*.

    With *mend*, an item is sent again without the parts of it that are refused, as `again_without` does.

    It is a `Split` instead if there is no error, or if an error names no item or an item of several payloads, of which only one
    may be at fault.

    Args:
        errors: what is wrong, as many for an item as there are.
        keys: one for each payload, in request order. Payloads with the same key are one item, at the place of the first.
        reason: the reason of a `Split`.
        payloads: what was sent, in request order; for *mend*.
    """
    places: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    items = list(places.values())
    named: dict[int, list[tuple[str, Sequence[str]]]] = {}
    for error in errors:
        index = error[0]
        if index is None or not 0 <= index < len(items):
            return Split(reason)
        named.setdefault(index, []).append((error[1], error[2] if len(error) == 3 else ()))
    verdicts: dict[int, Verdict] = {}
    for index, refused in named.items():
        item = {place: payloads[place] for place in items[index]} if mend else {}
        again = again_without(item, [path for _, path in refused], refused[0][0], mend) if mend else {}
        if not again and len(items[index]) > 1:
            return Split(reason)
        verdicts |= again or dict.fromkeys(items[index], Dead(refused[0][0]))
    return [verdicts.get(place, others) for place in range(len(keys))] if verdicts else Split(reason)


def again_without(
    payloads: Mapping[int, Payload], paths: Iterable[Sequence[str]], said: str, mend: Mend = without
) -> dict[int, Verdict]:
    """The verdicts on *payloads*, by their places, that are one item of a request, which is sent again without the parts at
    *paths*; none where it can't be. The last payload that has a part loses it: its value is the one that was sent."""
    parts: dict[int, list[Sequence[str]]] = {}
    for path in paths:
        place = max((place for place, payload in payloads.items() if has_part(payload.body, path)), default=None)
        if place is None:
            return {}
        parts.setdefault(place, []).append(path)
    left = {place: mend(payloads[place], mine, said) for place, mine in parts.items()}
    return {} if None in left.values() else {place: Again(left.get(place)) for place in payloads} if left else {}


def only_verdict(judgement: Judgement) -> Verdict | Blocked:
    """The verdict on the only payload that was judged, for the end of a conversation. A `Split` is `Dead`: there is nothing to
    halve."""
    if isinstance(judgement, Split):
        return Dead(judgement.reason)
    return judgement if isinstance(judgement, Blocked) else judgement[0]


def describe(response: Response) -> str:
    """The status and the first 300 characters of the body on one line, for reasons."""
    text = " ".join(response.text.split())[:300]
    return f"{response.status} {text}".strip()

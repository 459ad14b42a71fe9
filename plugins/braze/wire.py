"""Requests to /users/track, /users/identify and /users/merge, and what their answers mean.

Source: facts/vendors/braze.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from plugins.braze.settings import Settings
from router.plugin import (
    MISPLACED,
    Bearer,
    Credential,
    Dead,
    Delivered,
    Document,
    Judgement,
    Payload,
    Request,
    Response,
    UnreadableAnswer,
    Verdict,
    build_url,
    describe,
    judge_by_status,
)

MAX_OBJECTS: Final = 75
"""In total over attributes, events and purchases; the setting batch_size says how many of them this account may send."""
MAX_BYTES: Final = 4_000_000
MAX_PAYLOAD_BYTES: Final = 100_000
MAX_PAIRS: Final = 50
TRACK_RATE_PER_S: Final = 1_000.0
"""3000 requests in 3 seconds."""
IDENTITY_RATE_PER_S: Final = 160.0
"""Identify and merge share 20,000 requests a minute, 333 a second."""
RESET_HEADER: Final = "x-ratelimit-reset"

_GOOD: Final = ("success", "queued")


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.api_key)]


def batch_size(settings: Settings) -> int:
    return settings.batch_size


def pack_track(payloads: Sequence[Payload], settings: Settings) -> Request:
    """One request for attributes, events and purchases: each payload says which of the three it is."""
    body: dict[str, list[Document]] = {}
    for payload in payloads:
        for array, item in payload.body.items():
            body.setdefault(array, []).append(item)
    return Request("POST", build_url(settings.api_url, "users", "track"), body)


def pack_identify(payloads: Sequence[Payload], settings: Settings) -> Request:
    """``merge`` moves what the alias profile has to the user's, where that has nothing yet."""
    body = {"aliases_to_identify": [payload.body for payload in payloads], "merge_behavior": "merge"}
    return Request("POST", build_url(settings.api_url, "users", "identify"), body)


def pack_merge(payloads: Sequence[Payload], settings: Settings) -> Request:
    body = {"merge_updates": [payload.body for payload in payloads]}
    return Request("POST", build_url(settings.api_url, "users", "merge"), body)


def empty_request(settings: Settings) -> Request:
    """Nothing at all: refused with a 400 where the key is good, and with a 401 or 403 where it is not."""
    return Request("POST", build_url(settings.api_url, "users", "track"), {})


def is_key_good(response: Response) -> bool:
    return response.status == 400 or response.is_success


def judge_track(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """A success may list objects that were refused; all others were taken. After a 400 nothing was, so halving harms nobody.

    An error that names no object is a warning: Braze knows no idempotency key, so sending the good ones again to find the bad
    one would book every event twice.

    Raises:
        UnreadableAnswer: a success that is none of the documented shapes, such as a proxy's page.
    """
    if not response.is_success:
        return judge_by_status(response, payloads, blocked=MISPLACED)
    places = _places(payloads)
    verdicts: list[Verdict] = [Delivered()] * len(payloads)
    unplaced: list[str] = []
    for error in _errors(response):
        place = places.get(_position(error))
        if place is None:
            unplaced.append(_words(error))
        else:
            verdicts[place] = Dead(_words(error))
    if unplaced and len(payloads) == 1:
        return [Dead(unplaced[0])]
    if unplaced and Delivered() in verdicts:
        verdicts[verdicts.index(Delivered())] = Delivered(tuple(unplaced))
    return verdicts


def judge_identify(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """That an alias is not there is the usual case, not worth a word: it has been attached before, or was never written.

    Raises:
        UnreadableAnswer: a success that is none of the documented shapes, such as a proxy's page.
    """
    if not response.is_success:
        return judge_by_status(response, payloads, blocked=MISPLACED)
    _errors(response)
    return [Delivered()] * len(payloads)


def judge_merge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """That a user is not there is no failure, but a warning: there is nothing to merge then.

    Raises:
        UnreadableAnswer: a success that is none of the documented shapes, such as a proxy's page.
    """
    if not response.is_success:
        return judge_by_status(response, payloads, blocked=MISPLACED)
    warnings: list[list[str]] = [[] for _ in payloads]
    for error in _errors(response):
        _, index = _position(error)
        warnings[index if 0 <= index < len(payloads) else 0].append(_words(error))
    return [Delivered(tuple(each)) for each in warnings]


def _errors(response: Response) -> list[Any]:
    body = response.json()
    if not isinstance(body, dict) or body.get("message") not in _GOOD:
        raise UnreadableAnswer(f'expected the message "success" or "queued", got {describe(response)}')
    errors = body.get("errors")
    return errors if isinstance(errors, list) else []


def _position(error: Any) -> tuple[str, int]:
    """The array and the index that an error names; -1 for none."""
    named = error if isinstance(error, dict) else {}
    array, index = named.get("input_array"), named.get("index")
    return (
        array if isinstance(array, str) else "",
        index if isinstance(index, int) and not isinstance(index, bool) else -1,
    )


def _places(payloads: Sequence[Payload]) -> dict[tuple[str, int], int]:
    """From an array's name and an index in it to the payload's place in the request."""
    counts: dict[str, int] = {}
    places: dict[tuple[str, int], int] = {}
    for place, payload in enumerate(payloads):
        for array in payload.body:
            index = counts.get(array, 0)
            counts[array] = index + 1
            places[array, index] = place
    return places


def _words(error: Any) -> str:
    kind = error.get("type") if isinstance(error, dict) else error
    return (kind if isinstance(kind, str) and kind else "refused without a reason")[:300]

"""Requests to Iterable, and what its answers mean.

Source: facts/vendors/iterable.md sections 1, 2, 6, 7 and 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from plugins.iterable.settings import Settings
from router.plugin import (
    OF_THE_SET_UP,
    Again,
    Blocked,
    Credential,
    Dead,
    Delivered,
    Document,
    HeaderKey,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    Split,
    UnreadableAnswer,
    Verdict,
    build_url,
    describe,
    judge_by_status,
    without,
)

MAX_ITEMS: Final = 1_000
"""No number is documented; others send chunks of this size."""
MAX_BYTES: Final = 4_000_000
MERGE_RATE_PER_S: Final = 50.0
NOT_THERE_YET_S: Final = 60.0
"""A user that was just written is known to the other queues after about a minute."""
NOT_THERE_ATTEMPTS: Final = 2

_MISPLACED: Final = (*OF_THE_SET_UP, 401, 403, 405)
_BLOCKED_CODES: Final = frozenset({"BadApiKey", "Forbidden"})
_LATER_CODES: Final = frozenset({"DatabaseError", "GenericError", "QueueEmailError", "RateLimitExceeded"})
_UNKNOWN_USER_CODES: Final = frozenset({"UnknownEmailError", "UnknownUserIdError"})
_EMAIL_TAKEN: Final = "EmailAlreadyExists"
_FOR_ITS_DATA: Final = ("invalidData", "conflict")
"""How the lists are named of ids that are good, and were refused for what was said of them: a value, or the email of another
user."""
_TROUBLE_ATTEMPTS: Final = 5
"""Of an event that Iterable has trouble with, while it takes the others."""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [HeaderKey("Api-Key", settings.api_key)]


# --- limits ---


def batch_size(settings: Settings) -> int:
    return MAX_ITEMS if settings.use_bulk else 1


def user_rate(settings: Settings) -> float:
    return 5.0 if settings.use_bulk else 500.0


def event_rate(settings: Settings) -> float:
    return 10.0 if settings.use_bulk else 2_000.0


# --- requests ---


def pack_users(payloads: Sequence[Payload], settings: Settings) -> Request:
    fields = {} if settings.create_new_fields == "project" else {"createNewFields": settings.create_new_fields == "yes"}
    if not settings.use_bulk:
        return _post(settings, ("users", "update"), {**payloads[0].body, **fields})
    return _post(settings, ("users", "bulkUpdate"), {"users": [payload.body for payload in payloads], **fields})


def pack_events(payloads: Sequence[Payload], settings: Settings) -> Request:
    if not settings.use_bulk:
        return _post(settings, ("events", "track"), payloads[0].body)
    return _post(settings, ("events", "trackBulk"), {"events": [payload.body for payload in payloads]})


def _post(settings: Settings, path: tuple[str, ...], body: Document) -> Request:
    return Request("POST", build_url(settings.api_url, "api", *path), body)


# --- verdicts ---


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer about users. A refusal may come with a 200, and a batch names whom it refuses by id.

    Raises:
        UnreadableAnswer: a 200 that is none of the documented shapes, such as a proxy's page.
    """
    return _judge(response, payloads, Dead)


def judge_in_order(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """As `judge`, for what needs a user to be there (an event, a purchase, a merge): where there is none it is tried once more,
    since an identify may just have been sent.

    Raises:
        UnreadableAnswer: see `judge`.
    """
    return _judge(response, payloads, lambda reason: Later(reason, NOT_THERE_YET_S, NOT_THERE_ATTEMPTS))


_Refusal = Callable[[str], Verdict]


def _judge(response: Response, payloads: Sequence[Payload], not_there: _Refusal) -> Judgement:
    code = _code(response)
    if response.is_success:
        if code is None or code == "Success":
            return _judge_taken(response, payloads, not_there)
        return _judge_code(code, response, payloads, not_there)
    if response.status == 404 and code is None:
        return Blocked(describe(response))  # the paths are fixed: of another host (settings region, base_url)
    if code == "BatchTooLarge":
        return Split(describe(response))
    if code in _UNKNOWN_USER_CODES and len(payloads) == 1:
        return [not_there(describe(response))]
    if code == _EMAIL_TAKEN and len(payloads) == 1:
        return [_without_email(payloads[0], describe(response))]
    judgement = judge_by_status(response, payloads, blocked=_MISPLACED)
    return Split(describe(response)) if len(payloads) > 1 and _is_refusal(judgement) else judgement


def _is_refusal(judgement: Judgement) -> bool:
    return isinstance(judgement, Sequence) and all(isinstance(verdict, Dead) for verdict in judgement)


def _code(response: Response) -> str | None:
    code = response.json_object().get("code")
    return code if isinstance(code, str) else None


def _judge_code(code: str, response: Response, payloads: Sequence[Payload], not_there: _Refusal) -> Judgement:
    reason = describe(response)
    if code in _BLOCKED_CODES:
        return Blocked(reason)
    if code == "BatchTooLarge":
        return Split(reason)
    if code in _LATER_CODES:
        return [Later(reason, max_attempts=_TROUBLE_ATTEMPTS)] * len(payloads)
    if len(payloads) > 1:
        return Split(reason)
    if code == _EMAIL_TAKEN:
        return [_without_email(payloads[0], reason)]
    return [not_there(reason) if code in _UNKNOWN_USER_CODES else Dead(reason)]


def _judge_taken(response: Response, payloads: Sequence[Payload], not_there: _Refusal) -> Judgement:
    """What a 200 says: of a single call its code, of a batch the ids and the event names that were refused.

    Every item of a refused id counts as refused. Where more failed than are named, or one of several updates of a user for its
    data, the batch is halved until they are: repeating is harmless, since an event with a known id is updated and a user is
    written anew. Events are not halved for their data: of those a user has many, and where one is wrong the next ones are too.
    """
    body = response.json()
    if not isinstance(body, dict) or not {"code", "successCount", "failCount", "failedUpdates"} & body.keys():
        raise UnreadableAnswer(f"expected a code or counts, got {describe(response)}")
    ids = dict(_refused_ids(body))
    names = frozenset(name for name in _list(body, "disallowedEventNames") if isinstance(name, str))
    verdicts: list[Verdict] = [_verdict(payload, ids, names, not_there) for payload in payloads]
    failed = sum(not isinstance(verdict, Delivered) for verdict in verdicts)
    count = body.get("failCount")
    updates = Counter(_who(payload.body) for payload in payloads if "eventName" not in payload.body)
    is_one_of_several = any(why.startswith(_FOR_ITS_DATA) and updates[id] > 1 for id, why in ids.items())
    if (isinstance(count, int) and count > failed) or is_one_of_several:
        return Split(describe(response)) if len(payloads) > 1 else [Dead(describe(response))]
    left_out = [name for name in _list(body, "filteredOutFields") if isinstance(name, str)]
    if left_out and Delivered() in verdicts:
        warning = f"fields that the project does not know were left out: {', '.join(left_out)[:300]}"
        verdicts[verdicts.index(Delivered())] = Delivered((warning,))
    return verdicts


def _verdict(payload: Payload, ids: dict[str, str], names: frozenset[str], not_there: _Refusal) -> Verdict:
    item = payload.body
    why = ids.get(_who(item))
    if why is not None:
        reason = f"{why}: {item.get('userId', item.get('email'))}"
        if why.startswith("conflict"):
            return _without_email(payload, reason)
        return not_there(reason) if why.startswith("notFound") else Dead(reason)
    if item.get("eventName") in names:
        return Dead(f"disallowedEventNames: {item['eventName']}")
    return Delivered()


def _without_email(payload: Payload, reason: str) -> Verdict:
    """Another user has the email, as in a hybrid project one alone may: all else of an update is written nevertheless."""
    left = without(payload, [("dataFields", "email")], reason)
    return Again(left) if left else Dead(reason)


def _who(item: Document) -> str:
    """The id that names its user, in lower case."""
    return str(item.get("userId", item.get("email"))).casefold()


def _refused_ids(body: Document) -> Iterator[tuple[str, str]]:
    """Each refused id, in lower case, with the name of the list it is in: ``invalidEmails``, ``forgottenUserIds``, …

    Older answers have the lists at the top.
    """
    nested = body.get("failedUpdates")
    for lists in (body, nested if isinstance(nested, dict) else {}):
        for name in lists:
            if name.endswith(("Emails", "UserIds")):
                yield from ((id.casefold(), name) for id in _list(lists, name) if isinstance(id, str))


def _list(values: Document, name: str) -> list[Any]:
    found = values.get(name)
    return found if isinstance(found, list) else []

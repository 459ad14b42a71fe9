"""Paths, credentials, requests of one step, and what their answers mean.

Source: facts/vendors/mailchimp.md sections 1, 2, 5, 6 and 7.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from plugins.mailchimp.settings import Settings
from router.plugin import (
    OF_THE_SET_UP,
    Again,
    Bearer,
    Credential,
    Dead,
    Delivered,
    Document,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    Split,
    UnreadableAnswer,
    Verdict,
    again_without,
    build_url,
    describe,
    judge_by_status,
)

MAX_MEMBERS: Final = 200
"""500 are allowed, but the answer holds all there is of each member, some 3 kB, and of an answer the router reads 1 MB."""
_SERVER_TIMEOUT_S: Final = 120.0
"""Mailchimp gives itself so long for a request, and 200 members may need it."""
TEMPORARY_ATTEMPTS: Final = 5
"""A member that Mailchimp says it can't write just now is tried so often."""
BLOCKED: Final = (*OF_THE_SET_UP, 401, 403, 405)
"""A wrong data centre redirects or answers 403. A 403 that is a page comes from the firewall in front: it asks to wait, and a
destination that is blocked does nothing else. 405: whoever answers at `base_url` takes no such requests."""
OPTIONAL: Final = frozenset({"language", "timestamp_signup"})
"""What of a member, besides its merge fields, it can do without."""
_LEFT: Final = "unsubscribed"
NO_AUDIENCE: Final = 404
"""What the audience itself answers where there is none: everybody's trouble. For a member it is that member's."""
_OUT_OF_REACH: Final = re.compile(r"\bcompliance state\b", re.IGNORECASE)
"""In the words about a member who unsubscribed, or whose address bounced: nobody but they can subscribe them again."""
_TEMPORARY: Final = re.compile(r"temporar|try again|timed? ?out|for now", re.IGNORECASE)
"""The last is of an address that "has signed up to a lot of lists very recently; we're not allowing more signups for now".

Source: stackoverflow.com/questions/41160763.
"""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.api_key)]


def check_credentials(settings: Settings) -> Request:
    return Request("GET", build_url(settings.api_url, "3.0", "ping"))


def audience_url(settings: Settings, *segments: str, query: Mapping[str, str] | None = None) -> str:
    return build_url(settings.api_url, "3.0", "lists", settings.audience_id, *segments, query=query)


def member_id(email: str) -> str:
    """What a member is called in paths: the MD5 of the email in lower case."""
    return hashlib.md5(email.lower().encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


# --- answers ---


def judge(response: Response, payloads: Sequence[Payload], blocked: Collection[int] = BLOCKED) -> Judgement:
    """By the status; what is refused has Mailchimp's words, which may say that it is not for good.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    judgement = judge_by_status(response.unless_page(), payloads, blocked=blocked)
    if isinstance(judgement, Sequence) and isinstance(judgement[0], Dead):
        return [_refused(words(response))] * len(payloads)
    return judgement


def words(response: Response) -> str:
    """The status, the title, and which field is wrong how, or else the detail."""
    body = response.json_object()
    errors = body.get("errors")
    of_fields = [
        f"{error.get('field')} {error.get('message')}"
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, dict)
    ]
    said = [text for text in (body.get("title"), "; ".join(of_fields) or body.get("detail")) if isinstance(text, str)]
    return f"{response.status} {': '.join(said)}"[:300] if said else describe(response)


# --- events ---


def event_request(email: str, event: Document, settings: Settings) -> Request:
    return Request("POST", audience_url(settings, "members", member_id(email), "events"), event)


# --- members in batches ---


def pack_members(payloads: Sequence[Payload], settings: Settings) -> Request:
    """Each member once, with the last value of everything: twice in one request would be an error. The usual status is for a
    member of whom no call says another."""
    members: dict[str, Document] = {}
    for payload in payloads:
        earlier, later = members.get(payload.body["email_address"], {}), payload.body
        merged = {**earlier.get("merge_fields", {}), **later.get("merge_fields", {})}
        members[later["email_address"]] = {**earlier, **later, **({"merge_fields": merged} if merged else {})}
    made = [{"status": settings.default_status, **member} for member in members.values()]
    body = {"members": made, "update_existing": True}
    url = audience_url(settings, query={"skip_merge_validation": "true"})
    return Request("POST", url, body, timeout_s=_SERVER_TIMEOUT_S)


def judge_members(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """A 200 lists whom Mailchimp refused, by their email. One refused for a field that it can do without is sent again without
    it; one who has unsubscribed, as unsubscribed, for a batch has to say a status. One refused without an email halves the
    batch, as does one of several payloads refused for a value that none of them has. So does an answer that is cut, as one is
    that is larger than the router reads: it is as large each time.

    Raises:
        UnreadableAnswer: a 200 without that list.
    """
    if response.status != 200:
        return judge(response, payloads, (*BLOCKED, NO_AUDIENCE))
    try:
        answer = response.json()
    except UnreadableAnswer:
        if len(payloads) > 1 and response.body.lstrip().startswith(b"{"):
            return Split(f"an answer of {len(response.body)} bytes, which is cut")
        raise
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if not isinstance(errors, list):
        raise UnreadableAnswer(f"expected a list of errors, got {describe(response)}")
    emails = [payload.body.get("email_address") for payload in payloads]
    refused: dict[int, Verdict] = {}
    for error in errors:
        email = error.get("email_address") if isinstance(error, dict) else None
        places = [place for place, sent in enumerate(emails) if isinstance(email, str) and sent == email.lower()]
        said = _words_of(error)
        if not places:
            return Split(said) if len(payloads) > 1 else [_refused(said)]
        verdict, path = _refused(said), _path_of(error)
        mine = {place: payloads[place] for place in places}
        again = again_without(mine, [path], said) if isinstance(verdict, Dead) else {}
        if _OUT_OF_REACH.search(said) and any(payload.body.get("status") != _LEFT for payload in mine.values()):
            refused |= {place: Again(_as_unsubscribed(payload, said)) for place, payload in mine.items()}
        elif again:
            refused |= again
        elif path and len(places) > 1:
            return Split(said)  # of several calls about one member one is at fault
        else:
            refused |= dict.fromkeys(places, verdict)
    return [refused.get(place, Delivered()) for place in range(len(payloads))]


def _as_unsubscribed(payload: Payload, said: str) -> Payload:
    return replace(payload, body={**payload.body, "status": _LEFT}, notes=(*payload.notes, f"the status stays: {said}"))


def _path_of(error: Document) -> Sequence[str]:
    """Where in a member the field is that *error* names; none where it names none, or the email."""
    field = error.get("field")
    if not isinstance(field, str) or field in ("", "email_address"):
        return ()
    name = name_of(field)
    return (name,) if name in OPTIONAL else ("merge_fields", name)


def name_of(field: str) -> str:
    """The merge field, or the part of a member, that an error's *field* names: ``merge_fields.ADDRESS.zip`` or ``ADDRESS``."""
    return field.removeprefix("merge_fields.").partition(".")[0]


def _refused(reason: str) -> Verdict:
    return Later(reason, max_attempts=TEMPORARY_ATTEMPTS) if _TEMPORARY.search(reason) else Dead(reason)


def _words_of(error: Any) -> str:
    """Code and text of one member's error."""
    keys = ("error_code", "error", "field", "field_message")
    said = [error[key] for key in keys if isinstance(error.get(key), str)] if isinstance(error, dict) else []
    return ": ".join(text for text in said if text)[:300] or "refused without a reason"

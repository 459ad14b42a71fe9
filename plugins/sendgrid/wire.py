"""The one request there is, and what its answers mean.

Source: facts/vendors/sendgrid-marketing.md sections 1, 2, 5, 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from plugins.sendgrid.mapping import IDENTIFIERS, NO_LISTS
from plugins.sendgrid.settings import Settings
from router.plugin import (
    Bearer,
    Blocked,
    Credential,
    Dead,
    Document,
    Judgement,
    Payload,
    Request,
    Response,
    Split,
    build_url,
    describe,
    judge_by_status,
    judge_named,
    without,
)

MAX_CONTACTS: Final = 500
"""30,000 are allowed, but one bad email fails the whole request: the more there are, the more is sent again."""
MAX_BYTES: Final = 5_900_000
REQUESTS_PER_S: Final = 1.5
"""No number is published; the older API had 3 in 2 seconds, and a third party says 100 a minute."""
RESET_HEADER: Final = "x-ratelimit-reset"
_CONTACT: Final = re.compile(r"contacts\[([0-9]{1,5})\](?:\.(\S+))?")
"""How an error's field begins that is of one contact of the request, and the field of the contact: ``contacts[3].email``."""
_NO_SUCH_FIELD: Final = "invalid custom field ids"
"""What SendGrid says of a custom field that isn't there, whatever contact has it. The ids are those of the settings.

Source: github.com/sendgrid/sendgrid-nodejs/issues/953 (a name for an id, 2019).
"""
_BLOCKED: Final = (401, 403, 404, 405)
"""404 is a list of the settings that is not there, or the wrong address, as is a 405."""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.api_key)]


def check_credentials(settings: Settings) -> Request:
    """The definitions of custom fields, which take the scope that contacts take. The account takes another one, which a key for
    Marketing alone has not.

    Source: twilio.com/docs/sendgrid/api-reference/api-key-permissions (``user.account.read``; a copy of 2025).
    """
    return _request("GET", settings, "marketing", "field_definitions")


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    """Each contact once, with the last value of everything: order within a request is not promised."""
    contacts: dict[tuple[Any, ...], Document] = {}
    for payload in payloads:
        contacts[_key(payload)] = _merged(contacts.get(_key(payload), {}), payload.body)
    body: Document = {"contacts": list(contacts.values())}
    if settings.list_ids and payloads[0].group != NO_LISTS:
        body = {"list_ids": settings.list_ids, **body}
    return _request("PUT", settings, "marketing", "contacts", body=body)


def _key(payload: Payload) -> tuple[Any, ...]:
    return tuple(payload.body.get(name) for name in IDENTIFIERS)


def _merged(earlier: Document, later: Document) -> Document:
    """*later* over *earlier*; a new first line of an address takes the second one with it."""
    if "address_line_1" in later:
        earlier = {name: value for name, value in earlier.items() if name != "address_line_2"}
    merged = {**earlier, **later}
    custom = {**earlier.get("custom_fields", {}), **later.get("custom_fields", {})}
    return {**merged, "custom_fields": custom} if custom else merged


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """A 400 refuses everybody. Those whom it names are in the next request without the field that it names, or not at all where
    SendGrid finds them by that field; where it names none, halve. Where it is about a custom field that isn't there, everybody
    with the trait is refused until the settings are mended.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    if response.status == 400 and any(_NO_SUCH_FIELD in _words_of(error) for error in _errors_of(response)):
        return Blocked(f"{words(response)} (settings custom_fields, group_fields)")
    if response.status == 400:
        errors = (_read_error(response.status, error) for error in _errors_of(response))
        keys = list(map(_key, payloads))
        judgement = judge_named(errors, keys, words(response), payloads=payloads, mend=_mend)
        is_one = isinstance(judgement, Split) and len(payloads) == 1
        return [Dead(words(response))] if is_one else judgement
    return judge_by_status(response.unless_page(), payloads, blocked=_BLOCKED)


def _read_error(status: int, error: Document) -> tuple[int | None, str, Sequence[str]]:
    """The contact, SendGrid's words, and the path of the field in it."""
    match = _CONTACT.match(str(error.get("field")))
    said = f"{status} {_words_of(error)}"[:300]
    return (int(match[1]), said, match[2].split(".") if match[2] else ()) if match else (None, said, ())


def _mend(payload: Payload, paths: Sequence[Sequence[str]], said: str) -> Payload | None:
    return None if any(path[0] in IDENTIFIERS for path in paths) else without(payload, paths, said)


def words(response: Response) -> str:
    """The vendor's own words: field and message of the first error."""
    said = next(filter(None, map(_words_of, _errors_of(response))), "")
    return f"{response.status} {said}"[:300] if said else describe(response)


def _errors_of(response: Response) -> list[Document]:
    errors = response.json_object().get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _words_of(error: Document) -> str:
    return ": ".join(error[key] for key in ("field", "message") if isinstance(error.get(key), str))


def _request(method: str, settings: Settings, *segments: str, body: Any = None) -> Request:
    headers = {"on-behalf-of": settings.on_behalf_of} if settings.on_behalf_of else {}
    return Request(method, build_url(settings.api_url, "v3", *segments), body, headers)

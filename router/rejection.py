"""A rejection: why a call is not an event. `router.normalise` raises it, precise enough to be shown to the caller."""

from __future__ import annotations

from router.reason import Reason

_EXCERPT = 40
"""Characters of a value that a message shows."""


class RejectionCode(Reason):
    """Why a call is no event, whatever it came by; the codes of a receipt."""

    NOT_AN_OBJECT = "not_an_object", "The call is JSON, but no object."
    TOO_DEEP = "too_deep", "Objects and lists are nested deeper than `server.max_depth` allows."
    UNKNOWN_TYPE = "unknown_type", "Neither the call nor the path it came by names one of the six types."
    MISSING_ID = (
        "missing_id",
        "Nobody to tie the event to: no `userId`, no `anonymousId` and, on identify, no email trait; on alias, no `userId`.",
    )
    MISSING_EVENT = "missing_event", "A track without the name of what happened."
    MISSING_GROUP_ID = "missing_group_id", "A group call without `groupId`."
    MISSING_PREVIOUS_ID = "missing_previous_id", "An alias without `previousId`."
    INVALID_ID = (
        "invalid_id",
        "An id that is neither text nor a whole number: an object, a list, a boolean, 1.5, or a number too big to be exact.",
    )
    MESSAGE_ID_TOO_LONG = "message_id_too_long", "`messageId` has more than 100 characters."
    INVALID_FIELD = "invalid_field", "A field of the spec has a type that it can't have."


class Rejected(Exception):
    """The call can't become an event; nothing was kept. The caller has to change what they send.

    Attributes:
        code: what is wrong, for programs.
        field: where, in the spec's camelCase (``context.traits``); "" means the call as a whole.
        expected: what would have been accepted, as a phrase.
        found: what came instead, as a short phrase that can always be encoded as UTF-8. Never holds the values of ids and
            traits.
    """

    def __init__(self, code: RejectionCode, field: str, expected: str, found: str) -> None:
        super().__init__(code, field, expected, found)
        self.code = code
        self.field = field
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"{self.field or 'the call'}: expected {self.expected}, found {self.found}"


def kind_of(value: object) -> str:
    """What *value* is, as a phrase for `Rejected.found`, without showing the value."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "text" if value.strip() else "empty text"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return "something that is no JSON"


def excerpt(value: object) -> str:
    """*value* for a message: quoted, in printable ASCII, cut. Only for values that do no harm when shown (a type, a time)."""
    if not isinstance(value, str):
        return kind_of(value)
    text = ascii(value[: _EXCERPT + 1])[1:-1]
    return f'"{text[:_EXCERPT]}{"…" if len(text) > _EXCERPT else ""}"'

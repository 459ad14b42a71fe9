"""Normalising: make an event from a call as an SDK sent it, with canonical names and with times by one clock. Pure.

Anything odd but readable is put right, with a warning. Anything unreadable raises `Rejected`; no JSON raises anything else.
Normalising an event a second time changes nothing.

Sources: facts/event-spec.md sections 1, 4 and 5; facts/ingest-protocol.md section 7; design.md, "Null, empty, absent".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from router.channel import read_channel
from router.event import EVENT_TYPES, Document, Event, EventType
from router.event_times import read_times
from router.odd_json import Doubled, Mending, is_plain
from router.rejection import Rejected, RejectionCode, excerpt, kind_of
from router.reserved import GROUP_SPELLINGS, USER_SPELLINGS, canonical_traits, fill_name, spellings_of
from router.traits import snake_case

MAX_MESSAGE_ID_LENGTH: Final = 100
"""Characters (facts/event-spec.md section 2)."""
API_VERSION: Final = 2
"""The ``version`` (of the tracking API) given to an event that has none."""

_IDS = ("userId", "anonymousId", "groupId", "previousId", "messageId")
_TEXTS = ("event", "name", "category")
_TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
_OBJECTS = ("context", "traits", "properties", "integrations")
_ID_PATHS: Final = frozenset({*_IDS, *map(snake_case, _IDS), "context.groupId", "context.group_id"})
_NUMBERS_KEPT = (*_IDS, *_TEXTS, *_TIMES, "version")
_FIRST_INEXACT_FLOAT = 2.0**53
_NOTHING: Final[Document] = {}
"""Stands in for an absent object. Never written to."""


def _snake_spellings(names: Iterable[str]) -> dict[str, str]:
    return {spelling: name for spelling, name in spellings_of(names).items() if spelling != name}


_SNAKE_FIELDS = _snake_spellings((*_IDS, *_TIMES))
_SNAKE_CONTEXT = _snake_spellings(("userAgent", "userAgentData", "groupId", "externalIds"))
_WRITE_KEYS = frozenset({"writeKey", "write_key"})
LEFT_OUT: Final = _WRITE_KEYS | {"receivedAt"}
"""Fields of a call that its event leaves out without a warning."""
_TYPES: Final[Mapping[str, EventType]] = {kind: kind for kind in EVENT_TYPES}
_RARE_FIELDS = _WRITE_KEYS | _SNAKE_FIELDS.keys()


class Normalised(NamedTuple):
    """An accepted event, with one sentence for each oddity that was put right. The caller may see the sentences."""

    event: Event
    warnings: tuple[str, ...] = ()


def normalise(
    raw: Mapping[str, Any],
    *,
    received_at: datetime,
    new_id: Callable[[], str],
    type: str | None = None,
    sent_at: Any = None,
    context: Mapping[str, Any] | None = None,
    integrations: Mapping[str, Any] | None = None,
    is_known_plain: bool = False,
) -> Normalised:
    """Make an event from one call. The input stays unchanged; the event may share parts of it.

    Args:
        raw: the call: a JSON object as `orjson.loads` or `json.loads` reads it.
        received_at: when the call arrived, with a time zone. Replaces what the call says.
        new_id: makes a ``messageId`` for a call that has none.
        type: the type according to the request's path. The call's own type wins.
        sent_at: from the batch or a request header. The call's own wins.
        context: from the batch. Merged key by key, the call winning. Where both sides have an object (``page``, ``traits``),
            its keys are merged in the same way, and no deeper.
        integrations: from the batch. Merged key by key, the call winning. Names match in any case, and a null in the call
            counts as absent.
        is_known_plain: the caller has checked that *raw* and the batch hold nothing odd. It then judges the depth too.

    ``writeKey`` is left out: it is a secret. Null counts as absent, and so do ``""`` for ids and times and ``[]`` for objects
    (PHP writes an empty object so). On identify, ``context.traits`` are merged into ``traits``, which win key by key.

    Raises:
        Rejected: the call is not an event. The caller is told why.
    """
    warnings: list[str] = []
    if not isinstance(raw, dict | Mapping):  # in this order: to recognise a dict as a Mapping is slow
        raise Rejected(RejectionCode.NOT_AN_OBJECT, "", "a JSON object", kind_of(raw))
    if not is_known_plain and not is_plain(raw):
        raw = Mending(warnings, _ID_PATHS).mend(raw, _NUMBERS_KEPT)

    document: Document = dict(raw)
    if not _RARE_FIELDS.isdisjoint(document):
        for key in _WRITE_KEYS:
            document.pop(key, None)
        _rename(document, _SNAKE_FIELDS, "", warnings)
    kind = document["type"] = _read_type(document, type, warnings)
    _read_objects(document)
    if context or integrations:
        _merge_defaults(document, context, integrations, warnings, is_known_plain)
    _read_texts(document, kind)
    _read_ids(document, new_id)
    if "context" in document:
        document["context"] = _canonical_context(document["context"], warnings)
    if kind != "group" and "groupId" in document:
        _tell_group(document)
    _read_traits(document, kind, warnings)
    _check_identity(document, kind)
    _read_times(document, received_at, sent_at, warnings)
    if "version" in document:
        _read_version(document, warnings)
    else:
        document["version"] = API_VERSION
    channel = read_channel(document.pop("channel", None), document.get("context", _NOTHING), warnings)
    if channel is not None:
        document["channel"] = channel
    # Once each: the context of a batch is read twice, alone and merged.
    return Normalised(Event.of_normalised(document), tuple(dict.fromkeys(warnings)))


def _rename(document: Document, spellings: Mapping[str, str], where: str, warnings: list[str]) -> None:
    """Rename the keys of *document* that *spellings* lists. Where both names are there, the canonical one wins."""
    for snake, camel in spellings.items():
        if snake not in document:
            continue
        value = document.pop(snake)
        if document.get(camel) in (None, ""):
            document[camel] = value
            warnings.append(f"{where}{snake}: read as {camel}")
        elif document[camel] != value:
            warnings.append(f"{where}{snake} and {where}{camel} are both given and differ; {camel} is used")


def _read_type(document: Document, of_path: str | None, warnings: list[str]) -> EventType:
    own = document.get("type")
    if isinstance(own, str):
        name = _TYPES.get(own) or _TYPES.get(own.strip().lower())
        if name is not None:
            if of_path is not None and of_path != name:
                warnings.append(f"type: the path says {excerpt(of_path)}, the event says {name}, which is used")
            return name
    if of_path is not None and of_path in _TYPES:
        if own is not None:
            warnings.append(f"type: {excerpt(own)} is unknown; {of_path} is used, as the path says")
        return _TYPES[of_path]
    raise Rejected(RejectionCode.UNKNOWN_TYPE, "type", f"one of {', '.join(EVENT_TYPES)}", excerpt(own))


def _read_objects(document: Document) -> None:
    for field in _OBJECTS:
        if field in document and not isinstance(value := document[field], dict) and _as_object(value, field) is None:
            del document[field]


def _as_object(value: Any, field: str) -> Document | None:
    """*value*, or None where it is as if absent."""
    if isinstance(value, dict):
        return value
    if value is None or value == []:
        return None
    raise Rejected(RejectionCode.INVALID_FIELD, field, "an object", kind_of(value))


def _merge_defaults(
    document: Document, context: Any, integrations: Any, warnings: list[str], is_known_plain: bool
) -> None:
    defaults = {"context": context, "integrations": integrations}
    if not is_known_plain and (
        not is_plain(defaults) or isinstance(context, Doubled) or isinstance(integrations, Doubled)
    ):
        defaults = Mending(warnings, _ID_PATHS).mend(defaults)
    of_batch = _as_object(defaults.get("context"), "batch.context")
    if of_batch:
        # Both sides get their canonical names first: snake_case here must not lose against camelCase there.
        own = _canonical_context(document.get("context", {}), warnings)
        of_batch = _canonical_context(of_batch, warnings)
        document["context"] = of_batch | {
            key: of_batch[key] | value if isinstance(value, dict) and isinstance(of_batch.get(key), dict) else value
            for key, value in own.items()
        }
    flags = _as_object(defaults.get("integrations"), "batch.integrations")
    if flags:
        own = {name: flag for name, flag in document.get("integrations", {}).items() if flag is not None}
        names = {name.strip().casefold() for name in own}
        document["integrations"] = {
            name: flag for name, flag in flags.items() if name.strip().casefold() not in names
        } | own


def _read_texts(document: Document, kind: EventType) -> None:
    for field in _TEXTS:
        if field not in document or isinstance(value := document[field], str):
            continue
        if value is None:
            del document[field]
        else:
            text = _number_as_text(value)
            if text is None:
                raise Rejected(RejectionCode.INVALID_FIELD, field, "text", kind_of(value))
            document[field] = text
    if kind == "track" and not document.get("event", "").strip():
        raise Rejected(
            RejectionCode.MISSING_EVENT, "event", "the name of what happened", kind_of(document.get("event"))
        )


def _read_ids(document: Document, new_id: Callable[[], str]) -> None:
    for field in _IDS:
        if field not in document:
            continue
        value = document[field]
        if isinstance(value, str):
            if not value or value.isspace():
                del document[field]
        elif value is None:
            del document[field]
        else:
            is_exact = not isinstance(value, float) or (value.is_integer() and abs(value) < _FIRST_INEXACT_FLOAT)
            text = _number_as_text(value) if is_exact else None
            if text is None:
                raise Rejected(RejectionCode.INVALID_ID, field, "text or a whole number", kind_of(value))
            document[field] = text
    if "messageId" not in document:
        document["messageId"] = new_id()
    length = len(document["messageId"])
    if length > MAX_MESSAGE_ID_LENGTH:
        expected = f"at most {MAX_MESSAGE_ID_LENGTH} characters"
        raise Rejected(RejectionCode.MESSAGE_ID_TOO_LONG, "messageId", expected, f"{length} characters")


def _number_as_text(value: Any) -> str | None:
    """A number as JSON writes it, whole numbers without a fraction; None if *value* is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return str(int(value)) if value == int(value) else repr(value)
    except (ValueError, OverflowError):  # NaN; Infinity; thousands of digits, which Python won't write
        return None


def _canonical_context(context: Document, warnings: list[str]) -> Document:
    """A copy of *context* with canonical names, including those of its traits, and ``groupId`` as text."""
    result = dict(context)
    if not _SNAKE_CONTEXT.keys().isdisjoint(result):
        _rename(result, _SNAKE_CONTEXT, "context.", warnings)
    if "groupId" in result and not isinstance(result["groupId"], str):
        result["groupId"] = _number_as_text(result["groupId"]) or result["groupId"]
    if "traits" in result:
        traits = _as_object(result["traits"], "context.traits")
        if traits is None:
            del result["traits"]
        else:
            result["traits"] = canonical_traits(traits, USER_SPELLINGS, "context.traits", warnings)
    return result


def _tell_group(document: Document) -> None:
    """Put the ``groupId`` of a call that is no group call where the spec has it: into the context, unless it has one.

    One SDK repeats it beside the ids of the person (facts/ingest-protocol.md section 2, jitsu).
    """
    context = document.get("context", _NOTHING)
    if context.get("groupId") in (None, ""):
        document["context"] = {**context, "groupId": document["groupId"]}


def _read_traits(document: Document, kind: EventType, warnings: list[str]) -> None:
    """Give the traits canonical names. On identify, merge in those of the context first and fill in ``name`` last."""
    riding = document.get("context", _NOTHING).get("traits")
    if kind != "identify" and riding:
        fill_name(riding)
    if "traits" in document:
        spellings = GROUP_SPELLINGS if kind == "group" else USER_SPELLINGS
        document["traits"] = canonical_traits(document["traits"], spellings, "traits", warnings)
    if kind == "identify":
        if riding:
            document["traits"] = riding | document.get("traits", {})
        if "traits" in document:
            fill_name(document["traits"])


def _check_identity(document: Document, kind: EventType) -> None:
    expected = "userId or anonymousId"
    is_known = "userId" in document or "anonymousId" in document
    if kind == "alias":
        is_known = "userId" in document
        expected = "userId, the id that remains"
    elif kind == "identify" and not is_known:
        email = document.get("traits", _NOTHING).get("email")
        is_known = isinstance(email, str) and bool(email)
        expected = "userId, anonymousId or an email trait"
    if not is_known:
        raise Rejected(RejectionCode.MISSING_ID, "userId", expected, "none")
    if kind == "group" and "groupId" not in document:
        raise Rejected(RejectionCode.MISSING_GROUP_ID, "groupId", "the id of the group", "none")
    if kind == "alias" and "previousId" not in document:
        raise Rejected(RejectionCode.MISSING_PREVIOUS_ID, "previousId", "the id that was used before", "none")


def _read_times(document: Document, received_at: datetime, sent_at: Any, warnings: list[str]) -> None:
    times = read_times(document, received_at, sent_at, warnings)
    document["timestamp"] = times.timestamp
    document["originalTimestamp"] = times.original_timestamp
    document["receivedAt"] = times.received_at
    if times.sent_at is not None:
        document["sentAt"] = times.sent_at
    else:
        document.pop("sentAt", None)


def _read_version(document: Document, warnings: list[str]) -> None:
    version = document["version"]
    if isinstance(version, float) and version.is_integer() and abs(version) < _FIRST_INEXACT_FLOAT:
        version = int(version)
    is_number = isinstance(version, int) and not isinstance(version, bool) and abs(version) < _FIRST_INEXACT_FLOAT
    if not is_number and not isinstance(version, str):
        if version is not None:
            warnings.append(
                f"version: expected a whole number or text, found {kind_of(version)}; {API_VERSION} is used"
            )
        version = API_VERSION
    document["version"] = version

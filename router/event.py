"""An event: one call of the Segment spec, validated and normalised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, Literal, Self, TypeVar, get_args, overload

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

EventType = Literal["identify", "track", "page", "screen", "group", "alias"]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)

Document = dict[str, Any]
"""A JSON object."""

_T = TypeVar("_T")


class _Shape(BaseModel):
    """What a JSON object must be to be an event."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel, populate_by_name=True, title="Event")

    type: EventType
    message_id: str
    user_id: str | None = None
    anonymous_id: str | None = None
    group_id: str | None = None
    previous_id: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    traits: Document = {}
    properties: Document = {}
    context: Document = {}
    integrations: Document = {}
    timestamp: str
    original_timestamp: str | None = None
    sent_at: str | None = None
    received_at: str
    channel: str | None = None
    version: int | str | None = None


FIELDS: Final = tuple(str(field.alias) for field in _Shape.model_fields.values())
"""The keys of an event's JSON object that the spec knows."""


class _Field(Generic[_T]):
    """One key of the event's document as an attribute. The first read keeps the value; *absent* makes it where the key is
    missing or null."""

    def __init__(self, key: str, absent: Callable[[], Any] = lambda: None) -> None:
        self._key = key
        self._absent = absent

    def __set_name__(self, owner: type[Event], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, event: None, owner: type[Event]) -> Self: ...
    @overload
    def __get__(self, event: Event, owner: type[Event]) -> _T: ...
    def __get__(self, event: Event | None, owner: type[Event]) -> Any:
        if event is None:
            return self
        value = event.document.get(self._key)
        if value is None:
            value = self._absent()
        event.__dict__[self._name] = value  # the next read finds it here and does not come to this method
        return value


class Event:
    """One accepted event as the log stores it: a read-only view of its JSON object.

    `router.normalise` makes it from a call, so:

    * ids are non-empty strings or absent;
    * reserved traits have their canonical camelCase names, and the dates among them are ISO 8601 in UTC
      (``2024-08-24T14:15:22Z``; a plain date stays one);
    * the event's own four times always have milliseconds (``2024-08-24T14:15:22.000Z``), and ``timestamp`` is corrected for
      clock skew;
    * fields that the spec does not know are kept.

    ``traits`` describe the person on identify and the group on group. On other calls ``context["traits"]`` may describe the
    person.
    """

    document: Document
    """The event as a JSON object with the spec's camelCase keys. Shared: do not change it."""

    type: Final = _Field[EventType]("type")
    message_id: Final = _Field[str]("messageId")
    user_id: Final = _Field[str | None]("userId")
    anonymous_id: Final = _Field[str | None]("anonymousId")
    group_id: Final = _Field[str | None]("groupId")
    previous_id: Final = _Field[str | None]("previousId")
    event: Final = _Field[str | None]("event")
    name: Final = _Field[str | None]("name")
    category: Final = _Field[str | None]("category")
    traits: Final = _Field[Document]("traits", dict)
    properties: Final = _Field[Document]("properties", dict)
    context: Final = _Field[Document]("context", dict)
    integrations: Final = _Field[Document]("integrations", dict)
    timestamp: Final = _Field[str]("timestamp")
    original_timestamp: Final = _Field[str | None]("originalTimestamp")
    sent_at: Final = _Field[str | None]("sentAt")
    received_at: Final = _Field[str]("receivedAt")
    channel: Final = _Field[str | None]("channel")
    version: Final = _Field[int | str | None]("version")

    def __init__(self, **fields: Any) -> None:
        """Make an event from *fields*, named as here or as in JSON.

        Raises:
            ValueError: the fields are not an event.
        """
        shape = _Shape.model_validate(fields)
        self.__dict__["document"] = shape.model_dump(by_alias=True, exclude_none=True, exclude_unset=True)

    @classmethod
    def of_document(cls, document: Document) -> Self:
        """The event whose JSON object is *document*. It keeps *document*, so the caller must not change it afterwards.

        Raises:
            ValueError: *document* is not an event.
        """
        _Shape.model_validate(document)
        return cls.of_normalised(document)

    @classmethod
    def of_normalised(cls, document: Document) -> Self:
        """Like `of_document`, without a check: `router.normalise` made *document*, so it is known to be an event."""
        event = cls.__new__(cls)
        event.__dict__["document"] = document  # past `__setattr__`
        return event

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the bytes are not an event.
        """
        return cls.of_document(orjson.loads(data))

    @classmethod
    def from_log(cls, data: bytes) -> Self:
        """Like `from_json`, without a check: the bytes come from our own log."""
        return cls.of_normalised(orjson.loads(data))

    def to_json(self) -> bytes:
        """The event as one line of JSON, without absent fields.

        The bytes are copied: the codec's own hold on to the 8 kB buffer they were written into, and an event's bytes live long.
        """
        return bytes(memoryview(orjson.dumps(self.document)))

    def __setattr__(self, name: str, value: Any) -> None:
        raise ValidationError.from_exception_data(
            "Event", [{"type": "frozen_instance", "loc": (name,), "input": value}]
        )

    def __repr__(self) -> str:
        return f"Event({self.document!r})"

    def __eq__(self, other: object) -> bool:
        """Events are equal when their JSON objects are."""
        return self.document == other.document if isinstance(other, Event) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.message_id)

    @property
    def person(self) -> Document:
        """The person's traits: ``traits`` on identify, else ``context.traits``."""
        document = self.document
        if document["type"] == "identify":
            return document.get("traits") or {}
        context = document.get("context")
        traits = context.get("traits") if context else None
        return traits if isinstance(traits, dict) else {}

    @property
    def email(self) -> str | None:
        """The person's email: the trait, else a ``userId`` that looks like one.

        Source: facts/event-spec.md section 4, derived values.
        """
        person = self.person
        email = person.get("email") if person else None
        if isinstance(email, str) and email.strip():
            return email.strip()
        user_id = self.document.get("userId")
        return user_id if user_id and looks_like_email(user_id) else None

    @property
    def user_key(self) -> str:
        """The key of the user whose order is kept (promise 3): ``userId``, else ``anonymousId``, email, ``groupId`` or
        ``messageId``."""
        return self.user_id or self.anonymous_id or self.email or self.group_id or self.message_id


def looks_like_email(text: str) -> bool:
    """Whether *text* has the shape ``local@domain.tld`` without blanks. The address need not exist."""
    if "@" not in text:  # most ids have none
        return False
    local, at, domain = text.partition("@")
    return bool(local and at and "." in domain.strip(".") and "@" not in domain and not any(map(str.isspace, text)))

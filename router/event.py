"""What an event is: one call of the Segment spec, validated and normalised."""

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
    """Reads one key of the event's document, and keeps what it found; *absent* makes what stands for a missing one."""

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
        event.__dict__[self._name] = value  # where Python looks first, the next time
        return value


class Event:
    """One accepted event, as it lies in the log: a view of its JSON object, which nobody changes.

    It is what `router.normalise` makes of a call: ids are non-empty strings or absent, reserved traits have their
    canonical camelCase names, dates among them are ISO 8601 in UTC (``2024-08-24T14:15:22Z``; a date stays a date). The four
    times of the event itself always have milliseconds (``2024-08-24T14:15:22.000Z``); ``timestamp`` is corrected for clock
    skew. Fields that the spec does not know are kept.

    ``traits`` are the person's on identify and the group's on group; on other calls what is known of the person may
    ride along in ``context["traits"]``.
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
        """An event of *fields*, by their names here or in JSON.

        Raises:
            ValueError: they make no event.
        """
        shape = _Shape.model_validate(fields)
        self.__dict__["document"] = shape.model_dump(by_alias=True, exclude_none=True, exclude_unset=True)

    @classmethod
    def of_document(cls, document: Document) -> Self:
        """The event whose JSON object is *document*, which it keeps: the caller changes nothing in it from then on.

        Raises:
            ValueError: *document* is no event.
        """
        _Shape.model_validate(document)
        return cls.of_normalised(document)

    @classmethod
    def of_normalised(cls, document: Document) -> Self:
        """The same for what is known to be an event, because `router.normalise` made it. Nothing is checked."""
        event = cls.__new__(cls)
        event.__dict__["document"] = document  # past `__setattr__`
        return event

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the bytes are no event.
        """
        return cls.of_document(orjson.loads(data))

    @classmethod
    def from_log(cls, data: bytes) -> Self:
        """The same for bytes that our own log has kept: it is known that they are an event."""
        return cls.of_normalised(orjson.loads(data))

    def to_json(self) -> bytes:
        """The event as one line of JSON, absent fields left out.

        A copy, because the codec's own bytes keep the 8 kB that they were written into, and an event's bytes are kept long.
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
        """What the event says of the person: ``traits`` of an identify, else ``context.traits``."""
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
        """Whose order is kept: ``userId``, else ``anonymousId``, else email, else ``groupId``, else ``messageId``."""
        return self.user_id or self.anonymous_id or self.email or self.group_id or self.message_id


def looks_like_email(text: str) -> bool:
    """True for ``local@domain.tld`` without blanks; a check of shape, not of existence."""
    if "@" not in text:  # most ids have none
        return False
    local, at, domain = text.partition("@")
    return bool(local and at and "." in domain.strip(".") and "@" not in domain and not any(map(str.isspace, text)))

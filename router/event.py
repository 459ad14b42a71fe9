"""What an event is: one call of the Segment spec, validated and normalised."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, Self, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

EventType = Literal["identify", "track", "page", "screen", "group", "alias"]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)

Document = dict[str, Any]
"""A JSON object."""


class Event(BaseModel):
    """One accepted event, as it lies in the log.

    It is what `router.normalise` makes of a call: ids are non-empty strings or absent, reserved traits have their
    canonical camelCase names, dates among them are ISO 8601 in UTC (``2024-08-24T14:15:22Z``; a date stays a date). The four
    times of the event itself always have milliseconds (``2024-08-24T14:15:22.000Z``); ``timestamp`` is corrected for clock
    skew. Fields that the spec does not know are kept.

    ``traits`` are the person's on identify and the group's on group; on other calls what is known of the person may
    ride along in ``context["traits"]``.
    """

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)

    type: EventType
    message_id: str
    user_id: str | None = None
    anonymous_id: str | None = None
    group_id: str | None = None
    previous_id: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    traits: Document = Field(default_factory=dict)
    properties: Document = Field(default_factory=dict)
    context: Document = Field(default_factory=dict)
    integrations: Document = Field(default_factory=dict)
    timestamp: str
    original_timestamp: str | None = None
    sent_at: str | None = None
    received_at: str
    channel: str | None = None
    version: int | str | None = None

    @classmethod
    def of_document(cls, document: Document) -> Self:
        """The event whose JSON object is *document*, which it keeps: the caller changes nothing in it from then on.

        Raises:
            ValueError: *document* is no event.
        """
        event = cls.model_validate(document)
        event.__dict__["document"] = document  # where cached_property looks first
        return event

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the bytes are no event.
        """
        return cls.of_document(orjson.loads(data))

    def to_json(self) -> bytes:
        """The event as one line of JSON, absent fields left out."""
        return orjson.dumps(self.document)

    @cached_property
    def document(self) -> Document:
        """The event as a JSON object with the spec's camelCase keys. Shared: do not change it."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude_unset=True)

    def __eq__(self, other: object) -> bool:
        """Events are equal when their JSON objects are."""
        return self.document == other.document if isinstance(other, Event) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.message_id)

    @property
    def person(self) -> Document:
        """What the event says of the person: ``traits`` of an identify, else ``context.traits``."""
        if self.type == "identify":
            return self.traits
        traits = self.context.get("traits")
        return traits if isinstance(traits, dict) else {}

    @property
    def email(self) -> str | None:
        """The person's email: the trait, else a ``userId`` that looks like one.

        Source: facts/event-spec.md section 4, derived values.
        """
        email = self.person.get("email")
        if isinstance(email, str) and email.strip():
            return email.strip()
        return self.user_id if self.user_id and looks_like_email(self.user_id) else None

    @property
    def user_key(self) -> str:
        """Whose order is kept: ``userId``, else ``anonymousId``, else email, else ``groupId``, else ``messageId``."""
        return self.user_id or self.anonymous_id or self.email or self.group_id or self.message_id


def looks_like_email(text: str) -> bool:
    """True for ``local@domain.tld`` without blanks; a check of shape, not of existence."""
    local, at, domain = text.partition("@")
    return bool(local and at and "." in domain.strip(".") and "@" not in domain and not any(map(str.isspace, text)))

"""Models of the calls that the gateway promises to take, for the description of the API and its tests.

`router.normalise`, which judges calls, takes more: snake_case names, odd values, ids in other places. A program written today
should send what these models describe.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from router.event import EventType
from router.normalise import MAX_MESSAGE_ID_LENGTH
from router.traits import GROUP_TRAITS, USER_TRAITS

_INK: Final = r"[^\s\x1c-\x1f\x85]"
"""A character that is not a blank. `str.strip` removes a little more than ``\\s`` of JSON Schema's expressions matches."""

Filled = Annotated[str, Field(pattern=_INK)]
Id = Filled | int
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Object = dict[str, Any]

_AN_ID: Final[JsonDict] = {"anyOf": [{"type": "string", "pattern": _INK}, {"type": "integer"}]}


def _one_of(*names: str) -> ConfigDict:
    """At least one of these ids is there and not null."""
    forms: list[JsonValue] = [{"required": [name], "properties": {name: _AN_ID}} for name in names]
    return ConfigDict(json_schema_extra={"anyOf": forms})


class Context(BaseModel):
    """Where it happened. The fields that the router itself reads; any others are kept."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)

    ip: str | None = Field(None, description="Filled in for pages. null: none is kept.")
    direct: bool | None = Field(
        None, description="true: the request comes from the user's own device; `ip` is filled in."
    )
    user_agent: str | None = Field(None, description="Filled in for pages.")
    locale: str | None = None
    timezone: str | None = None
    library: Object | None = Field(None, description="Name and version of the SDK.")
    page: Object | None = None
    campaign: Object | None = None
    traits: Object | None = Field(None, description="What is known of the person, on calls other than identify.")


class Call(BaseModel):
    """What all six calls have in common. Fields that are not listed are kept."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)

    message_id: Annotated[str, Field(max_length=MAX_MESSAGE_ID_LENGTH)] | int | None = Field(
        None, description="Of your own making, to send again without harm. Made where it is missing."
    )
    user_id: str | int | None = Field(None, description="A number becomes text; an empty text is as if absent.")
    anonymous_id: str | int | None = Field(None, description="Of a person who is not known yet.")
    timestamp: Time | None = Field(None, description="When it happened; when it came, where this is missing.")
    sent_at: Time | None = Field(None, description="When it was sent, to correct a clock that is wrong.")
    context: Context | None = None
    integrations: dict[str, bool | Object | None] | None = Field(
        None, description='Which destinations may have it: `{"All": false, "crm": true}`. Default: all.'
    )
    write_key: str | None = Field(None, description="Where it is in no header. Not kept.")


class IdentifyCall(Call):
    """Who somebody is."""

    model_config = _one_of("userId", "anonymousId")

    type: Literal["identify"] = "identify"
    traits: Object | None = Field(None, description=f"Any; these have a meaning: {', '.join(USER_TRAITS)}.")


class TrackCall(Call):
    """What somebody did."""

    model_config = _one_of("userId", "anonymousId")

    type: Literal["track"] = "track"
    event: Filled = Field(description="The name of what happened.")
    properties: Object | None = None


class PageCall(Call):
    """A page that somebody saw."""

    model_config = _one_of("userId", "anonymousId")

    type: Literal["page"] = "page"
    name: str | None = None
    category: str | None = None
    properties: Object | None = None


class ScreenCall(Call):
    """A screen of an app that somebody saw."""

    model_config = _one_of("userId", "anonymousId")

    type: Literal["screen"] = "screen"
    name: str | None = None
    category: str | None = None
    properties: Object | None = None


class GroupCall(Call):
    """Which company, or other group, somebody belongs to."""

    model_config = _one_of("userId", "anonymousId")

    type: Literal["group"] = "group"
    group_id: Id
    traits: Object | None = Field(
        None, description=f"Of the group. Any; these have a meaning: {', '.join(GROUP_TRAITS)}."
    )


class AliasCall(Call):
    """Two ids are one person's."""

    type: Literal["alias"] = "alias"
    user_id: Id = Field(description="The id that remains.")
    previous_id: Id = Field(description="The id that was used before.")


CALLS: Final[dict[EventType, type[Call]]] = {
    "identify": IdentifyCall,
    "track": TrackCall,
    "page": PageCall,
    "screen": ScreenCall,
    "group": GroupCall,
    "alias": AliasCall,
}

_TYPED: Final = Field(json_schema_extra={"required": ["type"]})


class Batch(BaseModel):
    """Several calls, each judged alone. Here each has its `type`."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)

    batch: list[
        Annotated[IdentifyCall, _TYPED]
        | Annotated[TrackCall, _TYPED]
        | Annotated[PageCall, _TYPED]
        | Annotated[ScreenCall, _TYPED]
        | Annotated[GroupCall, _TYPED]
        | Annotated[AliasCall, _TYPED]
    ]
    sent_at: Time | None = Field(None, description="Of all calls that have none of their own.")
    context: Context | None = Field(None, description="Of all calls, whose own wins key by key.")
    integrations: dict[str, bool | Object | None] | None = Field(None, description="The same for these.")
    write_key: str | None = Field(None, description="Where it is in no header. Not kept.")

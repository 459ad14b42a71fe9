"""What an operator may say about a destination's actions, and about which events and fields go to it at all. It is validated
here and carried out in `router.actions` and `router.privacy`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.json_schema import JsonSchemaValue

from router.config.field import (
    ChangeableKey,
    DroppableKey,
    ExpressionText,
    FieldKey,
    Json,
    NameKey,
    ScalarValue,
    TemplateText,
    about_event,
)
from router.config.known import key_of
from router.config.section import Section
from router.config.shorthand import Shorthand
from router.event import EventType


class Match(Shorthand):
    """What a field must be: a value or glob (`Order *`), a list of them of which one fits, or these keys, of which all hold."""

    any_of: tuple[ScalarValue, ...] | None = Field(
        None, alias="(any of)", min_length=1, description="Filled in from a value or a list."
    )
    present: bool | None = Field(None, description="true: there and not null; false: absent or null.")
    none_of: tuple[ScalarValue, ...] | None = Field(
        None, alias="not", min_length=1, description="None of these values or globs; true of an absent field, too."
    )

    @classmethod
    def _spell_out(cls, data: Any) -> Any:
        if isinstance(data, list):
            return {"(any of)": data}
        if isinstance(data, Mapping):
            none_of = data.get("not")
            return {**data, "not": [none_of]} if isinstance(none_of, str | bool | int | float) else data
        if data is None:
            raise about_event("nothing to match; for a field that is absent: {present: false}")
        return {"(any of)": [data]} if isinstance(data, str | bool | int | float) else data

    @classmethod
    def _short_schema(cls, full: JsonSchemaValue) -> list[JsonSchemaValue]:
        scalar = {"type": ["string", "number", "boolean"]}
        full["properties"]["not"] = {**full["properties"]["not"], "anyOf": [scalar, {"type": "array", "items": scalar}]}
        return [scalar, {"type": "array", "items": scalar, "minItems": 1}]

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.any_of is None and self.none_of is None and self.present is None:
            raise about_event("expected a value, a list of values, present or not")
        return self


class Trigger(Section):
    """Which events something is for: all that is said must hold."""

    on: tuple[EventType, ...] | None = Field(
        None, min_length=1, description="Types of events; those of the plugin, if absent."
    )
    where: dict[FieldKey, Match] = Field(
        default_factory=dict, description="Matches on fields of the event, such as properties.plan or context.page.url."
    )
    when: ExpressionText | None = Field(
        None,
        description="A CEL expression over `event` for what matches can't say; a missing key makes it false.",
    )


class FieldNames(Section):
    """Names of fields; dotted where they are deeper (`address.street`)."""

    traits: tuple[NameKey, ...] | None = Field(
        None, description="Of the person or group, also where they ride along in context.traits."
    )
    properties: tuple[NameKey, ...] | None = Field(None, description="Of what happened.")
    context: tuple[NameKey, ...] | None = Field(None, description="Of where it happened, such as ip or device.id.")

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.traits is None and self.properties is None and self.context is None:
            raise about_event("expected lists under traits, properties or context")
        return self


class Change(Section):
    """One change of the event before the plugin maps it: exactly one of these keys."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    rename: dict[ChangeableKey, ChangeableKey] | None = Field(
        None, min_length=1, description="From a field to the one it becomes: {properties.orderId: properties.order_id}."
    )
    drop: tuple[DroppableKey, ...] | None = Field(None, min_length=1, description="Fields that are left out.")
    hashed: tuple[ChangeableKey, ...] | None = Field(
        None, alias="hash", min_length=1, description="Fields of which the SHA-256 hash is sent."
    )
    constants: dict[ChangeableKey, Json] | None = Field(
        None, alias="set", min_length=1, description="Fields with the constant that each gets."
    )
    template: dict[ChangeableKey, TemplateText] | None = Field(
        None,
        min_length=1,
        description='Fields with the text that each gets: "{properties.plan} for {traits.name:-somebody}".',
    )
    allow: FieldNames | None = Field(None, description="All that is kept of traits, properties or context.")
    custom: bool | None = Field(
        None, description="false leaves out traits that are neither reserved nor the vendor's own."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [
            key_of(name, field) for name, field in type(self).model_fields.items() if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise about_event(
                f"{' and '.join(given)} in one item, and the order of changes counts; put each into an item of its own"
            )
        if not given:
            raise about_event("expected a change such as drop: [properties.internal]")
        return self


class Action(Trigger):
    """How one action of the plugin is changed: when it is triggered, and what it sees of the event."""

    enabled: bool = Field(True, description="false switches it off.")
    mapping: tuple[Change, ...] = Field((), description="Changes, applied from top to bottom.")

"""The tables: which trait becomes which attribute. They serve both APIs: Pipelines wants the same values elsewhere.

Source: facts/vendors/customerio.md, sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable

from plugins.customerio.attribute import (
    EVENT_OVERRIDES,
    OBJECT_RESERVED,
    PERSON_RESERVED,
    attribute_name,
    attribute_value,
    dates_to_unix,
    event_name,
    short_value,
)
from plugins.customerio.settings import Settings
from router.plugin import NESTED_TRAITS, Converter, Custom, Field, Table, Trait, Values, convert, snake_case

_CLEARS = Values(null="clear")

DEVICE_TABLE = Table(
    fields=(
        Field("context.device.token", to="token", convert=convert.text_only),
        Field("timestamp", to="last_used", convert=convert.to_unix_seconds),
    )
)
MERGE_TABLE = Table(fields=(Field("userId", to="primary"), Field("previousId", to="secondary")))


def person_table(settings: Settings) -> Table:
    """Traits of a person. Null clears an attribute, and so does an empty custom text."""
    at = _place(settings, journeys="attributes", pipelines="traits")
    row = _Rows(at, settings)
    fields = (
        Trait("id", note="the person is named by `userId`"),
        row("email", convert.chain(convert.to_text, short_value)),
        row("phone", convert.to_e164),
        Trait("createdAt", to=f"{at}.created_at", convert=convert.to_unix_seconds),
        *map(row, ("name", "firstName", "lastName", "username", "title", "gender", "description", "website", "avatar")),
        row("age", convert.to_number),
        row("birthday", convert.to_unix_seconds),
        *row.nested("address"),
        *row.nested("company"),
        row("unsubscribed", convert.to_boolean),
        Field(
            ("traits.timezone", "context.timezone"),
            to=f"{at}.timezone",
            convert=convert.chain(convert.named_timezone, short_value),
        ),
    )
    if settings.api == "track_v2":
        fields += (
            Field(
                "anonymousId",
                to="attributes.anonymous_id",
                convert=short_value,
                note="attaches what was done before the person was known",
            ),
            Field("timestamp", to="timestamp", convert=convert.to_unix_seconds, note="orders late updates"),
        )
    return Table(fields, (_custom_traits(at, PERSON_RESERVED, settings),), _CLEARS)


def object_table(settings: Settings) -> Table:
    """Traits of a group. ``objectTypeId`` and ``relationshipAttributes`` mean what they mean to Customer.io's own SDKs."""
    at = _place(settings, journeys="attributes", pipelines="traits")
    row = _Rows(at, settings)
    fields = (
        Trait("id", note="the object is named by `groupId`"),
        Trait("createdAt", to=f"{at}.created_at", convert=convert.to_unix_seconds),
        *map(row, ("name", "email", "phone", "employees", "industry", "plan", "description", "website", "avatar")),
        *row.nested("address"),
    )
    if settings.api == "track_v2":
        fields += (
            Field(("traits.objectTypeId", "traits.object_type_id"), to="object_type_id", convert=convert.to_text),
            Field(("traits.relationshipAttributes", "traits.relationship_attributes"), to="relationship_attributes"),
        )
    reserved = OBJECT_RESERVED if settings.api == "track_v2" else OBJECT_RESERVED - {"object_type_id"}
    return Table(fields, (_custom_traits(at, reserved, settings),), _CLEARS)


def event_table(settings: Settings) -> Table:
    """A track call; its properties stay as they are."""
    if settings.api == "pipelines":
        return Table((Field("event", to="event"),), (_properties("properties", settings),))
    name = Field("event", to="name", convert=event_name)
    return Table((name, _event_time()), (_properties("attributes", settings),))


def page_table(settings: Settings) -> Table:
    """A page view. Its name is its address, as Customer.io's own website tracking has it."""
    parts = ("url", "path", "referrer", "search", "title")
    if settings.api == "pipelines":
        return Table(
            (
                Field("name", to="name"),
                Field("category", to="category"),
                *(Field((f"properties.{part}", f"context.page.{part}"), to=f"properties.{part}") for part in parts),
            ),
            (_properties("properties", settings),),
        )
    address = ("properties.url", "context.page.url", "properties.path", "context.page.path", "name")
    return Table(
        (
            Field(address, to="name", convert=event_name),
            *(Field((f"properties.{part}", f"context.page.{part}"), to=f"attributes.{part}") for part in parts),
            Field(("properties.name", "name"), to="attributes.name"),
            Field(("properties.category", "category"), to="attributes.category"),
            _event_time(),
        ),
        (_properties("attributes", settings),),
    )


def screen_table(settings: Settings) -> Table:
    """A screen view, named as the screen is."""
    if settings.api == "pipelines":
        fields = (Field("name", to="name"), Field("category", to="category"))
        return Table(fields, (_properties("properties", settings),))
    return Table(
        (
            Field(("name", "properties.name"), to="name", convert=event_name),
            Field(("properties.name", "name"), to="attributes.name"),
            Field(("properties.category", "category"), to="attributes.category"),
            _event_time(),
        ),
        (_properties("attributes", settings),),
    )


class _Rows:
    """Rows for traits inside the object *at*, spelled as the settings say."""

    def __init__(self, at: str, settings: Settings) -> None:
        self._at = at
        self._spell: Callable[[str], str] = snake_case if settings.trait_case == "snake" else str

    def __call__(self, name: str, converter: Converter = short_value) -> Field:
        return Trait(name, to=f"{self._at}.{self._spell(name)}", convert=converter)

    def nested(self, name: str) -> tuple[Field, ...]:
        """The whole object first, with the keys nobody knows; then its reserved keys, put in beside them."""
        return (
            Trait(name, to=f"{self._at}.{name}", convert=short_value, note="kept as an object"),
            *(
                Trait(f"{name}.{part}", to=f"{self._at}.{name}.{self._spell(part)}", convert=short_value)
                for part in NESTED_TRAITS[name]
            ),
        )


def _place(settings: Settings, *, journeys: str, pipelines: str) -> str:
    return journeys if settings.api == "track_v2" else pipelines


def _custom_traits(at: str, reserved: frozenset[str], settings: Settings) -> Custom:
    return Custom("traits", at, attribute_name, reserved, attribute_value(settings.convert_timestamps))


def _properties(at: str, settings: Settings) -> Custom:
    forbidden = EVENT_OVERRIDES if settings.event_overrides == "strip" else frozenset[str]()
    return Custom("properties", at, forbidden=forbidden, convert=dates_to_unix if settings.convert_timestamps else None)


def _event_time() -> Field:
    return Field("timestamp", to="timestamp", convert=convert.to_unix_seconds)

"""Identify and group calls: from traits to the attributes of a user.

Source: facts/vendors/braze.md section 4 (attributes) and section 5 (group).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from plugins.braze.identity import (
    MAX_BYTES,
    MAX_TEXT,
    USER_ROW,
    field_name,
    to_attribute,
    to_short_text,
    to_value,
    who,
    why_nobody,
)
from plugins.braze.settings import Settings
from plugins.braze.special import FORMS
from router.plugin import (
    Converter,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Trait,
    Values,
    convert,
    left_out,
    looks_like_email,
    make_room,
    snake_case,
)

RESERVED: Final = frozenset(
    {
        "_merge_objects",
        "_update_existing_only",
        "bio",
        "braze_id",
        "current_location",
        "external_id",
        "push_token_import",
        "user_alias",
    }
)
"""Names that say whose attributes these are or how they are written, and ``bio``, which Braze drops."""

_FIRST_NAME: Final = convert.chain(convert.to_first_name, to_short_text)
_LAST_NAME: Final = convert.chain(convert.to_last_name, to_short_text)
_TIME_ZONE: Final = convert.at_most(MAX_TEXT, convert.named_timezone)
_EMAIL: Final = convert.at_most(MAX_TEXT, convert.to_email)
_IMAGE: Final = convert.at_most(MAX_TEXT, convert.to_url)
_OF_CONTEXT: Final = ("language", "time_zone", "current_location")


def to_gender(value: Any) -> str:
    """``M``, ``F``, ``O``, ``N`` or ``P``, from the letter or the word."""
    return convert.to_gender(value)[0].upper()


def attributes_table(settings: Settings) -> Table:
    """Of an identify.

    Address and company are spread over attributes of their own: a nested one is replaced as a whole at each write, and not
    every account can filter by it.
    """
    return Table(
        (
            USER_ROW,
            Field("context.locale", "language", convert.to_language),
            Field("context.timezone", "time_zone", _TIME_ZONE),
            Field("context.location.latitude", "current_location.latitude", convert.to_latitude),
            Field("context.location.longitude", "current_location.longitude", convert.to_longitude),
            # A custom trait of the name of one of Braze's fields is that field, whose form Braze checks.
            Trait("language", "language", convert.to_language),
            Trait("time_zone", "time_zone", _TIME_ZONE),
            Trait("image_url", "image_url", _IMAGE),
            Trait("home_city", "home_city", to_short_text),
            Trait("id", note="the userId is the profile's `external_id`"),
            Trait("email", "email", _EMAIL),
            Trait("name", "first_name", _FIRST_NAME, note="where there is no firstName"),
            Trait("name", "last_name", _LAST_NAME, note="where there is no lastName"),
            Trait("firstName", "first_name", to_short_text),
            Trait("lastName", "last_name", to_short_text),
            Trait("phone", "phone", convert.to_e164),
            Trait("gender", "gender", to_gender),
            Field(("traits.birthday", "traits.dob"), "dob", convert.to_date),
            Trait("avatar", "image_url", _IMAGE),
            Trait("address.city", "home_city", to_short_text),
            Field(
                ("traits.address.country", "traits.country"),
                "country",
                to_short_text,
                note="`address_country` where it is no two-letter code",
            ),
            Trait("address.state", "address_state", to_short_text),
            Trait("address.postalCode", "address_postal_code", to_short_text),
            Trait("address.street", "address_street", to_short_text),
            Trait("address", "address", to_value, note="an address given as text, and whatever else is in it"),
            Trait("company.name", "company_name", to_short_text),
            Trait("company.id", "company_id", to_short_text),
            Trait("company.industry", "company_industry", to_short_text),
            Trait("company.employee_count", "company_employee_count", convert.to_number),
            Trait("company.plan", "company_plan", to_short_text),
            Trait("company", "company", to_value, note="whatever else is in it"),
            Trait("createdAt", "created_at", convert.to_iso_utc),
            Trait("age", "age", convert.to_number),
            *(Trait(name, name, to_short_text) for name in ("description", "title", "username", "website")),
            *(Trait(name, name, FORMS[name]) for name in dict.fromkeys(settings.special_traits)),
        ),
        (Custom("traits", rename=field_name, forbidden=_forbidden(settings), convert=to_attribute),),
        Values(null="clear"),
    )


def group_table(settings: Settings) -> Table:
    """Of a group call: Braze knows no groups, so the user's attributes tell of it. All of its traits arrive."""
    prefix = settings.group_prefix

    def row(name: str, converter: Converter = to_value) -> Field:
        return Trait(name, f"{prefix}{snake_case(name)}", converter)

    def name_of(key: str) -> str | None:
        return field_name(prefix + key)

    return Table(
        (
            USER_ROW,
            Field("groupId", f"{prefix}id", to_short_text),
            Trait("id", note="the groupId is sent in its place"),
            row("createdAt", convert.to_iso_utc),
            *map(row, ("name", "email", "phone", "website", "industry", "employees", "plan", "description", "avatar")),
            row("address"),
        ),
        (Custom("traits", rename=name_of, forbidden=_forbidden(settings), convert=to_attribute),),
        Values(null="clear"),
    )


def build_attributes(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What an identify says of the person. A userId that is an email is theirs if the call tells none."""
    identifier = who(event, settings)
    if identifier is None:
        return why_nobody(event)
    if len(fields.get("current_location", ())) < 2:
        fields.pop("current_location", None)
    if "email" not in fields and event.user_id and looks_like_email(event.user_id):
        with suppress(ValueError):  # longer than an attribute
            fields["email"] = _EMAIL(event.user_id)
    _place_country(fields)
    if fields.get("address", "") is None:
        fields = {"country": None, "address_country": None} | fields  # the trait `country` is in one of them
    of_context = [name for name in _OF_CONTEXT if name not in event.traits]
    says = any(value is not None for name, value in fields.items() if name not in of_context)
    if not says:
        return Skip("anonymous and without traits: Braze would get an empty profile")
    return _attributes(fields, identifier)


def build_group(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What a group call says of the person who made it. Of several groups the attributes tell of the last one."""
    identifier = who(event, settings)
    if identifier is None:
        return why_nobody(event)
    if not event.group_id:
        return Skip("the call names no group")
    if settings.group_flag_prefix:
        fields[f"{settings.group_flag_prefix}{event.group_id}"[:MAX_TEXT]] = True
    return _attributes(fields, identifier)


def _attributes(fields: Document, identifier: Document) -> Payload:
    """The object, less its largest attributes where Braze would refuse it for its size."""
    body: Document = {"attributes": fields}
    beyond = make_room(body, "attributes", MAX_BYTES)
    notes = left_out(beyond, f"beyond the {MAX_BYTES} bytes that an object may have")
    return Payload({"attributes": body["attributes"] | identifier}, notes=notes)


def _forbidden(settings: Settings) -> frozenset[str]:
    return (RESERVED | FORMS.keys()) - set(settings.special_traits)


def _place_country(fields: Document) -> None:
    """Braze takes a two-letter code and no name of a country."""
    country = fields.get("country")
    if country is None and "country" in fields:
        fields.setdefault("address_country", None)  # wherever it was written
    if not isinstance(country, str):
        return
    try:
        fields["country"] = convert.to_country(country)
    except ValueError:
        fields["address_country"] = fields.pop("country")

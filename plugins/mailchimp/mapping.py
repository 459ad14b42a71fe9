"""Identify and group calls: members of the audience with their merge fields.

Source: facts/vendors/mailchimp.md sections 3 to 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from plugins.mailchimp.fields import (
    merge_field,
    merge_tag,
    to_first_name,
    to_language,
    to_last_name,
    to_merge_text,
    to_moment,
    to_status,
    to_status_of_new,
    to_tags,
)
from plugins.mailchimp.settings import STANDARD_FIELDS, Settings
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Trait,
    canonical_trait,
    convert,
    looks_like_email,
)

_AT: Final = "merge_fields"
_NO_FIELD: Final = "no merge field is named for it in `{}`"


def member_table(settings: Settings) -> Table:
    """Of an identify. A later row wins: the name is split only where first or last are missing."""
    named = {**STANDARD_FIELDS, **_canonical(settings.merge_fields, USER_TRAITS)}
    names = [(named["firstName"], to_first_name), (named["lastName"], to_last_name)]
    parts = [] if "name" in named else [(merge_field(field)[0], part) for field, part in names if field]
    rows = (
        Trait("email", "email_address", convert.to_email),
        *(Trait("name", f"{_AT}.{tag}", part) for tag, part in parts),
        *_field_rows(named),
        Trait("createdAt", "timestamp_signup", to_moment),
        Field("context.locale", "language", to_language),
        Trait("id", note="Mailchimp has no place for a userId: name a merge field in `merge_fields`"),
        *_status_rows(settings, "traits"),
        *((Trait(settings.tags_trait, "tags", to_tags),) if settings.tags_trait else ()),
    )
    custom = (Custom("traits", _AT, merge_tag, frozenset({"EMAIL"}), to_merge_text),)
    return Table((*rows, *_rows_of_none(rows, USER_TRAITS, "merge_fields")), custom if settings.send_all_traits else ())


def group_table(settings: Settings) -> Table:
    """Of a group call: what the member who belongs to it gets. A status in its context may be old: it is for new ones."""
    named = _canonical(settings.group_fields, GROUP_TRAITS)
    rows = (
        Field("context.traits.email", "email_address", convert.to_email),
        *_field_rows(named),
        *_status_rows(settings, "context.traits")[1:],
    )
    return Table((*rows, *_rows_of_none(rows, GROUP_TRAITS, "group_fields")))


def _status_rows(settings: Settings, traits: str) -> tuple[Field, ...]:
    """What *traits* say of the status of whoever is a member, and of a new one."""
    if not settings.status_trait:
        return ()
    source = f"{traits}.{settings.status_trait}"
    return Field(source, "status", to_status), Field(source, "status_if_new", to_status_of_new)


def _canonical(fields: Mapping[str, str], reserved: tuple[str, ...]) -> dict[str, str]:
    """A reserved trait may be named in either spelling."""
    return {canonical_trait(trait, reserved): field for trait, field in fields.items()}


def _field_rows(fields: Mapping[str, str]) -> Iterator[Field]:
    for trait, named in fields.items():
        if named:
            tag, convert_value = merge_field(named)
            source = trait if trait in ("userId", "groupId") else f"traits.{trait}"
            yield Field(source, f"{_AT}.{tag}", convert_value)


def _rows_of_none(rows: tuple[Field, ...], reserved: tuple[str, ...], setting: str) -> Iterator[Field]:
    mapped = {source.split(".")[1] for row in rows for source in row.sources if source.startswith("traits.")}
    yield from (Trait(trait, note=_NO_FIELD.format(setting)) for trait in reserved if trait not in mapped)


# --- builds ---


def build_member(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A member written alone: the status of one who is there already stays."""
    if settings.batch_members and _may_be_in_batch(fields, settings):
        return Skip("members are written in batches (setting batch_members)")
    if not _complete_email(event, fields):
        return Skip("Mailchimp knows nobody without a valid email")
    tags = fields.pop("tags", [])
    body: Document = {"member": {"status_if_new": settings.default_status, **fields}}
    return Payload(body | ({"tags": tags} if tags else {}), key=event.message_id)


def build_member_of_batch(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A member that travels with others: its status is set, new or not; the usual one by `pack_members`."""
    if not settings.batch_members:
        return Skip("members are written one by one (setting batch_members)")
    if not _may_be_in_batch(fields, settings):
        return Skip("the member is written alone: the call says no status, and a batch would set the usual one")
    if not _complete_email(event, fields):
        return Skip("Mailchimp knows nobody without a valid email")
    fields.pop("status_if_new", None)
    return Payload(fields, key=event.message_id)


def build_group(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not settings.group_fields:
        return Skip("Mailchimp has no groups (setting group_fields)")
    if _AT not in fields:
        return Skip("the call has none of the traits in group_fields")
    if not _complete_email(event, fields):
        return Skip("Mailchimp knows nobody without a valid email")
    return Payload({"member": {"status_if_new": settings.default_status, **fields}}, key=event.message_id)


def _may_be_in_batch(fields: Document, settings: Settings) -> bool:
    """Whether the status that a batch sets is what the person said, or everybody's. Else the usual one would put back on the
    list who had left it by an earlier call."""
    return not settings.status_trait or "status" in fields


def _complete_email(event: Event, fields: Document) -> bool:
    """Put the email in *fields* that a userId may be; False where there is none."""
    if "email_address" not in fields and event.user_id and looks_like_email(event.user_id):
        fields["email_address"] = convert.to_email(event.user_id)
    return "email_address" in fields

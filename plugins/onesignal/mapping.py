"""Identify and group calls: from traits to properties, tags and subscriptions of a user.

Source: facts/vendors/onesignal.md section 4, section 5 (group) and section 6 (changes).
"""

from __future__ import annotations

import hashlib
from typing import Final

from plugins.onesignal.identity import who, why_nobody
from plugins.onesignal.settings import Settings
from plugins.onesignal.tag import RESERVED, tag_name, to_tags, to_time_tag
from router.plugin import (
    NESTED_TRAITS,
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
    snake_case,
)

MAX_CHANGES: Final = 100
"""Properties and tags of one request."""
_TAGS: Final = "properties.tags"
_VALUES: Final = Values(objects="flatten", lists="drop", null="clear")


def user_table(settings: Settings) -> Table:
    """Of an identify. What is no property of OneSignal's is a tag."""
    email, phone = "subscriptions.Email", "subscriptions.SMS"
    return Table(
        (
            Field("userId", "identity.external_id"),
            Field("context.locale", "properties.language", convert.to_language),
            Field("context.timezone", "properties.timezone_id", convert.to_timezone),
            Field("context.ip", "properties.ip", convert.to_ip),
            Field("context.location.latitude", "properties.lat", convert.to_latitude),
            Field("context.location.longitude", "properties.long", convert.to_longitude),
            Trait("id", note="the userId is the user's `external_id`"),
            Trait("email", email, convert.to_email)
            if settings.email_subscription
            else Trait("email", note="sent as a subscription, and only with `email_subscription`"),
            Trait("phone", phone, convert.to_e164)
            if settings.sms_subscription
            else Trait("phone", note="sent as a subscription, and only with `sms_subscription`"),
            Trait(
                "address.country",
                "properties.country",
                convert.to_text,
                note="the tag `address_country` where it is no two-letter code",
            ),
            *(
                Trait(f"address.{part}", f"{_TAGS}.address_{snake_case(part)}", convert.to_text)
                for part in ("city", "postalCode", "state", "street")
            ),
            Trait("address", f"{_TAGS}.address", note="an address given as text, and whatever else is in it"),
            *(Trait(f"company.{part}", f"{_TAGS}.company_{part}") for part in NESTED_TRAITS["company"]),
            Trait("company", f"{_TAGS}.company", note="whatever else is in it, a tag for each of its keys"),
            Trait("createdAt", f"{_TAGS}.created_at", to_time_tag),
            Trait("birthday", f"{_TAGS}.birthday", to_time_tag),
            *(_tag(name) for name in ("firstName", "lastName", "name", "age", "avatar", "description", "gender")),
            *(_tag(name) for name in ("title", "username", "website")),
        ),
        (Custom("traits", at=_TAGS, rename=tag_name, forbidden=RESERVED),),
        _VALUES,
    )


def _tag(name: str, prefix: str = "") -> Field:
    return Trait(name, f"{_TAGS}.{prefix}{snake_case(name)}")


def group_tag(key: str) -> str | None:
    """The tag of a group's trait: its name behind ``group_``."""
    name = tag_name(key)
    return f"group_{name}" if name else None


GROUP: Final = Table(
    (
        Field("userId", "identity.external_id"),
        Field("groupId", f"{_TAGS}.group_id"),
        Trait("id", note="the groupId is sent in its place"),
        Trait("createdAt", f"{_TAGS}.group_created_at", to_time_tag),
        *(_tag(name, "group_") for name in ("name", "industry", "employees", "plan", "description", "email", "phone")),
        *(_tag(name, "group_") for name in ("website", "avatar", "address")),
        *(Trait(f"address.{part}", f"{_TAGS}.group_address_{snake_case(part)}") for part in NESTED_TRAITS["address"]),
    ),
    (Custom("traits", at=_TAGS, rename=group_tag),),
    _VALUES,
)
"""Of a group call: OneSignal knows no groups, so the user's tags tell of it. All of its traits arrive."""


def build_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What an identify says of the person."""
    properties: Document = fields.get("properties", {})
    tags: Document = properties.pop("tags", {})
    if properties.get("country", "") is None:
        tags.setdefault("address_country", None)  # wherever it was written
    properties = {
        name: value for name, value in properties.items() if value not in (None, "")
    }  # tags alone are cleared
    if not {"lat", "long"} <= properties.keys():
        properties = {name: value for name, value in properties.items() if name not in ("lat", "long")}
    if "country" in properties:
        try:
            properties["country"] = convert.to_country(properties["country"])
        except ValueError:
            tags["address_country"] = properties.pop("country")
    tokens: Document = fields.get("subscriptions", {})
    subscriptions = [{"type": kind, "token": token} for kind, token in tokens.items() if token]
    written, notes = to_tags(tags, settings)
    if not event.user_id and not subscriptions and not any(written.values()):
        return Skip("anonymous and without traits: OneSignal would get an empty user")
    return upsert(event, properties, written, subscriptions, settings, notes)


def build_group(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What a group call says of the person who made it. Of several groups the tags tell of the last one."""
    if not event.group_id:
        return Skip("the call names no group")
    tags, notes = to_tags(fields["properties"]["tags"], settings)
    return upsert(event, {}, tags, [], settings, notes)


def upsert(
    event: Event,
    properties: Document,
    tags: Document,
    subscriptions: list[Document],
    settings: Settings,
    notes: tuple[str, ...] = (),
) -> Payload | Skip:
    """The user, made if there is none. What waits of one user travels together: each may be written once a second."""
    identity = who(event, settings)
    if identity is None:
        return why_nobody()
    room = MAX_CHANGES - len(properties) - 1  # the tags themselves are one
    if len(tags) > room:
        beyond = list(tags)[:-room]  # custom traits come first
        notes += left_out(beyond, f"beyond the {MAX_CHANGES} changes of one request")
        tags = {name: tags[name] for name in list(tags)[-room:]}
    body: Document = {"identity": identity}
    if properties or tags:
        body["properties"] = properties | ({"tags": tags} if tags else {})
    if subscriptions:
        body["subscriptions"] = subscriptions
    [(label, id)] = identity.items()
    # Short, however long an id is: a group has its limit.
    return Payload(body, group=f"{label} {hashlib.sha256(id.encode()).hexdigest()[:32]}", notes=notes)

"""Identify and group calls: from traits to the data fields of a user; and push tokens.

Source: facts/vendors/iterable.md section 4 (data fields) and section 5 (group, device token).
"""

from __future__ import annotations

from typing import Final, get_args

from plugins.iterable.identity import user, who, why_nobody
from plugins.iterable.settings import Settings, SpecialTrait
from plugins.iterable.value import field_name, to_address, to_object, to_time, to_value
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
    app_platform,
    convert,
    looks_like_email,
    spelt_alike,
)

SPECIAL: Final = frozenset(get_args(SpecialTrait))
"""Fields that change what a user is sent."""
RESERVED: Final = frozenset(
    {
        "browserTokens",
        "devices",
        "email",
        "itblInternal",
        "itblUserId",
        "phoneNumberDetails",
        "profileUpdatedAt",
        "receivedSMSDisclaimer",
        "shoppingCartItems",
        "signupDate",
        "signupSource",
        "userId",
    }
)
"""Fields that Iterable fills in itself."""

DEVICE_EVENTS: Final = frozenset({"applicationinstalled", "applicationopened"})
"""By `spelt_alike`."""
_OF_CONTEXT: Final = ("locale", "timeZone")
_AT: Final = "dataFields"


def _address(at: str) -> tuple[Field, ...]:
    """The whole first, with the keys that nobody knows; then its reserved keys, beside them. All of it is text."""
    return (
        Trait("address", at, to_address, note="kept as an object; an address given as text is its `street`"),
        *(Trait(f"address.{part}", f"{at}.{part}", convert.to_text) for part in NESTED_TRAITS["address"]),
    )


def user_table(settings: Settings) -> Table:
    """Of an identify. Each field has one type for all users of a project for good, so each is converted to one."""
    return Table(
        (
            Field("userId", f"{_AT}.userId" if settings.identity == "email" else "userId"),
            Field(("traits.locale", "context.locale"), f"{_AT}.locale", convert.text_only),
            Field(
                ("traits.timeZone", "traits.timezone", "context.timezone"), f"{_AT}.timeZone", convert.named_timezone
            ),
            Trait("id", note="the userId is sent in its place"),
            Trait("email", "email" if settings.identity == "email" else f"{_AT}.email", convert.to_email),
            Field(("traits.phone", "traits.phoneNumber"), f"{_AT}.phoneNumber", convert.to_e164),
            *(Trait(name, f"{_AT}.{name}", convert.to_text) for name in ("firstName", "lastName", "name")),
            Trait("createdAt", f"{_AT}.createdAt", to_time),
            Trait("birthday", f"{_AT}.birthday", convert.to_date),
            Trait("age", f"{_AT}.age", convert.to_number),
            Trait("avatar", f"{_AT}.avatar", convert.to_url),
            *(
                Trait(name, f"{_AT}.{name}", convert.to_text)
                for name in ("description", "gender", "title", "username", "website")
            ),
            *_address(f"{_AT}.address"),
            Trait("company", f"{_AT}.company", to_object, note="kept as an object"),
            *(
                Trait(f"company.{part}", f"{_AT}.company.{part}", convert.to_text)
                for part in ("name", "id", "industry", "plan")
            ),
            Trait("company.employee_count", f"{_AT}.company.employee_count", convert.to_number),
            Trait("company.createdAt", f"{_AT}.company.createdAt", to_time, note="as of a group call"),
        ),
        (Custom("traits", at=_AT, rename=field_name, forbidden=_forbidden(settings), convert=to_value),),
        Values(null="clear"),
    )


def group_table(settings: Settings) -> Table:
    """Of a group call: Iterable knows no groups, so an object on the user tells of it, the same that the trait ``company`` of
    an identify is. All of the group's traits arrive."""
    at = f"{_AT}.{settings.group_field or 'company'}"
    return Table(
        (
            Field("groupId", f"{at}.id"),
            Trait("id", note="the groupId is sent in its place"),
            *(
                Trait(name, f"{at}.{name}", convert.to_text)
                for name in ("name", "industry", "plan", "description", "email", "phone", "website", "avatar")
            ),
            Trait("employees", f"{at}.employee_count", convert.to_number),
            Trait("createdAt", f"{at}.createdAt", to_time),
            *_address(f"{at}.address"),
        ),
        (Custom("traits", at=at, rename=field_name, convert=to_value),),
        Values(null="clear"),
    )


DEVICE: Final = Table((Field("context.device.token", "token", convert.text_only),))
"""Of an identify, and of the events with which an app tells of itself."""


def build_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What an identify says of the person. A userId that is an email is theirs if the call tells none."""
    data: Document = fields.get(_AT, {})
    if settings.identity != "email" and event.user_id and looks_like_email(event.user_id):
        data.setdefault("email", event.user_id.lower())
    return _update(event, data, settings)


def build_group(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What a group call says of the person who made it. Of several groups the object tells of the last one."""
    if not settings.group_field:
        return Skip("Iterable has no groups, and no object is to tell of them (setting group_field)")
    if not event.group_id:
        return Skip("the call names no group")
    return _update(event, fields.get(_AT, {}), settings)


def _update(event: Event, data: Document, settings: Settings) -> Payload | Skip:
    named = user(event, settings)
    if named is None:
        return why_nobody(event, settings)
    says = any(value is not None for name, value in data.items() if name not in _OF_CONTEXT)
    if not says and not event.user_id and "email" not in named:
        return Skip("anonymous and without traits: Iterable would get an empty user")
    for name in named:
        data.pop(name, None)
    return Payload({**named, "mergeNestedObjects": settings.merge_nested_objects, "dataFields": data})


def build_device(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The push token of the device an app runs on."""
    if event.type == "track" and spelt_alike(event.event) not in DEVICE_EVENTS:
        return Skip("no device: not one of Application Installed, Application Opened")
    token = fields.get("token")
    if not token:
        return Skip("no context.device.token")
    app, platform = _platform(event, settings)
    if not app:
        return Skip("the app has no name for this platform (settings ios_app, android_app)")
    named = who(event, settings)
    if named is None:
        return why_nobody(event, settings)
    return Payload({**named, "device": {"token": token, "platform": platform, "applicationName": app}})


def _platform(event: Event, settings: Settings) -> tuple[str, str]:
    """The app's name and Iterable's word for the platform."""
    match app_platform(event):
        case "ios":
            return settings.ios_app, "APNS_SANDBOX" if settings.ios_sandbox else "APNS"
        case "android":
            return settings.android_app, "GCM"
    return "", ""


def _forbidden(settings: Settings) -> frozenset[str]:
    return (RESERVED | SPECIAL) - set(settings.special_traits)

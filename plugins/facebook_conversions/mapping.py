"""Track, page and screen calls: from events to Meta's events. It knows no other call, for it keeps no people.

Source: facts/vendors/facebook-conversions-api.md sections 5, 6 and 8; facts/event-spec.md section 4 (spellings of a name).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args

from plugins.facebook_conversions.app import APP_ROWS, build_app_data, is_app
from plugins.facebook_conversions.commerce import COMMERCE_ROWS, CUSTOM_DATA, complete, to_page_url, to_plain
from plugins.facebook_conversions.identity import PERSON_ROWS, build_user_data, id_rows, is_too_broad
from plugins.facebook_conversions.settings import ActionSource, Settings
from router.plugin import Document, Event, Field, Harmless, Payload, Skip, Table, convert, spelt_alike

STANDARD_EVENTS: Final = {
    "productviewed": "ViewContent",
    "productlistviewed": "ViewContent",
    "productadded": "AddToCart",
    "productaddedtowishlist": "AddToWishlist",
    "productssearched": "Search",
    "checkoutstarted": "InitiateCheckout",
    "paymentinfoentered": "AddPaymentInfo",
    "ordercompleted": "Purchase",
    "completedorder": "Purchase",
}
"""Names of the event spec, by `spelt_alike`. Any other name is that of a custom event."""

_DAY_S: Final = 86_400
_EVENT_ID: Final = convert.at_most(1_000, convert.not_blank)
"""Meta names no limit; a text that is longer than this is no id, and more than the core takes for a key."""


def max_age_s(action_source: str) -> int:
    """How old an event may be. One that is older costs all that travel with it."""
    return (62 if action_source == "physical_store" else 7) * _DAY_S


def historical(settings: Settings) -> Harmless:
    """Meta books an event at its own time, and starts nothing because of it."""
    return Harmless(until_s=max_age_s(settings.action_source))


def to_action_source(value: Any) -> str:
    """One of Meta's words for where an event happened."""
    text = convert.to_lower(value)
    if text not in get_args(ActionSource):
        raise ValueError(f"expected one of {', '.join(get_args(ActionSource))}")
    return text


def _table(settings: Settings, rows: Sequence[Field]) -> Table:
    ids = ["messageId", f"properties.{settings.event_id_property}"] if settings.event_id_property else ["messageId"]
    return Table(
        (
            Field("timestamp", "event_time", convert.to_unix_seconds),
            *(Field(source, "event_id", _EVENT_ID) for source in ids),  # the later row wins
            Field("properties.action_source", "action_source", to_action_source, note="else the setting"),
            Field(("context.page.url", "properties.url"), "event_source_url", to_page_url),
            *id_rows(settings),
            *PERSON_ROWS,
            *APP_ROWS,
            *rows,
        ),
        (CUSTOM_DATA,),
    )


def event_table(settings: Settings) -> Table:
    return _table(settings, COMMERCE_ROWS)


def view_table(settings: Settings) -> Table:
    """Of a page or a screen, whose properties tell of itself."""
    own = [
        *(Field(f"properties.{name}", note="in `event_source_url`", is_within=True) for name in ("path", "search")),
        Field("properties.referrer", note="Meta has no place for it"),
    ]
    called = [Field((f"properties.{name}", name), f"custom_data.{name}", to_plain) for name in ("name", "category")]
    return _table(settings, (*COMMERCE_ROWS, *own, *called))


def build_track(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    name = (event.event or "").strip()
    if not name:
        return Skip("the event has no name")
    return _build(settings.own_names.get(name.lower()) or _standard_name(name, settings), event, fields, settings)


def _standard_name(name: str, settings: Settings) -> str:
    """Meta's name of an event of the spec, in any of its spellings; any other name as it is."""
    alike = spelt_alike(name)
    standard = STANDARD_EVENTS.get(alike)
    return settings.own_spellings.get(alike) or standard if standard else name


def build_page(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _build("PageView", event, fields, settings)


def build_screen(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _build(settings.screen_event, event, fields, settings)


def _build(name: str, event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """One event. What Meta would refuse is not sent, for one bad event costs all that travel with it."""
    notes = complete(name, event, fields, settings)
    app: Document = fields.get("app", {})
    source = fields.get("action_source") or settings.action_source
    if source == "auto":
        source = "app" if is_app(event, fields) else "website"
    fields = {key: value for key, value in fields.items() if key != "app"} | {
        "event_name": name,
        "action_source": source,
    }
    user = build_user_data(event, fields)
    if source == "app":
        app_data = build_app_data(app)
        if isinstance(app_data, Skip):
            return app_data
        fields["app_data"] = app_data
        user |= {"madid": app["madid"]} if "madid" in app and app.get("tracking") != 0 else {}
    reason = _why_refused(event, source, user, fields)
    if reason:
        return Skip(reason)
    fields["user_data"] = user
    if settings.limited_data_use:
        # 0 and 0: Meta finds out where the person is, and which law counts there.
        fields |= {
            "data_processing_options": ["LDU"],
            "data_processing_options_country": 0,
            "data_processing_options_state": 0,
        }
    return Payload(fields, key=fields["event_id"], notes=notes)


def _why_refused(event: Event, source: str, user: Document, fields: Document) -> str:
    if fields["event_name"] == "Purchase" and "value" not in fields.get("custom_data", {}):
        return "a Purchase needs properties.revenue, properties.total or products with prices, in a currency that can be read"
    age_s = convert.to_unix_seconds(event.received_at) - fields["event_time"]
    if age_s > max_age_s(source):
        return f"too old when it came: Meta takes {source} events of the last {max_age_s(source) // _DAY_S} days"
    if source == "website":
        missing = [
            told
            for told, is_there in (
                ("context.userAgent", "client_user_agent" in user),
                ("context.page.url", "event_source_url" in fields),
            )
            if not is_there
        ]
        if missing:
            return f"a website event needs {' and '.join(missing)}; or set action_source"
    if is_too_broad(user):
        return "nothing that Meta finds a person by"
    return ""

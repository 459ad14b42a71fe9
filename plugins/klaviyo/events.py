"""Track, page and screen calls: events of a metric.

Source: facts/vendors/klaviyo.md sections 3, 5, 6 and 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from plugins.klaviyo.attributes import (
    MAX_ID,
    attribute_name,
    complete_ids,
    id_rows,
    to_property,
)
from plugins.klaviyo.ecommerce import LINE_METRIC, METRICS, REFUND, SALES, add_expected, line_of, products_of
from plugins.klaviyo.settings import Settings
from router.plugin import (
    Custom,
    Document,
    Event,
    Field,
    Historical,
    Marked,
    Payload,
    Skip,
    Table,
    complete_value,
    convert,
    has_odd_currency,
    left_out,
    spelt_alike,
    view_name,
)

MAX_PROPERTIES: Final = 400
MAX_METRIC: Final = 127


def event_table(settings: Settings) -> Table:
    """``profile`` is who it was, ``event`` what it was. Money stays among the properties too: templates read it there."""
    return Table(
        (
            *id_rows(settings, "profile", "context.traits"),
            Field("anonymousId", "profile.anonymous_id", convert.at_most(MAX_ID)),
            Field("context.ip", "profile.location.ip", convert.to_ip),
            Field("timestamp", "event.time"),
            Field("messageId", "event.unique_id"),
            # The later row wins, so that one which is no amount leaves room for the others.
            *(Field(f"properties.{name}", "event.value", convert.to_amount) for name in ("value", "total", "revenue")),
            Field("properties.currency", "event.value_currency", convert.to_currency),
            *(
                Field(f"properties.{name}", f"properties.{name}", to_property)
                for name in ("revenue", "total", "value", "currency")
            ),
        ),
        (Custom("properties", at="properties", rename=attribute_name, convert=to_property),),
    )


def view_table(settings: Settings) -> Table:
    """A browser's page call tells of the page in the context, a server's in its properties."""
    return (
        event_table(settings)
        + [
            Field((f"properties.{name}", f"context.page.{name}"), f"properties.{name}", to_property)
            for name in ("url", "title", "path", "referrer")
        ]
        + [Field((name, f"properties.{name}"), f"properties.{name}", to_property) for name in ("name", "category")]
    )


def build_event(event: Event, fields: Document, settings: Settings) -> list[Payload] | Skip:
    """One event; with the setting ``ecommerce`` an order besides has one for each of its lines."""
    name = (event.event or "").strip()
    known = METRICS.get(spelt_alike(name))
    properties: Document = fields.get("properties", {})
    if known in SALES:
        complete_value(fields["event"], event.properties.get("total"), event.properties.get("products"))
    if known == REFUND and "value" in fields["event"]:  # callers write it with and without a sign
        fields["event"]["value"] = abs(fields["event"]["value"])
    known = known if settings.ecommerce else None
    if known:
        add_expected(known, properties)
    lines = list(_lines(event, properties)) if known == "Placed Order" else []
    return _payloads(event, fields, [(known or name, fields["event"], properties), *lines], settings)


def build_view(event: Event, fields: Document, settings: Settings) -> list[Payload] | Skip:
    if not settings.track_views:
        return Skip("Klaviyo has no call for pages and screens (setting track_views)")
    return _payloads(event, fields, [(view_name(event), fields["event"], fields.get("properties", {}))], settings)


_Made = tuple[str, Document, Document]
"""Metric, what stands beside the properties, and the properties."""


def _lines(event: Event, properties: Document) -> Iterator[_Made]:
    """Each line has an id of its own, from the messageId: two lines may be of one product."""
    for number, product in enumerate(products_of(properties)):
        line = line_of(product)
        about: Document = {"time": event.timestamp, "unique_id": f"{event.message_id}:{number}"}
        if "RowTotal" in line:
            about["value"] = line["RowTotal"]
        given = {key: value for key, value in product.items() if attribute_name(key) and value is not None}
        order = {"OrderId": properties["OrderId"]} if "OrderId" in properties else {}
        yield LINE_METRIC, about, {**given, **order, **line}


def _payloads(event: Event, fields: Document, made: list[_Made], settings: Settings) -> list[Payload] | Skip:
    profile: Document = fields.get("profile", {})
    if not complete_ids(event, profile) and not (settings.anonymous_events and "anonymous_id" in profile):
        return Skip("anonymous: no userId, email or phone number (setting anonymous_events)")
    if profile.get("external_id") or profile.get("email"):
        profile.pop("phone_number", None)  # it says no more of who it was, and one that Klaviyo refuses costs a request
    currency = fields["event"].pop("value_currency", None)
    is_money = not has_odd_currency(event)  # else it would be booked in another currency
    is_old = _is_old(event, settings)
    payloads = []
    for metric, about, properties in made:  # of too many properties the first go: those that templates read stand last
        body: Document = {
            "metric": metric[:MAX_METRIC],
            "profile": profile,
            "event": {**about, "properties": dict(list(properties.items())[-MAX_PROPERTIES:])},
        }
        if not is_money:
            body["event"].pop("value", None)
        elif currency and "value" in about:
            body["event"]["value_currency"] = currency
        if is_old:
            body["event"]["backfill"] = True
        notes = left_out(list(properties)[:-MAX_PROPERTIES], f"more than {MAX_PROPERTIES} properties")
        payloads.append(Payload(body, key=about["unique_id"], notes=notes))
    return payloads


def historical_event(settings: Settings) -> Historical:
    """What a replay does with an old event."""
    if settings.bulk:
        return Skip("a job is not known to keep flows from starting (setting bulk)")
    return Marked("backfill: true", _mark_backfill)


def _mark_backfill(payload: Payload, settings: Settings) -> Payload:
    return replace(payload, body={**payload.body, "event": {**payload.body["event"], "backfill": True}})


def _is_old(event: Event, settings: Settings) -> bool:
    """By the event's own times, so that each attempt says the same."""
    if settings.backfill_after_h is None:
        return False
    age = _moment(event.received_at) - _moment(event.timestamp)
    return age > timedelta(hours=settings.backfill_after_h)


def _moment(text: Any) -> datetime:
    return datetime.fromisoformat(text)

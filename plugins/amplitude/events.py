"""Track, page and screen calls, revenue, and what they tell of where a visitor came from.

Source: facts/vendors/amplitude.md section 5; facts/event-spec.md section 4 (revenue, names of page views).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from plugins.amplitude.context import CONTEXT_ROWS, PLACE_ROWS, combined, part_of
from plugins.amplitude.identity import EVENT_ROWS, make_payload, user_rows
from plugins.amplitude.mapping import not_too_deep, property_name
from plugins.amplitude.settings import Settings
from router.plugin import (
    PRODUCT_IDS,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    complete_value,
    convert,
    count_whole,
    has_odd_currency,
    quantity_of,
    spelt_alike,
    view_name,
)

PRODUCT_EVENT: Final = "Product Purchased"
_RESERVED_TYPES: Final = frozenset({"$identify", "$groupidentify", "revenue_amount"})
_RESERVED_PREFIX: Final = "[Amplitude]"
_ORDER_COMPLETED: Final = frozenset({"ordercompleted", "completedorder"})
_ORDER_REFUNDED: Final = "orderrefunded"
_AT: Final = "event_properties"
_HALF_A_CENT: Final = 0.005


REVENUE_ROWS: Final = (
    Field("properties.revenue", "revenue", convert.to_amount),
    Field("properties.currency", "currency", convert.to_currency, note="beside a revenue only"),
    Field(
        ("properties.productId", "properties.product_id"), "productId", convert.to_text, note="beside a revenue only"
    ),
    Field(
        ("properties.revenueType", "properties.revenue_type"),
        "revenueType",
        convert.to_text,
        note="beside a revenue only",
    ),
    *(
        Field(f"properties.{name}", f"{_AT}.{name}")
        for name in ("revenue", "currency", "productId", "product_id", "revenueType", "revenue_type")
    ),
)

PAGE_ROWS: Final = tuple(
    Field((f"properties.{name}", f"context.page.{name}"), f"{_AT}.{name}")
    for name in ("url", "path", "title", "referrer", "search")
)
VIEW_ROWS: Final = tuple(Field((f"properties.{name}", name), f"{_AT}.{name}") for name in ("name", "category"))


def _table(settings: Settings, rows: Sequence[Field] = ()) -> Table:
    groups = Field("context.groupId", f"groups.{settings.group_type}", convert.to_id)
    return Table(
        (*user_rows(settings), *EVENT_ROWS, *CONTEXT_ROWS, *PLACE_ROWS, groups, *rows),
        (Custom("properties", _AT, property_name, convert=not_too_deep),),
    )


def track_table(settings: Settings) -> Table:
    return _table(settings, REVENUE_ROWS)


def page_table(settings: Settings) -> Table:
    return _table(settings, (*VIEW_ROWS, *PAGE_ROWS))


def screen_table(settings: Settings) -> Table:
    return _table(settings, VIEW_ROWS)


def build_track(event: Event, fields: Document, settings: Settings) -> Sequence[Payload] | Payload | Skip:
    name = (event.event or "").strip()
    if name in _RESERVED_TYPES or name.startswith(_RESERVED_PREFIX):
        return Skip(f"{name} is an event type that Amplitude reserves")
    fields = combined(event) | fields
    order: Document = {
        key: fields.pop(key) for key in ("revenue", "currency", "productId", "revenueType") if key in fields
    }
    # Beside a currency that can't be read money stays a property: Amplitude would book it in another.
    is_money = not has_odd_currency(event)
    alike = spelt_alike(name)
    is_refund = alike == _ORDER_REFUNDED
    money: Document = {"value": order["revenue"]} if "revenue" in order else {}
    if alike in _ORDER_COMPLETED or is_refund:
        complete_value(money, event.properties.get("total"), event.properties.get("products"))
    revenue = money.get("value", 0)
    if is_refund:
        revenue = -abs(revenue)  # callers write it with and without a sign
    # A checkout or a refund may tell of revenue and products too, and nobody has bought these.
    is_order = alike in _ORDER_COMPLETED and revenue > 0
    products = _products(event) if settings.product_events and is_order else []
    has_money = bool(products) and _tell_all(products, revenue)
    # Price and quantity are not sent beside it: where all three are there, Amplitude multiplies the two.
    main = make_payload(
        name, fields | order | {"revenue": revenue} if revenue and is_money and not has_money else fields
    )
    if isinstance(main, Skip):
        return main
    return [main, *_product_payloads(products, order, fields, is_money and has_money)]


def _products(event: Event) -> list[Document]:
    """The products of an order but those of which there are none; nothing where not one of them has a price."""
    products = event.properties.get("products")
    if not isinstance(products, list):
        return []
    products = [product for product in products if isinstance(product, dict) and quantity_of(product)]
    return products if any(_price_fields(product).get("price") for product in products) else []


def _tell_all(products: Sequence[Document], revenue: int | float) -> bool:
    """Whether the prices of *products* are all of the money: each has one, or the others come to the *revenue*, as beside a
    gift. If not, the order keeps its own."""
    priced = [fields for fields in map(_price_fields, products) if "price" in fields]
    total = sum(fields["price"] * fields["quantity"] for fields in priced)
    return len(priced) == len(products) or total > revenue - _HALF_A_CENT


def _product_payloads(products: Sequence[Document], order: Document, fields: Document, is_money: bool) -> list[Payload]:
    shared = {name: value for name, value in fields.items() if name != _AT}
    kept = {name: order[name] for name in ("currency", "revenueType") if name in order}
    made = []
    for number, product in enumerate(products, 1):
        price = _price_fields(product)
        properties = {key: value for key, value in product.items() if property_name(key) and value is not None}
        body = shared | {_AT: properties} | (kept | price if is_money and "price" in price else {})
        made.append(make_payload(PRODUCT_EVENT, body, str(number)))
    return [payload for payload in made if isinstance(payload, Payload)]


def _price_fields(product: Document) -> Document:
    """``quantity`` of one product, with ``price`` and ``productId`` where it has them. What was given back has a price below 0,
    by which Amplitude knows it."""
    price, quantity = count_whole(product)
    fields: Document = {"quantity": abs(quantity)}
    if price is not None:
        fields["price"] = -price if quantity < 0 else price
    for name in PRODUCT_IDS:
        with suppress(ValueError):
            return fields | {"productId": convert.not_blank(product.get(name))}
    return fields


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A page or a screen."""
    return make_payload(view_name(event), combined(event) | fields)


_CAMPAIGN: Final = {"source": "source", "medium": "medium", "name": "campaign", "term": "term", "content": "content"}


def origin_table(settings: Settings) -> Table:
    """Campaign and referrer: the latest as properties of the user, and the first ever as ``initial_…``."""
    rows = [
        *((f"context.campaign.{name}", f"utm_{utm}", convert.to_text) for name, utm in _CAMPAIGN.items()),
        ("context.page.referrer", "referrer", convert.to_text),
        ("context.page.referrer", "referring_domain", convert.to_host),
    ]
    return Table(
        (
            *user_rows(settings),
            *EVENT_ROWS,
            *(Field(source, f"user_properties.$set.{to}", converter) for source, to, converter in rows),
            *(Field(source, f"user_properties.$setOnce.initial_{to}", converter) for source, to, converter in rows),
        )
    )


def build_origin(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Operations go with ``$identify`` alone, so what a visit tells of its origin is an event beside that of the visit."""
    properties = fields.get("user_properties", {})
    if event.type == "page" and not part_of(event, "page").get("referrer"):
        fields["user_properties"] = properties = _with_referrer(properties, event.properties.get("referrer"))
    if _is_internal(event, properties.get("$set", {}).get("referring_domain")):
        for operation in properties.values():
            for name in ("referrer", "referring_domain", "initial_referrer", "initial_referring_domain"):
                operation.pop(name, None)
    if not properties.get("$set"):
        return Skip("neither a campaign nor a referrer from elsewhere")
    return make_payload("$identify", fields, "origin")


def _with_referrer(properties: Document, referrer: Any) -> Document:
    """*properties* with the *referrer* of a server's page call, which has no ``context.page``; as they are where it is none."""
    try:
        told = {"referrer": convert.to_text(referrer), "referring_domain": convert.to_host(referrer)}
    except ValueError:
        return properties
    first = {f"initial_{name}": value for name, value in told.items()}
    return {"$set": properties.get("$set", {}) | told, "$setOnce": properties.get("$setOnce", {}) | first}


def _is_internal(event: Event, referring_domain: str | None) -> bool:
    """Whether the visitor came from another page of the same site, or from nowhere that can be told."""
    if referring_domain is None:
        return True
    with suppress(ValueError):
        return convert.to_host(part_of(event, "page").get("url") or event.properties.get("url")) == referring_domain
    return False

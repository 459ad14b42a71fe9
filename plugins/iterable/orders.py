"""Shop events: purchases, and the cart as it stands.

Source: facts/vendors/iterable.md section 5; facts/event-spec.md section 4, track (which properties tell of money).
"""

from __future__ import annotations

from typing import Any, Final

from plugins.iterable.identity import user, why_nobody
from plugins.iterable.settings import Settings
from plugins.iterable.value import field_name, to_value
from router.plugin import (
    PRODUCT_IDS,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    convert,
    count_whole,
    quantity_of,
    spelt_alike,
    worth_of,
)

PURCHASES: Final = frozenset({"ordercompleted", "completedorder"})
CARTS: Final = frozenset({"productadded", "productremoved", "cartviewed", "cartupdated"})
"""By `spelt_alike`."""

_IDS: Final = (*PRODUCT_IDS, "name")
_TAKEN: Final = frozenset(
    {"product_id", "productId", "id", "name", "price", "quantity", "sku", "category", "url", "image_url", "imageUrl"}
)

_CAMPAIGNS: Final = {"campaignId": ("campaignId", "campaign_id"), "templateId": ("templateId", "template_id")}
CAMPAIGN_ROWS: Final = tuple(
    Field(tuple(f"properties.{name}" for name in names), to, convert.to_integer) for to, names in _CAMPAIGNS.items()
)

PURCHASE: Final = Table(
    (
        Field("messageId", "id", note="where the order has no id"),
        Field(("properties.order_id", "properties.orderId"), "id", convert.not_blank),
        Field("timestamp", "createdAt", convert.to_unix_seconds),
        # The later row wins, so that one which is no amount leaves room for the other.
        Field("properties.revenue", "total", convert.to_amount, note="the sum of the products without"),
        Field("properties.total", "total", convert.to_amount, note="the sum of the products without"),
        Field("properties.revenue", "dataFields.revenue", to_value, note="beside a total"),
        Field("properties.products", "products"),
        *CAMPAIGN_ROWS,
    ),
    (Custom("properties", at="dataFields", rename=field_name, convert=to_value),),
)
"""What has no field of its own, the currency among it, is a data field."""

CART: Final = Table((Field("properties.products", "products"),))


def purchase_of(event: Event, settings: Settings) -> Document | None:
    """What an order becomes; None where it is none, or has no products that all have a price."""
    if not settings.track_purchases or spelt_alike(event.event) not in PURCHASES:
        return None
    return _purchase(PURCHASE.apply(event))


def build_purchase(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The purchase, in place of the event. Its id is the order's, so an order that is told of twice is one. Iterable then
    empties the cart."""
    if not purchase_of(event, settings):
        return Skip("not an order with products that have a price, or purchases are off (setting track_purchases)")
    named = user(event, settings)
    if named is None:
        return why_nobody(event, settings)
    keep_campaigns(event, fields)
    purchase = _purchase(fields) or {}
    if settings.create_new_fields != "project":
        purchase["createNewFields"] = settings.create_new_fields == "yes"
    return Payload({"user": named, **purchase}, key=event.message_id)


def keep_campaigns(event: Event, fields: Document) -> None:
    """Keep a campaign or template of the application's own, which is none of Iterable's numbers, as the property that it is."""
    given = {
        name: to_value(event.properties[name])
        for to, names in _CAMPAIGNS.items()
        for name in names
        if to not in fields and event.properties.get(name) is not None
    }
    if given:
        fields["dataFields"] = given | fields.get("dataFields", {})


def build_cart(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The cart, beside the event: it replaces the one that is there, so only a whole one is sent."""
    if not settings.update_cart:
        return Skip("carts are not written (setting update_cart)")
    items = read_items(fields.get("products")) if spelt_alike(event.event) in CARTS else []
    if not items:
        return Skip("not an event of a cart with all of its products")
    named = user(event, settings)
    if named is None:
        return why_nobody(event, settings)
    return Payload({"user": named, "items": items})


def _purchase(fields: Document) -> Document | None:
    items = read_items(fields.get("products"))
    if not items:
        return None
    purchase = {name: value for name, value in fields.items() if name != "products"}
    return {"total": worth_of(fields["products"]), **purchase, "items": items}


def read_items(raw: Any) -> list[Document]:
    """All products as items but those of which there are none and those given back. If one is no item there are none: of an
    order or a cart a part tells of too little."""
    items = [_item(product) for product in raw] if isinstance(raw, list) else []
    return [item for item in items if item is not None and item["quantity"] > 0] if None not in items else []


def _item(product: Any) -> Document | None:
    """id, name, price and quantity, a whole number, are what an item needs."""
    if not isinstance(product, dict):
        return None
    id = next((text for key in _IDS if (text := _text(product.get(key)))), "")
    whole_price, quantity = count_whole(product)
    price = _price(whole_price)
    if not id or price is None:
        return None
    item: Document = {"id": id, "name": _text(product.get("name")) or id, "price": price, "quantity": quantity}
    taken = _TAKEN if quantity == quantity_of(product) else _TAKEN - {"quantity"}
    named = {
        "sku": _text(product.get("sku")),
        "categories": [category] if (category := _text(product.get("category"))) else [],
        "url": _text(product.get("url")),
        "imageUrl": _text(product.get("image_url")) or _text(product.get("imageUrl")),
        "dataFields": to_value(
            {key: value for key, value in product.items() if key not in taken and value is not None}
        ),
    }
    return item | {name: value for name, value in named.items() if value}


def _text(value: Any) -> str:
    try:
        return convert.to_text(value).strip()
    except ValueError:
        return ""


def _price(value: Any) -> int | float | None:
    """Money in major units, of a size that cents can hold."""
    try:
        convert.to_cents(value)
        return convert.to_amount(value)
    except ValueError:
        return None

"""Shop events: purchases, one for each product, or Braze's recommended events.

Source: facts/vendors/braze.md section 5; facts/event-spec.md section 4, track (which properties tell of money).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from plugins.braze.identity import (
    MAX_BYTES,
    USER_ROW,
    field_name,
    occurrence,
    sized_occurrence,
    to_short_text,
    to_value,
)
from plugins.braze.settings import Settings
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
    left_out,
    quantity_of,
    spelt_alike,
    worth_of,
)

MAX_QUANTITY: Final = 100
WHOLE_ORDER: Final = "Completed Order"
"""The product of an order that names none."""
RECOMMENDED: Final[Mapping[str, str]] = {
    "productadded": "ecommerce.cart_updated",
    "productremoved": "ecommerce.cart_updated",
    "checkoutstarted": "ecommerce.checkout_started",
    "ordercompleted": "ecommerce.order_placed",
    "completedorder": "ecommerce.order_placed",
    "orderrefunded": "ecommerce.order_refunded",
    "ordercancelled": "ecommerce.order_cancelled",
}
"""By `spelt_alike`."""

_PURCHASES: Final = frozenset({"ordercompleted", "completedorder"})
_CART_ACTIONS: Final = {"productadded": "add", "productremoved": "remove"}
_NEEDED: Final = frozenset({"total_value", "currency", "products"})


def to_money(value: Any) -> int | float:
    """Money in major units, of a size that cents can hold."""
    convert.to_cents(value)
    return convert.to_amount(value)


def purchase_property(key: str) -> str | None:
    """The name itself, or None for those that a purchase has as fields of its own."""
    return None if key in ("time", "event_name") else field_name(key)


PURCHASE: Final = Table(
    (
        USER_ROW,
        Field("timestamp", "time"),
        Field("properties.products", "products"),
        Field("properties.currency", "currency", convert.to_currency, note="USD without one"),
        # The later row wins, so that one which is no amount leaves room for the other.
        Field("properties.total", "price", to_money, note="of an order without products"),
        Field("properties.revenue", "price", to_money, note="of an order without products"),
        *(Field(f"properties.{name}", f"properties.{name}", to_value) for name in ("total", "revenue")),
    ),
    (Custom("properties", at="properties", rename=purchase_property, convert=to_value),),
)

ECOMMERCE: Final = Table(
    (
        USER_ROW,
        Field("timestamp", "time"),
        Field(("properties.order_id", "properties.orderId"), "properties.order_id", to_short_text),
        Field(("properties.cart_id", "properties.cartId"), "properties.cart_id", to_short_text),
        *(Field(f"properties.{name}", "properties.total_value", to_money) for name in ("value", "revenue", "total")),
        Field("properties.subtotal", "properties.subtotal_value", to_money),
        Field("properties.tax", "properties.tax", to_money),
        Field("properties.shipping", "properties.shipping", to_money),
        Field("properties.discount", "properties.total_discounts", to_money),
        Field("properties.currency", "properties.currency", convert.to_currency),
        Field(
            ("properties.source", "context.page.url", "context.app.name", "channel"), "properties.source", to_short_text
        ),
        Field("properties.products", "products"),
    ),
    (Custom("properties", at="rest", rename=field_name, convert=to_value),),
)
"""The schema has no place for the rest but the ``metadata`` of a product; where a cart changes, the rest is the product."""


@dataclass(frozen=True, slots=True)
class Product:
    """One product of an order, as the Segment spec has it, in whole numbers; what was given back has a quantity below 0."""

    id: str
    price: int | float
    quantity: int
    name: str
    variant: str
    rest: Document

    @classmethod
    def read(cls, raw: Any, most: int | None = None) -> Product | None:
        """None where there is no object or no price. Of more than *most* there is one, of the whole price."""
        if not isinstance(raw, dict):
            return None
        rest = {key: value for key, value in raw.items() if value is not None}
        whole_price, quantity = count_whole(raw, most=most)
        price, given = _amount(whole_price), rest.pop("quantity", None)
        rest.pop("price", None)
        ids = [_text(rest, key) for key in (*PRODUCT_IDS, "name")]
        id = next((each for each in ids if each), WHOLE_ORDER)
        for key in ("product_id", "productId"):
            rest.pop(key, None)
        if price is None:
            return None
        if quantity != quantity_of(raw):
            rest["quantity"] = given
        variant = _text(rest, "variant") or _text(rest, "sku") or id
        return cls(id, price, quantity, _text(rest, "name") or id, variant, to_value(rest))


def _amount(value: Any) -> int | float | None:
    try:
        return to_money(value)
    except ValueError:
        return None


def _text(values: Document, key: str) -> str:
    try:
        return str(to_short_text(values.get(key))).strip()
    except ValueError:
        return ""


def read_products(raw: Any, most: int | None = None) -> list[Product]:
    """All but those of which there are none, or nothing: an order of which one product is left out would tell of too little
    money."""
    products = [Product.read(item, most) for item in raw] if isinstance(raw, list) else []
    return [product for product in products if product is not None and product.quantity] if None not in products else []


# --- purchases ---


def purchases_of(event: Event, settings: Settings) -> list[Document]:
    """What an order becomes in `legacy`; nothing where it is no order, or says of no money that could be booked."""
    if settings.purchases != "legacy" or spelt_alike(event.event) not in _PURCHASES:
        return []
    return [] if has_odd_currency(event) else _purchases(PURCHASE.apply(event))


def build_purchases(event: Event, fields: Document, settings: Settings) -> list[Payload] | Skip:
    """A purchase for each product of an order; one for the whole of an order without products."""
    if not purchases_of(event, settings):
        return Skip("not an order that tells of money, or the setting purchases is not legacy")
    made: list[Payload] = []
    for purchase in _purchases(fields):
        item = sized_occurrence("purchases", event, purchase, settings)
        if isinstance(item, Skip):
            return item
        made.append(item)
    return made


def _purchases(fields: Document) -> list[Document]:
    head = {"currency": fields.get("currency", "USD"), "time": fields["time"]}
    properties: Document = fields.get("properties", {})
    products = read_products(fields.get("products"), MAX_QUANTITY)
    if products:
        return [_purchase(product, head, properties) for product in products]
    if "price" not in fields:
        return []
    order = {"value": fields["price"]}
    complete_value(order, properties.get("total"), None)
    return [{"product_id": WHOLE_ORDER, "price": order["value"], "quantity": 1, **head, "properties": properties}]


def _purchase(product: Product, head: Document, properties: Document) -> Document:
    """What was given back is a purchase of less than nothing, for Braze takes no quantity below 1."""
    properties = {**properties, **{key: value for key, value in product.rest.items() if purchase_property(key)}}
    price = -product.price if product.quantity < 0 else product.price
    quantity = abs(product.quantity)
    return {"product_id": product.id, "price": price, "quantity": quantity, **head, "properties": properties}


# --- recommended events ---


def ecommerce_event(event: Event, settings: Settings) -> Document | None:
    """The recommended event in place of a shop event in `recommended`. None where there is none, its schema would not have it
    (products with prices, an order's or a cart's id), its currency can't be read, or it is too large."""
    if not _is_shop_event(event, settings):
        return None
    made, _ = _recommended(event, ECOMMERCE.apply(event))
    return made


def build_ecommerce(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    made, notes = _recommended(event, fields) if _is_shop_event(event, settings) else (None, ())
    if made is None:
        return Skip("not a shop event that Braze has a form for, or the setting purchases is not recommended")
    payload = occurrence("events", event, made, settings)
    return replace(payload, notes=notes) if isinstance(payload, Payload) else payload


def _is_shop_event(event: Event, settings: Settings) -> bool:
    return settings.purchases == "recommended" and spelt_alike(event.event) in RECOMMENDED


def _recommended(event: Event, fields: Document) -> tuple[Document | None, tuple[str, ...]]:
    """The recommended event, and notes of what it goes without: what its products have no field for, if Braze would refuse it
    for its size. The schema wants all else."""
    made = _ecommerce(event, fields)
    if made is None or _fits(made):
        return made, ()
    for product in made["properties"]["products"]:
        product.pop("metadata", None)
    notes = left_out(["metadata of all products"], f"beyond the {MAX_BYTES} bytes that an event may have")
    return (made, notes) if _fits(made) else (None, ())


def _fits(made: Document) -> bool:
    return len(convert.to_json_text(made).encode()) <= MAX_BYTES


def _ecommerce(event: Event, fields: Document) -> Document | None:
    if has_odd_currency(event):
        return None
    call = spelt_alike(event.event)
    name = RECOMMENDED[call]
    properties = {"currency": "USD", "source": "server", **fields.get("properties", {})}
    rest: Document = fields.get("rest", {})
    listed = fields.get("products")
    if call in _CART_ACTIONS:
        listed, rest = [rest], {}
        properties["action"] = _CART_ACTIONS[call]
    is_refund = call == "orderrefunded"
    products = _given_back(read_products(listed)) if is_refund else _bought(listed)
    if products:
        properties.setdefault("total_value", worth_of(listed))
    if is_refund and "total_value" in properties:
        properties["total_value"] = abs(properties["total_value"])
    properties["products"] = [_item(product, rest) for product in products]
    id = "order_id" if name.startswith("ecommerce.order") else "cart_id"
    if not products or not (_NEEDED | {id}) <= properties.keys():
        return None
    return {"name": name, "time": fields["time"], "properties": properties}


def _bought(raw: Any) -> list[Product]:
    return [product for product in read_products(raw) if product.quantity > 0]


def _given_back(products: Sequence[Product]) -> list[Product]:
    """*products* of a refund without the sign that callers put to quantities or to prices, for Braze adds up what was given
    back. What goes the other way, such as a fee, is left out: it would have a price below 0.

    Source: www.braze.com/docs/developer_guide/analytics/logging_ecommerce_events (prices, values and quantities are 0 or more;
    a copy of 2026).
    """
    worth = [product.price * product.quantity for product in products]
    sign = -1 if sum(worth) < 0 else 1
    return [
        replace(product, price=abs(product.price), quantity=abs(product.quantity))
        for product, money in zip(products, worth, strict=True)
        if money * sign >= 0
    ]


def _item(product: Product, rest: Document) -> Document:
    item: Document = {
        "product_id": product.id,
        "product_name": product.name,
        "variant_id": product.variant,
        "quantity": product.quantity,
        "price": product.price,
    }
    metadata = {key: value for key, value in (rest | product.rest).items() if key not in ("name", "variant")}
    for source, to in (("image_url", "image_url"), ("url", "product_url")):
        if isinstance(metadata.get(source), str):
            item[to] = metadata.pop(source)
    return item | ({"metadata": metadata} if metadata else {})

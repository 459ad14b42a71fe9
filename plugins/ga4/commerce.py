"""What happens in a shop: Google's own events, their values and their items.

Source: facts/vendors/ga4.md section 5; facts/event-spec.md section 4 (revenue, currency, spellings of a name).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from plugins.ga4.context import complete, envelope_rows
from plugins.ga4.identity import event_rows, make_payload
from plugins.ga4.names import WHY_A_PERSONS, param_name
from plugins.ga4.params import OF_CONTEXT, custom_params, cut, tells_email
from plugins.ga4.settings import Settings
from router.plugin import (
    PRODUCT_IDS,
    Converter,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Values,
    complete_value,
    convert,
    count_whole,
    left_out,
    spelt_alike,
    tells_person,
    tells_whose_name,
    worth_of,
    worth_of_one,
)

COMMERCE_EVENTS: Final = {
    "productssearched": "search",
    "productlistviewed": "view_item_list",
    "productclicked": "select_item",
    "productviewed": "view_item",
    "productadded": "add_to_cart",
    "productremoved": "remove_from_cart",
    "productaddedtowishlist": "add_to_wishlist",
    "cartviewed": "view_cart",
    "checkoutstarted": "begin_checkout",
    "checkoutstepcompleted": "add_shipping_info",
    "paymentinfoentered": "add_payment_info",
    "ordercompleted": "purchase",
    "completedorder": "purchase",
    "orderrefunded": "refund",
    "promotionviewed": "view_promotion",
    "promotionclicked": "select_promotion",
}
"""From the spec's name, by `spelt_alike`, to Google's."""
_SALES: Final = frozenset({"purchase", "refund"})
"""Events that Google counts by their value: one without counts as none of money."""
_OF_ONE_THING: Final = frozenset(
    {
        "select_item",
        "view_item",
        "add_to_cart",
        "remove_from_cart",
        "add_to_wishlist",
        "view_promotion",
        "select_promotion",
    }
)
"""Events of one product or promotion, whose name is told."""
MAX_ITEMS: Final = 200
MAX_CUSTOM_ITEM_PARAMS: Final = 10
"""The protocol's own page says so; another one says 27."""
FIRST: Final = ("transaction_id", "value", "currency", "items", "tax", "shipping", "coupon")
"""Parameters that stay where there are too many."""

_ITEM: Final[tuple[tuple[str, tuple[str, ...], Converter], ...]] = (
    ("item_id", ("product_id", "productId", "sku", "item_id"), convert.not_blank),
    ("item_name", ("name", "item_name"), convert.not_blank),
    ("item_brand", ("brand",), convert.to_text),
    ("item_category", ("category",), convert.to_text),
    *((f"item_category{level}", (f"category{level}",), convert.to_text) for level in range(2, 6)),
    ("item_variant", ("variant",), convert.to_text),
    ("price", ("price",), convert.to_amount),
    ("quantity", ("quantity",), convert.to_integer),
    ("coupon", ("coupon",), convert.to_text),
    ("index", ("position",), convert.to_integer),
    ("affiliation", ("affiliation",), convert.to_text),
    ("discount", ("discount",), convert.to_amount),
)
"""Of a product: Google's field, the names that callers give it, converter."""

_NAMED: Final = frozenset(name for _, names, _ in _ITEM for name in names)

_CURRENCY: Final = Field("properties.currency", "params.currency", convert.to_currency)


def _value_rows(*names: str) -> tuple[Field, ...]:
    """The later row wins, so that one which is no amount leaves room for the others."""
    return tuple(Field(f"properties.{name}", "params.value", convert.to_amount) for name in names)


MONEY_ROWS: Final = (*_value_rows("value", "revenue"), _CURRENCY)
COMMERCE_ROWS: Final = (
    Field(("properties.order_id", "properties.orderId"), "params.transaction_id", convert.not_blank),
    *_value_rows("total", "value", "revenue"),
    _CURRENCY,
    Field("properties.tax", "params.tax", convert.to_amount),
    Field("properties.shipping", "params.shipping", convert.to_amount),
    Field("properties.coupon", "params.coupon", convert.to_text),
    Field("properties.affiliation", "params.affiliation", convert.to_text),
    Field("properties.query", "params.search_term", convert.to_text),
    Field("properties.list_id", "params.item_list_id", convert.to_text),
    Field(("properties.list_name", "properties.list"), "params.item_list_name", convert.to_text),
    Field(("properties.shipping_method", "properties.shippingMethod"), "params.shipping_tier", convert.to_text),
    Field(("properties.payment_method", "properties.paymentMethod"), "params.payment_type", convert.to_text),
    Field("properties.promotion_id", "params.promotion_id", convert.to_text),
    Field("properties.creative", "params.creative_name", convert.to_text),
    *(
        Field(tuple(f"properties.{name}" for name in names), f"item.{to}", converter, note="of the only item")
        for to, names, converter in _ITEM
    ),
)


def commerce_table(settings: Settings) -> Table:
    return Table(
        (
            *event_rows(settings),
            *envelope_rows(settings),
            *OF_CONTEXT,
            *COMMERCE_ROWS,
            Field("properties.products", "params.items", _to_items(settings)),
        ),
        (custom_params("properties", settings),),
        Values(objects="flatten"),
    )


def build_commerce(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    name = COMMERCE_EVENTS.get(spelt_alike(event.event))
    if name is None:
        return Skip("no event of a shop (action track event)")
    item, told = _impersonal(fields.pop("item", {}), settings), _of_the_whole(event)
    notes = _drop_name_of_person(name, event, item, told) if settings.pii_guard else ()
    fields["params"] = _with_item(name, event, fields.get("params", {}), item, told)
    _complete_sale(name, event, fields["params"])
    made = make_payload(name, event, complete(event, fields, settings), settings, FIRST)
    notes += left_out(_beyond(event.properties.get("products")), f"beyond the {MAX_ITEMS} items of an event")
    return replace(made, notes=(*made.notes, *notes)) if isinstance(made, Payload) and notes else made


def _drop_name_of_person(name: str, event: Event, item: Document, told: Document) -> tuple[str, ...]:
    """Take out of *item* and of what is *told* of the whole a name that is no product's; ends with what to say of it."""
    if "item_id" in item or name in _OF_ONE_THING or not tells_whose_name(event.properties):
        return ()
    item.pop("item_name", None)
    return left_out(["name"], WHY_A_PERSONS) if told.pop("name", None) else ()


def _with_item(name: str, event: Event, params: Document, item: Document, told: Document) -> Document:
    """*params* with the only *item* of the event and its worth; where there is none or there are many, with what is *told* in
    the words of one."""
    if not isinstance(params.get("items"), list):  # a property of that name, which says how many there are
        params.pop("items", None)
    if name.endswith("_promotion"):
        return _of_promotion(told) | params
    if "items" in params or not {"item_id", "item_name"} & item.keys():
        return told | params
    params["items"] = [_counted({key: cut(key, value) for key, value in item.items()}, event.properties)]
    if "value" not in params:
        with suppress(ValueError):
            only = event.properties
            params["value"] = worth_of([only]) if name in _SALES else worth_of_one(only)
    return params


def _complete_sale(name: str, event: Event, params: Document) -> None:
    """What Google counts a purchase and a refund by."""
    if name in _SALES:
        complete_value(params, event.properties.get("total"), event.properties.get("products"))
    if name == "refund":  # other vendors want a sign; Google would take it off what was given back
        with suppress(ValueError):
            params["value"] = abs(convert.to_amount(params.get("value")))
        if "items" in params:
            params["items"] = _given_back(params["items"])
    if name == "purchase":
        params.setdefault("transaction_id", event.message_id)  # by which Google counts a purchase once


def _given_back(items: list[Document]) -> list[Document]:
    """*items* of a refund without the sign that callers put to quantities or to prices. One that goes the other way, such as a
    fee, has a price below 0: all of them come to what is given back."""
    worth = [item.get("price", 0) * item.get("quantity", 1) for item in items]
    sign = -1 if sum(worth) < 0 else 1
    return [
        item
        | ({"quantity": abs(item["quantity"])} if "quantity" in item else {})
        | ({"price": abs(item["price"]) if money * sign > 0 else -abs(item["price"])} if money else {})
        for item, money in zip(items, worth, strict=True)
    ]


def _beyond(products: Any) -> list[str]:
    """How many of *products* an event has no room for, in words."""
    count = sum(isinstance(product, dict) for product in products) if isinstance(products, list) else 0
    return [f"{count - MAX_ITEMS} products"] if count > MAX_ITEMS else []


def _of_the_whole(event: Event) -> Document:
    """What is told in words of a single product where there is none or many, such as a category or the discount of an order."""
    return {name: value for name, value in event.properties.items() if name in _NAMED and str(value).strip()}


def _of_promotion(told: Document) -> Document:
    """The same of a promotion, whose name and place are texts with words of their own."""
    renamed = {"name": "promotion_name", "position": "creative_slot"}
    texts = {to: str(told[name]) for name, to in renamed.items() if isinstance(told.get(name), str | int)}
    return {name: value for name, value in told.items() if name not in renamed} | texts


def _to_items(settings: Settings) -> Converter:
    def to_items(value: Any) -> list[Document]:
        """A list of products as Google's items; one without an id and a name is left out, as are those beyond 200."""
        products = value if isinstance(value, list) else [value]
        items = [to_item(product, settings) for product in products if isinstance(product, dict)]
        taken = [item for item in items if {"item_id", "item_name"} & item.keys()][:MAX_ITEMS]
        if not taken:
            raise ValueError("expected products with an id or a name")
        return taken

    return to_items


def to_item(product: Document, settings: Settings) -> Document:
    """One product in Google's words; what it has besides are at most ten parameters of the operator's own."""
    item: Document = {}
    for to, names, converter in _ITEM:
        value = next((product[name] for name in names if product.get(name) not in (None, "")), None)
        with suppress(ValueError):
            item[to] = cut(to, converter(value))
    named = _NAMED if "item_id" in item else _NAMED | {"id"}
    for source in PRODUCT_IDS:
        with suppress(ValueError):
            item.setdefault("item_id", cut("item_id", convert.not_blank(product.get(source))))
    item = _counted(item, product)
    own: Document = {}
    for key, value in product.items():
        name = None if key in named else param_name(key)
        is_personal = settings.pii_guard and (tells_person(key) or tells_email(value))
        if name is not None and name not in named and isinstance(value, str | int | float) and not is_personal:
            own.setdefault(name, cut(name, value))
    return dict(list(own.items())[:MAX_CUSTOM_ITEM_PARAMS]) | _impersonal(item, settings)


def _counted(item: Document, product: Document) -> Document:
    """*item* with its quantity in whole numbers, as Google counts; one without has none."""
    if "quantity" not in item:
        return item
    price, quantity = count_whole(product)
    return item | {"quantity": quantity} | ({} if price is None else {"price": price})


def _impersonal(item: Document, settings: Settings) -> Document:
    """*item* without what has an email in it (`pii_guard`)."""
    return {name: value for name, value in item.items() if not (settings.pii_guard and tells_email(value))}

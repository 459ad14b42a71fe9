"""The e-commerce events of the spec under the names and keys that Klaviyo's templates expect.

Source: facts/vendors/klaviyo.md section 5; facts/event-spec.md section 4, track (spellings of a name).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from router.plugin import Document, camel_case, convert, quantity_of, worth_of

METRICS: Final[Mapping[str, str]] = {
    "productviewed": "Viewed Product",
    "productclicked": "Viewed Product",
    "productadded": "Added to Cart",
    "checkoutstarted": "Started Checkout",
    "ordercompleted": "Placed Order",
    "completedorder": "Placed Order",
    "ordercancelled": "Cancelled Order",
    "orderrefunded": "Refunded Order",
    "orderfulfilled": "Fulfilled Order",
}
"""The spec's name, by `spelt_alike` → the metric."""
REFUND: Final = "Refunded Order"
SALES: Final = frozenset({"Placed Order", REFUND})
"""Metrics that are reported by their value."""
LINE_METRIC: Final = "Ordered Product"
_LINE_KEYS: Final = (
    ("product_id", "ProductID"),
    ("sku", "SKU"),
    ("name", "ProductName"),
    ("quantity", "Quantity"),
    ("price", "ItemPrice"),
    ("url", "ProductURL"),
    ("image_url", "ImageURL"),
    ("category", "ProductCategories"),
)


def add_expected(metric: str, properties: Document) -> None:
    """Put the keys that templates read beside the event's own, which win."""
    expected = line_of(properties) if metric in ("Viewed Product", "Added to Cart") else _order(properties)
    for key, value in expected.items():
        properties.setdefault(key, value)


def _order(properties: Document) -> Document:
    made: Document = {}
    if (order_id := _either(properties, "order_id")) is not None:
        made["OrderId"] = order_id
    names = [product["name"] for product in products_of(properties) if isinstance(product.get("name"), str)]
    return made | ({"ItemNames": names} if names else {})


def products_of(properties: Document) -> Iterator[Document]:
    """All but those of which there are none: an order may list what was taken out of it."""
    products = properties.get("products")
    for product in products if isinstance(products, list) else ():
        if isinstance(product, dict) and quantity_of(product) > 0:
            yield product


def line_of(product: Document) -> Document:
    """One product in Klaviyo's words; ``RowTotal``, in whole cents, where there is a price."""
    found = ((name, _either(product, key)) for key, name in _LINE_KEYS)
    line: Document = {name: value for name, value in found if value is not None}
    if isinstance(line.get("ProductCategories"), str):
        line["ProductCategories"] = [line["ProductCategories"]]
    with suppress(ValueError):
        line["ItemPrice"] = convert.to_amount(product.get("price"))
        line["RowTotal"] = convert.to_cents(worth_of([product])) / 100
    return line


def _either(values: Document, key: str) -> Any:
    """What *key* has in snake_case, else in camelCase."""
    value = values.get(key)
    return values.get(camel_case(key)) if value is None else value

"""The e-commerce events of the spec under the names and keys that Klaviyo's templates expect.

Source: facts/vendors/klaviyo.md section 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from router.plugin import Document, convert

METRICS: Final[Mapping[str, str]] = {
    "product viewed": "Viewed Product",
    "product clicked": "Viewed Product",
    "product added": "Added to Cart",
    "checkout started": "Started Checkout",
    "order completed": "Placed Order",
    "order cancelled": "Cancelled Order",
    "order refunded": "Refunded Order",
    "order fulfilled": "Fulfilled Order",
}
"""The spec's name, in lower case → the metric."""
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


def metric_of(event_name: str) -> str | None:
    return METRICS.get(event_name.lower())


def add_expected(metric: str, properties: Document) -> None:
    """Put the keys that templates read beside the event's own, which win."""
    expected = line_of(properties) if metric in ("Viewed Product", "Added to Cart") else _order(properties)
    for key, value in expected.items():
        properties.setdefault(key, value)


def _order(properties: Document) -> Document:
    made: Document = {}
    if properties.get("order_id") is not None:
        made["OrderId"] = properties["order_id"]
    names = [product["name"] for product in products_of(properties) if isinstance(product.get("name"), str)]
    return made | ({"ItemNames": names} if names else {})


def products_of(properties: Document) -> Iterator[Document]:
    products = properties.get("products")
    yield from (each for each in products if isinstance(each, dict)) if isinstance(products, list) else ()


def line_of(product: Document) -> Document:
    """One product in Klaviyo's words; ``RowTotal`` where there is a price, for a quantity of 1 unless it says more."""
    line: Document = {name: product[key] for key, name in _LINE_KEYS if product.get(key) is not None}
    if isinstance(line.get("ProductCategories"), str):
        line["ProductCategories"] = [line["ProductCategories"]]
    with suppress(ValueError):
        line["ItemPrice"] = convert.to_amount(product.get("price"))
        line["RowTotal"] = _product(line["ItemPrice"], product.get("quantity", 1))
    return line


def _product(price: Any, quantity: Any) -> float:
    """The price of so many, in whole cents: 3 × 19.99 is 59.97, not 59.97000000000001."""
    return convert.to_cents(price * convert.to_number(quantity)) / 100

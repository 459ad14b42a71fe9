"""What an event was about: ``custom_data``, which Meta reads as it is. Nothing that names a person may get there.

Source: facts/vendors/facebook-conversions-api.md sections 4 (custom properties) and 5 (properties of events).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from plugins.facebook_conversions.settings import Settings
from router.plugin import (
    PRODUCT_IDS,
    Custom,
    Document,
    Event,
    Field,
    complete_value,
    convert,
    count_whole,
    has_odd_currency,
    holds_email,
    left_out,
    tells_person,
    tells_whose_name,
    without_email,
    without_params,
    worth_of_one,
)

_HASHED_TOO: Final = frozenset(
    {"address", "city", "country", "gender", "postalcode", "postcode", "state", "zip", "zipcode"}
)
"""Meta takes these hashed only, as all that tells a person. As a parameter of an address a ``city`` may be what somebody looks
for."""
_PRODUCT_EVENTS: Final = frozenset({"ViewContent", "AddToCart", "AddToWishlist"})
_AT: Final = "custom_data"
_PRICES: Final = ("price", "item_price")
MAX_ITEMS: Final = 1_000_000_000
"""A larger number is none of things, and a sum of such may be more than JSON can hold."""


def impersonal_name(key: str) -> str | None:
    """The key itself, or None where it speaks of a person."""
    return None if tells_person(key, _HASHED_TOO) else key


def to_page_url(value: Any) -> str:
    """An absolute address without the parameters that name a person; one with an email address in it loses its query, and if
    need be its path."""
    return without_email(without_params(convert.to_url(value), tells_person))


def to_plain(value: Any) -> Any:
    """Text, a number or a boolean, as it is. Text with an email address in it is left out."""
    if isinstance(value, dict | list):
        raise ValueError("Meta takes objects and lists in contents alone")
    if isinstance(value, str) and holds_email(value):
        raise ValueError("expected no email address: what names somebody is sent hashed, or not at all")
    return value


def to_contents(value: Any) -> list[Document]:
    """Products as ``id``, ``quantity`` (a whole number) and ``item_price``; those without an id are left out."""
    contents = [item for product in value if (item := _content(product))] if isinstance(value, list) else []
    if not contents:
        raise ValueError("expected a list of products with product_id or sku")
    return contents


def _content(product: Any) -> Document | None:
    if not isinstance(product, dict):
        return None
    price, quantity = count_whole(product, _PRICES)
    for name in PRODUCT_IDS:
        with suppress(ValueError):
            item = {"id": _to_id(product.get(name)), "quantity": quantity}
            return item if price is None else item | {"item_price": price}
    return None


def _to_id(value: Any) -> str:
    text = convert.to_text(value).strip()
    if not text or isinstance(value, bool) or holds_email(text):
        raise ValueError("expected an id, and no email address")
    return text


def to_ids(value: Any) -> list[str]:
    """A list of ids as text; a single one is a list of one."""
    ids: list[str] = []
    for each in value if isinstance(value, list) else [value]:
        with suppress(ValueError):
            ids.append(_to_id(each))
    if not ids:
        raise ValueError("expected a list of ids")
    return ids


COMMERCE_ROWS: Final = (
    # The later row wins, so that one which is no amount leaves room for the others.
    *(
        Field(
            f"properties.{name}",
            f"{_AT}.value",
            convert.to_amount,
            note="of one product its price by its quantity without",
        )
        for name in ("total", "value", "revenue")
    ),
    Field(
        "properties.currency",
        f"{_AT}.currency",
        convert.to_currency,
        note="beside a value at least the setting `currency`",
    ),
    Field(("properties.order_id", "properties.orderId"), f"{_AT}.order_id", convert.chain(to_plain, convert.to_text)),
    Field(("properties.query", "properties.search_string"), f"{_AT}.search_string", to_plain),
    Field(("properties.products", "properties.contents"), f"{_AT}.contents", to_contents),
    Field("properties.content_ids", f"{_AT}.content_ids", to_ids, note="those of `contents`, where there are any"),
    Field("properties.num_items", f"{_AT}.num_items", convert.to_integer, note="that of `contents`, where it is known"),
    Field(
        ("properties.content_type", "properties.contentType"),
        f"{_AT}.content_type",
        convert.chain(to_plain, convert.text_only),
    ),
)


def _products(event: Event) -> Any:
    """All products of an order, as it has them."""
    told = (event.properties.get(name) for name in ("products", "contents"))
    return next((each for each in told if isinstance(each, list) and each), None)


CUSTOM_DATA: Final = Custom("properties", _AT, impersonal_name, convert=to_plain)


def complete(name: str, event: Event, fields: Document, settings: Settings) -> tuple[str, ...]:
    """Add to ``custom_data`` of the event *name* what follows from the rest: the products' ids and number, the currency. Ends
    with what to say of what is left out."""
    data: Document = fields.get(_AT, {})
    content = None
    if name in _PRODUCT_EVENTS or "name" in data:
        content = _content({key: value for key, value in event.properties.items() if key != "id"})
    _complete_contents(name, data, content)
    _complete_value(name, event, data)
    notes = () if content is not None else _drop_name_of_person(event, data)
    notes += _pair_value(event, data, settings)
    if data:
        fields[_AT] = data
    return notes


def _complete_contents(name: str, data: Document, content: Document | None) -> None:
    """*content* is the product that the event itself is about."""
    contents = data.pop("contents", None) or []
    if name in _PRODUCT_EVENTS and content is not None and not contents:
        contents = [content]
    if name == "Purchase":  # an order may list what was taken out of it, or given back
        contents = [item for item in contents if item["quantity"] > 0]
    if not contents:
        return
    data["contents"] = contents
    data["content_ids"] = [item["id"] for item in contents]
    count = sum(item["quantity"] for item in contents)
    if abs(count) <= MAX_ITEMS:
        data["num_items"] = count
    data.setdefault("content_type", "product")


def _complete_value(name: str, event: Event, data: Document) -> None:
    if name in _PRODUCT_EVENTS and "value" not in data:
        with suppress(ValueError):
            data["value"] = worth_of_one(event.properties, _PRICES)
    if name == "Purchase":
        complete_value(data, event.properties.get("total"), _products(event), _PRICES)


def _drop_name_of_person(event: Event, data: Document) -> tuple[str, ...]:
    """Take out the name of somebody; that of a page or a screen stays."""
    if "name" not in data or event.type != "track" or not tells_whose_name(event.properties):
        return ()
    del data["name"]
    return left_out(["name"], "beside an email, a phone or another name it is a person's")


def _pair_value(event: Event, data: Document, settings: Settings) -> tuple[str, ...]:
    """Put a currency beside the value, or take the value out: Meta takes none without one."""
    if "value" not in data or "currency" in data:
        return ()
    if has_odd_currency(event):
        del data["value"]
        return left_out(["value"], "in a currency that can't be read it would be booked in another")
    data["currency"] = settings.currency
    return ()

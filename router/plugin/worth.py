"""How many of a product an event tells of, and what the products of an order come to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from router.plugin.convert import LARGEST_INTEGER, to_amount, to_number

PRODUCT_IDS: Final = ("product_id", "productId", "sku", "id")
"""What the id of a product in a list may be called, and the first that there is counts. ``id`` is the oldest; in the properties
of an event that is of one product it may be of something else."""


def quantity_of(product: dict[str, Any]) -> int | float:
    """How many of *product* there are: it may be a part of one (1.5 m of cloth), 0 of what was taken out, below 0 of what was
    given back. It is 1 where nothing is said that can be counted."""
    try:
        number = to_number(product.get("quantity"))
    except ValueError:
        return 1
    return number if abs(number) <= LARGEST_INTEGER else 1


def count_whole(
    product: dict[str, Any], prices: Sequence[str] = ("price",), most: int | None = None
) -> tuple[int | float | None, int]:
    """The price of one and the number of *product*, for a vendor that counts in whole numbers. Of a part (1.5 m of cloth) and
    of more than *most* there is one, of the whole price; so the two multiplied are always what `worth_of` makes of it.

    Args:
        product: as an event has it, ``{"price": "19.99", "quantity": 1.5}``.
        prices: the names of the price; the first that has an amount counts.
        most: how many the vendor takes; None for any number.

    Returns:
        The price, None where there is none or it is more than a number holds; and the number, below 0 of what was given back.
    """
    quantity = quantity_of(product)
    is_taken = quantity == int(quantity) and (most is None or abs(quantity) <= most)
    number = int(quantity) if is_taken else -1 if quantity < 0 else 1
    with suppress(ValueError):
        price = _price(product, prices)
        return price if is_taken else to_amount(float(_decimal(price) * abs(_decimal(quantity)))), number
    return None, number


def worth_of(products: Any, prices: Sequence[str] = ("price",)) -> int | float:
    """The sum of the prices of *products* by their quantities: a quantity may be a part of one, and is 1 where it is none.

    Args:
        products: as an event has them, ``[{"price": "19.99", "quantity": 3}]``.
        prices: the names of the price in a product; the first that has an amount counts.

    Raises:
        ValueError: no list of products that all have a price, a part of which would come to too little; or more than a
            number holds.
    """
    if not isinstance(products, list) or not products:
        raise ValueError("expected a list of products")
    return to_amount(float(sum(_worth(product, prices) for product in products)))


def worth_of_one(product: dict[str, Any], prices: Sequence[str] = ("price",)) -> int | float:
    """What the *product* that an event is about comes to, where nothing is bought: its price by its quantity. One of which
    there is none, or that is counted down, is worth what one is: it is looked at, or taken out, all the same.

    Raises:
        ValueError: it has no price, or is worth more than a number holds.
    """
    return worth_of([product if quantity_of(product) > 0 else product | {"quantity": 1}], prices)


def complete_value(told: dict[str, Any], total: Any, products: Any, prices: Sequence[str] = ("price",)) -> None:
    """Put the ``value`` to what is *told* of an order whose money is in its *total*, or else in its *products* alone. It stays
    as it is where neither says more.

    Source: facts/event-spec.md section 4 (a revenue of 0 says nothing beside a total).
    """
    if told.get("value", 0) == 0:
        with suppress(ValueError):
            told["value"] = to_amount(total)
    if "value" not in told:
        with suppress(ValueError):
            told["value"] = worth_of(products, prices)


def _worth(product: Any, prices: Sequence[str]) -> Decimal:
    if not isinstance(product, dict):
        raise ValueError("expected products that are objects")
    return _decimal(_price(product, prices)) * _decimal(quantity_of(product))


def _price(product: dict[str, Any], prices: Sequence[str]) -> int | float:
    for name in prices:
        with suppress(ValueError):
            return to_amount(product.get(name))
    raise ValueError("expected products that all have a price")


def _decimal(number: int | float) -> Decimal:
    return Decimal(str(number))

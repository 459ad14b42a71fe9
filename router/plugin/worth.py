"""What the products of an order come to, for an order that tells of its money in them alone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from router.plugin.convert import to_amount, to_number


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


def complete_value(told: dict[str, Any], total: Any, products: Any, prices: Sequence[str] = ("price",)) -> None:
    """Put the ``value`` to what is *told* of an order whose money is in its *total* or its *products* alone. It stays as it is
    where neither says more.

    Source: facts/event-spec.md section 4 (a revenue of 0 says nothing beside a total).
    """
    with suppress(ValueError):
        if told.get("value") == 0:
            told["value"] = to_amount(total)
        elif "value" not in told:
            told["value"] = worth_of(products, prices)


def _worth(product: Any, prices: Sequence[str]) -> Decimal:
    for name in prices if isinstance(product, dict) else ():
        with suppress(ValueError):
            return _decimal(to_amount(product.get(name))) * _quantity(product)
    raise ValueError("expected products that all have a price")


def _quantity(product: dict[str, Any]) -> Decimal:
    try:
        return _decimal(to_number(product.get("quantity")))
    except ValueError:
        return Decimal(1)


def _decimal(number: int | float) -> Decimal:
    return Decimal(str(number))

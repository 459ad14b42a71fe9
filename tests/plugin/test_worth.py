"""What the products of an order come to."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import worth_of


@pytest.mark.parametrize(
    ("products", "worth"),
    [
        pytest.param([{"price": 19.99, "quantity": 3}, {"price": "$0.01"}], 59.98, id="no part of a cent too much"),
        pytest.param([{"price": 30, "quantity": 0.5}], 15, id="half of one"),
        pytest.param([{"price": 5, "quantity": 0}, {"price": 1}], 1, id="none of one"),
        pytest.param([{"price": 5, "quantity": "some"}, {"price": 5, "quantity": None}], 10, id="no quantity is one"),
        pytest.param([{"price": 5, "quantity": -1}], -5, id="given back"),
    ],
)
def test_products_come_to_their_prices_by_their_quantities(products: Any, worth: float) -> None:
    assert worth_of(products) == worth


def test_a_vendor_s_own_word_for_a_price_counts_where_there_is_no_other() -> None:
    products = [{"price": None, "item_price": 5}, {"price": 3, "item_price": 9}]

    assert worth_of(products, ("price", "item_price")) == 8


@pytest.mark.parametrize(
    "products",
    [
        pytest.param(None, id="none"),
        pytest.param([], id="an empty list"),
        pytest.param({"price": 5}, id="no list"),
        pytest.param([{"price": 5}, {"name": "Cup"}], id="one without a price"),
        pytest.param([{"price": 5}, "Cup"], id="one that is a text"),
        pytest.param([{"price": 1e300, "quantity": 10**12}], id="more than a number holds"),
    ],
)
def test_a_part_of_an_order_is_worth_nothing(products: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        worth_of(products)

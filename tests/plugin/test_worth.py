"""How many of a product there are, and what the products of an order come to."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import count_whole, quantity_of, worth_of, worth_of_one


@pytest.mark.parametrize(
    ("products", "worth"),
    [
        pytest.param([{"price": 19.99, "quantity": 3}, {"price": "$0.01"}], 59.98, id="no part of a cent too much"),
        pytest.param([{"price": 30, "quantity": 0.5}], 15, id="half of one"),
        pytest.param([{"price": 5, "quantity": 0}, {"price": 1}], 1, id="none of one"),
        pytest.param([{"price": 5, "quantity": "some"}, {"price": 5, "quantity": None}], 10, id="no quantity is one"),
        pytest.param([{"price": 5, "quantity": -1}], -5, id="given back"),
        pytest.param(
            [{"price": 5, "quantity": 2**63}, {"price": 5, "quantity": 1e19}], 10, id="more than can be counted"
        ),
    ],
)
def test_products_come_to_their_prices_by_their_quantities(products: Any, worth: float) -> None:
    assert worth_of(products) == worth


@pytest.mark.parametrize(("quantity", "worth"), [(3, 15), (0.5, 2.5), (None, 5), (0, 5), ("-2", 5)])
def test_a_product_of_which_there_is_none_is_worth_what_one_is(quantity: Any, worth: float) -> None:
    assert worth_of_one({"price": 5, "quantity": quantity}) == worth


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


@pytest.mark.parametrize(
    ("told", "quantity"),
    [
        (3, 3),
        ("3.0", 3),
        ("1,000", 1_000),
        (1.5, 1.5),
        (0, 0),
        (-1, -1),
        (2**63 - 1, 2**63 - 1),
        *((told, 1) for told in (2**63, -(2**63), 1e19, 1e300, "many", "", None, True, [2])),
    ],
    ids=repr,
)
def test_a_quantity_is_what_can_be_counted_and_else_one(told: Any, quantity: float) -> None:
    assert quantity_of({"quantity": told}) == quantity


def test_a_product_without_a_quantity_is_one() -> None:
    assert quantity_of({}) == 1
    assert count_whole({}) == (None, 1)


@pytest.mark.parametrize(
    ("quantity", "counted"),
    [
        (2, (19.9, 2)),
        ("2.0", (19.9, 2)),
        (1.5, (29.85, 1)),
        ("0.4", (7.96, 1)),
        (0, (19.9, 0)),
        (-2, (19.9, -2)),
        (-1.5, (29.85, -1)),
        (-0.4, (7.96, -1)),
        (100, (19.9, 100)),
        (101, (2_009.9, 1)),
        (-101, (2_009.9, -1)),
        (2**63, (19.9, 1)),
        ("many", (19.9, 1)),
    ],
    ids=repr,
)
def test_what_can_t_be_counted_in_ones_is_one_of_the_whole_price(quantity: Any, counted: tuple[float, int]) -> None:
    """A vendor multiplies the two, and no money may be lost or doubled by it."""
    product = {"price": "$19.90", "quantity": quantity}

    price, number = count_whole(product, most=100)

    assert (price, number) == counted
    assert type(number) is int
    assert worth_of([{"price": price, "quantity": number}]) == worth_of([product])


@pytest.mark.parametrize(
    "product",
    [
        pytest.param({"quantity": 1.5}, id="none"),
        pytest.param({"price": "free", "quantity": 1.5}, id="no amount"),
        pytest.param({"price": 1e300, "quantity": 10**12 + 0.5}, id="more than a number holds"),
    ],
)
def test_a_part_of_a_product_without_a_price_is_one_without_a_price(product: dict[str, Any]) -> None:
    assert count_whole(product) == (None, 1)


def test_a_product_is_counted_by_the_vendor_s_own_word_for_a_price() -> None:
    assert count_whole({"item_price": 3, "quantity": 0.5}, ("price", "item_price")) == (1.5, 1)

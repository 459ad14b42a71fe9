"""One name in its spellings."""

from __future__ import annotations

import pytest

from router.plugin import spelt_alike


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        pytest.param("Order Completed", "ordercompleted", id="as the spec has it"),
        pytest.param("order_completed", "ordercompleted", id="snake case"),
        pytest.param("orderCompleted", "ordercompleted", id="camel case"),
        pytest.param(" ORDER-COMPLETED! ", "ordercompleted", id="whatever stands around and between"),
        pytest.param("Order Completed 2", "ordercompleted2", id="a digit makes another name"),
        pytest.param("Ördér", "ördér", id="letters of other alphabets"),
        pytest.param("!", "", id="no letter"),
        pytest.param(None, "", id="no name"),
        pytest.param("Order " * 100, "order" * 100, id="a long one"),
    ],
)
def test_the_spellings_of_a_name_are_one(name: str | None, alike: str) -> None:
    assert spelt_alike(name) == alike

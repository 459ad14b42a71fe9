"""Which currencies of an event can't be read."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import has_odd_currency
from router.testing import make_event


@pytest.mark.parametrize(
    ("told", "is_odd"),
    [
        ("EUR", False),
        (" usd ", False),
        ("", False),
        ("  ", False),
        (None, False),
        ("euro", True),
        ("€", True),
        (978, True),
        (True, True),
        (["EUR"], True),
        ({}, True),
    ],
)
def test_a_currency_is_odd_if_it_is_told_and_can_not_be_read(told: Any, is_odd: bool) -> None:
    assert (
        has_odd_currency(make_event("track", userId="u1", event="Order Completed", properties={"currency": told}))
        is is_odd
    )


def test_no_currency_is_not_odd() -> None:
    assert not has_odd_currency(make_event("track", userId="u1", event="Order Completed"))

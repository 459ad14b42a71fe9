"""A table fits into its room, and what is broken for that is no word."""

from __future__ import annotations

import pytest

from router.cli.columns import break_names, fit


@pytest.mark.parametrize(
    ("columns", "room", "expected"),
    [
        pytest.param((["a", "name"], ["to"]), 80, [4, 2], id="all fits"),
        pytest.param((["mixpanel"], ["503 it is down for a while"]), 20, [8, 12], id="a sentence gives way to a name"),
        pytest.param((["a b c d e f"], ["a b c d e f"], ["x"]), 9, [4, 4, 1], id="two sentences alike"),
        pytest.param((["traits.email"], ["to_text"]), 18, [11, 7], id="a name gives way where it has a sign"),
        pytest.param((["x" * 100], ["mixpanel"]), 20, [12, 8], id="the longest word gives way"),
        pytest.param((["日本"], ["日本"]), 7, [3, 3], id="wide characters count twice"),
        pytest.param((["ab"], ["cd"]), 0, [1, 1], id="no room at all"),
        pytest.param(([""], []), 10, [0, 0], id="nothing in it"),
    ],
)
def test_wide_columns_give_way_first(columns: tuple[list[str], ...], room: int, expected: list[int]) -> None:
    assert fit(columns, room) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        pytest.param("traits.email", 12, "traits.email", id="it fits"),
        pytest.param("address.postalCode", 13, "address.\npostalCode", id="behind a dot"),
        pytest.param("company_employee_count", 18, "company_employee_\ncount", id="as much as fits"),
        pytest.param("properties.name or name", 11, "properties.\nname or name", id="only the name that is too wide"),
        pytest.param("https://example.com/a?b=c", 12, "https://\nexample.com/\na?b=c", id="an address"),
        pytest.param("is no two-letter code", 10, "is no two-letter code", id="a sentence is left to the table"),
        pytest.param("first\nsecond  line\t.", 3, "first\nsecond  line\t.", id="blanks and line breaks stay"),
        pytest.param("..a--", 2, "..\na--", id="signs in a row stay together"),
        pytest.param("", 1, "", id="nothing"),
    ],
)
def test_names_are_broken_behind_signs(text: str, width: int, expected: str) -> None:
    assert break_names(text, width) == expected

"""What a page or screen call is called where there are only events."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import view_name
from router.testing import make_event


@pytest.mark.parametrize(
    ("call", "given", "expected"),
    [
        pytest.param("page", {"name": "Pricing", "category": "Docs"}, "Viewed Docs Pricing Page", id="both"),
        pytest.param("page", {"name": "Pricing"}, "Viewed Pricing Page", id="a name"),
        pytest.param("page", {"category": "Docs"}, "Loaded a Page", id="a category"),
        pytest.param("page", {"name": " ", "category": "Docs"}, "Loaded a Page", id="a blank name"),
        pytest.param("page", {"name": " Pricing ", "category": " "}, "Viewed Pricing Page", id="blanks around"),
        pytest.param("page", {}, "Loaded a Page", id="neither"),
        pytest.param("screen", {"name": "Home"}, "Viewed Home Screen", id="a screen"),
        pytest.param(
            "screen", {"properties": {"name": "Home"}}, "Viewed Home Screen", id="a name among the properties"
        ),
        pytest.param(
            "page",
            {"properties": {"name": "Pricing", "category": "Docs"}},
            "Viewed Docs Pricing Page",
            id="both among the properties",
        ),
        pytest.param(
            "page",
            {"category": "Docs", "properties": {"name": "Pricing", "category": "Other"}},
            "Viewed Docs Pricing Page",
            id="a category, and a name among the properties",
        ),
        pytest.param(
            "page",
            {"name": "Product", "properties": {"name": "Cup", "category": "Kitchen"}},
            "Viewed Product Page",
            id="a name, and what the page shows among the properties",
        ),
        pytest.param(
            "page",
            {"properties": {"name": "Ada", "email": "ada@example.test"}},
            "Loaded a Page",
            id="a person's name among the properties",
        ),
        pytest.param("page", {"properties": {"name": {"en": "Home"}, "category": 7}}, "Loaded a Page", id="no texts"),
        pytest.param("screen", {}, "Loaded a Screen", id="a screen without a name"),
    ],
)
def test_a_view_is_named_and_never_ends_in_nothing(call: str, given: dict[str, Any], expected: str) -> None:
    assert view_name(make_event(call, userId="u1", **given)) == expected

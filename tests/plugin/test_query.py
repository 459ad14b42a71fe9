"""The query of an address."""

from __future__ import annotations

import pytest

from router.plugin import without_params


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("https://example.test/a?b=1#phone=2", "https://example.test/a?b=1#phone=2", id="none"),
        pytest.param(
            "https://example.test/a?phone=1&b=%20&c#d", "https://example.test/a?b=%20&c#d", id="one of several"
        ),
        pytest.param("https://example.test/a?phone=1&phone=2", "https://example.test/a", id="all"),
        pytest.param("https://example.test/a?phone=1#d", "https://example.test/a#d", id="all before a fragment"),
        pytest.param("?%70hone=1", "", id="encoded, without a page"),
        pytest.param("?phone", "", id="without a value"),
        pytest.param("phone", "phone", id="no query"),
        pytest.param("https://example.test/a?", "https://example.test/a?", id="an empty query"),
    ],
)
def test_a_parameter_is_taken_out_by_its_name(address: str, expected: str) -> None:
    assert without_params(address, lambda name: name == "phone") == expected

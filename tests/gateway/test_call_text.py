"""A rejected call is shown as it came, as far as that is good to see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.gateway.call_text import MAX_CALL_CHARS, call_text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        pytest.param({"type": "track", "writeKey": "k", "write_key": "k"}, '{"type": "track"}', id="without its key"),
        pytest.param(
            {"batch": [{"event": "A", "writeKey": "k"}, 1], "writeKey": "k"},
            '{"batch": [{"event": "A"}, 1]}',
            id="a batch without the keys of its events",
        ),
        pytest.param(
            [{"event": "A", "writeKey": "k"}, [{"batch": [{"write_key": "k"}]}]],
            '[{"event": "A"}, [{"batch": [{}]}]]',
            id="a list without the keys of its events",
        ),
        pytest.param(None, "null", id="no object"),
        pytest.param({"a": float("nan")}, '{"a": NaN}', id="a number that is none"),
        pytest.param({"a": "\ud800\0é"}, '{"a": "?\\u0000é"}', id="odd text"),
        pytest.param(10**500, "1" + "0" * 500, id="a long number"),
    ],
)
def test_a_call_is_shown_as_json(given: Any, text: str) -> None:
    assert call_text(given) == text


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("x" * 1_000_000, id="long"),
        pytest.param({f"key{number}": number for number in range(100_000)}, id="wide"),
        pytest.param(nested(900), id="deep"),
        pytest.param([[7] * 100] * 100_000, id="lists in a list"),
        pytest.param({"é": ["é" * 20_000]}, id="not ASCII"),
    ],
)
def test_promise_8_of_a_big_call_the_beginning_is_shown(given: Any) -> None:
    text = call_text(given)

    assert len(text) <= MAX_CALL_CHARS + 1
    assert text.endswith("…") or text == json.dumps(given)

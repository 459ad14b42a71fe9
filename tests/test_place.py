"""Where a plugin raised is told by its own code, however deep in others' the exception began."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from router.place import raised_at
from router.plugin import convert


@dataclass
class Made:
    size: int


def _itself() -> Any:
    raise KeyError("id")


def _in_the_standard_library() -> Any:
    return json.loads("{")


def _in_a_dataclass() -> Any:
    return Made(length=3)  # type: ignore[call-arg]


def _in_the_plugin_api() -> Any:
    return convert.to_date("no date")


def _inner() -> Any:
    return _itself()


@pytest.mark.parametrize(
    ("call", "function"),
    [
        pytest.param(_itself, "_itself", id="itself"),
        pytest.param(_inner, "_itself", id="in a function that it calls"),
        pytest.param(_in_the_standard_library, "_in_the_standard_library", id="in the standard library"),
        pytest.param(_in_a_dataclass, "_in_a_dataclass", id="in code that Python has made"),
        pytest.param(_in_the_plugin_api, "_in_the_plugin_api", id="in the plugin API"),
    ],
)
def test_the_place_is_the_innermost_of_the_authors_own(call: Callable[[], Any], function: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()

    line = call.__code__.co_firstlineno + 1 if call is not _inner else _itself.__code__.co_firstlineno + 1
    assert raised_at(caught.value) == f"tests/test_place.py:{line} in {function}"


def test_what_was_never_raised_has_no_place() -> None:
    assert raised_at(ValueError()) == ""

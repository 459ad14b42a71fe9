"""Results that are kept by the text they were made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

_T = TypeVar("_T")


def kept_by_text(most: int, longest: int) -> Callable[[Callable[[Any], _T]], Callable[[Any], _T]]:
    """A decorator for a function of one value, whose last *most* results are kept. What is longer than *longest* characters is
    not: an event decides how long its texts are, up to a megabyte. Nor is what is no text, or raises."""

    def decorate(function: Callable[[Any], _T]) -> Callable[[Any], _T]:
        kept = lru_cache(maxsize=most)(function)

        @wraps(function)
        def keeping(value: Any) -> _T:
            return kept(value) if type(value) is str and len(value) <= longest else function(value)

        return keeping

    return decorate

"""Checks of a declaration at import: each function is a plain one that can take what the core gives it, and a tuple is a
tuple."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

_CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "build": ("event", "fields", "settings"),
    "pack": ("payloads", "settings"),
    "judge": ("response", "payloads", "settings"),
    "converse": ("payload", "settings"),
    "credentials": ("settings",),
    "request": ("settings",),
    "is_good": ("response",),
    "is_possible": ("settings",),
    "origin": ("settings",),
    "rate_limit": ("settings",),
    "batch_size": ("settings",),
    "byte_limits": ("settings",),
    "are_bodies_opaque": ("settings",),
    "table": ("settings",),
    "historical": ("settings",),
}
"""For each field that holds a function: the arguments that the core passes, in order."""

_MAY_BE_NONE: Final = frozenset(
    {"origin", "rate_limit", "batch_size", "byte_limits", "are_bodies_opaque", "table", "historical"}
)
"""Fields that may also be None, or hold what the function would return."""


def check_calls(thing: object, where: str) -> None:
    """Check all functions of *thing*: an endpoint, an action or a credential check.

    Raises:
        ValueError: one is async, or can't be called with the arguments that the core passes. The message begins with *where*.
    """
    for name, given in _CALLS.items():
        if not hasattr(thing, name):
            continue
        function = getattr(thing, name)
        if not callable(function):
            if name not in _MAY_BE_NONE:
                raise ValueError(f"{where}: {name} is a {type(function).__name__}, expected a function")
            continue
        check_plain(function, f"{where}: {name}")
        if (taken := _parameters_unlike(function, len(given))) is not None:
            raise ValueError(f"{where}: {name} takes ({taken}), expected ({', '.join(given)})")


def check_plain(function: object, where: str) -> None:
    """Check that calling *function* does what it says, instead of making something to be awaited.

    Raises:
        ValueError: it is async. The message begins with *where*.
    """
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ValueError(f"{where} is an async function, expected a plain one: a plugin waits for nothing")


def check_tuple(value: Any, name: str) -> None:
    """Check that *value* is a tuple or a list.

    Raises:
        ValueError: it is a single thing, such as one in brackets without a comma. The message begins with *name*.
    """
    if not isinstance(value, tuple | list):
        kind = type(value).__name__
        raise ValueError(f"{name}={kind}(…), expected a tuple: ({kind}(…),)")


def _parameters_unlike(function: Callable[..., Any], count: int) -> str | None:
    """The names of the function's parameters if it can't be called with *count* arguments, else None."""
    try:
        signature = inspect.signature(function, follow_wrapped=False)  # of a wrapper itself: it is what gets called
    except ValueError:  # a function in C that has no signature
        return None
    try:
        signature.bind(*range(count))
    except TypeError:
        return ", ".join(signature.parameters)
    return None

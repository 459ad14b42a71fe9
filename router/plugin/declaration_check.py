"""Checks of a declaration at import: each function can take what the core gives it, and a tuple is a tuple."""

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
"""By the field that holds the function: what it is given, in this order."""

_MAY_BE_NONE: Final = frozenset(
    {"origin", "rate_limit", "batch_size", "byte_limits", "are_bodies_opaque", "table", "historical"}
)
"""Or be what the function would return."""


def check_calls(thing: object, where: str) -> None:
    """Look at all functions of *thing*, which is an endpoint, an action or the like.

    Raises:
        ValueError: one can't be called with what the core gives; the message begins with *where*.
    """
    for name, given in _CALLS.items():
        if not hasattr(thing, name):
            continue
        function = getattr(thing, name)
        if not callable(function):
            if name not in _MAY_BE_NONE:
                raise ValueError(f"{where}: {name} is a {type(function).__name__}, expected a function")
        elif (taken := _parameters_unlike(function, len(given))) is not None:
            raise ValueError(f"{where}: {name} takes ({taken}), expected ({', '.join(given)})")


def check_tuple(value: Any, name: str) -> None:
    """
    Raises:
        ValueError: it is a single thing, such as one in brackets without a comma; the message begins with *name*.
    """
    if not isinstance(value, tuple | list):
        kind = type(value).__name__
        raise ValueError(f"{name}={kind}(…), expected a tuple: ({kind}(…),)")


def _parameters_unlike(function: Callable[..., Any], count: int) -> str | None:
    """The names of its parameters, if it can't be called with *count* arguments."""
    try:
        signature = inspect.signature(function, follow_wrapped=False)  # a wrapper is called as itself
    except ValueError:  # written in C, and it doesn't tell
        return None
    try:
        signature.bind(*range(count))
    except TypeError:
        return ", ".join(signature.parameters)
    return None

"""The event name of a page or screen call, for vendors that know only events."""

from __future__ import annotations

from typing import Any

from router.event import Event


def view_name(event: Event) -> str:
    """``Viewed {category} {name} Page``, without the category if there is none; ``Loaded a Page`` if there is no name.

    For a screen call, ``Screen`` replaces ``Page``. Both may be told among the properties alone.

    Source: facts/event-spec.md section 4, page and screen (the classic rule; reserved properties).
    """
    kind = "Screen" if event.type == "screen" else "Page"
    name = _words(event.name, event.properties.get("name"))
    if not name:
        return f"Loaded a {kind}"
    category = _words(event.category, event.properties.get("category"))
    return " ".join(word for word in ("Viewed", category, name, kind) if word)


def _words(*told: Any) -> str:
    """The first of *told* that is a text with something in it."""
    return next((text.strip() for text in told if isinstance(text, str) and text.strip()), "")

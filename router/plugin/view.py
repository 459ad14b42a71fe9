"""The event name of a page or screen call, for vendors that know only events."""

from __future__ import annotations

from typing import Any

from router.event import Event
from router.plugin.personal import tells_whose_name


def view_name(event: Event) -> str:
    """``Viewed {category} {name} Page``, without the category if there is none; ``Loaded a Page`` if there is no name.

    For a screen call, ``Screen`` replaces ``Page``. A call without a name is named by its properties, unless they tell of a
    person; beside a name of its own the ``category`` among them may be that of what the page shows.

    Source: facts/event-spec.md section 4, page and screen (the classic rule; reserved properties).
    """
    kind = "Screen" if event.type == "screen" else "Page"
    name, category = _words(event.name), _words(event.category)
    if not name and not tells_whose_name(event.properties):
        name = _words(event.properties.get("name"))
        category = category or _words(event.properties.get("category"))
    if not name:
        return f"Loaded a {kind}"
    return " ".join(word for word in ("Viewed", category, name, kind) if word)


def _words(told: Any) -> str:
    return told.strip() if isinstance(told, str) else ""

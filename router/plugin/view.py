"""The event name of a page or screen call, for vendors that know only events."""

from __future__ import annotations

from router.event import Event


def view_name(event: Event) -> str:
    """``Viewed {category} {name} Page``, without the category if there is none; ``Loaded a Page`` if there is no name.

    For a screen call, ``Screen`` replaces ``Page``. Source: facts/event-spec.md section 4, page and screen (the classic rule).
    """
    kind = "Screen" if event.type == "screen" else "Page"
    name = _words(event.name)
    if not name:
        return f"Loaded a {kind}"
    return " ".join(word for word in ("Viewed", _words(event.category), name, kind) if word)


def _words(text: str | None) -> str:
    return text.strip() if text else ""

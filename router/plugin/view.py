"""The event name of a page or screen call, for vendors that know events only."""

from __future__ import annotations

from router.event import Event


def view_name(event: Event) -> str:
    """``Viewed {category} {name} Page``, without the category where there is none; ``Loaded a Page`` where there is no name.

    A screen call has ``Screen`` for ``Page``. Source: facts/event-spec.md section 4, page and screen (the classic rule).
    """
    kind = "Screen" if event.type == "screen" else "Page"
    name = _words(event.name)
    if not name:
        return f"Loaded a {kind}"
    return " ".join(word for word in ("Viewed", _words(event.category), name, kind) if word)


def _words(text: str | None) -> str:
    return text.strip() if text else ""

"""The channel of an event: ``browser``, ``server`` or ``mobile``.

Source: facts/event-spec.md section 1; facts/ingest-protocol.md section 7, "library.name", and section 9 (``env``).
"""

from __future__ import annotations

from typing import Any

from router.event import Document
from router.rejection import kind_of

_KNOWN = {"web": "browser", "browser": "browser", "server": "server", "mobile": "mobile"}
_BROWSER_LIBRARIES = frozenset({"analytics.js", "RudderLabs JavaScript SDK", "@jitsu/js"})
_SERVER_LIBRARY_WORDS = ("python", "node")


def read_channel(given: Any, context: Document, warnings: list[str]) -> str | None:
    """The channel according to the event (*given*), else its *context*, else its library; None if none of them tells.

    ``web`` becomes ``browser``. An unknown word is kept as it came.
    """
    if given is not None and not isinstance(given, str):
        warnings.append(f"channel: expected text, found {kind_of(given)}; ignored")
    of_context = context.get("channel")
    if given or of_context:
        for word in (given, of_context):
            if isinstance(word, str) and word.strip():
                return _KNOWN.get(word.strip().lower(), word)
    return _channel_of_library(context.get("library"))


def _channel_of_library(library: Any) -> str | None:
    name = library.get("name") if isinstance(library, dict) else None
    if not isinstance(name, str):
        return None
    if name in _BROWSER_LIBRARIES:
        return "server" if library.get("env") == "node" else "browser"
    return "server" if any(word in name for word in _SERVER_LIBRARY_WORDS) else None

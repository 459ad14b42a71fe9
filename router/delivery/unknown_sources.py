"""Unknown sources: sources of stored events that are no longer in the config. They are reported, since the config does not say
where their events should go."""

from __future__ import annotations

import structlog

MAX_NAMES = 20
"""How many names are kept. Any number of configs may have filled the log."""

_LOGGER = structlog.get_logger()


class UnknownSources:
    """The unknown sources that some destination has come across since the start."""

    def __init__(self) -> None:
        self._known: frozenset[str] | None = None
        self._found: set[str] = set()

    def configure(self, known: frozenset[str] | None) -> None:
        """From now on *known* are all the sources there are. None: that is not known."""
        self._known = known
        self._found -= known or frozenset()

    def look(self, source: str) -> None:
        """An event of *source* is about to be delivered, or skipped."""
        if self._known is None or source in self._known or source in self._found or len(self._found) >= MAX_NAMES:
            return
        self._found.add(source)
        _LOGGER.warning(
            "events of a source that is not in the config are pending; they go where they went, and to destinations that name "
            "no sources. If it has a new name, say `formerly` there",
            source=source,
        )

    @property
    def names(self) -> list[str]:
        return sorted(self._found)

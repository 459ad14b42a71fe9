"""What the router's own log has of dead letters: a vendor that refuses a million events does not make a million lines of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from router.delivery.cause import cause_of
from router.log.record import Record

QUIET_S: Final = 60.0
"""After a line, how long others of the same cause are only counted."""
_MOST_CAUSES = 100


class LetterLog:
    """One for each destination. Says the first of each cause at once, and of those that follow the first after `QUIET_S`."""

    def __init__(self, destination: str, clock: Callable[[], float]) -> None:
        """*clock* gives seconds that never jump."""
        self._logger = structlog.get_logger().bind(destination=destination)
        self._clock = clock
        self._said_at_s: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def note(self, record: Record, reason: str) -> None:
        """The event became a dead letter."""
        cause, now_s = cause_of(reason, (record.message_id, record.user_key)), self._clock()
        if cause in self._said_at_s and now_s - self._said_at_s[cause] < QUIET_S:
            self._unsaid[cause] = self._unsaid.get(cause, 0) + 1
            return
        if cause not in self._said_at_s and len(self._said_at_s) >= _MOST_CAUSES:
            self._said_at_s.clear()
            self._unsaid.clear()
        self._said_at_s[cause] = now_s
        self._logger.warning(
            "event became a dead letter; see and retry it with: router dead-letters",
            message_id=record.message_id,
            reason=reason,
            **{"others_since_last_line": others} if (others := self._unsaid.pop(cause, 0)) else {},
        )

    def __len__(self) -> int:
        """How many causes it remembers."""
        return len(self._said_at_s)

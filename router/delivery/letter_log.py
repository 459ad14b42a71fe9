"""Lines about dead letters in the router's own log. A vendor that refuses a million events must not cause a million lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from router.delivery.cause import cause_at
from router.log.record import Record

QUIET_S: Final = 60.0
"""How long after a line further letters of the same cause are only counted."""
_MOST_CAUSES = 100


class LetterLog:
    """One per destination. Logs the first letter of each cause at once, and then the first one after each `QUIET_S`."""

    def __init__(self, destination: str, clock: Callable[[], float]) -> None:
        """*clock* returns seconds that never jump."""
        self._logger = structlog.get_logger().bind(destination=destination)
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}
        """By cause: when the last line was logged, and how many letters came since."""

    def note(self, record: Record, reason: str) -> None:
        """The event became a dead letter."""
        cause, now_s = cause_at(record, reason), self._clock()
        said_s, others = self._said.get(cause, (now_s - QUIET_S, 0))
        if now_s - said_s < QUIET_S:
            self._said[cause] = (said_s, others + 1)
            return
        if cause not in self._said and len(self._said) >= _MOST_CAUSES:
            self._said.clear()
        self._said[cause] = (now_s, 0)
        self._logger.warning(
            "event became a dead letter; see and retry it with: router dead-letters",
            message_id=record.message_id,
            reason=reason,
            **{"others_since_last_line": others} if others else {},
        )

    def __len__(self) -> int:
        """How many causes it remembers."""
        return len(self._said)

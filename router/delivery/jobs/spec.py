"""The specification of a job: which dead letters or which events of the log to send, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict

from router.delivery.state.letters import Choice
from router.delivery.state.state import Earlier
from router.log.record import Record

Before = Literal["delivered", "skipped", "dead", "none"]
"""What may have become of an event before. "dead": its dead letter was discarded. "none": it was never for the destination."""
OUTCOMES: tuple[Before, ...] = get_args(Before)


class JobSpec(BaseModel):
    """What retries and replays have in common."""

    model_config = ConfigDict(extra="forbid")

    rate_per_s: float | None = None
    """The most events a second. None: as fast as live traffic leaves room."""


class RetrySpec(JobSpec):
    """Which dead letters to try again: those up to the id ``up_to`` that meet all the other conditions."""

    partition: int = 0
    """The partition whose dead letters they are: each partition numbers its own."""
    up_to: int
    ids: list[int] | None = None
    reason: str | None = None
    cause: str | None = None
    is_historical: bool = False
    """Send them as old events. A dead letter was never delivered, so by default it is sent as new."""

    def choice(self, job: int | None = None) -> Choice:
        """The choice of dead letters, without those that *job* has already tried."""
        return Choice(ids=self.ids, reason=self.reason, cause=self.cause, up_to=self.up_to, not_tried_by=job)


def _as_list(value: Any) -> Any:
    """Jobs of an older program hold a single text here instead of a list."""
    return [value] if isinstance(value, str) else value


Texts = Annotated[list[str] | None, BeforeValidator(_as_list)]


class ReplaySpec(JobSpec):
    """Which events of one partition of the log to send again. Times are Unix seconds of receipt; None means no limit."""

    partition: int = 0
    first: int = 1
    last: int
    since_s: float | None = None
    until_s: float | None = None
    source: Texts = None
    type: Texts = None
    event: Texts = None
    """Names of track calls."""
    user: Texts = None
    outcome: list[Before] | None = None
    """What became of the event here before."""
    is_historical: bool = True
    """Send them as old events, so that they start nothing at the vendor."""

    def fits(self, record: Record) -> bool:
        return (
            (self.since_s is None or record.received_at_s >= self.since_s)
            and (self.until_s is None or record.received_at_s < self.until_s)
            and (self.source is None or record.source in self.source)
            and (self.type is None or record.type in self.type)
            and (self.user is None or record.user_key in self.user)
            and (self.event is None or _name_of(record) in self.event)
        )

    def fits_outcome(self, earlier: Earlier | None) -> bool:
        return self.outcome is None or (earlier or "none") in self.outcome


def _name_of(record: Record) -> Any:
    try:
        return orjson.loads(record.event).get("event")
    except (orjson.JSONDecodeError, AttributeError):
        return None

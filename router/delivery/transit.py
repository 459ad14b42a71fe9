"""One event on its way to one destination, and its payloads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from router.delivery.letters import DeadLetter
from router.delivery.state import Place
from router.log.record import Record
from router.plugin import Endpoint, Payload

Origin = Literal["log", "parked", "retry", "replay"]
"""Where the event comes from this time: read from the log, parked before, a dead letter tried again, a replay."""


@dataclass(slots=True, eq=False)
class Transit:
    """An event under way. It settles when each of its payloads has."""

    record: Record
    origin: Origin
    items: list[Item] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why payloads died, in the order they did."""
    settled: set[str] = field(default_factory=set)
    """Keys of payloads the vendor has."""

    letter: DeadLetter | None = None
    """The dead letter that a retry is about."""
    is_historical: bool = False
    """The vendor must start nothing because of it: it is sent long after it happened."""
    failed_s: float | None = None
    """When a replay was first tried in vain: Unix seconds, less the time the worker had been blocked by then. For others that
    is in the ledger's tries."""

    line: str = ""
    """What it has its place in; see `router.delivery.order`. Its user, where nothing else is given."""
    has_waited: bool = False
    """For an earlier event of its line, which is counted once. What was parked has no more to tell."""
    weight: int = 0
    """Bytes of the event and of what the plugin made of it, as they wait in memory; see `weigh`."""
    place: Place = field(init=False)
    is_replay: bool = field(init=False)
    """Replays and retries stand outside the order per user and have books of their own."""

    def __post_init__(self) -> None:
        self.place = Place.of(self.record)
        if not self.line:
            self.line = self.record.user_key
        self.is_replay = self.origin in ("retry", "replay")

    def weigh(self) -> None:
        """Set the weight, once all payloads are there."""
        self.weight = len(self.record.event)
        for item in self.items:
            self.weight += item.size

    @property
    def is_settled(self) -> bool:
        for item in self.items:  # noqa: SIM110 - this is asked for every payload, and `all` takes three times as long
            if item.state != "settled":
                return False
        return True

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing of it is in a lane or a request."""
        return all(item.state in ("waiting", "settled") for item in self.items)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing of it was sent this time."""
        before = self.letter.settled if self.letter is not None else ()
        return (
            not self.refused and self.settled <= set(before) and not any(item.state == "flying" for item in self.items)
        )


@dataclass(slots=True, eq=False)
class Item:
    """One payload of one event under way."""

    transit: Transit
    key: str
    """Names the payload within its event, over restarts: the action and a number."""
    payload: Payload
    endpoint: Endpoint
    size: int
    """Bytes of the payload as JSON."""
    state: Literal["waiting", "queued", "flying", "settled"] = "waiting"
    """Waiting is in no lane: not yet, or parked."""

    @property
    def line(self) -> str:
        return self.transit.line

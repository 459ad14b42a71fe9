"""A transit: one event on its way to one destination, with its payloads (items)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from router.delivery.letters import DeadLetter
from router.delivery.state import Place
from router.log.record import Record
from router.plugin import Endpoint, Payload

Origin = Literal["log", "parked", "retry", "replay"]
"""Where the event comes from this time: the log, the parked events, a retry of a dead letter, or a replay."""


@dataclass(slots=True, eq=False)
class Transit:
    """An event under way. It settles when all of its payloads have."""

    record: Record
    origin: Origin
    items: list[Item] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why payloads died, in the order they died."""
    settled: set[str] = field(default_factory=set)
    """Keys of the payloads that the vendor has."""

    letter: DeadLetter | None = None
    """The dead letter that a retry sends again."""
    is_historical: bool = False
    """The event is sent long after it happened, so it must not start anything at the vendor."""
    failed_s: float | None = None
    """When a replay first failed: Unix seconds, less the time the worker had been blocked by then. For other events the
    ledger's tries know that."""

    line: str = ""
    """The line in which it waits its turn (see `router.delivery.order`). By default its user."""
    has_waited: bool = False
    """It has waited for an earlier event of its line and was counted once for that. Set from the start for what was parked,
    which is not counted again."""
    is_suspect: bool = False
    """Its refusal may be its own fault, so it travels alone (see `router.delivery.suspects`)."""
    weight: int = 0
    """Bytes of the event and its payloads in memory; see `weigh`."""
    place: Place = field(init=False)
    is_replay: bool = field(init=False)
    """Replays and retries stand outside the order per user and have books of their own."""

    def __post_init__(self) -> None:
        self.place = Place.of(self.record)
        if not self.line:
            self.line = self.record.user_key
        self.is_replay = self.origin in ("retry", "replay")

    def weigh(self) -> None:
        """Set the weight once all payloads are there."""
        self.weight = len(self.record.event)
        for item in self.items:
            self.weight += item.size

    @property
    def reason(self) -> str:
        """Why it is dead: the reasons of its payloads, each once."""
        return "; ".join(dict.fromkeys(self.refused))

    @property
    def is_settled(self) -> bool:
        for item in self.items:  # noqa: SIM110 - asked for every payload, and `all` takes three times as long
            if item.state != "settled":
                return False
        return True

    @property
    def is_at_rest(self) -> bool:
        """Whether none of it is in a lane or a request."""
        return all(item.state in ("waiting", "settled") for item in self.items)

    @property
    def is_untouched(self) -> bool:
        """Whether none of it was sent this time."""
        before = self.letter.settled if self.letter is not None else ()
        return (
            not self.refused and self.settled <= set(before) and not any(item.state == "flying" for item in self.items)
        )


@dataclass(slots=True, eq=False)
class Item:
    """One payload of one event under way."""

    transit: Transit
    key: str
    """Identifies the payload within its event, over restarts too: the action's name and a number."""
    payload: Payload
    endpoint: Endpoint
    size: int
    """Bytes of the payload as JSON."""
    state: Literal["waiting", "queued", "flying", "settled"] = "waiting"
    """Waiting means in no lane: not yet, or parked."""
    mendings: int = 0
    """How often another payload took its place, because the vendor refused a part of it."""

    @property
    def line(self) -> str:
        return self.transit.line

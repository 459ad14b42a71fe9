"""A transit: one event on its way to one destination, with its payloads (items)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from router.delivery.state.changes import Place
from router.delivery.state.letters import DeadLetter
from router.log.record import Record
from router.payload_key import payload_keys
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
    settled_before: int = 0
    """How many of those there were before any of it was sent this time."""

    job: int = 0
    """The replay or retry that sends it; 0 for none."""
    noted: Mapping[str, str] | None = None
    """Keys of the payloads that an earlier run of that job settled, and why each was refused ("" if it was not); None: of none.
    For other events the ledger knows that."""
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
    put_s: float = 0.0
    """When it was put into the lanes, in seconds of the clock that never jumps."""
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

    def key_of(self, item: Item) -> str:
        """The item's key; see `router.payload_key`."""
        if not item.key:
            made = [each for each in self.items if each.action == item.action]
            for each, key in zip(made, payload_keys(item.action, [each.known_by for each in made]), strict=True):
                each.key = key
        return item.key

    def note_delivered(self, items: Sequence[Item]) -> Iterable[str]:
        """Note that the vendor has *items*, which it has not told before. Returns by what keys they are known from now on."""
        keys: dict[str, None] = {}
        for item in items:
            is_whole = all(each.is_delivered for each in reversed(self.items) if each.action == item.action)
            keys[item.action if is_whole else self.key_of(item)] = None
        self.settled.update(keys)
        return keys

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
        # From the end, here and elsewhere: they are settled in their order, so what is not is found soonest there.
        for item in reversed(self.items):  # noqa: SIM110 - asked for every payload, and `all` takes three times as long
            if item.state != "settled":
                return False
        return True

    @property
    def is_at_rest(self) -> bool:
        """Whether none of it is in a lane or a request."""
        return all(item.state in ("waiting", "settled") for item in reversed(self.items))

    @property
    def is_untouched(self) -> bool:
        """Whether none of it was sent this time, nor by an earlier run of its job."""
        return (
            not self.refused
            and not self.noted
            and len(self.settled) == self.settled_before
            and not any(item.state == "flying" for item in self.items)
        )


@dataclass(slots=True, eq=False)
class Item:
    """One payload of one event under way."""

    transit: Transit
    action: str
    """The name of the action that made it."""
    payload: Payload
    endpoint: Endpoint
    size: int
    """Bytes of the payload as JSON."""
    known_by: Payload
    """The payload as its action made it: without the vendor's word for old events, and whatever takes its place."""
    state: Literal["waiting", "queued", "flying", "settled"] = "waiting"
    """Waiting means in no lane: not yet, or parked."""
    is_delivered: bool = False
    """The vendor has it. Not said of the only payload of an event, which is settled with it."""
    key: str = ""
    """Once it is asked for; see `Transit.key_of`."""
    mendings: int = 0
    """How often another payload took its place, because the vendor refused a part of it."""

    @property
    def line(self) -> str:
        return self.transit.line

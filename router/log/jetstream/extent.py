"""What a router knows of one partition of the log: where it begins and ends. It learns of it from its own writes, from what the
server tells of those of others, and by asking."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

FIRST = "Router-First"
COUNT = "Router-Count"
NEWEST = "Router-Newest"
WRITER = "Router-Writer"
"""Who wrote the message: what a server tells a writer of its own messages is no news to it."""
HEARD_OF = 64
"""Messages of others that are remembered, of each partition."""


@dataclass(frozen=True, slots=True)
class Span:
    """What one message holds: *count* events from the sequence *first* on, the newest received at *newest_s* (Unix seconds)."""

    first: int
    count: int
    newest_s: float

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    def headers(self) -> dict[str, str]:
        return {FIRST: str(self.first), COUNT: str(self.count), NEWEST: repr(self.newest_s)}

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> Span | None:
        """None: the headers are not of a router's message."""
        try:
            return cls(int(headers[FIRST]), int(headers[COUNT]), float(headers[NEWEST]))
        except (KeyError, ValueError):
            return None


@dataclass(slots=True)
class Extent:
    """Messages and sequences of a partition: where they begin, where they end, as far as is known here."""

    number: int
    first_message: int = 1
    last_message: int = 0
    start: int = 1
    end: int = 0
    size_bytes: int = 0
    others: deque[int] = field(default_factory=lambda: deque(maxlen=HEARD_OF))
    """The latest messages that other routers wrote, as the server told."""
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, message: int, span: Span) -> None:
        """The server tells that another router's *message* is stored."""
        self.others.append(message)
        self.extend(message, span)

    def extend(self, message: int, span: Span) -> None:
        """*message* is stored."""
        if message > self.last_message:
            self.last_message = message
        if span.last > self.end:
            self.end = span.last
            self.wake()

    def pass_over(self, message: int) -> None:
        """*message* is in the stream, and holds nothing of ours."""
        if message > self.last_message:
            self.last_message = message

    def begin(self, message: int, first: int) -> None:
        """What lies before *message*, which begins with the sequence *first*, is gone."""
        if message > self.first_message:
            self.first_message = message
        if first > self.start:
            self.start = first

    def wake(self) -> None:
        """Have all who wait look again."""
        self.grown.set()
        self.grown = asyncio.Event()

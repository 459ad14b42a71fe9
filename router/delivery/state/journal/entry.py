"""The entries of a journal. An entry is one message or, if it is too big for one, several. Pure.

    claim      from here on the writer delivers; the router that did so before has lost the destination
    operation  one change of the state
    snapshot   the whole state at this point: earlier entries are no longer needed

A writer that dies half-way leaves parts of an incomplete entry behind. They count for nothing, as does what no router wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["claim", "operation", "snapshot"]

_KIND: Final = "Router-Kind"
_WRITER: Final = "Router-Writer"
_NUMBER: Final = "Router-Number"
_PART: Final = "Router-Part"
_PARTS: Final = "Router-Parts"
_PREVIOUS: Final = "Router-Previous"
HEADER_BYTES: Final = 512
"""Room for the headers, which count towards a message's size limit."""


class Hole(Exception):
    """Entries are missing in the middle of a journal."""


class BegunAnew(Exception):
    """The journal was removed and begun anew: what was read of it counts for nothing."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it is written. *writer* and *number* together are unique; a retry keeps them."""

    kind: Kind
    writer: str
    number: int
    body: bytes

    def parts(self, room: int) -> list[bytes]:
        """The body in parts of up to *room* bytes; at least one part."""
        return [self.body[start : start + room] for start in range(0, len(self.body), room)] or [b""]

    def headers(self, part: int, parts: int, previous: int) -> dict[str, str]:
        """The headers of the message with that *part* (from 0 on) of *parts*. *previous* is the journal's message before it, or
        0."""
        return {
            _KIND: self.kind,
            _WRITER: self.writer,
            _NUMBER: str(self.number),
            _PART: str(part),
            _PARTS: str(parts),
            _PREVIOUS: str(previous),
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as read. ``first`` and ``last`` are the sequences of its messages; ``previous`` is that of the message
    before."""

    draft: Draft
    first: int
    last: int
    previous: int


class Assembler:
    """Assembles entries from messages, which are given in order."""

    def __init__(self, after: int) -> None:
        """*after* is the message before the first one that will be given, or 0."""
        self.head = after
        """The last message that was given."""
        self._draft: Draft | None = None
        self._parts: list[bytes] = []
        self._first = self._previous = 0

    def add(self, sequence: int, headers: Mapping[str, str], data: bytes) -> Entry | None:
        """The entry that this message completes, if any.

        Raises:
            Hole: messages before it are missing. (A snapshot needs no earlier ones.)
            BegunAnew: it is the first message of a journal, although others came before it.
        """
        if _KIND not in headers:  # somebody else's message: what follows it names it all the same
            self.head = sequence
            return None
        kind, writer, number = headers[_KIND], headers[_WRITER], int(headers[_NUMBER])
        part, parts, previous = (int(headers[name]) for name in (_PART, _PARTS, _PREVIOUS))
        if self.head and not previous and part == 0:
            raise BegunAnew
        if previous != self.head and not (kind == "snapshot" and part == 0):
            raise Hole(f"message {sequence} follows {previous}, and {self.head} is the last before it")
        self.head = sequence
        if part == 0:
            self._parts, self._first, self._previous = [], sequence, previous
        elif part != len(self._parts) or self._draft != Draft(kind, writer, number, b""):  # type: ignore[arg-type]
            raise Hole(f"message {sequence} is part {part} of an entry whose part {part - 1} is not before it")
        self._draft = Draft(kind, writer, number, b"")  # type: ignore[arg-type]
        self._parts.append(data)
        if len(self._parts) < parts:
            return None
        body, self._parts = b"".join(self._parts), []
        draft = Draft(kind, writer, number, body)  # type: ignore[arg-type]
        return Entry(draft, self._first, sequence, self._previous)

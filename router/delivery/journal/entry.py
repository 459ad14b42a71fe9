"""What a journal consists of: entries, in one message each or, where they are too big for that, in several. Pure.

    claim      from here on the writer delivers; whoever did before has lost it
    operation  one change of the state
    snapshot   the whole state as of here: what is before it is no longer needed

A writer that dies half-way leaves parts of an entry behind that never was: they count for nothing.
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
"""Room for the headers, which count as payload."""


class Hole(Exception):
    """Entries are missing in the middle of a journal."""


class BegunAnew(Exception):
    """The journal was removed: what was read of it counts for nothing."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it is written. *writer* and *number* together are of no other: a retry keeps them."""

    kind: Kind
    writer: str
    number: int
    body: bytes

    def parts(self, room: int) -> list[bytes]:
        """The body, in parts of up to *room* bytes; one at least."""
        return [self.body[start : start + room] for start in range(0, len(self.body), room)] or [b""]

    def headers(self, part: int, parts: int, previous: int) -> dict[str, str]:
        """Of the message with that *part*, from 0 on, of so many; *previous* is the message of the journal before it, or 0."""
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
    """An entry as it was read. ``first`` and ``last`` are the sequences of its messages, ``previous`` is that of the message
    before."""

    draft: Draft
    first: int
    last: int
    previous: int


class Assembler:
    """Makes entries of messages, given in order."""

    def __init__(self, after: int) -> None:
        """*after* is the message before the first that will come, or 0."""
        self.head = after
        """The last message that came."""
        self._draft: Draft | None = None
        self._parts: list[bytes] = []
        self._first = self._previous = 0

    def add(self, sequence: int, headers: Mapping[str, str], data: bytes) -> Entry | None:
        """The entry that this message completes, if it does.

        Raises:
            Hole: messages before it are missing. A snapshot needs none of them.
            BegunAnew: it is the first of a journal, and others came before it.
        """
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

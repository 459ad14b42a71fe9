"""The journal of one destination in one partition: one subject of a stream, each message written only if none came in between.

    … 7 ─ 9 ─ 12 ◀── "12, if 9 is still the last of this subject" (``Nats-Expected-Last-Subject-Sequence``)

Of two routers that write at once only one succeeds. A router that has lost a destination without knowing learns of it at its
next write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import nats.errors

from router.delivery.state.journal.blocking_connection import BlockingConnection
from router.delivery.state.journal.entry import HEADER_BYTES, Assembler, Draft, Entry
from router.delivery.state.journal.streams import JournalNames
from router.log.jetstream.connection import (
    UNDER_WAY,
    WRONG_LAST_SEQUENCE,
    ApiError,
    ClusterAway,
    Connection,
    Stored,
    read_answer,
)

_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
_STREAM: Final = "Nats-Expected-Stream"
READ_BYTES: Final = 4_000_000
READ_MESSAGES: Final = 1_000
LAG_S: Final = 0.02
"""Seconds before the next question to a replica that is behind, or to a leader that waits for its replicas."""
LAG_MOST_S: Final = 5.0


class Overtaken(Exception):
    """Somebody else has written meanwhile: read on, then try again."""


class Journal:
    """Every method waits for the cluster: call it from a thread.

    Each may raise `ClusterAway` (no answer: the request may have been carried out) and `ApiError` (refused).
    """

    def __init__(
        self,
        blocking: BlockingConnection,
        names: JournalNames,
        partition: int,
        destination: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._blocking = blocking
        self._stream = names.stream(partition)
        self.subject = names.subject(partition, destination)
        self._news = names.news(partition, destination)
        self._pause = pause

    def append(self, draft: Draft, head: int) -> tuple[int, int]:
        """Write an entry after message *head*, the last of the journal. Returns the entry's first and last message.

        Raises:
            Overtaken: *head* is not the last message. Nothing was written, or only parts that count for nothing.
        """
        parts = draft.parts(self._blocking.max_payload - HEADER_BYTES)
        first = 0
        for number, part in enumerate(parts):
            headers = draft.headers(number, len(parts), head)
            head = self._publish(part, {**headers, _EXPECTED: str(head), _STREAM: self._stream})
            first = first or head
        return first, head

    def _publish(self, data: bytes, headers: dict[str, str]) -> int:
        async def publish(connection: Connection) -> bytes:
            return (await connection.request(self.subject, data, headers)).data

        end = time.monotonic() + LAG_MOST_S
        while True:
            try:
                return int(read_answer(self._blocking.ask(publish))["seq"])
            except ApiError as error:
                if error.code == UNDER_WAY:  # the other write may still fail
                    if time.monotonic() > end:
                        raise ClusterAway(
                            f"another change of {self.subject} is not stored, and stands before this"
                        ) from None
                    self._pause(LAG_S)
                elif error.code in WRONG_LAST_SEQUENCE:
                    raise Overtaken from None
                else:
                    raise

    def last(self) -> int:
        """The last message; 0 if there is none. The leader answers, so no acknowledged message is missing."""
        found = self._blocking.ask(lambda connection: connection.get_last(self._stream, self.subject))
        return found.sequence if found else 0

    def read(self, assembler: Assembler, end: int) -> Iterator[Entry]:
        """The entries completed by the messages up to *end* (an answer of `last`).

        Raises:
            Hole: messages are missing.
        """
        behind_since: float | None = None
        while assembler.head < end:
            found = self._fetch(assembler.head + 1)
            if found:
                behind_since = None
            else:  # the replica is behind, or a snapshot has made the messages superfluous
                now = time.monotonic()
                behind_since = behind_since or now
                if now - behind_since > LAG_MOST_S:
                    raise ClusterAway(f"no replica of {self._stream} has message {end} of {self.subject}")
                self._pause(LAG_S)
            for message in found:
                entry = assembler.add(message.sequence, message.headers, message.data)
                if entry is not None:
                    yield entry

    def _fetch(self, sequence: int) -> list[Stored]:
        async def fetch(connection: Connection) -> list[Stored]:
            return await connection.get_batch(self._stream, sequence, READ_MESSAGES, READ_BYTES, subject=self.subject)

        return self._blocking.ask(fetch)

    def tell(self) -> None:
        """Ask the router that delivers to read on. It does not matter if that is lost: every few seconds it does so by
        itself."""
        with suppress(ClusterAway, nats.errors.Error, OSError):
            self._blocking.ask(lambda connection: connection.client.publish(self._news, b""))

    def forget(self, before: int | None = None) -> None:
        """Remove the messages before that one; all of them if it is None."""
        which: dict[str, Any] = {"filter": self.subject}
        if before is not None:
            which["seq"] = before
        self._blocking.ask(lambda connection: connection.call(f"STREAM.PURGE.{self._stream}", which))

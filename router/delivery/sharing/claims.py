"""The claims of this router: which partitions it delivers. A claim is an entry in a stream of the cluster; it vanishes unless
it is renewed.

    free ──"if there is none" ──▶ ours ──"if it is still mine", every second ──▶ ours …
      ▲                            │  no answer for so long that it may have vanished, or somebody else's: lost, at once
      └── vanished after LEASE_S ──┴── given up: removed, once its workers have landed

Each router also has an entry for itself, so that all know how many share; a router that does not deliver has one too, so that
all know that it runs. Routers do not talk to each other: the cluster orders the writes, each of which names the one it follows
(``Nats-Expected-Last-Subject-Sequence``), and lets old entries vanish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from router.clock import Clock
from router.delivery.sharing.claim import Claim
from router.delivery.sharing.sharing import next_step
from router.errors import OperatorError
from router.log.jetstream.connection import (
    NO_STREAM,
    WRONG_LAST_SEQUENCE,
    ApiError,
    ClusterAway,
    Connection,
    Stored,
    read_answer,
)
from router.log.jetstream.streams import make_or_find, set_back

LEASE_S: Final = 6.0
"""An entry vanishes after this long without a renewal. With a beat and the opening of states, a partition whose router died is
delivered again within 10 s."""
BEAT_S: Final = 1.0
MARGIN_S: Final = 1.0
"""A router considers its entry vanished this much earlier, so that its last request leaves well before another router
begins."""

_AFTER_S: Final = 0.01
"""Added to timers, which may fire a little early."""

_DELIVERING, _OTHER = "router.", "gateway."
"""Prefixes of a router's own entry: one that delivers, and one that only takes events."""
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
_LOGGER = structlog.get_logger()


@dataclass(slots=True)
class _Held:
    claim: Claim
    sequence: int
    is_going: bool = False
    """It is being given up."""


class Claims:
    """Gains and loses claims while `run` runs."""

    def __init__(
        self,
        connection: Connection,
        name: str,
        me: str,
        partitions: Sequence[int],
        clock: Clock,
        gained: Callable[[Claim], None],
        lost: Callable[[int], None],
        give_up: Callable[[int], Awaitable[None]],
        delivers: bool = True,
    ) -> None:
        """*name* is the log's name; *me* is this router's, which no other has. A router that does not deliver claims nothing.

        *gained* and *lost* are called at once. *give_up* returns when nothing of the partition is under way any more.
        """
        self._connection = connection
        self._stream = f"{name}-claims"
        self._prefix = f"{name}.claims."
        self._me = me
        self._partitions = partitions
        self._clock = clock
        self._gained = gained
        self._lost = lost
        self._give_up = give_up
        self._held: dict[int, _Held] = {}
        self._unsure: dict[int, float] = {}
        """Partitions that may be ours although no answer said so, and since when."""
        self._delivers = delivers
        self._entry = f"{_DELIVERING if delivers else _OTHER}{me}"
        self._alive: set[str] = set()
        self._others: set[str] = set()
        """The entries of other routers."""
        self.claimed: set[int] = set()
        """The partitions that some router had a claim on at the last look."""
        self.word = me.encode()
        """What this router tells the others. They read it with `words`."""
        self._leaving: set[asyncio.Task[None]] = set()
        self._is_reachable = True

    @property
    def partitions(self) -> list[int]:
        """The partitions that are ours."""
        return sorted(self._held)

    @property
    def alive(self) -> set[str]:
        """The routers that delivered at the last look."""
        return self._alive

    async def ensure(self, replicas: int) -> None:
        """Find the stream, or make it.

        Raises:
            ClusterAway: no answer.
            OperatorError: it can't be made.
        """
        # If entries vanished too early, two routers would deliver; if they stayed, none would.
        lease = {"max_age": int(LEASE_S * 1e9), "max_msgs": -1, "max_bytes": -1, "max_msgs_per_subject": 1}
        config = {
            "name": self._stream,
            "subjects": [f"{self._prefix}>"],
            "retention": "limits",
            "storage": "file",
            "num_replicas": replicas,
            "duplicate_window": int(1e9),
            **lease,
        }
        try:
            found = await make_or_find(self._connection, config)
            await set_back(self._connection, found["config"], lease)
        except ApiError as error:
            raise OperatorError(f"log: the cluster refuses to make the stream of claims: {error}") from None

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until *stop* is set. Claims held then are still held afterwards."""
        while not stop.is_set():
            began = self._clock.monotonic()
            await self._beat()
            rest_s = max(0.05, BEAT_S - (self._clock.monotonic() - began))
            # Not `wait_for`: in Python 3.11 it swallows a cancellation that comes as its time is up.
            with suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await stop.wait()

    async def _beat(self) -> None:
        try:
            await asyncio.gather(*map(self._renew, list(self._held)))
            self._drop_vanished()
            await self._publish(self._entry, None, self.word)
            await self.look()
            if self._delivers:
                await self._share()
        except (ClusterAway, ApiError) as error:
            if self._is_reachable:
                _LOGGER.warning("the claims can't be renewed just now", reason=str(error))
            self._is_reachable = False
            self._drop_vanished()
        else:
            if not self._is_reachable:
                _LOGGER.info("the claims are renewed again")
            self._is_reachable = True

    async def _share(self) -> None:
        await asyncio.gather(*map(self._find_out, list(self._unsure)))
        step = next_step(self._partitions, self._held, self.claimed, self._alive, self._me)
        going = sum(held.is_going for held in self._held.values())
        for partition in step.give_up[going:]:
            self.release(partition)
        await asyncio.gather(*map(self._claim, step.claim))

    async def _renew(self, partition: int) -> None:
        held = self._held.get(partition)
        if held is None:
            return  # lost or given up since the beat began
        began = self._clock.monotonic()
        try:
            sequence = await self._publish(f"partition.{partition}", held.sequence)
        except ClusterAway:
            return  # it is ours for as long as it can't have vanished
        if self._held.get(partition) is not held:
            if sequence is not None:  # lost or given up meanwhile: nobody waits for what we have just renewed
                await self._remove(f"partition.{partition}", sequence)
        elif sequence is not None:
            held.sequence = sequence
            self._extend(held.claim, began)
        else:
            found = await self._find(partition)
            if found is None or found.sequence <= held.sequence:
                # Numbers only grow, so this is from a leader that stood still and has not caught up: its refusal counts for
                # as little, and what it refused is stored, perhaps. What has really vanished can't be renewed in time.
                return
            if self._is_own(found):  # an answer was lost, and what it was about was not
                held.sequence = found.sequence
            elif self._held.get(partition) is held:
                self._lose(partition, "another router has it")

    def _extend(self, claim: Claim, began_s: float) -> None:
        """A write sent at *began_s* has renewed the claim. When its time is up, nothing may be under way any more, whatever a
        beat may be waiting for."""
        claim.until_s = began_s + LEASE_S - MARGIN_S
        left_s = claim.until_s - self._clock.monotonic()
        asyncio.get_running_loop().call_later(left_s + _AFTER_S, self._drop_vanished)

    async def _find(self, partition: int) -> Stored | None:
        """The entry of the partition."""
        return await self._connection.get_last(self._stream, f"{self._prefix}partition.{partition}")

    def _is_own(self, entry: Stored) -> bool:
        return entry.data == self._me.encode()

    def _drop_vanished(self) -> None:
        for partition in [number for number, held in self._held.items() if not held.claim.is_good()]:
            self._lose(partition, "it was not renewed in time")

    def _lose(self, partition: int, reason: str) -> None:
        held = self._held.pop(partition, None)
        if held is None:
            return
        held.claim.until_s = 0.0
        _LOGGER.warning("this router has lost a partition", partition=partition, reason=reason)
        self._lost(partition)

    def lose(self, partition: int) -> None:
        """Somebody noticed that another router delivers the partition now."""
        self._lose(partition, "another router has written")

    async def _claim(self, partition: int) -> None:
        self._unsure[partition] = began_s = self._clock.monotonic()
        sequence = await self._publish(f"partition.{partition}", 0)
        if sequence is not None:  # else another router was faster, or a leader that stood still says so
            self._unsure.pop(partition, None)
            self._gain(partition, sequence, began_s)

    async def _find_out(self, partition: int) -> None:
        """Find out whether the partition is ours although no answer said so. Otherwise nobody would deliver it until the entry
        vanishes."""
        found = await self._find(partition)
        began_s = self._unsure.pop(partition, None)
        if began_s is None:
            return  # found out by the beat before, which went on when another answer had ended it
        if found is not None and self._is_own(found) and self._clock.monotonic() < began_s + LEASE_S - MARGIN_S:
            self._gain(partition, found.sequence, began_s)

    def _gain(self, partition: int, sequence: int, began_s: float) -> None:
        if partition in self._held:
            return
        claim = Claim(partition, began_s, self._clock)
        self._extend(claim, began_s)
        self._held[partition] = _Held(claim, sequence)
        _LOGGER.info("this router delivers a partition", partition=partition)
        self._gained(claim)

    def release(self, partition: int) -> None:
        """Begin to give the partition up in an orderly way."""
        held = self._held[partition]
        if not held.is_going:
            held.is_going = True
            task = asyncio.create_task(self._leave(partition, held), name=f"giving up partition {partition}")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _leave(self, partition: int, held: _Held) -> None:
        try:
            await self._give_up(partition)
        except Exception as error:
            _LOGGER.error("a partition can't be given up in an orderly way", partition=partition, exc_info=error)
        if self._held.get(partition) is not held:
            return  # lost meanwhile
        del self._held[partition]
        await self._remove(f"partition.{partition}", held.sequence)
        _LOGGER.info("this router has given a partition up", partition=partition)

    async def _remove(self, entry: str, sequence: int) -> None:
        """Remove our entry, unless an entry of another router has replaced it."""
        which = {"filter": f"{self._prefix}{entry}", "seq": sequence + 1}
        with suppress(ClusterAway, ApiError):  # it vanishes by itself
            await self._connection.call(f"STREAM.PURGE.{self._stream}", which)

    async def close(self) -> None:
        """Give everything up in an orderly way. The beat goes on until that is done, so that no entry vanishes meanwhile."""
        for partition in list(self._held):
            self.release(partition)
        while self._leaving:
            await asyncio.wait(self._leaving, timeout=BEAT_S)
            await asyncio.gather(*map(self._renew, list(self._held)), return_exceptions=True)
            self._drop_vanished()
        found = None
        with suppress(ClusterAway, ApiError):
            found = await self._connection.get_last(self._stream, f"{self._prefix}{self._entry}")
        if found is not None:
            await self._remove(self._entry, found.sequence)

    # --- the stream ---

    async def _publish(self, entry: str, expected: int | None, data: bytes = b"") -> int | None:
        """Write *data*, or our name, into an entry. Returns its sequence; None if the entry was not the *expected* one (0: no
        entry)."""
        headers = None if expected is None else {_EXPECTED: str(expected)}
        answer = await self._connection.request(f"{self._prefix}{entry}", data or self._me.encode(), headers)
        try:
            return int(read_answer(answer.data)["seq"])
        except ApiError as error:
            if error.code in WRONG_LAST_SEQUENCE:
                return None
            raise

    async def words(self, is_of_all: bool = False) -> dict[str, bytes]:
        """The `word` of each other router that delivers, or of all, as of the last look.

        Raises:
            ClusterAway, ApiError: it can't be told.
        """
        others = sorted(entry for entry in self._others if is_of_all or entry.startswith(_DELIVERING))
        words = (self._connection.get_last(self._stream, f"{self._prefix}{entry}") for entry in others)
        found = zip(others, await asyncio.gather(*words), strict=True)
        return {entry.partition(".")[2]: word.data for entry, word in found if word is not None}

    async def look(self) -> None:
        """See which routers there are, and which partitions somebody has a claim on.

        Raises:
            ClusterAway, ApiError: it can't be told.
        """
        entries = await _entries(self._connection, self._stream, self._prefix)
        self._alive = _routers(entries, _DELIVERING)
        self._others = {entry for entry in entries if entry.startswith((_DELIVERING, _OTHER))} - {self._entry}
        self.claimed = {number for number in self._partitions if f"partition.{number}" in entries}


async def routers_of(connection: Connection, name: str) -> set[str]:
    """The routers of the log *name*, those that do not deliver as well.

    Raises:
        ClusterAway, ApiError: it can't be told.
    """
    try:
        entries = await _entries(connection, f"{name}-claims", f"{name}.claims.")
        return _routers(entries, _DELIVERING) | _routers(entries, _OTHER)
    except ApiError as error:
        if error.code == NO_STREAM:
            return set()
        raise


async def _entries(connection: Connection, stream: str, prefix: str) -> set[str]:
    info = await connection.call(f"STREAM.INFO.{stream}", {"subjects_filter": f"{prefix}>"})
    return {subject.removeprefix(prefix) for subject in info["state"].get("subjects") or {}}


def _routers(entries: Set[str], kind: str) -> set[str]:
    return {entry.removeprefix(kind) for entry in entries if entry.startswith(kind)}

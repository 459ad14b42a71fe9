"""The reader: goes through the log for one destination, as far ahead of what is settled as there is room."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from router.clock import Clock
from router.delivery.halt import Halt
from router.delivery.insist import insist
from router.delivery.ledger import Ledger
from router.delivery.options import DeliveryOptions
from router.delivery.order import BEHIND, BEHIND_PARKED, WAITED, line_of
from router.delivery.outlet import Outlet
from router.delivery.rounds import Rounds
from router.delivery.transit import Transit
from router.delivery.under_way import UnderWay
from router.log.interface import Log
from router.log.record import Gap, Record
from router.suppressed import Suppressed

READ_LIMIT = 500
PROBE_AHEAD = 100
"""Events read ahead while the destination fails: enough to see whether all of them fail or only one."""
MAX_SPAN = 100_000
"""How many sequences the reader may be ahead of the position. What is settled in between is kept in memory."""
MAX_UNWRITTEN = 10_000
"""Changes that may wait for the disk before the reader waits too."""
SHED = "max_backlog: the backlog grew past what is configured"
REPEAT = "duplicate: its messageId came before, through another router"


class Reader:
    """Hands on each unsettled event, or settles or parks it here.

    log ──▶ taken up
     ├────▶ skipped: it came before, through another router
     ├────▶ parked behind an earlier event of its line
     └────▶ dead: it is lost in the log, or the backlog is too long
    """

    def __init__(
        self,
        log: Log,
        ledger: Ledger,
        under_way: UnderWay,
        outlet: Outlet,
        halt: Halt,
        options: DeliveryOptions,
        clock: Clock,
        is_ordered: bool,
        is_repeat: Callable[[Record], bool] | None,
        suppressed: Suppressed,
        take_up: Callable[[Transit], None],
        hurry: Callable[[], None],
        rounds: Rounds,
    ) -> None:
        """*is_repeat* says whether a record repeats an earlier one of the log. Events of *suppressed* are not put by. *hurry*
        is called where there is no room for more events. Readers of other destinations share *rounds*."""
        self._log = log
        self._ledger = ledger
        self._under_way = under_way
        self._pace = outlet.pace
        self._changed = outlet.changed
        self._halt = halt
        self._options = options
        self._most_bytes = options.max_in_flight_bytes
        self._clock = clock
        self._is_ordered = is_ordered
        self._is_repeat = is_repeat
        self._suppressed = suppressed
        self._take_up = take_up
        self._hurry = hurry
        self._rounds = rounds
        self._shed_up_to: dict[int, int] = {}
        self._logger = structlog.get_logger().bind(destination=ledger.name)

    @property
    def is_rereading(self) -> bool:
        """Whether the reader is still in a part of the log that an earlier run has read."""
        return any(window.is_rereading for window in self._ledger.windows.values())

    async def run(self, partition: int) -> None:
        """For ever: read one partition."""
        window = self._ledger.windows[partition]
        while True:
            while not self._room and not self._is_shedding(partition):
                self._hurry()
                await self._changed.wait()
            while self._ledger.unwritten > MAX_UNWRITTEN:
                await self._ledger.flushed()
            records = await insist(partial(self._read_on, partition), self._clock, destination=self._ledger.name)
            granted = 0
            for number, record in enumerate(records):
                if not granted:
                    granted = await self._rounds.turn(len(records) - number)
                granted -= 1
                if isinstance(record, Gap):
                    await self._pass_gap(record)
                    continue
                sequence = record.sequence
                window.open(sequence)
                # Asked for settled events too, so that a later repeat finds the first one known.
                is_repeat = self._is_repeat is not None and self._is_repeat(record)
                if window.is_settled(sequence):
                    continue
                while self.must_wait and not self._is_shed(partition, sequence):
                    self._hurry()
                    await self._changed.wait()
                if self._shed_up_to and self._is_shed(partition, sequence) and not self._is_theirs(record):
                    self._ledger.kill(record, SHED)
                elif is_repeat:
                    self._ledger.skip(Transit(record, "log"), REPEAT)
                else:
                    self._take(record)
            self._changed.notify()

    async def _read_on(self, partition: int) -> list[Record | Gap]:
        """The next records of the log, as soon as there are some."""
        read = self._ledger.windows[partition].read
        await self._log.wait(partition, read)
        limit = READ_LIMIT if self._is_shedding(partition) else min(READ_LIMIT, max(1, self._room))
        return await self._log.read(partition, read, limit)

    def shed(self, partition: int, last: int) -> None:
        """Make dead letters of the events still to be read up to the sequence *last*."""
        self._shed_up_to[partition] = last

    def _is_shed(self, partition: int, sequence: int) -> bool:
        return sequence <= self._shed_up_to.get(partition, 0)

    def _is_shedding(self, partition: int) -> bool:
        return self._is_shed(partition, self._ledger.windows[partition].read + 1)

    @property
    def _room(self) -> int:
        """How many more events may be read. 0 until there is room for a good number of them."""
        windows = self._ledger.windows.values()
        most = self._options.max_in_flight
        limit = most if self._pace.is_going else min(PROBE_AHEAD, most)
        room = limit - sum(window.in_flight for window in windows)
        if (
            room < min(READ_LIMIT, limit) // 4
            or self._under_way.bytes >= self._most_bytes
            or any(window.span >= MAX_SPAN for window in windows)
        ):
            return 0
        if not self.is_rereading:
            room = min(room, self._options.max_parked - self._ledger.parked_events)
        return max(0, room)

    @property
    def must_wait(self) -> bool:
        """Whether the next event must not be mapped yet: the plugin is halted, or there is no room for more payloads."""
        return self._under_way.bytes >= self._most_bytes or self._halt.is_on

    async def _pass_gap(self, gap: Gap) -> None:
        """Book the events that the log lost, except those that were settled or parked before."""
        window = self._ledger.windows[gap.partition]
        start = max(gap.first, window.read + 1)
        while window.position < start - 1:  # a gap has no records of its own: the position must pass it in one step
            await self._changed.wait()
        window.open(gap.last)
        for first, last in window.unsettled(start, gap.last):
            self._ledger.lose(Gap(gap.partition, first, last, gap.reason))
            self._logger.error("events lost in the log", first=first, last=last, reason=gap.reason)

    def _is_theirs(self, record: Record) -> bool:
        """Whether the event is of somebody who is suppressed. It may have been read before it was erased from the log: what is
        put by of it now, nobody would erase any more."""
        return bool(self._suppressed) and self._suppressed.names_stored(record.event)

    def _take(self, record: Record) -> None:
        line = line_of(record, self._is_ordered)
        if line in self._ledger.parked and not self._is_theirs(record):
            self._ledger.park(record, BEHIND, line)
            self._ledger.count(WAITED, BEHIND_PARKED)
            return
        self._take_up(Transit(record, "log", line=line))

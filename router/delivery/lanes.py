"""The lanes of a destination at work: payloads are put in, and each lane sends them, one request at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Coroutine

from router.clock import Clock
from router.delivery.flight import Flights
from router.delivery.halt import Halt
from router.delivery.lander import Lander
from router.delivery.landing import Landing
from router.delivery.lane import Lane
from router.delivery.ledger import Ledger
from router.delivery.options import DeliveryOptions
from router.delivery.order import IN_LANE, WAITED
from router.delivery.outlet import Outlet
from router.delivery.signal import Signal
from router.delivery.suspects import Suspects
from router.delivery.transit import Item, Transit
from router.delivery.under_way import UnderWay
from router.log.interface import Log
from router.plugin.endpoint import USUAL_BATCH_WAIT_S

Spawn = Callable[[Coroutine[None, None, None], str], object]
"""Starts a task with that name that never ends by itself."""


class Lanes:
    """One per worker. The way of a payload:

    put ──▶ lane ──▶ linger, until a batch is full ──▶ wait for the pace ──▶ fly ──▶ land ──▶ on disk
                                                            │
                                     a replay: also until live traffic leaves room
    """

    def __init__(
        self,
        log: Log,
        ledger: Ledger,
        under_way: UnderWay,
        outlet: Outlet,
        halt: Halt,
        flights: Flights,
        lander: Lander,
        suspects: Suspects,
        options: DeliveryOptions,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self.flying = 0
        """Batches on their way to the vendor."""
        self._log = log
        self._ledger = ledger
        self._under_way = under_way
        self._outlet = outlet
        self._pace = outlet.pace
        self._changed = outlet.changed
        self._halt = halt
        self._flights = flights
        self._lander = lander
        self._suspects = suspects
        self._options = options
        self._clock = clock
        self._spawn = spawn
        self._lanes: dict[tuple[str, int, bool], tuple[Lane, Signal]] = {}
        """Each lane with the signal that it has something to send."""
        self._number = options.lanes or options.concurrency
        """How many lanes the lines are divided among."""
        self.is_hurried = False
        """The first batch of each lane does not wait to be filled. Set it before anything is put in."""
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """Payloads that are in a lane and not on their way to the vendor."""
        return sum(len(lane) for lane, _ in self._lanes.values())

    # --- into the lanes, and out of them again ---

    def put(self, transit: Transit) -> None:
        """Put the event's unsettled payloads into the lanes."""
        if not transit.is_replay:
            self._under_way.add(transit)
        transit.is_suspect = transit.place in self._suspects
        transit.put_s = self._clock.monotonic()
        for item in transit.items:
            if item.state == "waiting":
                lane, filled = self._lane_of(item)
                lane.add(item)
                if filled.is_awaited and (len(lane) == 1 or lane.is_full()):
                    filled.notify()

    def withdraw(self, is_withdrawn: Callable[[Item], bool], are_replays: bool) -> list[Item]:
        """Take out and return the waiting items for which *is_withdrawn* holds: those of replays, or all others."""
        lanes = [lane for lane, _ in self._lanes.values() if lane.is_replay == are_replays]
        return [item for lane in lanes for item in lane.withdraw(is_withdrawn)]

    def _lane_of(self, item: Item) -> tuple[Lane, Signal]:
        transit, endpoint = item.transit, item.endpoint
        number = zlib.crc32(transit.line.encode("utf-8", "replace"))
        if transit.is_replay:
            wanted = "replay", number % self._most_replays, True
        else:
            wanted = endpoint.name if endpoint.is_independent else "", number % self._number, False
        return self._lanes.get(wanted) or self._open(*wanted)

    def _open(self, group: str, number: int, is_replay: bool) -> tuple[Lane, Signal]:
        lane, filled = Lane(f"{group}#{number}", is_replay), Signal(self._clock)
        self._lanes[group, number, is_replay] = lane, filled
        self._spawn(self._run(lane, filled), f"lane {lane.name}")
        return lane, filled

    # --- to the vendor ---

    async def _run(self, lane: Lane, filled: Signal) -> None:
        lingers = not self.is_hurried
        while True:
            while not len(lane):
                await filled.wait()
            if lingers:
                await self._linger(lane, filled)
            batch = await self._take_batch(lane)
            if batch:
                lingers = True
                await self._deliver(lane, batch)

    async def _linger(self, lane: Lane, filled: Signal) -> None:
        """Give a batch time to fill: as long as its first event may wait, but a moment at least, for a batch that has just left
        makes room for more. An event whose batch comes back, or that another group goes before, has waited meanwhile."""
        began = self._clock.monotonic()
        while len(lane) and not lane.is_full():
            first = lane.queue[0]
            longest_s = self._options.batch_wait_of(first.endpoint)
            moment_s = min(longest_s, USUAL_BATCH_WAIT_S)
            if lane.is_hurried:
                longest_s = moment_s  # other lanes may make room meanwhile
            wait_s = max(first.transit.put_s + longest_s, began + moment_s) - self._clock.monotonic()
            if wait_s <= 0:
                return
            await filled.wait(wait_s)

    def hurry(self, are_replays: bool) -> None:
        """There is no room for more events before some of those in the lanes have left: let no batch wait for long."""
        for lane, filled in self._lanes.values():
            if lane.is_replay == are_replays and len(lane) and not lane.is_hurried:
                lane.is_hurried = True
                filled.notify()

    async def _take_batch(self, lane: Lane) -> list[Item]:
        """Wait for the pace, then take what is there."""
        while True:
            must_stay = self._is_closed or self._halt.is_on or (lane.is_replay and not self._may_replay())
            wait_s = None if must_stay else self._pace.wait_s(self._clock.monotonic())
            if wait_s == 0:
                batch = self._take_from(lane)
                if batch:
                    self._pace.leave()
                    self.flying += 1
                    self._outlet.flights += 1
                    self._outlet.replays += lane.is_replay
                return batch
            await self._changed.wait(wait_s)

    def _take_from(self, lane: Lane) -> list[Item]:
        batch = lane.take()
        waited, lane.waited = lane.waited, 0
        if waited and not lane.is_replay:  # a replay would count the event a second time
            self._ledger.count(WAITED, IN_LANE, waited)
        return batch

    async def _deliver(self, lane: Lane, batch: list[Item]) -> None:
        landing: Landing | None = None
        try:
            landing = await self._flights.fly(batch)
            self._lander.land(lane, batch, landing)
            await self._ledger.flushed()
        finally:
            if landing is None:
                lane.put_back(batch)
                self._pace.abandoned(self._clock.monotonic())
            self.flying -= 1
            self._outlet.flights -= 1
            self._outlet.replays -= lane.is_replay
            self._changed.notify()

    def close(self) -> None:
        """Let nothing leave any more, except the rest of conversations that have begun."""
        self._is_closed = True
        self._flights.close()
        self._changed.notify()

    async def landed(self, deadline_s: float) -> None:
        """Return when nothing is on its way any more, or after *deadline_s* seconds."""
        waited_until = self._clock.monotonic() + deadline_s
        while self.flying and self._clock.monotonic() < waited_until:
            await self._changed.wait(max(0.0, waited_until - self._clock.monotonic()))

    # --- replays take what live traffic leaves ---

    def is_live_served(self) -> bool:
        """Whether live traffic leaves room: it is read to the end of the log, and none of its full batches waits."""
        windows = self._ledger.windows.items()
        return all(window.read >= self._log.end(partition) for partition, window in windows) and not any(
            lane.is_full() for lane, _ in self._lanes.values() if not lane.is_replay
        )

    @property
    def _most_replays(self) -> int:
        """How many requests of replays may be on their way: half of all, so that live traffic always finds a slot."""
        return max(1, self._options.concurrency // 2)

    def _may_replay(self) -> bool:
        """Whether a request of a replay may leave now."""
        most = self._pace.concurrency
        is_slot_free = self._outlet.flights < most and self._outlet.replays < max(1, most // 2)
        return is_slot_free and self.is_live_served()

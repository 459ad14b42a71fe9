"""A worker: one destination at work. Its parts, how it starts and stops, and how it is doing.

log ──reader──▶ preparation: decide, map ──▶ lanes ──flight──▶ lander ──▶ settlement ──▶ ledger
                     │         ▲              ▲                  │
                  skipped      └── a turn ── parked ◀── Later ───┘

Whose fault a failure is decides what waits: the lander asks `outages` and `suspects`. The destination's means that the `pace`
holds everything back, one event's that its line is parked, the plugin's that the `halt` keeps away from it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from functools import partial

import structlog

from router.clock import Clock
from router.delivery.decoder import Decoder
from router.delivery.flight import MAX_WAIT_S, Flights
from router.delivery.halt import HANG_NOTES, Halt
from router.delivery.insist import insist
from router.delivery.jobs.jobs import Jobs, Road
from router.delivery.lander import Lander
from router.delivery.lanes import Lanes
from router.delivery.ledger import Ledger
from router.delivery.letter_log import LetterLog
from router.delivery.options import DeliveryOptions
from router.delivery.outages import PACE_NOTES, Outages
from router.delivery.outlet import Outlet
from router.delivery.parking import PARKING_NOTES, Parking
from router.delivery.preparation import Preparation
from router.delivery.reader import SHED, Reader
from router.delivery.retry_windows import RetryWindows
from router.delivery.rounds import Rounds
from router.delivery.sending.http_send import MOST_EXCHANGES
from router.delivery.sending.send import Send
from router.delivery.settlement import Settlement
from router.delivery.state.changes import Place
from router.delivery.suspects import Suspects
from router.delivery.tally import Tallied
from router.delivery.transit import Transit
from router.delivery.under_way import UnderWay
from router.delivery.unknown_names import UnknownNames
from router.delivery.unknown_sources import UnknownSources
from router.delivery.watchdog import Glance
from router.destination import Destination
from router.log.interface import Log
from router.log.record import Record

CANCEL_S = 1.0
NOTES = (*PACE_NOTES, *PARKING_NOTES, *HANG_NOTES)
"""The notes that a worker keeps over restarts, about its pace, its parked events and its plugin."""


class Worker:
    """Delivers to one destination, from `start` to `stop`. It survives whatever the vendor and the plugin do."""

    def __init__(
        self,
        destination: Destination,
        log: Log,
        ledger: Ledger,
        send: Send,
        outlet: Outlet,
        options: DeliveryOptions,
        clock: Clock,
        chance: random.Random,
        notes: Mapping[str, str | None],
        decoder: Decoder,
        unknown_names: UnknownNames,
        unknown_sources: UnknownSources,
        is_repeat: Callable[[Record], bool] | None,
        rounds: Rounds,
    ) -> None:
        """*notes* are those of the last run (`Ledger.note`). Other workers of this destination share *outlet*, and other
        destinations *decoder*, what follows it, and *rounds*. *is_repeat* says whether a record repeats an earlier one of the
        log.

        Raises:
            PluginFailed: the plugin's endpoints can't be used.
        """
        self.destination = destination
        self.ledger = ledger
        self.options = options
        self._log = log
        self._clock = clock
        self._logger = structlog.get_logger().bind(destination=destination.name)
        self.pace = outlet.pace
        self._changed = outlet.changed
        """Notified when there may be room in the window, a change of pace or an empty lane."""
        self._batch_wait_s = max(map(options.batch_wait_of, destination.endpoints.values()), default=0.0)
        self._tasks: list[asyncio.Task[None]] = []
        self._readers: list[asyncio.Task[None]] = []
        self._is_stopping = False
        calls, tally = destination.calls, ledger.tally
        self.halt = Halt(calls.guard, ledger, clock, notes, self._go_on)
        road = Road(
            lambda transit: self._preparation.take_up(transit),
            self._take_back,
            lambda: self._lanes.is_live_served(),
            lambda: self._lanes.hurry(are_replays=True),
            self._changed,
        )
        self.jobs = Jobs(ledger, log, road, clock, rounds)
        ledger.on_foreign = self.jobs.hear
        self._under_way = UnderWay()
        self._parking = Parking(ledger, options.backoff, clock, chance, notes)
        blocked_since_s = float(notes.get("blocked_since_s") or 0) or None
        self._windows = RetryWindows(ledger, clock, options.retry_for_s, blocked_since_s)
        self._outages = Outages(outlet.pace, ledger, self._windows, clock, notes)
        letter_log = LetterLog(destination.name, clock.monotonic)
        self._settlement = Settlement(ledger, self.jobs, self._parking, self._under_way, self._changed, letter_log)
        suspects = Suspects()
        lander = Lander(
            ledger,
            self._settlement,
            self._outages,
            self._windows,
            self._parking,
            self._under_way,
            outlet,
            self.halt,
            suspects,
            clock,
        )
        self._flights = Flights(calls, Tallied(send, tally), outlet.gate, clock, chance, tally)
        self._lanes = Lanes(
            log,
            ledger,
            self._under_way,
            outlet,
            self.halt,
            self._flights,
            lander,
            suspects,
            options,
            clock,
            self._spawn,
        )
        self._lanes.is_hurried = self.pace.is_closed  # a restart may bring settings that are right
        self._preparation = Preparation(
            destination,
            ledger,
            self.halt,
            self._settlement,
            self._lanes,
            clock,
            decoder,
            unknown_names,
            unknown_sources,
        )
        self._reader = Reader(
            log,
            ledger,
            self._under_way,
            outlet,
            self.halt,
            options,
            clock,
            destination.is_ordered,
            is_repeat,
            destination.suppressed,
            self._preparation.take_up,
            lambda: self._lanes.hurry(are_replays=False),
            rounds,
        )

    # --- life ---

    @property
    def is_started(self) -> bool:
        return bool(self._tasks)

    def hurry(self) -> None:
        """Send first batches without waiting for them to fill. Call it before `start` if the last worker has left something
        waiting: otherwise changes that come faster than batches leave would hold it back for ever."""
        self._lanes.is_hurried = True

    def start(self) -> None:
        self._readers = [
            self._spawn(self._reader.run(partition), f"reader {partition}") for partition in self.ledger.windows
        ]
        self._spawn(self._release_parked(), "parking")
        self._spawn(self.jobs.run(), "jobs")
        self._spawn(self.halt.run(), "plugin")

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Stop reading, and let flights under way land, for at most *deadline_s* seconds.

        What waits in lanes is in the log; the next start reads it again.
        """
        self._is_stopping = True
        self._lanes.close()
        for reader in self._readers:  # at once: a backlog is work without an end, and all flights would wait for it
            reader.cancel()
        await self._lanes.landed(deadline_s)
        pending = {task for task in self._tasks if not task.done()}
        while pending:  # again and again: `asyncio.wait_for` of Python 3.11 may swallow a cancellation
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=CANCEL_S)

    def cut(self) -> None:
        """Break off everything under way: another router delivers now."""
        self._is_stopping = True
        self._lanes.close()
        for task in self._tasks:
            task.cancel()

    def _spawn(self, coroutine: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine, name=f"{self.destination.name} {name}")
        task.add_done_callback(self._report)
        self._tasks.append(task)
        return task

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._logger.error("delivery stopped: a bug in the router", task=task.get_name(), exc_info=task.exception())

    # --- how it is doing ---

    @property
    def waiting(self) -> int:
        """Payloads that wait to be sent."""
        return self._lanes.waiting

    @property
    def broken(self) -> list[str]:
        """Tasks that have ended although they should run for ever, and what is stuck in the ledger."""
        return [task.get_name() for task in self._tasks if task.done() and not self._is_stopping] + self.ledger.broken

    @property
    def state(self) -> tuple[str, str]:
        """Its state in a word for the operator, and the reason if it is not delivering."""
        return ("broken", self.halt.reason) if self.halt.is_on else (self.pace.state, self.pace.reason)

    def glance(self, timeout_s: float) -> Glance:
        """What the watchdog needs to know. *timeout_s* is the time-out of one request."""
        now = self._clock.monotonic()
        ledger, tally = self.ledger, self.ledger.tally
        read = sum(window.read for window in ledger.windows.values())
        # The pace is that of all workers of the destination: where others' requests go first, this one's turn comes.
        is_in_line = bool(self._lanes.flying) or self.pace.state == "probing"
        request_s = MOST_EXCHANGES * timeout_s if self.pace.under_way else 0.0
        return Glance(
            pending=ledger.books(self._log.end).pending,
            parked=ledger.parked_events,
            moved=(ledger.made, read, tally.under_way, tally.attempts.total(), self.pace.left if is_in_line else 0),
            pace_s=self.halt.wait_s if self.halt.is_on else self.pace.wait_s(now),
            turn_s=self._parking.turn_s,
            is_reading=ledger.parked_events < self.options.max_parked,
            allowance_s=self.pace.spacing_s + self._batch_wait_s + MAX_WAIT_S + request_s,
        )

    # --- what concerns several of its parts ---

    def shed(self, partition: int, last: int) -> None:
        """Make dead letters of the events up to the sequence *last*: the backlog is too long.

        This includes events that wait in lanes, since they hold back the position and with it the log. Events in a request or
        parked are left alone; call again for those that come back.
        """
        self._reader.shed(partition, last)
        shed = {
            transit
            for transit in self._under_way
            if transit.place.partition == partition
            and transit.place.sequence <= last
            and transit.origin == "log"
            and all(item.state in ("queued", "settled") for item in transit.items)
        }
        for item in self._lanes.withdraw(lambda item: item.transit in shed, are_replays=False):
            item.state = "settled"
        for transit in sorted(shed, key=lambda transit: transit.place.sequence):
            self._settlement.shed(transit, SHED)
        self._changed.notify()

    def _go_on(self, halted_s: float) -> None:
        """A halt of the plugin is over. The time it took does not count for the retry windows."""
        self._windows.halted(halted_s)
        for transit in self._preparation.take_back():
            self._preparation.take_up(transit)
        self._changed.notify()

    async def _release_parked(self) -> None:
        """For ever: bring each parked line back into its lane when its turn comes and there is room."""
        # The last run may have ended with an event in a lane whose user has a later one parked: that is read again first.
        while self._reader.is_rereading:
            await self._changed.wait()
        while True:
            line, wait_s = self._parking.next_line()
            if line is None or wait_s > 0:
                await self._parking.changed.wait(wait_s if line is not None else None)
                continue
            release = partial(self._parking.release, line)
            for record in await insist(release, self._clock, destination=self.destination.name):
                while self._reader.must_wait:
                    await self._changed.wait()
                place = Place.of(record)
                if not self._parking.is_released(line, place):  # the line was parked again meanwhile
                    continue
                waiting = self._under_way.find(place)
                if waiting is not None:
                    self._lanes.put(waiting)
                else:
                    self._preparation.take_up(Transit(record, "parked", line=line, has_waited=True))

    def _take_back(self) -> list[Transit]:
        """Empty the lanes of replays. Returns the events of which nothing was sent. For an event that was sent in part, the
        rest is refused."""
        items = self._lanes.withdraw(lambda item: True, are_replays=True)
        transits = dict.fromkeys(item.transit for item in items)
        whole = {transit: None for transit in transits if transit.is_untouched}
        for item in items:
            if item.transit not in whole:
                self._settlement.refuse_item(item, "cancelled before all of it was sent")
        return [*whole, *self._preparation.take_back()]

"""One destination at work: it reads the log, fills its lanes, and lands what they send.

log ──read──▶ decide ──▶ map ──▶ lanes ──fly──▶ land ──▶ ledger
                │                  ▲              │
             skipped               └── parked ◀───┘ Later for one event
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from router.clock import Clock
from router.delivery.decoder import Decoder
from router.delivery.flight import MAX_WAIT_S, Flights, Held, Judged, Landing, Outage, Raised
from router.delivery.halt import HANG_NOTES, Halt
from router.delivery.insist import insist
from router.delivery.jobs import Jobs, Road
from router.delivery.lane import Lane
from router.delivery.ledger import Ledger
from router.delivery.order import line_of
from router.delivery.outages import PACE_NOTES, Outages
from router.delivery.outlet import Outlet
from router.delivery.pace import Backoff
from router.delivery.parking import Parking
from router.delivery.send import Send
from router.delivery.signal import Signal
from router.delivery.state import Place
from router.delivery.tally import Tallied
from router.delivery.transit import Item, Transit
from router.delivery.unknown_names import UnknownNames
from router.delivery.watchdog import Glance
from router.destination import Decision, Destination, MappingFailed
from router.event import Event
from router.event_times import age_s
from router.log.interface import Log
from router.log.record import Gap, Record
from router.plugin import Again, Blocked, Dead, Delivered, Later, Split, Verdict

READ_LIMIT = 500
READ_AT_A_STRETCH = 50
"""Events decided and mapped before others of the process have their turn."""
PROBE_AHEAD = 100
"""Events read ahead while the destination fails: enough to see whether it fails with everybody or with one of them."""
MAX_SPAN = 100_000
"""How far the reader may be ahead of the position; what is settled in between is kept in memory."""
MAX_UNWRITTEN = 10_000
"""Changes that may wait for the disk before the reader waits too."""
CANCEL_S = 1.0
BEHIND = "behind an earlier event of the same user"
WAITED = "waited"
"""Counts events that had to wait for an earlier one of their user, each once, by where they waited:"""
BEHIND_PARKED, IN_LANE = "behind a parked event", "in its lane"
SHED = "max_backlog: the backlog grew past what is configured"
REPEAT = "duplicate: its messageId came before, through another router"
NOTES = (*PACE_NOTES, *HANG_NOTES)
"""What a worker keeps over restarts, of its pace and of its plugin."""


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How a destination is delivered to; the ``delivery:`` part of the config. Times in seconds."""

    concurrency: int = 4
    rate_limit_per_s: float | None = None
    retry_for_s: float = 3 * 86_400.0
    lanes: int | None = None
    """Of each worker; as many as requests at a time, if None. More of them, over all workers, would only make batches small."""
    batch_wait_s: float = 0.1
    max_parked: int = 10_000
    max_in_flight: int = 5_000
    max_in_flight_bytes: int = 64_000_000
    """Of the events as they lie in the log, and of what the plugin made of them."""
    backoff: Backoff = Backoff()


class Worker:
    """Delivers to one destination. `start`, then `stop`; it survives everything the vendor and the plugin do."""

    def __init__(
        self,
        destination: Destination,
        log: Log,
        ledger: Ledger,
        send: Send,
        options: DeliveryOptions,
        clock: Clock,
        chance: random.Random,
        notes: Mapping[str, str | None],
        unknown_names: UnknownNames,
        decoder: Decoder | None = None,
        outlet: Outlet | None = None,
        is_repeat: Callable[[Record], bool] | None = None,
    ) -> None:
        """*notes* are what an earlier run kept (`Ledger.note`); *decoder* is shared with other destinations, and *outlet* with
        other workers of this one. *is_repeat* says of a record whether the log holds its like before it.

        Raises:
            PluginFailed: the plugin's endpoints can't be used.
        """
        self.destination = destination
        self.ledger = ledger
        self.options = options
        self._log = log
        self._decoder = decoder or Decoder()
        self._clock = clock
        self._unknown_names = unknown_names
        self._facts = {"destination": destination.name}
        self._logger = structlog.get_logger().bind(**self._facts)
        self._endpoints = destination.endpoints
        outlet = outlet or Outlet(
            self._endpoints, options.concurrency, options.rate_limit_per_s, options.backoff, clock, chance
        )
        self._outlet = outlet
        self.pace = outlet.pace
        self._changed = outlet.changed
        """Room in the window, a change of pace, an empty lane: whoever waits for such looks again."""
        self._is_repeat = is_repeat
        self._lanes: dict[tuple[str, int, bool], tuple[Lane, Signal]] = {}
        """Each with the signal that it has something to send."""
        self._active: dict[Place, Transit] = {}
        self._active_bytes = 0
        self._flying = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._shed_up_to: dict[int, int] = {}
        self._parking = Parking(ledger, options.backoff, clock, chance)
        tallied = Tallied(send, ledger.tally)
        self._flights = Flights(destination.calls, tallied, outlet.gate, clock, chance, ledger.tally)
        self._outages = Outages(self.pace, ledger, clock, options.retry_for_s, notes)
        self._held: list[Transit] = []
        """Replays that wait for the plugin."""
        self.halt = Halt(destination.calls.guard, ledger, clock, notes, self._go_on)
        road = Road(self.take_up, self._take_back_replays, self._is_live_served, self._changed)
        self.jobs = Jobs(ledger, log, road, clock)
        ledger.on_foreign = self.jobs.hear

    # --- life ---

    def start(self) -> None:
        for partition in self.ledger.windows:
            self._spawn(self._read(partition), f"reader {partition}")
        self._spawn(self._release_parked(), "parking")
        self._spawn(self.jobs.run(), "jobs")
        self._spawn(self.halt.run(), "plugin")

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Read no more, let flights under way land (for *deadline_s* seconds at most), write everything down.

        What waits in lanes stays in the log; the next start takes it up.
        """
        self._is_stopping = True
        self._changed.notify()
        waited_until = self._clock.monotonic() + deadline_s
        while self._flying and self._clock.monotonic() < waited_until:
            await self._changed.wait(max(0.0, waited_until - self._clock.monotonic()))
        pending = {task for task in self._tasks if not task.done()}
        while pending:  # again and again: `asyncio.wait_for` of Python 3.11 may swallow one
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=CANCEL_S)

    def cut(self) -> None:
        """Break off whatever is under way: another router delivers by now."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()

    def _spawn(self, coroutine: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(coroutine, name=f"{self.destination.name} {name}")
        task.add_done_callback(self._report)
        self._tasks.append(task)

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._logger.error("delivery stopped: a bug in the router", task=task.get_name(), exc_info=task.exception())

    @property
    def broken(self) -> list[str]:
        """Tasks that ended although they never should: something inside is stuck."""
        return [task.get_name() for task in self._tasks if task.done() and not self._is_stopping] + self.ledger.broken

    @property
    def state(self) -> tuple[str, str]:
        """What it is doing, in a word of the operator's, and why if that is not delivering."""
        return ("broken", self.halt.reason) if self.halt.is_on else (self.pace.state, self.pace.reason)

    def glance(self, timeout_s: float) -> Glance:
        """What the watchdog has to know. *timeout_s* is that of one request."""
        now = self._clock.monotonic()
        ledger, tally = self.ledger, self.ledger.tally
        read = sum(window.read for window in ledger.windows.values())
        return Glance(
            pending=ledger.books(self._log.end).pending,
            parked=ledger.parked_events,
            moved=(ledger.made, read, tally.under_way, tally.attempts.total()),
            pace_s=self.halt.wait_s if self.halt.is_on else self.pace.wait_s(now),
            turn_s=self._parking.turn_s,
            is_reading=ledger.parked_events < self.options.max_parked,
            allowance_s=self._allowance_s + (timeout_s if tally.under_way else 0.0),
        )

    @property
    def _allowance_s(self) -> float:
        return self.pace.spacing_s + self.options.batch_wait_s + MAX_WAIT_S

    # --- from the log into the lanes ---

    async def _read(self, partition: int) -> None:
        window = self.ledger.windows[partition]
        while True:
            while not self._room and not self._is_shedding(partition):
                await self._changed.wait()
            while self.ledger.unwritten > MAX_UNWRITTEN:
                await self.ledger.flushed()
            records = await insist(partial(self._read_on, partition), self._clock, **self._facts)
            for number, record in enumerate(records):
                if number % READ_AT_A_STRETCH == 0:
                    await asyncio.sleep(0)
                if isinstance(record, Gap):
                    await self._pass_gap(record)
                    continue
                sequence = record.sequence
                window.open(sequence)
                if window.is_settled(sequence):
                    continue
                while self._must_wait and sequence > self._shed_up_to.get(partition, 0):
                    await self._changed.wait()
                if sequence <= self._shed_up_to.get(partition, 0):
                    self.ledger.kill(record, SHED)
                else:
                    self._take(record)
            self._changed.notify()

    async def _read_on(self, partition: int) -> list[Record | Gap]:
        """What comes next in the log, as soon as there is something."""
        read = self.ledger.windows[partition].read
        await self._log.wait(partition, read)
        limit = READ_LIMIT if self._is_shedding(partition) else min(READ_LIMIT, max(1, self._room))
        return await self._log.read(partition, read, limit)

    def shed(self, partition: int, last: int) -> None:
        """Events up to the sequence *last* become dead letters: the backlog is too long.

        Those that wait in lanes as well, for they hold the position and with it the log. What is in a request just now, or
        parked, is left alone; call again for what comes back.
        """
        self._shed_up_to[partition] = last
        shed = {
            transit
            for place, transit in self._active.items()
            if place.partition == partition
            and place.sequence <= last
            and transit.origin == "log"
            and all(item.state in ("queued", "settled") for item in transit.items)
        }
        for lane, _ in self._lanes.values():
            for item in lane.withdraw(lambda item: item.transit in shed):
                item.state = "settled"
        for transit in sorted(shed, key=lambda transit: transit.record.sequence):
            self.ledger.kill(transit.record, SHED, transit)
            self._after_settling(transit)
        self._changed.notify()

    def _is_shedding(self, partition: int) -> bool:
        return self.ledger.windows[partition].read < self._shed_up_to.get(partition, 0)

    @property
    def _room(self) -> int:
        """How many more events may be read; none before there is room for a good number of them."""
        windows = self.ledger.windows.values()
        limit = self.options.max_in_flight if self.pace.is_going else min(PROBE_AHEAD, self.options.max_in_flight)
        room = limit - sum(window.in_flight for window in windows)
        if (
            room < min(READ_LIMIT, limit) // 4
            or self._active_bytes >= self.options.max_in_flight_bytes
            or any(window.span >= MAX_SPAN for window in windows)
        ):
            return 0
        if not self._is_rereading:
            room = min(room, self.options.max_parked - self.ledger.parked_events)
        return max(0, room)

    @property
    def _must_wait(self) -> bool:
        """Before the next event is mapped: for the plugin, or for room for what it makes of events."""
        return self.halt.is_on or self._active_bytes >= self.options.max_in_flight_bytes

    @property
    def _is_rereading(self) -> bool:
        return any(window.is_rereading for window in self.ledger.windows.values())

    async def _pass_gap(self, gap: Gap) -> None:
        """Book what the log lost, but for what was settled or parked before it was lost."""
        window = self.ledger.windows[gap.partition]
        start = max(gap.first, window.read + 1)
        while window.position < start - 1:  # a gap has no rows of its own: the position must pass it in one step
            await self._changed.wait()
        window.open(gap.last)
        for first, last in window.unsettled(start, gap.last):
            self.ledger.lose(Gap(gap.partition, first, last, gap.reason))
            self._logger.error("events lost in the log", first=first, last=last, reason=gap.reason)

    def _take(self, record: Record) -> None:
        if self._is_repeat is not None and self._is_repeat(record):
            self.ledger.skip(Transit(record, "log"), REPEAT)
            return
        line = line_of(record, self.destination.is_ordered)
        if line in self.ledger.parked:
            self.ledger.park(record, BEHIND, line)
            self.ledger.count(WAITED, BEHIND_PARKED)
            return
        self.take_up(Transit(record, "log", line=line))

    def take_up(self, transit: Transit) -> None:
        """Decide, map, and put the payloads into the lanes; or settle the event at once."""
        if transit.is_replay and self.halt.is_on:
            self._held.append(transit)
        elif self._prepare(transit):
            self._dispatch(transit)

    def _prepare(self, transit: Transit) -> bool:
        """Decide and map. False: it is settled already (skipped, or dead because it can't be mapped)."""
        record = transit.record
        try:
            event = self._decoder.event(record)
            self._unknown_names.look(event, record.partition, record.sequence)
            age = age_s(event, self._clock.now()) if transit.is_historical else None
            decision = self.destination.decide(event, record.source, age)
            if transit.origin == "log" and decision.flag is not None and decision.flag.warnings:
                self.ledger.count("odd_flags")
            if not decision.is_delivered:
                self._skip(transit, decision.reason)
                return False
            skipped = self._add_items(transit, event, decision)
            self.halt.worked("mapping")
        except MappingFailed as error:
            self._refuse(transit, f"mapping: {error}")
            self.halt.failed("mapping", str(error))
            return False
        except Exception as error:
            self._logger.error("event can't be mapped", message_id=record.message_id, exc_info=error)
            self._refuse(transit, f"mapping: {type(error).__name__}: {error}")
            return False
        if not transit.items:
            self._skip(transit, f"action: {'; '.join(dict.fromkeys(skipped))}")
            return False
        if transit.is_settled:
            self._settle(transit)
            return False
        return True

    def _add_items(self, transit: Transit, event: Event, decision: Decision) -> list[str]:
        """Fill in the payloads; returns why actions made none."""
        noted = self.ledger.settled_payloads
        earlier = noted.get(transit.place, {}) if noted and not transit.is_replay else {}
        if earlier:
            transit.settled |= {key for key, refused in earlier.items() if not refused}
        skipped: list[str] = []
        for mapped in self.destination.map(event, decision):
            if mapped.skipped:
                skipped.append(mapped.skipped)
                continue
            endpoint = self._endpoints[mapped.action.endpoint]
            for written in self.destination.write(mapped):
                key = written.key
                item = Item(transit, key, written.payload, endpoint, written.size)
                transit.items.append(item)
                if key in transit.settled:
                    item.state = "settled"
                elif key in earlier:
                    item.state = "settled"
                    transit.refused.append(earlier[key])
                elif written.too_big:
                    item.state = "settled"
                    transit.refused.append(f"{mapped.action.name}: {written.too_big}")
        return skipped

    def _skip(self, transit: Transit, reason: str) -> None:
        if transit.is_replay:
            self.jobs.skipped(transit, reason)
        else:
            self.ledger.skip(transit, reason)
        self._after_settling(transit)

    def _refuse(self, transit: Transit, reason: str) -> None:
        transit.refused.append(reason)
        self._settle(transit)

    def _dispatch(self, transit: Transit) -> None:
        """Put what is not settled into the lanes."""
        if not transit.is_replay:
            self._activate(transit)
        for item in transit.items:
            if item.state == "waiting":
                lane, filled = self._lane_of(item)
                lane.add(item)
                if filled.is_awaited and (len(lane) == 1 or lane.is_full()):
                    filled.notify()

    def _activate(self, transit: Transit) -> None:
        if transit.place not in self._active:
            self._active[transit.place] = transit
            transit.weigh()
            self._active_bytes += transit.weight

    def _deactivate(self, transit: Transit) -> None:
        if self._active.pop(transit.place, None) is not None:
            self._active_bytes -= transit.weight

    def _lane_of(self, item: Item) -> tuple[Lane, Signal]:
        transit, endpoint = item.transit, item.endpoint
        number = zlib.crc32(transit.line.encode("utf-8", "replace"))
        if transit.is_replay:
            return self._lane("replay", number % self._most_replays, is_replay=True)
        group = endpoint.name if endpoint.is_independent else ""
        return self._lane(group, number % (self.options.lanes or self.options.concurrency))

    def _lane(self, group: str, number: int, is_replay: bool = False) -> tuple[Lane, Signal]:
        found = self._lanes.get((group, number, is_replay))
        if found is None:
            lane, filled = Lane(f"{group}#{number}", is_replay), Signal(self._clock)
            found = self._lanes[group, number, is_replay] = lane, filled
            self._spawn(self._run_lane(lane, filled), f"lane {lane.name}")
        return found

    # --- from the lanes to the vendor ---

    async def _run_lane(self, lane: Lane, filled: Signal) -> None:
        while True:
            while not len(lane):
                await filled.wait()
            await self._linger(lane, filled)
            batch = await self._take_batch(lane)
            if batch:
                await self._deliver(lane, batch)

    async def _linger(self, lane: Lane, filled: Signal) -> None:
        """Give a batch a moment to fill."""
        until = self._clock.monotonic() + self.options.batch_wait_s
        while len(lane) and not lane.is_full():
            wait_s = until - self._clock.monotonic()
            if wait_s <= 0:
                return
            await filled.wait(wait_s)

    async def _take_batch(self, lane: Lane) -> list[Item]:
        """Wait for the pace, then take what is there."""
        while True:
            must_stay = self._is_stopping or self.halt.is_on or (lane.is_replay and not self._may_replay())
            wait_s = None if must_stay else self.pace.wait_s(self._clock.monotonic())
            if wait_s == 0:
                batch = self._take_from(lane)
                if batch:
                    self.pace.leave(self._clock.monotonic())
                    self._flying += 1
                    self._outlet.flights += 1
                    self._outlet.replays += lane.is_replay
                return batch
            await self._changed.wait(wait_s)

    def _take_from(self, lane: Lane) -> list[Item]:
        batch = lane.take()
        if lane.waited:
            self.ledger.count(WAITED, IN_LANE, lane.waited)
            lane.waited = 0
        return batch

    async def _deliver(self, lane: Lane, batch: list[Item]) -> None:
        landing: Landing | None = None
        try:
            landing = await self._flights.fly(batch)
            self._land(lane, batch, landing)
            await self.ledger.flushed()
        finally:
            if landing is None:
                lane.put_back(batch)
                self.pace.abandoned(self._clock.monotonic())
            self._flying -= 1
            self._outlet.flights -= 1
            self._outlet.replays -= lane.is_replay
            self._changed.notify()

    # --- replays take what live traffic leaves ---

    @property
    def _most_replays(self) -> int:
        """How many requests of replays may be on their way: half of all, so that live traffic never waits for a slot."""
        return max(1, self.options.concurrency // 2)

    def _is_live_served(self) -> bool:
        """Whether live traffic leaves anything: it is read to the end of the log, and no full batch of it waits."""
        windows = self.ledger.windows.items()
        return all(window.read >= self._log.end(partition) for partition, window in windows) and not any(
            lane.is_full() for lane, _ in self._lanes.values() if not lane.is_replay
        )

    def _may_replay(self) -> bool:
        """Whether a request of a replay may leave now."""
        most = self.pace.concurrency
        is_slot_free = self._outlet.flights < most and self._outlet.replays < max(1, most // 2)
        return is_slot_free and self._is_live_served()

    def _take_back_replays(self) -> list[Transit]:
        """Empty the lanes of replays. Returns what nothing was sent of; what was sent in part is refused for the rest."""
        items = [
            item for lane, _ in self._lanes.values() if lane.is_replay for item in lane.withdraw(lambda item: True)
        ]
        whole = dict.fromkeys(item.transit for item in items if item.transit.is_untouched)
        for item in items:
            if item.transit not in whole:
                self._settle_item(item, "cancelled before all of it was sent")
        held, self._held = self._held, []
        return [*whole, *held]

    # --- landing ---

    def _land(self, lane: Lane, batch: list[Item], landing: Landing) -> None:
        match landing:
            case Judged(verdicts):
                self.halt.worked("sending")
                self._outages.end()
                lane.widen()
                self._settle_batch(lane, batch, verdicts)
            case Outage():
                self._wait_out(lane, batch, landing)
            case Blocked(reason):
                lane.put_back(batch)
                self._outages.block(reason)
            case Split(reason):
                self.halt.worked("sending")
                self._outages.end()
                self._narrow(lane, batch, reason)
            case Held():
                lane.put_back(batch)
                self.pace.abandoned(self._clock.monotonic())
            case Raised(reason, is_stuck):
                self.pace.abandoned(self._clock.monotonic())
                self._narrow(lane, batch, reason)
                if len(batch) == 1:
                    self.halt.failed("sending", reason)
                elif is_stuck:
                    lane.single_out(len(batch))

    def _settle_batch(self, lane: Lane, batch: Sequence[Item], verdicts: Sequence[Verdict]) -> None:
        later: dict[str, list[tuple[Item, Later]]] = {}
        again: list[Item] = []
        done: list[Transit] = []
        """Those of which all is delivered by now: booked together."""
        for item, verdict in zip(batch, verdicts, strict=True):
            match verdict:
                case Delivered():
                    if item.payload.notes or verdict.warnings:
                        self._report_warnings(item, verdict)
                    if self._is_last(item):
                        done.append(item.transit)
                case Dead(reason):
                    self._settle_item(item, reason)
                case Later():
                    later.setdefault(item.line, []).append((item, verdict))
                case Again() if item.line in later:
                    later[item.line].append((item, later[item.line][0][1]))  # behind it, whatever its own verdict
                case Again():
                    again.append(item)
        self.ledger.deliver(done)
        for transit in done:
            self._after_settling(transit)
        for postponed in later.values():
            first, verdict = postponed[0]
            self._postpone(lane, first, verdict, behind=[item for item, _ in postponed[1:]])
        lane.put_back(again)  # last, or those of a parked line would be parked behind what they stand before

    def _report_warnings(self, item: Item, verdict: Delivered) -> None:
        for warning in item.payload.notes + tuple(verdict.warnings):
            self._logger.warning("delivered with a warning", message_id=item.transit.record.message_id, warning=warning)
            self.ledger.count("warnings")

    def _is_last(self, item: Item) -> bool:
        """Whether the event is delivered, now that the vendor has *item* of it; if not, what is to be noted of it is."""
        transit = item.transit
        if transit.is_replay or transit.refused or len(transit.items) > 1:
            self._settle_item(item)
            return False
        item.state = "settled"
        transit.settled.add(item.key)
        return True

    def _settle_item(self, item: Item, refused: str = "") -> None:
        transit = item.transit
        item.state = "settled"
        if refused:
            transit.refused.append(refused)
        else:
            transit.settled.add(item.key)
        if transit.is_settled:
            self._settle(transit)
        elif not transit.is_replay:
            self.ledger.settle_payload(transit, item.key, refused)

    def _settle(self, transit: Transit) -> None:
        if transit.is_replay:
            self.jobs.settled(transit)
        else:
            if transit.refused:
                self._logger.warning(
                    "event became a dead letter; see and retry it with: router dead-letters",
                    message_id=transit.record.message_id,
                    reason="; ".join(transit.refused),
                )
            self.ledger.settle(transit)
        self._after_settling(transit)

    def _after_settling(self, transit: Transit) -> None:
        if not transit.is_replay:
            self._deactivate(transit)
        if transit.origin == "parked":
            self._parking.settled(transit.line, transit.place)
        transit.items.clear()  # they hold the transit: without this only the garbage collector could free it
        self._changed.notify()

    def _narrow(self, lane: Lane, batch: list[Item], reason: str) -> None:
        """Halve a batch that fails as a whole; a single payload that fails is dead."""
        if len(batch) == 1:
            self._settle_item(batch[0], reason)
            lane.widen()
            return
        lane.batch_limit = len(batch) // 2
        lane.put_back(batch)

    def _wait_out(self, lane: Lane, batch: list[Item], outage: Outage) -> None:
        """The destination waits; unless it is one event that the vendor can't stand, be it with a 500, silence or nonsense."""
        is_suspect = outage.status is None or outage.status >= 500
        others_got_through = self._outages.delivered_at > self._outages.first_failure(batch[0].transit)
        for transit in dict.fromkeys(item.transit for item in batch):
            self._outages.count(transit)
        if len(batch) == 1 and is_suspect and others_got_through:
            self.pace.abandoned(self._clock.monotonic())
            self._postpone(lane, batch[0], Later(outage.reason, outage.after_s), is_counted=True)
            return
        for item in batch:
            if self._outages.is_expired(item.transit):
                self._settle_item(item, f"gave up after {self.options.retry_for_s / 3600:g} hours: {outage.reason}")
        left = [item for item in batch if item.state == "flying"]
        if is_suspect and len(batch) > 1:
            lane.batch_limit = max(1, len(batch) // 2)
        if is_suspect and len(left) == 1:
            lane.put_behind(left[0])  # let somebody else be the probe: that tells whose fault it is
        else:
            lane.put_back(left)
        self._outages.fail(outage.reason, outage.after_s)

    def _go_on(self, halted_s: float) -> None:
        """A halt of the plugin is over; the time it took does not count for the retry windows."""
        self._outages.halted(halted_s)
        held, self._held = self._held, []
        for transit in held:
            self.take_up(transit)
        self._changed.notify()

    # --- parking ---

    def _postpone(
        self, lane: Lane, item: Item, later: Later, behind: Sequence[Item] = (), is_counted: bool = False
    ) -> None:
        """Park the event and, behind it, what its line has in this lane (*behind* came in the same batch)."""
        if item.transit.is_replay:
            for refused in (item, *behind):
                self._settle_item(refused, f"not now: {later.reason}")
            return
        place, line = item.transit.place, item.line
        tries = self.ledger.tries[place] if is_counted else self.ledger.tried(place)
        is_last = later.max_attempts is not None and tries.attempts >= later.max_attempts
        if is_last or self._outages.is_expired(item.transit):
            self._settle_item(item, f"gave up after {tries.attempts} tries: {later.reason}")
            lane.put_back(behind)
            return
        parked = [item, *behind, *lane.withdraw(lambda other: other.line == line)]
        for waiting in parked:
            waiting.state = "waiting"
        for transit in dict.fromkeys(waiting.transit for waiting in parked):
            if transit is not item.transit and not transit.has_waited:
                transit.has_waited = True
                self.ledger.count(WAITED, BEHIND_PARKED)
            self._parking.park(transit, later.reason if transit is item.transit else BEHIND)
            if all(other.state in ("waiting", "settled") for other in transit.items):
                self._deactivate(transit)
        self._parking.postpone(line, later.after_s)
        self._changed.notify()

    async def _release_parked(self) -> None:
        while self._is_rereading:  # before a parked event there may be one of its user that was in a lane at the end
            await self._changed.wait()
        while True:
            line, wait_s = self._parking.next_line()
            if line is None or wait_s > 0:
                await self._parking.changed.wait(wait_s if line is not None else None)
                continue
            for record in await insist(partial(self._parking.release, line), self._clock, **self._facts):
                while self.halt.is_on:
                    await self._changed.wait()
                active = self._active.get(Place.of(record))
                if active is not None:
                    self._dispatch(active)
                else:
                    self.take_up(Transit(record, "parked", line=line, has_waited=True))

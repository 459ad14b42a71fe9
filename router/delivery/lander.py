"""The lander: given how a flight ended, what becomes of its batch, its lane and the destination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from router.clock import Clock
from router.delivery.halt import Halt
from router.delivery.landing import Held, Judged, Landing, Outage, Raised, Unsendable
from router.delivery.lane import Lane
from router.delivery.ledger import Ledger
from router.delivery.order import BEHIND, BEHIND_PARKED, WAITED
from router.delivery.outages import Outages
from router.delivery.outlet import Outlet
from router.delivery.parking import Parking
from router.delivery.retry_windows import RetryWindows
from router.delivery.settlement import Settlement
from router.delivery.suspects import Suspects
from router.delivery.transit import Item
from router.delivery.under_way import UnderWay
from router.destination import write_payload
from router.plugin import Again, Blocked, Dead, Delivered, Later, Payload, Split, Verdict

MOST_MENDINGS: Final = 10
"""How often a payload gives way to another because the vendor refuses a part of it."""


class Lander:
    """One per worker. When `land` returns, each item of the batch is settled, parked, or back in its lane."""

    def __init__(
        self,
        ledger: Ledger,
        settlement: Settlement,
        outages: Outages,
        windows: RetryWindows,
        parking: Parking,
        under_way: UnderWay,
        outlet: Outlet,
        halt: Halt,
        suspects: Suspects,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._settlement = settlement
        self._outages = outages
        self._windows = windows
        self._parking = parking
        self._under_way = under_way
        self._pace = outlet.pace
        self._changed = outlet.changed
        self._halt = halt
        self._suspects = suspects
        self._clock = clock
        self._logger = structlog.get_logger().bind(destination=ledger.name)

    def land(self, lane: Lane, batch: list[Item], landing: Landing) -> None:
        """The flight of *batch* (1 or more items of *lane*) has ended with *landing*."""
        match landing:
            case Judged(verdicts):
                self._halt.worked("sending")
                self._outages.end()
                if any(isinstance(verdict, Delivered) for verdict in verdicts):
                    self._suspects.got_through(batch[0].endpoint.name, self._clock.monotonic())
                lane.widen()
                self._settle(lane, batch, verdicts)
            case Outage():
                self._wait_out(lane, batch, landing)
            case Blocked(reason):
                self._wait_unless_suspect(lane, batch, reason)
            case Split(reason):
                self._halt.worked("sending")
                self._outages.end()
                self._narrow(lane, batch, reason)
            case Held():
                lane.put_back(batch)
                self._pace.abandoned(self._clock.monotonic())
            case Unsendable(reason):  # which tells nothing of how the vendor is
                self._pace.abandoned(self._clock.monotonic())
                self._narrow(lane, batch, reason)
            case Raised(reason, is_stuck):
                self._pace.abandoned(self._clock.monotonic())
                self._narrow(lane, batch, reason)
                if len(batch) == 1:
                    self._halt.failed("sending", reason)
                elif is_stuck:
                    lane.single_out(len(batch))

    def _settle(self, lane: Lane, batch: Sequence[Item], verdicts: Sequence[Verdict]) -> None:
        later: dict[str, list[tuple[Item, Later]]] = {}
        again: list[Item] = []
        delivered: list[Item] = []
        for item, verdict in zip(batch, verdicts, strict=True):
            if isinstance(verdict, Again) and verdict.instead is not None and not self._mend(item, verdict.instead):
                continue
            match verdict:
                case Delivered():
                    if item.payload.notes or verdict.warnings:
                        self._report_warnings(item, verdict)
                    if item.transit.is_suspect:
                        self._suspects.acquit(item.transit.place)
                    delivered.append(item)
                case Dead(reason):
                    self._settlement.refuse_item(item, reason)
                case Later():
                    later.setdefault(item.line, []).append((item, verdict))
                case Again() if item.line in later:
                    later[item.line].append((item, later[item.line][0][1]))  # behind it, whatever its own verdict
                case Again():
                    again.append(item)
        self._settlement.deliver(delivered)
        for postponed in later.values():
            first, verdict = postponed[0]
            self._postpone(lane, first, verdict, behind=[item for item, _ in postponed[1:]])
        lane.put_back(again)  # last: `_postpone` would park an item behind the later one of its line that it precedes

    def _mend(self, item: Item, payload: Payload) -> bool:
        """Put *payload* in the place of the item's own; False: it can't be sent, and the item is dead."""
        item.mendings += 1
        if item.mendings > MOST_MENDINGS:
            reason = "; ".join(payload.notes) or "no word of what"
            self._settlement.refuse_item(
                item, f"parts of it were refused {item.mendings} times, one after another: {reason}"
            )
            return False
        payload = replace(payload, key=item.payload.key, group=item.payload.group)
        written = write_payload(payload, item.endpoint)
        if written.too_big:
            self._settlement.refuse_item(item, written.too_big)
            return False
        item.payload, item.size = written.payload, written.size
        return True

    def _report_warnings(self, item: Item, verdict: Delivered) -> None:
        for warning in item.payload.notes + tuple(verdict.warnings):
            self._logger.warning("delivered with a warning", message_id=item.transit.record.message_id, warning=warning)
            self._ledger.count("warnings")

    def _narrow(self, lane: Lane, batch: list[Item], reason: str) -> None:
        """Halve a batch that fails as a whole. A single payload that fails is dead."""
        if len(batch) == 1:
            self._settlement.refuse_item(batch[0], reason)
            lane.widen()
            return
        lane.batch_limit = len(batch) // 2
        lane.put_back(batch)

    def _wait_out(self, lane: Lane, batch: list[Item], outage: Outage) -> None:
        """Let the destination wait, unless one event is to blame: one that the vendor always answers with a 500, silence or
        nonsense."""
        is_suspect = outage.status is None or outage.status >= 500
        for transit in dict.fromkeys(item.transit for item in batch):
            self._windows.count(transit)
        if len(batch) == 1 and is_suspect and self._is_to_blame(batch[0], outage):
            self._pace.abandoned(self._clock.monotonic())
            self._postpone(lane, batch[0], Later(outage.reason, outage.after_s), is_away=True)
            return
        for item in batch:
            if self._windows.is_over(item.transit):
                hours = self._windows.retry_for_s / 3600
                self._settlement.refuse_item(item, f"gave up after {hours:g} hours: {outage.reason}")
        left = [item for item in batch if item.state == "flying"]
        if is_suspect:
            self._let_another_probe(lane, left, len(batch))
        else:
            lane.put_back(left)
        self._outages.fail(outage.reason, outage.after_s)

    def _is_to_blame(self, item: Item, outage: Outage) -> bool:
        """Whether the failure is the event's own. One that is read from the log only waits by itself then, and may as well when
        the vendor was away twice. But a replay's would be dead, and a vendor that names a wait asks all to wait: both must be
        proven."""
        if item.transit.is_replay or outage.after_s:
            return self._is_proven(item)
        return self._outages.has_delivered_since_it_failed(item.transit)

    def _is_proven(self, item: Item) -> bool:
        item.transit.is_suspect = True
        return self._suspects.refused(item.transit.place, item.endpoint.name, self._clock.monotonic())

    def _wait_unless_suspect(self, lane: Lane, batch: list[Item], reason: str) -> None:
        """Block the destination, unless it is proven that one event is to blame."""
        if len(batch) == 1 and self._is_proven(batch[0]):
            self._pace.abandoned(self._clock.monotonic())
            self._postpone(lane, batch[0], Later(reason))
            return
        self._let_another_probe(lane, batch, len(batch))
        self._outages.block(reason)

    def _let_another_probe(self, lane: Lane, left: Sequence[Item], flown: int) -> None:
        """Put back what is *left* of a batch of *flown* so that the next one is half of it, and without an item that was alone:
        another line's shows whose fault it is."""
        if flown > 1:
            lane.batch_limit = max(1, flown // 2)
        if len(left) == 1:
            lane.put_behind(left[0])
        else:
            lane.put_back(left)

    def _postpone(
        self, lane: Lane, item: Item, later: Later, behind: Sequence[Item] = (), is_away: bool = False
    ) -> None:
        """Park the event and, behind it, the line's other items in this lane. *behind* were in the same batch. *is_away*: the
        vendor may have been, and the try is counted."""
        if item.transit.is_replay:
            for refused in (item, *behind):
                self._settlement.refuse_item(refused, f"not now: {later.reason}")
            return
        place, line = item.transit.place, item.line
        if not is_away:
            self._windows.count(item.transit)
        tries = self._ledger.tries[place]
        # Tries in an outage count too, and attempts of the line may be those of another event: neither alone is enough.
        own = min(tries.attempts, self._parking.own_attempts(line))
        is_last = later.max_attempts is not None and own >= later.max_attempts
        if is_last or self._windows.is_over(item.transit):
            self._settlement.refuse_item(item, f"gave up after try {tries.attempts}: {later.reason}")
            lane.put_back(behind)
            return
        parked = [item, *behind, *lane.withdraw(lambda other: other.line == line)]
        for waiting in parked:
            waiting.state = "waiting"
        for transit in dict.fromkeys(waiting.transit for waiting in parked):
            if transit is not item.transit and not transit.has_waited:
                transit.has_waited = True
                self._ledger.count(WAITED, BEHIND_PARKED)
            self._parking.park(transit, later.reason if transit is item.transit else BEHIND)
            if transit.is_at_rest:
                self._under_way.remove(transit)
        self._parking.postpone(line, later.after_s, is_away)
        self._changed.notify()

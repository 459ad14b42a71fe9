"""Settlement: how an event and its payloads come to their end, in the books of live events or in those of a replay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from router.delivery.jobs.jobs import Jobs
from router.delivery.ledger import Ledger, storable
from router.delivery.letter_log import LetterLog
from router.delivery.parking import Parking
from router.delivery.signal import Signal
from router.delivery.transit import Item, Transit
from router.delivery.under_way import UnderWay


class Settlement:
    """One per worker. A payload is delivered or refused. An event settles with the last of its payloads."""

    def __init__(
        self,
        ledger: Ledger,
        jobs: Jobs,
        parking: Parking,
        under_way: UnderWay,
        changed: Signal,
        letter_log: LetterLog,
    ) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._parking = parking
        self._under_way = under_way
        self._changed = changed
        self._letter_log = letter_log

    # --- events ---

    def skip(self, transit: Transit, reason: str) -> None:
        """Nothing of the event is for this destination."""
        if transit.is_replay:
            self._jobs.skipped(transit, reason)
        else:
            self._ledger.skip(transit, reason)
        self._end((transit,))

    def refuse(self, transit: Transit, reason: str) -> None:
        """Everything that was left of the event is dead, for *reason*."""
        transit.refused.append(reason)
        self.settle(transit)

    def shed(self, transit: Transit, reason: str) -> None:
        """The event, read from the log, is dead whatever became of its payloads."""
        self._ledger.kill(transit.record, reason, transit)
        self._end((transit,))

    def settle(self, transit: Transit) -> None:
        """All payloads of the event are settled."""
        if transit.is_replay:
            self._jobs.settled(transit)
        else:
            if transit.refused:
                self._letter_log.note(transit.record, storable(transit.reason))
            self._ledger.settle(transit)
        self._end((transit,))

    def _end(self, transits: Iterable[Transit]) -> None:
        for transit in transits:
            if not transit.is_replay:
                self._under_way.remove(transit)
            if transit.origin == "parked":
                self._parking.settled(transit.line, transit.place)
            transit.items.clear()  # break the reference cycle: else only the garbage collector could free the transit
        self._changed.notify()

    # --- payloads ---

    def deliver(self, items: Sequence[Item]) -> None:
        """The vendor has all of *items*."""
        done: list[Transit] = []
        """Events that are now delivered completely: booked together."""
        others: dict[Transit, list[Item]] = {}
        for item in items:
            transit = item.transit
            if transit.is_replay or transit.refused or len(transit.items) > 1:
                others.setdefault(transit, []).append(item)
            else:
                item.state = "settled"
                done.append(transit)
        for transit, delivered in others.items():
            self._settle_items(transit, delivered)
        self._ledger.deliver(done)
        self._end(done)

    def refuse_item(self, item: Item, reason: str) -> None:
        """The payload is dead, for *reason*."""
        item.transit.refused.append(reason)
        self._settle_items(item.transit, [item], reason)

    def _settle_items(self, transit: Transit, items: Sequence[Item], refused: str = "") -> None:
        """The vendor has *items* of the event or, with a reason *refused*, they are dead."""
        for item in items:
            item.state = "settled"
            item.is_delivered = not refused
        is_last = transit.is_settled
        keys: Iterable[str] = ()  # they cost something, so they are made only where somebody will ask for them
        if not refused and (transit.refused or not is_last):
            keys = transit.note_delivered(items)
        elif not is_last:
            keys = map(transit.key_of, items)
        if is_last:
            self.settle(transit)
        else:
            for key in keys:
                self._ledger.settle_payload(transit, key, refused)
            if transit.is_at_rest and not transit.is_replay:  # the rest is parked; its turn reads it from disk
                self._under_way.remove(transit)

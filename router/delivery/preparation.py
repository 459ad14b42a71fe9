"""Preparation: decides on an event, maps it, and puts its payloads into the lanes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import repeat
from typing import Final

import structlog

from router.clock import Clock
from router.decision import Decision
from router.delivery.decoder import Decoder
from router.delivery.halt import Halt
from router.delivery.lanes import Lanes
from router.delivery.ledger import Ledger
from router.delivery.settlement import Settlement
from router.delivery.transit import Item, Transit
from router.delivery.unknown_names import UnknownNames
from router.delivery.unknown_sources import UnknownSources
from router.destination import Destination, MappingFailed, write_payload
from router.event import Event
from router.event_times import age_s
from router.payload_key import find_settled

LARGE_EVENT_BYTES: Final = 10_000
"""From here on an event may bring about more than the router takes (ten thousand payloads, a key of ten thousand characters),
and nothing need be wrong with the plugin: else anybody who may send events could stop the destination. A smaller one can't."""


_NOTHING: Final[Mapping[str, str]] = {}


class Preparation:
    """One per worker. While nothing may call the plugin, replays wait in here; the reader and the parking hold live events back
    themselves."""

    def __init__(
        self,
        destination: Destination,
        ledger: Ledger,
        halt: Halt,
        settlement: Settlement,
        lanes: Lanes,
        clock: Clock,
        decoder: Decoder,
        unknown_names: UnknownNames,
        unknown_sources: UnknownSources,
    ) -> None:
        self.held: list[Transit] = []
        """Replays that wait until the plugin may be called again."""
        self._destination = destination
        self._endpoints = destination.endpoints
        self._ledger = ledger
        self._halt = halt
        self._settlement = settlement
        self._lanes = lanes
        self._clock = clock
        self._decoder = decoder
        self._unknown_names = unknown_names
        self._unknown_sources = unknown_sources
        self._logger = structlog.get_logger().bind(destination=destination.name)

    def take_up(self, transit: Transit) -> None:
        """Decide, map, and put the payloads into the lanes, or settle the event at once."""
        if transit.is_replay and self._halt.is_on:
            self.held.append(transit)
        elif self._prepare(transit):
            self._lanes.put(transit)

    def take_back(self) -> list[Transit]:
        """Give the waiting replays back to the caller."""
        held, self.held = self.held, []
        return held

    def _prepare(self, transit: Transit) -> bool:
        """Decide and map. False if the event is settled already: skipped, or dead because it can't be mapped."""
        record = transit.record
        try:
            event = self._decoder.event(record)
            if event.integrations:
                self._unknown_names.look(event, record.partition, record.sequence)
            self._unknown_sources.look(record.source)
            age = age_s(event, self._clock.now()) if transit.is_historical else None
            decision = self._destination.decide(event, record.source, age)
            if transit.origin == "log" and decision.flag is not None and decision.flag.warnings:
                self._ledger.count("odd_flags")
            if not decision.is_delivered:
                self._settlement.skip(transit, decision.reason)
                return False
            skipped = self._add_items(transit, event, decision)
            self._halt.worked("mapping")
        except MappingFailed as error:
            self._settlement.refuse(transit, f"mapping: {error}")
            if error.is_by_plugin or len(record.event) < LARGE_EVENT_BYTES:
                self._halt.failed("mapping", str(error))
            return False
        except Exception as error:
            self._logger.error("event can't be mapped", message_id=record.message_id, exc_info=error)
            self._settlement.refuse(transit, f"mapping: {type(error).__name__}: {error}")
            return False
        if not transit.items:
            self._settlement.skip(transit, f"action: {'; '.join(dict.fromkeys(skipped))}")
            return False
        if transit.is_settled:
            self._settlement.settle(transit)
            return False
        return True

    def _add_items(self, transit: Transit, event: Event, decision: Decision) -> list[str]:
        """Add the payloads to *transit*. Returns the reasons of actions that made none."""
        noted = transit.noted if transit.is_replay else self._ledger.settled_payloads.get(transit.place)
        earlier = noted or _NOTHING
        known: Collection[str] = transit.settled
        if earlier:
            transit.settled |= {key for key, refused in earlier.items() if not refused}
            known = earlier.keys() | transit.settled
        skipped: list[str] = []
        for mapped in self._destination.map(event, decision):
            if mapped.skipped:
                skipped.append(mapped.skipped)
                continue
            endpoint = self._endpoints[mapped.action.endpoint]
            made, name, before = self._destination.write(mapped), mapped.action.name, len(transit.items)
            found: Iterable[str] = find_settled(name, mapped.unmarked, known) if known else repeat("")
            for written, unmarked, settled in zip(made, mapped.unmarked, found, strict=False):
                # Written as what waits is, since objects take ten times as much; without a mark the two are one.
                known_by = write_payload(unmarked, endpoint).payload if mapped.mark else written.payload
                item = Item(transit, name, written.payload, endpoint, written.size, known_by)
                transit.items.append(item)
                if settled in transit.settled:
                    item.state, item.is_delivered = "settled", True
                elif settled:
                    item.state = "settled"
                    transit.refused.append(earlier[settled])
                elif written.too_big:
                    item.state = "settled"
                    transit.refused.append(f"{name}: {written.too_big}")
            if known and name not in transit.settled and all(item.is_delivered for item in transit.items[before:]):
                # It makes nothing any more that was refused. Noted, for a mapping of tomorrow may make it differently.
                transit.settled.add(name)
                self._ledger.settle_payload(transit, name)
        transit.settled_before = len(transit.settled)
        return skipped

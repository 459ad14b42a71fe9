"""A forecast: what would become of an event if it were sent now. Decides and maps as delivery does, but sends nothing. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from router.destination import Destination, MappingFailed
from router.event import Event
from router.event_times import age_s
from router.log.record import Record
from router.payload_key import find_settled


@dataclass(frozen=True, slots=True)
class Forecast:
    """``send``: the vendor would get it. ``done``: it has all of it already. ``skip``: today's flags, consent, filter, triggers
    or the plugin hold it back. ``die``: it can't be mapped, or some or all of it is too big."""

    kind: Literal["send", "done", "skip", "die"]
    reason: str = ""
    marks: tuple[str, ...] = ()
    """The vendor's words for old events that the payloads would carry."""


def forecast(
    destination: Destination,
    record: Record,
    now_s: float,
    is_historical: bool = False,
    delivered: Collection[str] = (),
) -> Forecast:
    """What `Preparation.take_up` would do with the event. *delivered*: keys of payloads that are not sent again."""
    try:
        event = Event.from_json(record.event)
        decision = destination.decide(event, record.source, age_s(event, now_s) if is_historical else None)
        if not decision.is_delivered:
            return Forecast("skip", decision.reason)
        made = destination.map(event, decision)
        left = [
            (mapped, written)
            for mapped in made
            for written, key in zip(
                destination.write(mapped), find_settled(mapped.action.name, mapped.unmarked, delivered), strict=True
            )
            if not key
        ]
    except MappingFailed as error:
        return Forecast("die", f"mapping: {error}")
    except Exception as error:
        return Forecast("die", f"mapping: {type(error).__name__}: {error}")
    too_big = [f"{mapped.action.name}: {written.too_big}" for mapped, written in left if written.too_big]
    if too_big:
        return Forecast("die", "; ".join(dict.fromkeys(too_big)))
    if not any(mapped.payloads for mapped in made):
        return Forecast("skip", f"action: {'; '.join(dict.fromkeys(mapped.skipped for mapped in made))}")
    if not left:
        return Forecast("done")
    return Forecast("send", marks=tuple(dict.fromkeys(mapped.mark for mapped, _ in left if mapped.mark)))

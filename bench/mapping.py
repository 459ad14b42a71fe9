"""Mapping alone: an identify with all reserved traits, from its bytes in the log, decided on, to the bytes of what is sent.

Beside it a loop written by hand for this one event: no table, no settings, no rule about null, length or type.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson

from bench.figure import Figure
from bench.processes import SETTINGS
from plugins.customerio import PLUGIN as CUSTOMERIO
from plugins.mixpanel import PLUGIN as MIXPANEL
from plugins.webhook import PLUGIN as WEBHOOK
from router.alarm import Alarm
from router.destination import Destination
from router.event import Event
from router.plugin import Plugin
from router.testing.samples import PERSON

REPEATS: Final = 200
SLICES: Final = 40
"""In a round."""

IDENTIFY: Final = orjson.dumps(
    {
        "type": "identify",
        "messageId": "ajs-next-1a2b3c4d5e6f7a8b9c0d",
        "userId": "u-17",
        "anonymousId": "3f8c2d1e-6a7b-4c5d-8e9f-0a1b2c3d4e5f",
        "traits": {**PERSON, "plan": "gold", "logins": 3},
        "context": {"ip": "203.0.113.7", "library": {"name": "analytics.js", "version": "2.11.1"}, "locale": "en-GB"},
        "timestamp": "2026-03-04T10:20:30.123Z",
        "originalTimestamp": "2026-03-04T10:20:30.123Z",
        "sentAt": "2026-03-04T10:20:31.000Z",
        "receivedAt": "2026-03-04T10:20:31.000Z",
        "channel": "browser",
        "version": 2,
    }
)
_NAMES: Final = {
    "email": "$email",
    "firstName": "$first_name",
    "lastName": "$last_name",
    "name": "$name",
    "username": "$username",
    "phone": "$phone",
    "avatar": "$avatar",
}


def measure(rounds: int) -> list[Figure]:
    plugins = (MIXPANEL, CUSTOMERIO, WEBHOOK)
    alarm = Alarm(lambda *_: None)
    alarm.set()  # calls are timed, as in delivery
    try:
        by_hand, *costs = _costs_us([map_by_hand, *map(_mapper, plugins)], rounds * SLICES)
    finally:
        alarm.clear()
    return [
        Figure(
            f"mapping an identify with all traits: {plugin.name}",
            f"{cost:.1f} µs",
            f"by hand: {by_hand:.1f} µs",
            f"{cost / by_hand:.1f} ×",
            "≤ 20 µs where by hand takes 6 (3.3 ×)",
        )
        for plugin, cost in zip(plugins, costs, strict=True)
    ]


def _mapper(plugin: Plugin) -> Callable[[], object]:
    settings = plugin.settings.model_validate({**SETTINGS[plugin.slug], "base_url": "http://127.0.0.1:1"})
    return partial(_map, Destination(plugin.slug, plugin, settings))


def _map(destination: Destination) -> list[bytes]:
    event = Event.from_log(IDENTIFY)
    decision = destination.decide(event, "website")  # delivery maps what it has decided on
    return [orjson.dumps(payload.body) for mapped in destination.map(event, decision) for payload in mapped.payloads]


def map_by_hand() -> bytes:
    event = orjson.loads(IDENTIFY)
    written: dict[str, Any] = {}
    for name, value in event["traits"].items():
        if name == "createdAt":
            written["$created"] = datetime.fromisoformat(value).replace(tzinfo=None).isoformat()
        elif name == "birthday":
            written["birthday"] = datetime.fromisoformat(value).isoformat()
        elif name == "address":
            written["$city"], written["$region"] = value.get("city"), value.get("state")
            written["$country_code"], written["postal_code"] = value.get("country"), value.get("postalCode")
            written["street"] = value.get("street")
        elif name == "company":
            for part, of_part in value.items():
                written["company_" + part] = of_part
        else:
            written[_NAMES.get(name, name)] = value
    return orjson.dumps({"$distinct_id": event["userId"], "$ip": event["context"]["ip"], "$set": written})


def _costs_us(works: Sequence[Callable[[], object]], slices: int) -> list[float]:
    """µs of each of *works*: the least of many short slices, taken in turn, for what else the machine does only adds to it."""
    costs: list[list[float]] = [[] for _ in works]
    for _ in range(slices):
        for work, found in zip(works, costs, strict=True):
            before = time.process_time()
            for _ in range(REPEATS):
                work()
            found.append((time.process_time() - before) / REPEATS * 1e6)
    return [min(found) for found in costs]

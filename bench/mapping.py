"""Mapping alone: an identify with all reserved traits, from its bytes in the log to the bytes of what is sent.

Beside it a loop written by hand for this one event: no table, no settings, no rule about null, length or type.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import Any, Final

import orjson

from bench.events import PERSON
from bench.figure import Figure
from bench.processes import SETTINGS
from plugins.customerio import PLUGIN as CUSTOMERIO
from plugins.mixpanel import PLUGIN as MIXPANEL
from plugins.webhook import PLUGIN as WEBHOOK
from router.destination import Destination
from router.event import Event

REPEATS = 3_000

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
    by_hand = _cost_us(map_by_hand, rounds)
    figures = []
    for plugin in (MIXPANEL, CUSTOMERIO, WEBHOOK):
        settings = plugin.settings.model_validate({**SETTINGS[plugin.slug], "base_url": "http://127.0.0.1:1"})
        destination = Destination(plugin.slug, plugin, settings)
        cost = _cost_us(lambda to=destination: _map(to), rounds)
        reference = f"by hand: {by_hand:.1f} µs"
        name = f"mapping an identify with all traits: {plugin.name}"
        figures.append(Figure(name, f"{cost:.1f} µs", reference, f"{cost / by_hand:.1f} ×", "≤ 20 µs"))
    return figures


def _map(destination: Destination) -> list[bytes]:
    event = Event.from_log(IDENTIFY)
    return [orjson.dumps(payload.body) for mapped in destination.map(event) for payload in mapped.payloads]


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


def _cost_us(work: Callable[[], object], rounds: int) -> float:
    costs = []
    for _ in range(rounds):
        before = time.process_time()
        for _ in range(REPEATS):
            work()
        costs.append((time.process_time() - before) / REPEATS * 1e6)
    return median(costs)

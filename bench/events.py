"""The events of the benchmarks: calls as a browser's SDK sends them, about 1 KB each."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final

from router.testing.samples import PERSON

MARK: Final = "bench_at"
"""A property of every event: when it was sent, in Unix seconds. Vendors count events by it, and read how long they took."""

USERS: Final = 2_000

_CONTEXT: Final[Mapping[str, Any]] = {
    "ip": "203.0.113.7",
    "library": {"name": "analytics.js", "version": "2.11.1"},
    "locale": "en-GB",
    "timezone": "Europe/London",
    "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "page": {
        "path": "/pricing",
        "referrer": "https://www.example.test/start",
        "search": "?ref=newsletter",
        "title": "Pricing",
        "url": "https://www.example.test/pricing?ref=newsletter",
    },
}
_ORDER: Final = {
    "order_id": "o-5021",
    "revenue": 19.99,
    "currency": "EUR",
    "coupon": "SPRING",
    "items": 3,
    "is_gift": False,
    "shipping": {"city": "London", "method": "post"},
    "variant": "b",
}


def calls(seed: int = 1) -> Iterator[dict[str, Any]]:
    """Calls without end, no two with one messageId: 7 tracks, 2 pages and an identify of every ten."""
    chance = random.Random(seed)
    for number in count():
        user = chance.randrange(USERS)
        now = time.time()
        sent = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        call: dict[str, Any] = {
            "messageId": f"ajs-next-{chance.getrandbits(64):016x}-{number}",
            "userId": f"user-{user}",
            "anonymousId": f"3f8c2d1e-6a7b-4c5d-8e9f-{user:012x}",
            "timestamp": sent,
            "sentAt": sent,
            "context": _CONTEXT,
            "integrations": {},
        }
        kind = number % 10
        if kind == 0:
            yield {"type": "identify", **call, "traits": {**PERSON, MARK: now}}
        elif kind <= 2:
            yield {"type": "page", **call, "name": "Pricing", "properties": {**_CONTEXT["page"], MARK: now}}
        else:
            yield {"type": "track", **call, "event": "Order Completed", "properties": {**_ORDER, MARK: now}}

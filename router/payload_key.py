"""The key of a payload: by it is known which payloads of an event are settled, so that they are not sent again. Pure.

    identify user                      all that the action made is delivered; whatever it makes today, it is done
    send purchase/0f3a55e0c1d29b84     of several payloads, the one that says this
    send purchase/0f3a55e0c1d29b84/2   the second one that says the same

What an action makes of an event may be something else tomorrow: its mapping is changed, or there is a new version of the
plugin. So a payload is known by what it says and not by its place among the others: one that has changed is another one, and is
sent. Its group is part of that, since a request may say something once for all in it. The vendor's word for old events is not,
for a dead letter of a replay may be tried again as a new event. Older routers noted places (``send purchase/0``). Those match
nothing: what stood there is not known, and a repeat is better than a loss.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Final

import orjson

from router.counted import counted
from router.plugin import Payload

_OF_SEVERAL: Final = re.compile(r"/[0-9a-f]{16}(/\d+)?$")


def payload_keys(action: str, payloads: Sequence[Payload]) -> list[str]:
    """The key of each of the *payloads*, which are all that the action with that name makes of an event, in their order."""
    keys: list[str] = []
    seen: Counter[str] = Counter()
    for payload in payloads:
        said = orjson.dumps(payload.body) + payload.group.encode("utf-8", "surrogatepass")
        key = f"{action}/{blake2b(said, digest_size=8).hexdigest()}"
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}/{seen[key]}")
    return keys


def find_settled(action: str, payloads: Sequence[Payload], settled: Collection[str]) -> list[str]:
    """For each of the *payloads*, which are all that the action with that name makes of an event today: the key among *settled*
    that stands for it, or "" if it is to be sent."""
    if action in settled:
        return [action] * len(payloads)
    if not any(key.startswith(f"{action}/") for key in settled):
        return [""] * len(payloads)
    known = frozenset(settled)  # there may be thousands on both sides
    return [key if key in known else "" for key in payload_keys(action, payloads)]


def describe_settled(settled: Collection[str]) -> list[str]:
    """The keys in words, by action: ``identify user``, ``send purchase (2 payloads)``. Places, as older routers noted them,
    stay as they are."""
    names = Counter(_OF_SEVERAL.sub("", key) for key in settled)
    return [name if name in settled else f"{name} ({counted(count, 'payload')})" for name, count in names.items()]

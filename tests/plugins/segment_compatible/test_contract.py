"""All that the core relies on, of the flavour with the least to read in an answer and of that with the most."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from plugins import segment_compatible
from router.plugin import Blocked, Dead, Delivered, Later, Payload, Split
from router.testing import Answer, PluginContract


def refusing_the_second(payloads: Sequence[Payload]) -> bytes:
    error = f"Message ID: {payloads[1].key}: no event"
    return orjson.dumps({"ok": False, "receivedEvents": 3, "okEvents": 2, "errors": [error]})


class TestSegment(PluginContract):
    plugin = segment_compatible.PLUGIN
    minimal = {"write_key": "key-of-a-test", "region": "eu"}
    answers = {
        200: Answer(Delivered, b'{"success": true}'),
        400: Answer(Dead, b'{"success": false, "error": "invalid JSON"}'),
        429: Later,
        500: Later,
        503: Later,
    }


class TestJitsu(PluginContract):
    plugin = segment_compatible.PLUGIN
    minimal = {
        "flavour": "jitsu",
        "url": "https://ingest.example.test/",
        "write_key": "id-of-a-test:secret",
        "integrations": "drop",
        "gzip": True,
    }
    answers = {
        200: [
            Answer(Delivered, b'{"ok": true, "receivedEvents": 1, "okEvents": 1}'),
            Answer((Delivered, Dead, Delivered), refusing_the_second),
        ],
        400: Dead,
        401: Blocked,
        413: Split,
        500: Later,
    }

"""What the core relies on."""

from __future__ import annotations

from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract

from router_acme import PLUGIN


class TestContract(PluginContract):
    plugin = PLUGIN
    minimal = {"api_key": "a-key"}
    answers = {
        200: (
            Answer(Delivered, b'{"refused": []}'),
            Answer((Delivered, Dead), b'{"refused": [{"index": 1, "reason": "id is missing"}]}'),
        ),
        400: Dead,
        401: Blocked,
        413: Split,
        429: Later,
        500: Later,
    }

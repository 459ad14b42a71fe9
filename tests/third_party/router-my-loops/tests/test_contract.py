"""What the core relies on."""

from __future__ import annotations

from router.plugin import Blocked, Dead, Delivered, Later
from router.testing import Answer, PluginContract

from router_my_loops import PLUGIN


class TestContract(PluginContract):
    plugin = PLUGIN
    minimal = {"api_key": "a-key"}
    answers = {
        200: Answer(Delivered, b'{"success": true}'),
        400: Answer(Dead, b'{"success": false, "message": "email or userId is missing"}'),
        401: Blocked,
        404: Dead,
        405: Dead,
        409: (Answer(Delivered, endpoint="events"), Answer(Dead, endpoint="contacts")),
        429: Later,
        500: Later,
    }

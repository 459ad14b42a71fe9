"""All that the core relies on, of Intercom."""

from __future__ import annotations

from plugins import intercom
from router.plugin import Blocked, Dead, Delivered, Later
from router.testing import Answer, PluginContract


class TestIntercom(PluginContract):
    plugin = intercom.PLUGIN
    minimal = {"access_token": "token-of-a-test"}
    answers = {
        202: Answer(Delivered, b""),
        400: Dead,
        401: Blocked,
        403: Blocked,
        404: Later,
        408: Later,
        422: Dead,
        429: Later,
        500: Later,
    }

"""Whole requests, one file a case in ``golden/``: the call, the settings and what is sent, without credentials."""

from __future__ import annotations

from pathlib import Path

from plugins import slack
from router.testing import GoldenRequests


class TestRequests(GoldenRequests):
    plugin = slack.PLUGIN
    minimal = {"bot_token": "xoxb-of-a-test", "channel": "C0123ABCD"}
    folder = Path(__file__).with_name("golden")

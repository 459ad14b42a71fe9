"""The plugin test kit: everything that the core relies on, as tests that a plugin inherits. For outside authors too.

    from router.testing import Answer, GoldenRequests, PluginContract, open_stand_in

    class TestAcme(PluginContract):
        plugin = acme.PLUGIN
        minimal = {"project_token": "t"}
        answers = {200: Answer(Delivered, b'{"status": 1}'), 429: Later, 400: Dead}

    class TestAcmeRequests(GoldenRequests):
        plugin = acme.PLUGIN
        minimal = {"project_token": "t"}
        folder = Path(__file__).with_name("golden")

`Mapper` and `open_stand_in` are for your own tests: of what becomes of an event, and of a stand-in over a socket. The kit needs
pytest and none of its plugins. The sample events are in `router.testing.samples`.
"""

import pytest

# When a test of the kit fails, pytest shows the values, as it does in an author's own tests.
pytest.register_assert_rewrite("router.testing.contract", "router.testing.golden")

from router.testing.answers import Answer, Answers
from router.testing.contract import PluginContract
from router.testing.golden import GoldenRequests
from router.testing.mapper import Mapper
from router.testing.rehearsal import Rehearsal
from router.testing.samples import make_event
from router.testing.stand_in import StandIn, open_stand_in

__all__ = [
    "Answer",
    "Answers",
    "GoldenRequests",
    "Mapper",
    "PluginContract",
    "Rehearsal",
    "StandIn",
    "make_event",
    "open_stand_in",
]

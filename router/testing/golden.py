"""Golden requests: one file per case, with the call, the settings and everything that is sent for it, without credentials.

To add a case, write a file with ``call`` and perhaps ``settings``. With ``GOLDEN=write`` in the environment, the tests write
what is sent into every file, for a person to read before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest

from router.event import EVENT_TYPES
from router.plugin import Plugin
from router.testing.rehearsal import Rehearsal
from router.testing.samples import make_event


class GoldenRequests:
    """Subclass it in a test module, name the class ``Test…``, and fill in the attributes.

    A file ``golden/NAME.json`` is ``{"call": {"type": "identify", "userId": …}, "settings": {…}, "requests": [{"action",
    "method", "url", "headers", "json" or "form"}], "skipped": {action: reason}}``. Each call the plugin has an action for needs
    one.
    """

    plugin: ClassVar[Plugin]
    minimal: ClassVar[Mapping[str, Any]]
    """The least settings that a destination needs. A case's own are laid over them."""
    folder: ClassVar[Path]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "golden" in metafunc.fixturenames:
            files = sorted(self.folder.glob("*.json"))
            metafunc.parametrize("golden", files, ids=[file.stem for file in files])

    def test_every_call_of_the_plugin_has_a_golden_request(self) -> None:
        covered = {orjson.loads(file.read_bytes())["call"]["type"] for file in self.folder.glob("*.json")}
        wanted = {call for action in self.plugin.actions for call in action.on}
        assert not wanted - covered, (
            f"calls without a file in {self.folder}: {sorted(wanted - covered)}. Write one with a call for each, such as "
            '{"call": {"type": "group", "userId": "u1", "groupId": "g1"}}, and run GOLDEN=write pytest'
        )
        assert covered <= set(EVENT_TYPES)

    def test_a_call_becomes_exactly_these_requests(self, golden: Path) -> None:
        case = orjson.loads(golden.read_bytes())
        made = self.make(case["call"], case.get("settings", {}))
        advice = f"{golden.name} is stale, or new? Write it with GOLDEN=write, and read what changed."
        if os.environ.get("GOLDEN") == "write":
            golden.write_bytes(orjson.dumps({**case, **made}, option=orjson.OPT_INDENT_2) + b"\n")
            advice = f"{golden.name} is written: read what changed, then run the tests without GOLDEN=write."
        expected = {"requests": case.get("requests"), "skipped": case.get("skipped", {})}
        assert made == expected, advice

    def make(self, call: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
        """What is sent for *call*, with conversations answered as they assume, and which actions skip it."""
        rehearsal = Rehearsal(self.plugin, self.plugin.settings.model_validate({**self.minimal, **settings}))
        event = make_event(**{"call": call["type"], **{name: call[name] for name in call if name != "type"}})
        requests = [
            {
                "action": sent.action,
                "method": sent.request.method,
                "url": sent.request.url,
                "headers": dict(sent.request.headers),
                "form" if sent.request.form else "json": sent.request.json,
            }
            for sent in rehearsal.requests(event)
        ]
        skipped = {mapped.action.name: mapped.skipped for mapped in rehearsal.map(event) if mapped.skipped}
        made: dict[str, Any] = orjson.loads(orjson.dumps({"requests": requests, "skipped": skipped}))
        return made

"""A config of two destinations whose vendors nobody reaches, and one whose router runs."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.in_memory import tmp_path as tmp_path
from tests.system.harness import CREDENTIALS, Stage

SETTINGS: dict[str, dict[str, Any]] = {
    "mixpanel": {**CREDENTIALS["mixpanel"], "base_url": "http://mixpanel.test"},
    "customerio": {**CREDENTIALS["customerio"], "base_url": "http://customerio.test"},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A right config. Nothing runs, and nothing ever ran."""
    path = tmp_path / "router.yaml"
    document = {
        "server": {"port": 0},
        "admin": {"port": 0},
        "data": str(tmp_path / "var"),
        "sources": {"website": {"write_key": "demo"}, "app": {"write_key": "app-key"}},
        "destinations": {
            "mixpanel": {"settings": SETTINGS["mixpanel"]},
            "crm": {"plugin": "customerio", "sources": ["website"], "settings": SETTINGS["customerio"]},
            "paused": {"plugin": "mixpanel", "enabled": False, "settings": SETTINGS["mixpanel"]},
        },
    }
    path.write_text(json.dumps(document, indent=1))
    return path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A router with a built-in sandbox. Its port is chosen beforehand: `router send` reads it from the config."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stage = Stage(tmp_path_factory.mktemp("running"))
    stage.router({"mixpanel": {"sandbox": True}}, server={"port": port}, retention={"reserve": "1MB"})
    yield stage
    stage.clear()

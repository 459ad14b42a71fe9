"""``router status`` and ``router trace`` of a destination that delivers nothing: why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.client_exceptions import UnixClientConnectorError

from tests.system.harness import Stage, run_command, until


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.clear()


@pytest.mark.timeout(60)
def test_what_waits_says_why_and_what_to_do(stage: Stage) -> None:
    [vendor] = stage.vendors("customerio")
    router = stage.router({"customerio": vendor.destination(settings={"api_key": "wrong-key"})})
    router.post({"type": "identify", "userId": "u1", "messageId": "waits-1", "traits": {"plan": "pro"}})
    until(lambda: router.destination("customerio")["state"] == "blocked", "it is blocked")

    status = " ".join(stage.command("status").out.split())
    [entry] = stage.command("trace", "waits-1", "--json").json["events"][0]["destinations"]

    assert "customerio: blocked: 401" in status
    assert "(nothing is lost; correct its settings and reload (SIGHUP); it tries again by itself in" in status
    assert 0 < router.destination("customerio")["next_try_in_s"] <= 60
    assert entry["outcome"] == "pending"
    assert entry["reason"].startswith("the destination is blocked: 401")
    assert "wrong-key" not in status + entry["reason"]


@pytest.mark.timeout(60)
def test_what_is_parked_is_told_by_an_example(stage: Stage) -> None:
    """Intercom takes events of people it knows only."""
    [vendor] = stage.vendors("intercom")
    router = stage.router({"intercom": vendor.destination()})
    router.post({"type": "track", "event": "Paid", "userId": "u1", "messageId": "parked-1"})
    until(lambda: router.destination("intercom")["parked_example"] is not None, "it is parked")

    status = " ".join(stage.command("status").out.split())

    assert "intercom: 1 parked, of 1 user, such as parked-1: 404 not_found" in status
    assert "see it with: router trace parked-1" in status


# --- run by another user ---


def test_a_socket_of_another_user_is_told_in_words(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who forgets sudo gets no traceback, and is not told that no router runs."""

    async def refuse(connector: aiohttp.UnixConnector, request: Any, *_: object) -> None:
        refusal = PermissionError(13, "Permission denied")
        raise UnixClientConnectorError(connector.path, request.connection_key, refusal)

    monkeypatch.setattr(aiohttp.UnixConnector, "_create_connection", refuse)

    refused = run_command("status", "--config", config)

    socket = config.parent / "var" / "admin.sock"
    assert refused.code == 2
    assert refused.err == f"{socket}: permission denied. Run it as the user of the router.\n"


def test_files_of_another_user_are_told_in_words(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (config.parent / "var" / "log").mkdir(parents=True)
    monkeypatch.setattr(Path, "read_bytes", _refuse_the_log(Path.read_bytes))
    monkeypatch.setattr(Path, "read_text", _refuse_the_log(Path.read_text))
    (config.parent / "var" / "log" / "log.json").write_text("{}")

    refused = run_command("log", "check", "--config", config)

    assert refused.code == 2
    assert refused.err.endswith("log.json: permission denied. Run it as the user of the router.\n")


def _refuse_the_log(read: Any) -> Any:
    def refuse(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == "log.json":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *arguments, **named)

    return refuse

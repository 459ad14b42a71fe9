"""``router status`` and ``router trace`` of a destination that delivers nothing: why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.client_exceptions import UnixClientConnectorError

from router.cli.status import _describe_hold, _of_destination, seconds_of
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
def test_a_rate_that_holds_requests_up_is_named(stage: Stage) -> None:
    """It was "going", with ever more events pending, and nothing said why."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination(delivery={"rate_limit": "1/min", "batch_wait": "0s"})})
    for number in (1, 2):
        router.post({"type": "track", "event": "Paid", "userId": "u1", "messageId": f"m-{number}"})
        until(lambda: router.books("mixpanel")["delivered"] == 1, "one request leaves")

    status = " ".join(stage.command("status").out.split())
    [entry] = stage.command("trace", "m-2", "--json").json["events"][0]["destinations"]

    assert (entry["outcome"], entry["reason"]) == ("pending", "its rate holds the destination up (delivery.rate_limit)")
    assert "mixpanel: its rate holds it up (delivery.rate_limit): the next request may leave in" in status


def test_a_rate_below_what_comes_in_is_named_though_no_request_waits_for_long() -> None:
    books = {"pending": 83}
    told = _of_destination(
        {"state": "going", "reason": "", "books": books, "rate_waits_s": {"events": 0.1}, "oldest_pending_s": 21.0}
    )

    assert list(told) == ["its rate holds it up (events)"]


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


@pytest.mark.timeout(60)
def test_a_disabled_destination_says_for_how_long_its_events_are_kept(stage: Stage) -> None:
    [vendor] = stage.vendors("mixpanel")
    stage.router({"mixpanel": vendor.destination(enabled=False, hold="6h")})

    status = " ".join(stage.command("status").out.split())
    assert "mixpanel: disabled: the log keeps its events for another 6h (`hold`), as many as `max_backlog`" in status
    assert "never gets" in _describe_hold(0.0)


@pytest.mark.timeout(60)
def test_a_field_that_a_vendor_refuses_is_seen_in_the_status_and_in_the_log(stage: Stage) -> None:
    """In a request for two people one is written without it, and the books alone would say that all is well."""
    router = stage.router({"salesforce": {"sandbox": True, "delivery": {"concurrency": 1, "batch_wait": "300ms"}}})
    plans = {"u1": "pro", "u2": "x" * 300}
    router.post(
        [
            {"type": "identify", "userId": user, "messageId": f"m-{user}", "traits": {"lastName": "L", "plan": plan}}
            for user, plan in plans.items()
        ]
    )
    router.until_settled()

    status = " ".join(stage.command("status").out.split())
    warned = [(line["message_id"], line["warning"]) for line in router.log() if "warning" in line]

    assert "salesforce: 1 warning about what was delivered, such as a field that was left out" in status
    assert [(message_id, said.endswith("left out: Plan__c")) for message_id, said in warned] == [("m-u2", True)]
    assert router.books("salesforce")["delivered"] == 2


# --- beside an older router ---

OF_0_1_0 = {
    "log": {"id": "a1", "partitions": {"0": {"start": 1, "end": 9}}, "size_bytes": 16440, "max_bytes": 20000000000},
    "running": True,
    "destinations": [
        {
            "destination": "crm",
            "plugin": "intercom",
            "state": "going",
            "reason": "",
            "books": {"accepted": 9, "delivered": 7, "skipped": 0, "dead": 2, "pending": 0, "unaccounted": 0},
            "skipped": {},
            "discarded": 0,
            "outages": 0,
            "warnings": 0,
            "replayed": {},
            "parked": {"events": 0, "users": 0},
            "dead_letters": 2,
            "oldest_pending_s": None,
            "positions": {"0": 9},
            "jobs": [
                {
                    "job": 1,
                    "kind": "replay",
                    "spec": {"partition": 0, "first": 1, "last": 9},
                    "state": "running",
                    "total": 9,
                    "cursor": 4,
                    "counts": {"delivered": 4},
                }
            ],
        }
    ],
    "removed": [],
}


def test_the_status_of_an_older_router_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new version is installed, and the router is not yet restarted."""

    async def ask(*_: Any) -> Any:
        return OF_0_1_0

    monkeypatch.setattr("router.cli.status.ask", ask)

    status = run_command("status", "--config", config)

    assert status.code == 0
    assert "crm: replay 1 is under way: 4 of 9; see it with: router jobs list" in status.out
    assert "crm: 2 dead letters; see them with: router dead-letters list crm" in status.out


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


@pytest.mark.parametrize(
    ("value", "said"), [(0.0712, "0.071"), (1.54, "1.5"), (99.4, "99"), (99.6, "100"), (183.2, "183")]
)
def test_latencies_are_told_without_exponents(value: float, said: str) -> None:
    assert seconds_of(value) == said

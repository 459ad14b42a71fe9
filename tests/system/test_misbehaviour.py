"""Row 49 of the battery, against real processes: a plugin that misbehaves stops its own destination, and nothing else."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.harness import Router, Stage, Vendor, call, until

BAD = Path(__file__).with_name("bad_plugin")
WAYS = {
    "raises": 'action "send" raised KeyError',
    "exits": 'action "send" raised SystemExit: that is all',
    "makes no end": 'action "send" made more than 10000 payloads of one event',
    "returns garbage": "pack gave None, expected a Request",
    "loops": "its calls have held up the router for",
}
"""And what is said of each."""
MAX_MEMORY = 300_000_000


def destinations(healthy: Vendor, **ways: str) -> dict[str, Any]:
    delivery = {"batch_wait": "10ms", "concurrency": 1}
    bad = {
        name: {"plugin": "bad", "settings": {"way": way, "base_url": healthy.url}, "delivery": delivery}
        for name, way in ways.items()
    }
    return {"mixpanel": healthy.destination(), **bad}


def memory(router: Router) -> int:
    """Bytes of it that are in memory."""
    pages = int(Path(f"/proc/{router.pid}/statm").read_text().split()[1])
    return pages * 4_096


@pytest.mark.timeout(120)
def test_a_plugin_that_misbehaves_stops_its_own_destination_and_nothing_else(stage: Stage) -> None:
    """In five ways at once: the healthy destination gets everything, the gateway answers, and what the bad ones did not lose to
    the dead letters waits in the log until they are mended."""
    [healthy] = stage.vendors("mixpanel")
    names = {way.replace(" ", "-"): way for way in WAYS}
    router = stage.router(destinations(healthy, **names), plugins=[str(BAD)])

    acked = stage.generator(router, users=10, events=15).finish()
    router.until_settled("mixpanel")
    for name, way in names.items():
        until(lambda name=name: router.destination(name)["state"] == "broken", f"{name} is stopped")  # type: ignore[misc]
        status = router.destination(name)
        assert status["reason"].startswith("plugin bad: ")
        assert WAYS[way] in status["reason"]
        assert 0 < status["books"]["pending"] < len(acked)

    check_delivered(acked, healthy)
    assert memory(router) < MAX_MEMORY
    assert call("GET", f"{router.url}/health")[0] == 200
    code, _ = router.post({"type": "track", "userId": "user000", "event": "Asked", "messageId": "late-00001"})
    assert code == 200
    told = {
        line["destination"] for line in router.log() if line["event"].startswith("the destination is stopped because")
    }
    assert told == names.keys()
    assert router.destination("loops")["stuck_calls"] == 3
    _, metrics = call("GET", f"{router.admin_url}/metrics")
    assert 'router_destination_state{destination="loops",state="broken"} 1.0' in metrics

    stage.write_config(destinations(healthy, **dict.fromkeys(names, "behaves")), plugins=[str(BAD)])
    router.reload()
    router.until_settled()
    check_books(router, **dict.fromkeys(["mixpanel", *names], len(acked) + 1))
    assert all(router.books(name)["delivered"] for name in names)


@pytest.mark.full
@pytest.mark.timeout(120)
@pytest.mark.skipif("ROUTER_PROCESSES" in os.environ, reason="with --processes the gateway goes on answering")
def test_a_call_that_can_not_be_broken_off_is_named_and_not_made_again_after_the_restart(stage: Stage) -> None:
    """While it lasts nobody is answered, which is what tells a supervisor. It costs the others the time until the restart."""
    [healthy] = stage.vendors("mixpanel")
    router = stage.router(destinations(healthy, hangs="hangs"), plugins=[str(BAD)])
    event = {"type": "track", "userId": "user000", "event": "Asked", "messageId": "m-00001"}
    assert router.post(event)[0] == 200

    [line] = until(
        lambda: [line for line in router.log() if "does not come back and can't be broken off" in line["event"]],
        "the log names the plugin",
    )
    assert (line["destination"], line["plugin"], line["call"]) == ("hangs", "bad", 'action "send"')
    assert "bad_plugin/__init__.py" in line["where"][-1]
    with pytest.raises(TimeoutError):
        call("GET", f"{router.url}/health", timeout_s=1.0)
    router.send(signal.SIGUSR2)
    until(lambda: 'bad_plugin/__init__.py", line' in router.read_stderr(), "it says where it is")

    router.kill()
    router.start()

    status = router.destination("hangs")
    assert status["state"] == "broken"
    assert status["reason"].startswith('plugin bad: before the restart, action "send" did not come back')
    assert status["books"]["pending"] == 1
    assert router.post({**event, "messageId": "m-00002"})[0] == 200
    router.until_settled("mixpanel")
    assert router.books("mixpanel")["delivered"] == 2
    assert router.terminate() == 0

"""Without a daemon the commands read the files, and say what the daemon said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.system.generator import label_of
from tests.system.harness import Router, Stage

OF_A_RUNNING_DAEMON = (
    "rate_waits_s",
    "state",
    "reason",
    "next_try_in_s",
    "concurrency",
    "oldest_pending_s",
    "attempts",
    "batch_size",
    "latency_s",
)


def said_of_files(status: dict[str, Any]) -> dict[str, Any]:
    """What of a status the files alone know."""
    destinations = [
        {key: value for key, value in each.items() if key not in OF_A_RUNNING_DAEMON} for each in status["destinations"]
    ]
    return {"log": status["log"]["partitions"], "id": status["log"]["id"], "destinations": destinations}


def ask_all(stage: Stage, labels: list[str]) -> dict[str, Any]:
    return {
        "causes": stage.command("dead-letters", "list", "--json").json,
        "letters": stage.command("dead-letters", "list", "--each", "--json").json,
        "outlook": stage.command("replay", "customerio", "--all", "--dry-run", "--json").json,
        "letter": stage.command("dead-letters", "show", "customerio", "1", "--json").json,
        "traces": [without_clock(stage.command("trace", label, "--json").json) for label in labels],
    }


def without_clock(trace: dict[str, Any]) -> dict[str, Any]:
    """A pending event's tries are counted while the daemon runs, and only that knows why nothing leaves just now."""
    for event in trace["events"]:
        for each in event["destinations"]:
            each.pop("attempts", None)
            if each["outcome"] == "pending":
                each.pop("reason")
    return trace


def make_history(stage: Stage) -> tuple[Router, list[str]]:
    """A router with something delivered, dead, skipped and pending at two destinations."""
    vendors = stage.vendors("mixpanel", "customerio")
    dead = label_of("user001", 2)
    vendors[1].fail(status=400, body="no", contains=dead)
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})
    acked = stage.generator(router, users=4, events=5).finish()
    router.post({"type": "track", "userId": "user009", "event": "Hidden", "integrations": {"All": False}})
    router.until_settled()
    vendors[0].fail(status=503)
    last = {"type": "track", "userId": "user008", "event": "Waiting", "messageId": "user008-00001"}
    assert router.post(last)[0] == 200
    router.until_settled("customerio")
    return router, [acked[0], dead, "user008-00001"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("end", [pytest.param("terminate", marks=pytest.mark.full), "kill"])
def test_offline_the_commands_say_what_the_daemon_said(stage: Stage, end: str) -> None:
    router, labels = make_history(stage)
    online, status = ask_all(stage, labels), stage.command("status", "--json").json
    assert status["running"] is True

    getattr(router, end)()

    offline = stage.command("status", "--json").json
    assert offline["running"] is False
    assert {each["state"] for each in offline["destinations"]} == {"stopped"}
    shown, expected = said_of_files(offline), said_of_files(status)
    for each in (*shown["destinations"], *expected["destinations"]):
        del each["outages"]  # they go on while they are compared
    assert shown == expected
    assert ask_all(stage, labels) == online
    assert "No router is running; this is what its files say." in stage.command("status").out


def hide_secrets(stage: Stage) -> None:
    """What a shell has of the config once the router's service is stopped, with the credentials that systemd mounts for it."""
    document = json.loads(stage.config.read_text())
    for source in document["sources"].values():
        source["write_key"] = "${NOBODY_SET_THIS}"
    for destination in document["destinations"].values():
        destination["settings"] = dict.fromkeys(destination["settings"], "${file:/run/credentials/router.service/none}")
    stage.config.write_text(json.dumps(document))


@pytest.mark.timeout(60)
def test_offline_the_commands_do_without_the_secrets_of_the_router(stage: Stage) -> None:
    """Whoever looked at a stopped router was told that a variable is not set."""
    router, [_, dead, waiting] = make_history(stage)
    router.kill()
    questions = [
        ["dead-letters", "list", "--json"],
        ["dead-letters", "list", "customerio", "--each", "--json"],
        ["trace", dead, "--json"],
        ["trace", waiting, "--json"],
        ["destinations", "--json"],
    ]
    expected = [stage.command(*question) for question in questions]
    status = said_of_files(stage.command("status", "--json").json)

    hide_secrets(stage)

    assert [stage.command(*question) for question in questions] == expected
    assert said_of_files(stage.command("status", "--json").json) == status
    assert stage.command("dead-letters", "retry", "customerio", "--all").code == 0
    assert "customerio" in stage.command("jobs", "list").out
    assert stage.command("jobs", "cancel", "customerio").code == 0
    for needing in (
        ["dead-letters", "show", "customerio", "1"],
        ["replay", "customerio", "--all", "--dry-run"],
        ["check"],
    ):
        refused = stage.command(*needing)
        assert (refused.code, refused.out) == (2, "")
        assert "NOBODY_SET_THIS is not set" in refused.err


@pytest.mark.timeout(60)
def test_what_is_asked_for_offline_is_done_by_the_next_daemon(stage: Stage) -> None:
    """A retry and a replay that were noted without a daemon run when there is one."""
    [vendor] = stage.vendors("customerio")
    vendor.fail(status=400, body="no", contains=label_of("user001", 1))
    router = stage.router({"customerio": vendor.destination()})
    acked = stage.generator(router, users=3, events=3).finish()
    router.until_settled()
    assert router.books("customerio")["dead"] == 1
    vendor.heal()
    assert router.terminate() == 0
    begin = len(vendor.arrivals())

    noted = stage.command("dead-letters", "retry", "customerio", "--all")
    replayed = stage.command("replay", "customerio", "--user", "user002", "--live")
    assert (noted.code, replayed.code) == (0, 0)
    assert "No router is running" in noted.out
    assert len(vendor.arrivals()) == begin
    router.start()
    router.ask("jobs", destination="customerio")
    # Jobs run one after the other: when this is done, all are.
    stage.command("replay", "customerio", "--user", "nobody")

    assert set(vendor.kept()) == set(acked)
    again = sorted(sighting.label for sighting in vendor.arrivals()[begin:])
    assert again == [label_of("user001", 1), *(label_of("user002", number) for number in (1, 2, 3))]
    assert router.books("customerio")["dead"] == 0


def test_where_nothing_ever_ran_the_commands_say_so(stage: Stage) -> None:
    stage.write_config({})

    for arguments in (["status"], ["trace", "m1"], ["dead-letters", "list"], ["sandbox", "show", "mixpanel"]):
        refused = stage.command(*arguments)
        assert (refused.code, refused.out) == (2, "")
        assert "Start the router first" in refused.err

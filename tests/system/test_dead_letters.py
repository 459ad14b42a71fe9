"""Dead letters: seen, retried and discarded through the running daemon's socket, and resumed after a crash."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_repeats
from tests.system.generator import label_of
from tests.system.harness import PATIENCE_S, Router, Stage, Vendor, until

REFUSAL = '{"error": "we do not like this one"}'
CHUNK = 100
"""Of a retry or a replay: what a crash may repeat at most."""


def letters_of(stage: Stage, *arguments: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = stage.command("dead-letters", "list", "--json", "--limit", "10000", *arguments).json
    return listed


@pytest.mark.timeout(60)
def test_dead_letters_are_listed_shown_retried_and_discarded(stage: Stage) -> None:
    """The vendor's own words are kept; a retry moves the columns of the books; what was discarded stays counted as dead."""
    vendors = stage.vendors("mixpanel", "customerio")
    refused = [label_of("user000", 2), label_of("user001", 3), label_of("user002", 4)]
    for label in refused:
        vendors[1].fail(status=400, body=REFUSAL, contains=label)
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})
    acked = stage.generator(router, users=5, events=6).finish()
    router.until_settled()

    listed = letters_of(stage)
    assert sorted(letter["message_id"] for letter in listed) == refused
    assert {letter["destination"] for letter in listed} == {"customerio"}
    assert all("we do not like this one" in letter["reason"] for letter in listed)
    assert letters_of(stage, "mixpanel") == []
    assert [letter["message_id"] for letter in letters_of(stage, "customerio", "--reason", "not like")] != []
    first, second, third = listed
    shown = stage.command("dead-letters", "show", "customerio", str(first["id"]), "--json").json
    assert shown["event"]["messageId"] == first["message_id"]
    in_words = stage.command("dead-letters", "show", "customerio", str(first["id"])).out
    assert "we do not like this one" in in_words
    assert first["message_id"] in in_words
    assert shown["event"]["userId"] == first["user"]
    assert router.books("customerio")["dead"] == 3
    check_delivered(acked, vendors[0])
    check_delivered(acked, vendors[1], dead=refused)

    still_refused = stage.command("dead-letters", "retry", "customerio", str(first["id"]), "--json").json
    assert [job["counts"] for job in still_refused] == [{"dead": 1}]
    assert next(each for each in letters_of(stage) if each["id"] == first["id"])["attempts"] == first["attempts"] + 1
    vendors[1].heal()
    discarded = stage.command("dead-letters", "discard", "customerio", str(third["id"]))
    assert (discarded.code, discarded.out) == (0, "1 discarded\n")
    retried = stage.command("dead-letters", "retry", "customerio", "--all")

    assert (retried.code, retried.err) == (0, "")
    assert "is done: 2 delivered" in retried.out
    assert letters_of(stage) == []
    assert {first["message_id"], second["message_id"]} <= set(vendors[1].kept())
    books = router.books("customerio")
    assert (books["dead"], books["delivered"]) == (1, len(acked) - 1)
    assert router.destination("customerio")["discarded"] == 1
    traced = stage.command("trace", first["message_id"], "--json").json["events"][0]["destinations"]
    assert {each["destination"]: each["outcome"] for each in traced} == {
        "mixpanel": "delivered",
        "customerio": "delivered",
    }
    check_books(router, mixpanel=len(acked), customerio=len(acked))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["dead-letters", "retry", "customerio"], id="retry of nothing in particular"),
        pytest.param(["dead-letters", "retry", "customerio", "1", "--all"], id="retry of one and all"),
        pytest.param(["dead-letters", "retry", "nobody", "--all"], id="no such destination"),
        pytest.param(["dead-letters", "show", "customerio", "7"], id="no such letter"),
        pytest.param(["replay", "customerio", "--since", "yesterday"], id="no time"),
        pytest.param(["replay", "nobody"], id="replay to nobody"),
        pytest.param(["trace", "no-such-message"], id="no such event"),
        pytest.param(["destinations", "forget", "customerio"], id="forget what is configured"),
        pytest.param(["destinations", "forget", "nobody"], id="forget nobody"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(running: Stage, arguments: list[str]) -> None:
    """Through the socket, as without a daemon: exit code 2, one message, no traceback."""
    refused = running.command(*arguments)

    assert refused.code == 2
    assert refused.out == ""
    assert refused.err.strip()
    assert "Traceback" not in refused.err


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    stage = Stage(tmp_path_factory.mktemp("running"))
    [vendor] = stage.vendors("customerio")
    stage.router({"customerio": vendor.destination()})
    yield stage
    stage.clear()


def kill_within(router: Router, vendor: Vendor, command: subprocess.Popen[str]) -> None:
    """Kill the router once the vendor has had two requests of the command's job, and wait for the command to give up."""
    before = len({sighting.request for sighting in vendor.arrivals()})
    until(lambda: len({sighting.request for sighting in vendor.arrivals()}) >= before + 2, "the job is under way")
    router.kill()
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=PATIENCE_S)


def jobs_are_done(router: Router, name: str) -> bool:
    return not router.destination(name)["jobs"]


@pytest.mark.timeout(90)
def test_a_retry_of_dead_letters_goes_on_after_a_crash(stage: Stage) -> None:
    """None is lost, none is sent again but the chunk that was in flight."""
    [vendor] = stage.vendors("mixpanel")
    vendor.fail(status=400, body=REFUSAL)
    router = stage.router({"mixpanel": vendor.destination(delivery={"concurrency": 16, "batch_wait": "0s"})})
    acked = stage.generator(router, users=24, events=10, batch=1).finish()
    router.until_settled()
    assert router.books("mixpanel")["dead"] == len(acked) == 240
    vendor.heal()
    vendor.fail(hang_s=0.2, after=True)
    began = len(vendor.arrivals())

    kill_within(router, vendor, stage.begin("dead-letters", "retry", "mixpanel", "--all"))
    router.start()
    until(lambda: jobs_are_done(router, "mixpanel"), "the retry is done")

    assert letters_of(stage) == []
    repeats = find_repeats(vendor.arrivals()[began:])
    assert len(repeats) <= CHUNK
    check_books(router, mixpanel=len(acked))
    assert router.books("mixpanel")["delivered"] == len(acked)
    assert set(acked) == set(vendor.kept())

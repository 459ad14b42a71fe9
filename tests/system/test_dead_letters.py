"""Dead letters: seen, retried and discarded through the running daemon's socket, and resumed after a crash."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered, check_repeats_straddle, interruption
from tests.system.generator import label_of
from tests.system.harness import Router, Stage, Vendor, until

REFUSAL = '{"error": "we do not like this one"}'


def letters_of(stage: Stage, *arguments: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = stage.command(
        "dead-letters", "list", "--each", "--json", "--limit", "10000", *arguments
    ).json
    return listed


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "is_cancelled",
    [
        pytest.param(False, id="it runs", marks=pytest.mark.full),
        pytest.param(True, id="it is cancelled, with a letter in a request"),
    ],
)
def test_a_dead_letter_that_is_under_retry_is_not_discarded(stage: Stage, is_cancelled: bool) -> None:
    """It would be delivered all the same, and counted as both. Others may be discarded meanwhile."""
    [vendor] = stage.vendors("customerio")
    vendor.fail(status=400, body=REFUSAL)
    router = stage.router({"customerio": vendor.destination()})
    stage.generator(router, users=1, events=3).finish()
    router.until_settled()
    first, second, third = (letter["id"] for letter in letters_of(stage))
    vendor.heal()
    vendor.fail(hang_s=3.0, after=True)
    [job] = router.ask("retry", destination="customerio", ids=[first, second])
    until(vendor.kept, "it is in a request")
    if is_cancelled:
        router.ask("cancel", destination="customerio", job=job["job"])

    refused = stage.command("dead-letters", "discard", "customerio", "--all", "--yes")
    assert (refused.code, refused.out) == (2, "")
    assert "customerio: a retry has some of these dead letters under way" in refused.err
    assert router.ask("discard", destination="customerio", ids=[third])["discarded"] == 1
    until(lambda: not [letter for letter in letters_of(stage) if letter["message_id"] in vendor.kept()], "it landed")

    router.ask("discard", destination="customerio")
    kept = len(set(vendor.kept()))
    assert router.books("customerio") | {"delivered": kept, "dead": 3 - kept} == router.books("customerio")
    assert router.destination("customerio")["discarded"] == 3 - kept


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

    still_refused = stage.command("dead-letters", "retry", "customerio", str(first["id"]), "--json")
    assert (still_refused.code, still_refused.err) == (1, ""), "a script can tell"
    assert [job["counts"] for job in still_refused.json] == [{"dead": 1}]
    assert next(each for each in letters_of(stage) if each["id"] == first["id"])["attempts"] == first["attempts"] + 1
    vendors[1].heal()
    discarded = stage.command("dead-letters", "discard", "customerio", str(third["id"]), "99", "--yes")
    assert (discarded.code, discarded.out) == (0, "1 dead letter of customerio discarded\n")
    assert "Of the 2 that you name, customerio has 1 dead letter." in discarded.err
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


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.timeout(60)
def test_dead_letters_are_handled_by_their_cause(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each thing that is wrong, whatever ids the vendor quotes; each is tried again or thrown away as a whole."""
    [vendor] = stage.vendors("mixpanel")
    for number in range(4):
        vendor.fail(
            status=400,
            body=f'{{"error": "no such user user{number:03d}-x7"}}',
            contains=label_of(f"user{number:03d}", 2),
        )
    vendor.fail(status=400, body=REFUSAL, contains=label_of("user000", 3))
    router = stage.router({"mixpanel": vendor.destination(delivery={"batch_wait": "0s"})})
    stage.generator(router, users=5, events=4, batch=1).finish()
    router.until_settled()

    [unknown, disliked] = stage.command("dead-letters", "list", "--json").json
    assert (unknown["letters"], disliked["letters"]) == (4, 1)
    assert unknown["cause"] == "no such user …"
    assert 0 < unknown["first_s"] <= unknown["last_s"]
    in_words = " ".join(stage.command("dead-letters", "list").out.split())
    assert unknown["code"] in in_words
    assert f"router dead-letters show mixpanel {unknown['example']}" in in_words
    assert f"router dead-letters retry mixpanel --cause {unknown['code']} --dry-run" in in_words
    assert "These are the first 2." in stage.command("dead-letters", "list", "--each", "--limit", "2").out
    assert min(letter["id"] for letter in letters_of(stage, "--cause", unknown["code"])) == unknown["example"]
    refused = stage.command("dead-letters", "discard", "mixpanel", "--cause", disliked["code"])
    assert (refused.code, "say --yes if that is meant" in refused.err) == (2, True)
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    kept = stage.command("dead-letters", "discard", "mixpanel", "--all")
    assert (kept.code, "Throw away 5 dead letters of mixpanel for good?" in kept.err) == (1, True)
    nowhere = stage.command("dead-letters", "retry", "mixpanel", "--cause", "nobody")
    assert (nowhere.code, "no dead letter has the cause 'nobody'" in nowhere.err) == (2, True)

    vendor.heal()
    [outlook] = stage.command(
        "dead-letters", "retry", "mixpanel", "--cause", unknown["code"], "--dry-run", "--json"
    ).json
    assert outlook["send"] == {"dead letter": 4}
    assert len(letters_of(stage)) == 5, "nothing was sent"
    [job] = stage.command("dead-letters", "retry", "mixpanel", "--cause", unknown["code"], "--json").json
    assert job["counts"] == {"delivered": 4}
    gone = stage.command("dead-letters", "discard", "mixpanel", "--cause", disliked["code"], "--yes", "--json").json

    assert gone == {"destination": "mixpanel", "discarded": 1}
    assert stage.command("dead-letters", "list", "--json").json == []
    books = router.books("mixpanel")
    assert (books["delivered"], books["dead"], router.destination("mixpanel")["discarded"]) == (19, 1, 1)


# --- row 35: released after the mapping was put right ---

WRONG: dict[str, Any] = {"track event": {"mapping": [{"set": {"properties.plan": "wrong"}}]}}


def with_mapping(vendor: Vendor, actions: dict[str, Any]) -> dict[str, Any]:
    return {vendor.name: vendor.destination(actions=actions, delivery={"concurrency": 8, "batch_wait": "0s"})}


@pytest.mark.full
@pytest.mark.timeout(120)
def test_dead_letters_are_released_once_each_after_the_mapping_is_put_right(stage: Stage) -> None:
    """What would be sent is seen before the config is reloaded and after; a crash half-way sends none of them twice but what
    was in a request."""
    [vendor] = stage.vendors("customerio")
    vendor.fail(status=400, body='{"meta": {"error": "plan is wrong"}}', contains='"wrong"')
    router = stage.router(with_mapping(vendor, WRONG))
    labels = [label_of(f"user{user:03d}", number) for user in range(20) for number in range(1, 11)]
    router.post([make_track(label) for label in labels])
    router.until_settled()
    assert router.books("customerio")["dead"] == len(labels)
    [group] = stage.command("dead-letters", "list", "customerio", "--json").json
    before = stage.command("dead-letters", "show", "customerio", "1", "--json").json["today"]

    stage.write_config(with_mapping(vendor, {}))
    assert router.reload()["event"] == "config reloaded"
    after = stage.command("dead-letters", "show", "customerio", "1", "--json").json["today"]
    plans = [
        entry["requests"][0]["body"]["batch"][0]["attributes"].get("plan")
        for entry in (*before, *after)
        if entry["decision"] == "deliver"
    ]
    assert plans == ["wrong", None]
    begin = len(vendor.arrivals())
    vendor.fail(hang_s=0.2, after=True)  # the fault for wrong plans stays, and finds none
    noted = stage.command(
        "dead-letters", "retry", "customerio", "--cause", group["code"], "--rate", "100/s", "--no-wait"
    )
    assert noted.code == 0
    interruptions = []
    for _ in range(2):
        seen = len(vendor.arrivals())
        until(lambda seen=seen: len(vendor.arrivals()) > seen + 20, "the retry is under way")  # type: ignore[misc]
        began_s = time.time()
        router.kill()
        interruptions.append(interruption(began_s, vendor))
        router.start()
    vendor.heal()
    until(lambda: jobs_are_done(router, "customerio"), "the retry is done")

    assert letters_of(stage) == []
    released = vendor.arrivals()[begin:]
    assert {sighting.label for sighting in released} == set(labels)
    check_repeats_straddle(released, interruptions, requests_at_once=4)
    check_delivered(labels, vendor)
    assert router.books("customerio")["delivered"] == len(labels)
    again = stage.command("dead-letters", "retry", "customerio", "1")
    assert (again.code, "customerio has no dead letter 1" in again.err) == (2, True)
    check_books(router, customerio=len(labels))


def make_track(label: str) -> dict[str, Any]:
    user = label.rpartition("-")[0]
    return {"type": "track", "userId": user, "messageId": label, "event": "Step Done", "properties": {"label": label}}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["dead-letters", "retry", "customerio"], id="retry of nothing in particular"),
        pytest.param(["dead-letters", "retry", "customerio", "1", "--all"], id="retry of one and all"),
        pytest.param(["dead-letters", "retry", "nobody", "--all"], id="no such destination"),
        pytest.param(["dead-letters", "retry", "customerio", "--all", "--rate", "fast"], id="no rate"),
        pytest.param(["dead-letters", "retry", "customerio", "--cause", "ffffff"], id="no such cause"),
        pytest.param(["dead-letters", "discard", "customerio"], id="discard of nothing in particular"),
        pytest.param(["dead-letters", "discard", "customerio", "--all"], id="discard without a word of consent"),
        pytest.param(["log", "repair"], id="repair of a log that is written"),
        pytest.param(["dead-letters", "list", "nobody"], id="letters of nobody"),
        pytest.param(["dead-letters", "show", "customerio", "7"], id="no such letter"),
        pytest.param(["replay", "customerio", "--since", "yesterday"], id="no time"),
        pytest.param(["replay", "customerio"], id="replay of nothing in particular"),
        pytest.param(["replay", "customerio", "--live", "--rate", "9/s"], id="nor do these say what"),
        pytest.param(["replay", "customerio", "--all", "--user", "u1"], id="replay of some and all"),
        pytest.param(["replay", "nobody", "--all"], id="replay to nobody"),
        pytest.param(["replay", "customerio", "nobody", "--all"], id="replay to somebody and nobody"),
        pytest.param(["replay", "customerio", "--all", "--rate", "50"], id="a rate without its unit"),
        pytest.param(["jobs", "list", "nobody"], id="jobs of nobody"),
        pytest.param(["jobs", "cancel", "customerio", "9"], id="no such job"),
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


def jobs_are_done(router: Router, name: str) -> bool:
    return not router.destination(name)["jobs"]

"""Row 53: a person is suppressed while events of theirs are delivered, queued, retried, dead and rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router.suppressed import Person
from router.suppressed_file import suppress
from tests.system.checks import check_books
from tests.system.harness import Stage, until

SECRET = "nobody-elses-word"


def event_of(user: str, number: int, **fields: Any) -> dict[str, Any]:
    facts = {"label": f"{user}-{number}", "text": f"{SECRET}-{user}"}
    return {
        "type": "track",
        "messageId": f"{user}-{number}",
        "userId": user,
        "event": "Done",
        "properties": facts,
    } | fields


def files_with(text: str, folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes())


@pytest.mark.timeout(90)
@pytest.mark.in_processes
def test_row_53_nothing_of_a_suppressed_person_is_sent_or_kept(stage: Stage) -> None:
    well, away, picky = stage.vendors(well="webhook", away="webhook", picky="customerio")
    away.fail(status=503)
    picky.fail(status=400, body=f'{{"error": "not this one: {SECRET}-ada"}}', contains="ada-1")
    destinations = {each.name: each.destination() for each in (well, away, picky)}
    router = stage.router({**destinations, "paused": {**destinations["away"], "enabled": False}})
    for number in range(1, 40):
        router.post([event_of("ada", number, anonymousId="phone"), event_of("bob", number)])
    router.post({**event_of("ada", 99), "event": {"no": "name"}})
    router.until_settled("well", "picky")
    dead = router.books("picky")["dead"]
    assert dead > 1
    assert stage.command("dead-letters", "discard", "picky", "1", "--yes").code == 0
    data = stage.folder / "var"
    assert files_with(f"{SECRET}-ada", data)

    done = stage.command("suppressed", "add", "ada", "--json")

    assert done.code == 0, done.err
    assert (done.code, done.json["problems"], done.json["events"], done.json["dead_letters"]) == (0, [], 39, dead - 1)
    assert done.json["anonymous_ids"] == ["phone"]
    assert files_with(f"{SECRET}-ada", data) == []
    assert files_with('"ada"', data) == []
    before = [len(each.arrivals()) for each in (well, picky)]
    answers = [router.post(event_of("ada", 100)), router.post([event_of("ada", 101), event_of("bob", 101)])]
    assert answers[0] == (200, {"success": True, "messageId": "ada-100", "suppressed": True})
    assert {key: answers[1][1][key] for key in ("accepted", "suppressed")} == {"accepted": 1, "suppressed": 1}

    away.heal()
    router.kill()
    router.start()
    stage.write_config({**destinations, "paused": {**destinations["away"], "enabled": True}})
    router.reload()
    router.until_settled(patience_s=60)

    assert [each for each in away.kept() if each.startswith("ada")] == []
    assert {each for each in away.kept() if each.startswith("bob")} == {f"bob-{n}" for n in (*range(1, 40), 101)}
    assert before[0] + 2 >= len(well.arrivals())
    assert files_with(f"{SECRET}-ada", data) == []
    check_books(router, well=79, away=79, picky=79, paused=79)
    assert stage.command("suppressed", "list", "--json").json[0]["id"] == "ada"


@pytest.mark.timeout(60)
def test_who_is_struck_off_is_heard_again(stage: Stage) -> None:
    [vendor] = stage.vendors("webhook")
    router = stage.router({"webhook": vendor.destination()})
    router.post(event_of("ada", 1))
    router.until_settled()
    assert stage.command("suppressed", "add", "ada").code == 0
    asked = stage.folder / "event.json"
    asked.write_text(json.dumps(event_of("ada", 1)))
    told = stage.command("explain", asked, "--json")
    assert told.json["destinations"][0]["reason"].startswith("suppressed: ")

    assert stage.command("suppressed", "remove", "ada").out.startswith("1 of 1 struck off")
    router.post(event_of("ada", 2))
    router.until_settled()

    assert vendor.kept() == ["ada-1", "ada-2"]


@pytest.mark.timeout(60)
def test_what_a_kill_left_undone_is_done_after_the_next_start(stage: Stage) -> None:
    [vendor] = stage.vendors("webhook")
    router = stage.router({"webhook": vendor.destination()})
    router.post([event_of("ada", number) for number in range(1, 40)])
    router.until_settled()
    router.terminate()
    suppress(stage.folder / "var" / "suppressed.sqlite", [Person("userId", "ada")], 1.0)  # and killed right after it

    router.start()

    until(lambda: stage.command("suppressed", "list", "--json").json[0]["erased_s"], "all is erased")
    assert files_with(f"{SECRET}-ada", stage.folder / "var") == []
    assert router.post(event_of("ada", 100))[1]["suppressed"]

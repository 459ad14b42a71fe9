"""``router run --processes``: destinations in processes of their own, and the death of one is not the death of the rest."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered, check_repeats_straddle, interruption, lanes_of
from tests.system.evidence import find_repeats
from tests.system.generator import make_event
from tests.system.harness import Router, Stage, Vendor, until
from tests.system.test_watching import scrape

LANES = 4
ANSWER_DELAY_S = 0.03
"""Between what a vendor takes and its answer, so that a kill falls between the two."""


def begin(stage: Stage, *vendors: Vendor, **sections: Any) -> Router:
    """A router with a process for each of two vendors: in the order of their names."""
    destinations = {vendor.name: vendor.destination(delivery={"concurrency": LANES}) for vendor in vendors}
    return stage.router(destinations, "--processes", "2", **sections)


def children_of(router: Router) -> dict[str, int]:
    """The process number of each process that delivers, by one of its destinations; from the locks they hold."""
    return {path.stem: int(path.read_text()) for path in (router.folder / "var/destinations").glob("*.lock")}


def is_alive(pid: int) -> bool:
    """False for a process that is gone, and for one whose parent has yet to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


KILLS = pytest.mark.parametrize(
    "kills", [pytest.param(1, id="1 kill"), pytest.param(3, id="3 kills", marks=pytest.mark.full)]
)


@pytest.mark.timeout(120)
@KILLS
def test_a_process_that_is_killed_loses_nothing_and_the_others_go_on(stage: Stage, kills: int) -> None:
    """What was in flight is repeated, with the same key; the other destination does not notice."""
    vendors = mixpanel, customerio = stage.vendors("mixpanel", "customerio")
    for vendor in vendors:
        vendor.fail(hang_s=ANSWER_DELAY_S, after=True)
    router = begin(stage, *vendors)
    generator = stage.generator(router, users=20, batch=5, workers=2, pause_s=0.02)
    killed = children_of(router)["mixpanel"]
    assert killed not in (router.pid, children_of(router)["customerio"])
    interruptions = []

    for _ in range(kills):
        until(lambda: mixpanel.kept()[-1:], "deliveries")
        victim = until(
            lambda: router.destination("mixpanel")["state"] == "going" and children_of(router)["mixpanel"], "it is up"
        )
        before = len(customerio.kept())
        began_s = time.time()
        os.kill(victim, signal.SIGKILL)
        interruptions.append(interruption(began_s, mixpanel))
        until(lambda at=before: len(customerio.kept()) > at, "the other goes on")  # type: ignore[misc]
    acked = generator.stop()
    until(lambda: router.destination("mixpanel")["state"] != "down", "it is up again")
    router.until_settled()

    check_delivered(acked, *vendors)
    check_repeats_straddle(mixpanel.arrivals(), interruptions, lanes_of(mixpanel, LANES))
    assert find_repeats(customerio.arrivals()) == []
    check_books(router, mixpanel=len(acked), customerio=len(acked))
    downs = [line for line in router.log() if line["event"].startswith("a process that delivers is down")]
    assert [(line["destinations"], line["reason"]) for line in downs] == [
        (["mixpanel"], "it was killed by SIGKILL")
    ] * kills
    assert router.terminate() == 0


@pytest.mark.timeout(120)
@KILLS
def test_when_the_main_process_is_killed_the_others_end_and_the_next_start_loses_nothing(
    stage: Stage, kills: int
) -> None:
    vendors = stage.vendors("mixpanel", "customerio")
    for vendor in vendors:
        vendor.fail(hang_s=ANSWER_DELAY_S, after=True)
    router = begin(stage, *vendors)
    generator = stage.generator(router, users=20, batch=5, workers=2, pause_s=0.02)
    interruptions = []

    for _ in range(kills):
        until(lambda: all(vendor.kept() for vendor in vendors), "deliveries")
        children = list(children_of(router).values())
        assert all(map(is_alive, children))
        began_s = time.time()
        router.kill()
        interruptions.append(interruption(began_s, *vendors))
        until(lambda pids=children: not any(map(is_alive, pids)), "they end by themselves")  # type: ignore[misc]
        router.start()
    acked = generator.stop()
    for vendor in vendors:
        vendor.heal()
    router.until_settled()

    check_delivered(acked, *vendors)
    for vendor in vendors:
        check_repeats_straddle(vendor.arrivals(), interruptions, lanes_of(vendor, LANES))
    check_books(router, mixpanel=len(acked), customerio=len(acked))


@pytest.mark.timeout(120)
def test_what_is_told_asked_and_done_is_as_with_one_process(stage: Stage) -> None:
    """Status, metrics, traces, dead letters with their retry, replays, a reload and an end in order."""
    mixpanel, customerio, third = stage.vendors("mixpanel", "customerio", third="customerio")
    customerio.fail(status=400, body="we do not like this one", contains="e1-refused")
    router = begin(stage, mixpanel, customerio)
    refused = make_event("e1-refused", 1) | {"integrations": {"No such vendor": True, "Mixpanel": True}}
    assert router.post(refused)[0] == 200
    acked = stage.generator(router, users=5, events=6, batch=5).finish()
    router.until_settled()

    metrics = scrape(router)
    for name, dead in (("mixpanel", 0), ("customerio", 1)):
        delivered = f'router_destination_events_total{{destination="{name}",outcome="delivered",reason=""}}'
        assert metrics[delivered] == len(acked) + 1 - dead
    assert metrics["router_events_unknown_integrations_total"] == 1  # though both have read it
    assert [metrics[f'router_process_up{{process="{number}"}}'] for number in (1, 2)] == [1, 1]
    status = router.status()
    assert [each["destination"] for each in status["destinations"]] == ["mixpanel", "customerio"]
    assert (status["running"], status["stuck"], status["unknown_names"]) == (True, [], {"No such vendor": 1})
    [event] = router.ask("trace", message_id=refused["messageId"])["events"]
    assert [(each["destination"], each["outcome"]) for each in event["destinations"]] == [
        ("mixpanel", "delivered"),
        ("customerio", "dead"),
    ]
    [letter] = stage.command("dead-letters", "list", "--each", "--json").json
    assert (letter["destination"], letter["message_id"]) == ("customerio", refused["messageId"])
    customerio.heal()
    assert stage.command("dead-letters", "retry", "customerio", "--all").code == 0
    until(lambda: router.books("customerio")["dead"] == 0, "the retry")

    before = children_of(router)
    stage.write_config({vendor.name: vendor.destination() for vendor in (third, customerio)})
    assert router.reload()["event"] == "config reloaded"
    after = children_of(router)
    assert after["third"] == before["mixpanel"]
    assert after["customerio"] == before["customerio"]
    assert router.status()["removed"] == ["mixpanel"]
    assert router.post(make_event("user100", 1))[0] == 200
    router.until_settled()
    assert (len(third.kept()), len(mixpanel.kept())) == (1, len(acked) + 1)
    assert router.books("third") == {
        "accepted": 1, "delivered": 1, "skipped": 0, "dead": 0, "pending": 0, "unaccounted": 0,
    }  # fmt: skip
    stage.config.write_text(stage.config.read_text().replace('"customerio"', '"customerino"', 1))
    assert router.reload()["event"] == "reload refused, the old config stays"

    assert router.terminate() == 0
    assert not any(map(is_alive, after.values()))
    assert sorted((router.folder / "var").glob("*.sock")) == []


@pytest.mark.timeout(60)
def test_a_new_destination_does_not_wait_for_a_process_that_is_down(stage: Stage) -> None:
    """It was given to that process if there were as few, and what came until this was up again was not for it."""
    customerio, mixpanel, third = stage.vendors("customerio", "mixpanel", third="customerio")
    router = begin(stage, customerio, mixpanel)
    destinations = {vendor.name: vendor.destination() for vendor in (customerio, mixpanel, third)}
    stage.write_config(destinations)

    os.kill(children_of(router)["customerio"], signal.SIGKILL)
    until(lambda: router.destination("customerio")["state"] == "down", "it is down")
    router.reload()

    assert router.post(make_event("user1", 1))[0] == 200
    assert router.destination("third")["state"] == "going"
    router.until_settled("third")
    assert len(third.kept()) == 1
    assert children_of(router)["third"] == children_of(router)["mixpanel"]


@pytest.mark.full
@pytest.mark.timeout(60)
def test_a_process_that_hangs_is_named_and_hinders_nobody(stage: Stage) -> None:
    """Its destinations are said to be down, with what their files tell of them, and `/health` is red after a while."""
    vendors = stage.vendors("mixpanel", "customerio")
    router = begin(stage, *vendors)
    victim = children_of(router)["mixpanel"]
    os.kill(victim, signal.SIGSTOP)
    try:
        acked = stage.generator(router, users=5, events=4).finish()
        until(lambda: len(vendors[1].kept()) == len(acked), "the other goes on")
        down = router.destination("mixpanel")
        assert down["state"] == "down"
        assert "does not answer" in down["reason"]
        assert scrape(router)['router_destination_state{destination="mixpanel",state="down"}'] == 1
        stuck = until(lambda: router.status()["stuck"], "the health is red")
        assert [each.partition(":")[0] for each in stuck] == ["process 1 of mixpanel"] or [
            each.partition(":")[0] for each in stuck
        ] == ["process 2 of mixpanel"]
    finally:
        os.kill(victim, signal.SIGCONT)
    router.until_settled()
    check_delivered(acked, *vendors)
    until(lambda: not router.status()["stuck"], "the health is green")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("when", ["when it is loaded", "for each event"])
def test_promise_2_a_plugin_may_print(stage: Stage, tmp_path: Path, when: str) -> None:
    """As it may in a router of one process: nothing waits for somebody to read it, and it is taken for no word of ours."""
    [vendor] = stage.vendors("mixpanel")
    plugin = tmp_path / "talker.py"
    code = (Path(__file__).with_name("bad_plugin") / "__init__.py").read_text()
    spoken = "print('x' * 300_000, flush=True)"
    if when == "for each event":
        code = code.replace("    return payload\n", f"    {spoken}\n    return payload\n")
    else:
        code += f"\nimport sys\nif sys.argv[0].endswith('delivering_process.py'):\n    {spoken}\n"
    plugin.write_text(code)
    talker = {"plugin": "bad", "settings": {"way": "behaves", "base_url": vendor.url}}
    router = stage.router({"talker": talker}, "--processes", "1", plugins=[str(plugin)])

    stage.generator(router, users=2, events=3).finish()

    router.until_settled("talker")


BROKEN = {
    "a syntax error": (r"^from ", "from from ", "SyntaxError"),
    "an import that is gone": (r"^import hashlib$", "import hashlib_that_is_gone", "ModuleNotFoundError"),
    "a setting more": (r"^    way: ", "    region: str = 'eu'\n    way: ", "region"),
    "another settings class": (r"\bSettings\b", "Other", "Settings"),
}
"""How the file of a plugin changes while the router runs: what is replaced, by what, and a word of what is told."""


@pytest.mark.full
@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", BROKEN)
def test_promise_2_a_plugin_that_breaks_on_disk_keeps_no_other_destination_from_starting_again(
    stage: Stage, tmp_path: Path, way: str
) -> None:
    """With it in one process, they stayed down for as long as the file was broken. Its own destination says what is wrong,
    keeps its events, and starts once the file is mended."""
    [vendor] = stage.vendors("mixpanel")
    plugin = tmp_path / "own.py"
    whole = (Path(__file__).with_name("bad_plugin") / "__init__.py").read_text()
    plugin.write_text(whole)
    own = {"plugin": "bad", "settings": {"way": "behaves", "base_url": vendor.url}}
    destinations = {"mixpanel": vendor.destination(), "own": own}
    router = stage.router(destinations, "--processes", "1", plugins=[str(plugin)])
    old, new, told = BROKEN[way]

    plugin.write_text(re.sub(old, new, whole, flags=re.MULTILINE))
    os.kill(children_of(router)["mixpanel"], signal.SIGKILL)
    until(lambda: router.destination("mixpanel")["state"] == "down", "it is down")
    until(lambda: router.destination("mixpanel")["state"] == "going", "the other starts again")

    assert router.post(make_event("user1", 1))[0] == 200
    router.until_settled("mixpanel")
    assert len(vendor.kept()) == 1
    broken = router.destination("own")
    assert broken["state"] == "unusable"
    assert told in broken["reason"]
    assert scrape(router)['router_destination_state{destination="own",state="unusable"}'] == 1
    plugin.write_text(whole)
    if told not in ("SyntaxError", "ModuleNotFoundError"):  # it has been loaded as it was meanwhile
        os.kill(children_of(router)["mixpanel"], signal.SIGKILL)
    until(lambda: router.destination("own")["state"] == "going", "it starts after all", 30.0)
    router.until_settled("own")
    assert router.books("own")["delivered"] == 1

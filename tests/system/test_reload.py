"""Reloads: a valid file is taken over while events flow, an invalid one is refused whole."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_repeats
from tests.system.generator import label_of, make_event
from tests.system.harness import Stage, until

BAD = Path(__file__).with_name("bad_plugin")
TAKEN, REFUSED = "config reloaded", "reload refused, the old config stays"

MISTAKES: dict[str, Callable[[str], str]] = {
    "unknown key": lambda text: text.replace('"customerio": {', '"customerio": {"plugn": "x", ', 1),
    "no duration": lambda text: text.replace('"timeout": "5s"', '"timeout": "5 sheep"'),
    "unset variable": lambda text: text.replace('"demo"', '"${NOT_SET}"'),
    "torn file": lambda text: text[: len(text) // 2],
    "misspelt section": lambda text: text.replace('"sources"', '"source"', 1),
    "unknown plugin": lambda text: text.replace('"plugin": "customerio"', '"plugin": "customerino"', 1),
    "the same key twice": lambda text: text.replace('"another-key"', '"demo"'),
}


@pytest.mark.timeout(60)
def test_an_invalid_config_is_refused_whole_on_sighup(stage: Stage) -> None:
    """The old one stays: nothing of the new file is used, not even what is right in it."""
    [vendor] = stage.vendors("customerio")
    router = stage.router({"customerio": vendor.destination()})
    stage.write_config(
        {"customerio": vendor.destination(), "second": vendor.destination()},
        sources={"website": {"write_key": "demo"}, "app": {"write_key": "another-key"}},
    )
    right = stage.config.read_text()
    labels = []
    for number, (name, spoil) in enumerate(MISTAKES.items(), 1):
        assert spoil(right) != right, name
        stage.config.write_text(spoil(right))

        line = router.reload()

        assert (line["event"], line["level"]) == (REFUSED, "error"), name
        assert all(str(stage.config) in problem for problem in line["problems"]), name
        assert [each["destination"] for each in router.status()["destinations"]] == ["customerio"], name
        event = make_event("user001", number)
        assert router.post(event, key="another-key")[0] == 401, name
        assert router.post(event)[0] == 200, name
        labels.append(event["messageId"])
    stage.config.unlink()
    assert router.reload()["event"] == REFUSED

    router.until_settled()
    assert vendor.kept() == labels
    stage.config.write_text(right)
    assert router.reload()["event"] == TAKEN
    assert [each["destination"] for each in router.status()["destinations"]] == ["customerio", "second"]
    check_books(router, customerio=len(labels), second=0)


@pytest.mark.in_processes
@pytest.mark.parametrize(
    "reloads",
    [
        pytest.param(12, id="12", marks=pytest.mark.timeout(60)),
        pytest.param(150, id="150", marks=[pytest.mark.full, pytest.mark.timeout(300)]),
    ],
)
def test_row_55_reloads_under_load_lose_and_repeat_nothing(stage: Stage, reloads: int) -> None:
    """Each reload changes both destinations, so that their lanes finish and are swapped; every third file is invalid."""
    vendors = stage.vendors("mixpanel", "customerio")
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})
    generator = stage.generator(router, users=20, batch=4, pause_s=0.005)

    for number in range(reloads):
        delivery: dict[str, Any] = {"concurrency": 1 + number % 5 if number % 3 else 0}
        stage.write_config({vendor.name: vendor.destination(delivery=delivery) for vendor in vendors})
        expected = TAKEN if number % 3 else REFUSED
        assert router.reload()["event"] == expected
    for _ in range(5):
        router.send(signal.SIGHUP)  # and a few at a time
    acked = generator.stop()
    router.until_settled()

    check_delivered(acked, *vendors)
    for vendor in vendors:
        assert find_repeats(vendor.arrivals()) == []
    check_books(router, mixpanel=len(acked), customerio=len(acked))


@pytest.mark.timeout(60)
def test_a_destination_that_cannot_start_at_a_reload_is_told_of_and_hinders_nobody(stage: Stage) -> None:
    """Its state is damaged; the others take the new config, and once its state is away it starts at the next reload."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"first": vendor.destination()})
    state = stage.folder / "var" / "destinations" / "second.sqlite"
    state.write_bytes(b"no database at all" * 1_000)
    stage.write_config({"first": vendor.destination(delivery={"concurrency": 2}), "second": vendor.destination()})

    assert router.reload()["event"] == TAKEN
    [told] = [line for line in router.log() if line["event"].startswith("destination can't start")]
    assert (told["level"], told["destination"], told["reason"].partition(":")[0]) == ("error", "second", str(state))
    assert router.post(make_event("user001", 1))[0] == 200
    router.until_settled("first")
    second = router.destination("second")
    assert second["state"] == "unusable"
    assert str(state) in second["reason"]
    assert "unusable" in stage.command("status").out
    refused = stage.command("replay", "second", "--all")
    assert (refused.code, str(state) in refused.err) == (2, True)

    state.unlink()
    assert router.reload()["event"] == TAKEN
    assert router.destination("second")["state"] == "going"
    check_books(router, first=1, second=0)


@pytest.mark.timeout(60)
def test_a_credential_of_a_built_in_sandbox_that_changes_is_still_the_right_one(stage: Stage) -> None:
    """The stand-in takes the operator's own credentials for right, those of a reload too, and keeps what it holds."""
    router = stage.router({"mixpanel": {"sandbox": True}})
    assert router.post(make_event("user001", 2))[0] == 200
    router.until_settled()

    stage.write_config({"mixpanel": {"sandbox": True, "settings": {"project_token": "another-token"}}})
    assert router.reload()["event"] == TAKEN
    assert router.post(make_event("user001", 3))[0] == 200
    router.until_settled()

    assert router.destination("mixpanel")["state"] == "going"
    taken = router.ask("sandbox", destination="mixpanel")
    assert [entry["item"]["properties"]["$insert_id"] for entry in taken["items"] if entry["kind"] == "event"] == [
        "user001-00002",
        "user001-00003",
    ]


@pytest.mark.timeout(60)
def test_a_sandbox_of_another_plugin_takes_the_place_of_the_first(stage: Stage) -> None:
    router = stage.router({"crm": {"plugin": "mixpanel", "sandbox": True}})

    stage.write_config({"crm": {"plugin": "customerio", "sandbox": True}})
    assert router.reload()["event"] == TAKEN
    assert router.post(make_event("user001", 2))[0] == 200
    router.until_settled()

    [entry] = router.ask("sandbox", destination="crm")["items"]
    assert entry["item"]["identifiers"] == {"id": "user001"}


@pytest.mark.in_processes
@pytest.mark.timeout(60)
def test_a_destination_that_leaves_its_sandbox_goes_to_the_vendor_and_back(stage: Stage) -> None:
    """As the config we ship asks for: settings in, ``sandbox`` out, reload."""
    [vendor] = stage.vendors("mixpanel")
    in_sandbox = {"mixpanel": {"sandbox": True}}
    router = stage.router(in_sandbox)
    for number, destinations in enumerate([in_sandbox, {"mixpanel": vendor.destination()}, in_sandbox], 2):
        stage.write_config(destinations)
        assert router.reload()["event"] == TAKEN
        assert router.post(make_event("user001", number))[0] == 200
        router.until_settled()

    taken = router.ask("sandbox", destination="mixpanel")
    assert vendor.kept() == [label_of("user001", 3)]
    assert [entry["item"]["properties"]["$insert_id"] for entry in taken["items"] if entry["kind"] == "event"] == [
        label_of("user001", 2),
        label_of("user001", 4),
    ]


@pytest.mark.in_processes
@pytest.mark.timeout(60)
def test_what_changes_with_the_next_start_stays_as_it_was_until_then(stage: Stage) -> None:
    """Nothing in the new folder is touched, whoever it belongs to: no state, no log, and no socket of another router."""
    vendor, other = stage.vendors(first="mixpanel", second="customerio")
    router = stage.router({"first": vendor.destination()})
    elsewhere = stage.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "admin.sock").write_text("another router's")
    stage.write_config({"first": vendor.destination(), "second": other.destination()}, data=str(elsewhere))

    for _ in range(2):
        line = router.reload()
        assert line["event"] == TAKEN
    told = [line["parts"] for line in router.log() if line["event"].startswith("these parts of the config")]
    assert told == [["data"], ["data"]]
    event = make_event("user001", 1)
    assert router.post(event)[0] == 200
    router.until_settled()
    assert vendor.kept() == other.kept() == [event["messageId"]]

    assert router.terminate() == 0
    assert [path.name for path in elsewhere.iterdir()] == ["admin.sock"]
    assert not (stage.folder / "var" / "admin.sock").exists()


@pytest.mark.in_processes
@pytest.mark.timeout(60)
def test_events_of_a_source_that_is_new_wait_for_the_destinations_to_know_it(stage: Stage) -> None:
    """A destination lands what is under way before it starts anew; until then it would leave them out."""
    [vendor] = stage.vendors("customerio")
    sources: dict[str, Any] = {"website": {"write_key": "demo", "destinations": ["customerio"]}}
    router = stage.router({"customerio": vendor.destination()}, sources=sources)
    vendor.fail(hang_s=1.0, after=True)
    first = make_event("user001", 1)
    assert router.post(first)[0] == 200
    until(vendor.kept, "it is under way")

    stage.write_config({"customerio": vendor.destination()}, sources={**sources, "app": {"write_key": "another-key"}})
    router.send(signal.SIGHUP)
    second = make_event("user002", 1)
    until(lambda: router.post(second, key="another-key")[0] == 200, "the source is known")

    router.until_settled()
    assert sorted(vendor.kept()) == [first["messageId"], second["messageId"]]


@pytest.mark.timeout(60)
def test_promise_7_a_reload_does_not_let_the_demo_key_in_where_others_can_reach_the_router(stage: Stage) -> None:
    """It goes on listening where it does, whatever the file says by then."""
    router = stage.router({}, server={"host": "0.0.0.0", "port": 0}, sources={"website": {"write_key": "own"}})

    stage.write_config({}, server={"host": "127.0.0.1", "port": 0}, sources={"website": {"write_key": "demo"}})
    answer = router.reload()

    assert answer["event"] == "reload refused, the old config stays"
    assert "everybody knows the demo key" in answer["problems"][0]
    assert router.post(make_event("user001", 1), key="demo")[0] == 401


@pytest.mark.timeout(60)
def test_a_reload_that_is_refused_leaves_plugins_of_the_config_that_runs_in_use(stage: Stage) -> None:
    """Whatever makes the router look at its destinations again found the plugin missing: nobody could be suppressed."""
    [vendor] = stage.vendors("mixpanel")
    everywhere = {"host": "0.0.0.0", "port": 0}
    sources = {"website": {"write_key": "own"}}
    own = {"plugin": "bad", "settings": {"base_url": vendor.url, "way": "behaves"}}
    router = stage.router({"own": own}, server=everywhere, sources=sources, plugins=[str(BAD)])

    stage.write_config({}, server={"host": "127.0.0.1", "port": 0}, sources={"website": {"write_key": "demo"}})
    assert router.reload()["event"] == REFUSED

    done = stage.command("suppressed", "add", "ada")
    assert (done.code, done.out.splitlines()[1:]) == (0, [])

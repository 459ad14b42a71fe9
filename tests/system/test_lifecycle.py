"""Destinations come, pause, are renamed and leave, while the router runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_repeats
from tests.system.generator import make_event
from tests.system.harness import Router, Stage, Vendor, until


def reconfigure(stage: Stage, router: Router, destinations: dict[str, Any]) -> None:
    stage.write_config(destinations)
    assert router.reload()["event"] == "config reloaded"


def post(router: Router, user: str, numbers: range) -> list[str]:
    """Post a user's events; returns their labels."""
    events = [make_event(user, number) for number in numbers]
    code, receipt = router.post(events)
    assert (code, receipt["accepted"]) == (200, len(events))
    return [event["messageId"] for event in events]


@pytest.mark.timeout(60)
def test_a_new_destination_starts_now_or_at_the_beginning(stage: Stage) -> None:
    """Added by a reload; `start: beginning` gets all there is, the default only what comes from then on."""
    early, late, archive = stage.vendors("mixpanel", late="mixpanel", archive="customerio")
    router = stage.router({"early": early.destination()})
    before = post(router, "user001", range(1, 11))
    router.until_settled()

    reconfigure(
        stage,
        router,
        {
            "early": early.destination(),
            "late": late.destination(),
            "archive": archive.destination(start="beginning"),
        },
    )
    after = post(router, "user001", range(11, 16))
    router.until_settled()

    check_delivered([*before, *after], early, archive)
    assert late.kept() == after
    assert early.kept() == archive.kept() == [*before, *after]
    [event] = stage.command("trace", before[0], "--json").json["events"]
    outcomes = {each["destination"]: each["outcome"] for each in event["destinations"]}
    assert outcomes == {"early": "delivered", "late": "not for it", "archive": "delivered"}
    check_books(router, early=15, late=5, archive=15)


@pytest.mark.timeout(60)
def test_a_destination_that_is_disabled_and_enabled_again_gets_what_it_missed(stage: Stage) -> None:
    """Its place is kept, over a restart too; what others get meanwhile is not its concern."""
    paused, going = vendors = stage.vendors("mixpanel", "customerio")
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})
    labels = post(router, "user001", range(1, 6))
    router.until_settled()

    off = {"mixpanel": paused.destination(enabled=False), "customerio": going.destination()}
    reconfigure(stage, router, off)
    labels += post(router, "user001", range(6, 11))
    router.until_settled("customerio")
    assert router.destination("mixpanel")["state"] == "disabled"
    assert router.books("mixpanel")["pending"] == 5
    assert router.terminate() == 0
    router.start()
    labels += post(router, "user001", range(11, 13))
    assert paused.kept() == labels[:5]
    reconfigure(stage, router, {vendor.name: vendor.destination() for vendor in vendors})
    router.until_settled()

    check_delivered(labels, *vendors)
    assert find_repeats(paused.arrivals()) == []
    check_books(router, mixpanel=12, customerio=12)


@pytest.mark.timeout(60)
def test_a_destination_that_is_renamed_keeps_its_place_and_its_books(stage: Stage) -> None:
    """With `formerly`, through a reload, and with events pending at that moment."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"old": vendor.destination()})
    labels = post(router, "user001", range(1, 6))
    router.until_settled()
    vendor.fail(status=503)
    labels += post(router, "user001", range(6, 9))
    until(lambda: router.destination("old")["state"] == "throttled", "it waits")

    reconfigure(stage, router, {"new": vendor.destination(formerly="old")})
    labels += post(router, "user001", range(9, 11))
    vendor.heal()
    router.until_settled()

    assert vendor.kept() == labels
    status = router.status()
    assert [each["destination"] for each in status["destinations"]] == ["new"]
    assert status["removed"] == []
    check_books(router, new=10)
    router.kill()
    router.start()  # the name stays in the config, and does nothing any more
    check_books(router, new=10)


@pytest.mark.timeout(60)
def test_an_event_that_is_not_for_a_destination_is_not_for_it_by_another_name(stage: Stage) -> None:
    """It was accepted before the renaming, or its caller has not heard of that: it was sent, though it was asked not to be."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"old": vendor.destination()})
    vendor.fail(status=503)
    pending = [make_event("user001", 1), make_event("user002", 1) | {"integrations": {"old": False}}]
    assert router.post(pending)[0] == 200
    until(lambda: router.destination("old")["state"] == "throttled", "it waits")

    reconfigure(stage, router, {"new": vendor.destination(formerly="old")})
    assert router.post(make_event("user003", 1) | {"integrations": {"old": False}})[0] == 200
    vendor.heal()
    router.until_settled()

    assert vendor.kept() == ["user001-00001"]
    assert router.destination("new")["skipped"] == {"flags": 2}
    assert router.status()["unknown_names"] == {}


@pytest.mark.in_processes
@pytest.mark.timeout(60)
def test_promise_1_what_is_pending_of_a_source_goes_where_it_was_meant_to_go(stage: Stage) -> None:
    """Whether it was renamed or taken out; and nowhere else, whatever another source says."""
    crm, metrics = stage.vendors("mixpanel", crm="customerio")
    destinations = {"crm": crm.destination(), "mixpanel": metrics.destination()}
    keys = ("website", "app", "staff")
    sources: dict[str, Any] = {name: {"write_key": name} for name in keys}
    sources["staff"]["destinations"] = ["crm"]
    router = stage.router(destinations, sources=sources)
    for vendor in (crm, metrics):
        vendor.fail(status=503)
    assert router.post(make_event("first", 1), key="website")[0] == 200
    until(lambda: {each["state"] for each in router.status()["destinations"]} == {"throttled"}, "they wait")
    sent = {name: make_event(name, 1) for name in keys}
    for name, event in sent.items():
        assert router.post(event, key=name)[0] == 200

    stage.write_config(
        destinations,
        sources={
            "web": {"write_key": "website", "formerly": "website", "destinations": ["mixpanel"]},
            "other": {"write_key": "other"},
        },
    )
    assert router.reload()["event"] == "config reloaded"
    for vendor in (crm, metrics):
        vendor.heal()
    router.until_settled()

    ids = {name: event["messageId"] for name, event in sent.items()}
    assert sorted(set(crm.kept()) & set(ids.values())) == sorted([ids["app"], ids["staff"]])
    assert sorted(set(metrics.kept()) & set(ids.values())) == sorted([ids["website"], ids["app"]])
    assert router.status()["unknown_sources"] == ["app", "staff"]
    assert "not in the config: app, staff." in stage.command("status").out


@pytest.mark.timeout(60)
def test_a_destination_that_left_keeps_its_state_until_it_is_forgotten(stage: Stage) -> None:
    """Back without `forget` it goes on where it was; back after it, it is new."""
    staying, leaving = stage.vendors("mixpanel", "customerio")
    both = {"mixpanel": staying.destination(), "customerio": leaving.destination()}
    router = stage.router(both)
    labels = post(router, "user001", range(1, 4))
    router.until_settled()

    reconfigure(stage, router, {"mixpanel": staying.destination()})
    labels += post(router, "user001", range(4, 6))
    assert router.status()["removed"] == ["customerio"]
    assert "router destinations forget NAME" in " ".join(stage.command("status").out.split())
    refused = stage.command("replay", "customerio", "--all")
    assert (refused.code, "no longer in the config" in refused.err) == (2, True)
    reconfigure(stage, router, both)
    router.until_settled()
    assert leaving.kept() == labels
    check_books(router, mixpanel=5, customerio=5)

    reconfigure(stage, router, {"mixpanel": staying.destination()})
    labels += post(router, "user001", range(6, 8))
    forgotten = stage.command("destinations", "forget", "customerio")
    assert (forgotten.code, forgotten.out) == (0, "customerio is forgotten\n")
    assert router.status()["removed"] == []
    assert state_files(stage.folder) == {"mixpanel"}
    reconfigure(stage, router, both)
    last = post(router, "user001", range(8, 9))
    router.until_settled()

    assert staying.kept() == [*labels, *last]
    assert leaving.kept() == [*labels[:5], *last]
    check_books(router, mixpanel=8, customerio=1)


def state_files(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in (folder / "var" / "destinations").iterdir()}


@pytest.mark.timeout(60)
def test_a_source_that_is_taken_out_or_gets_another_key_is_refused_from_the_reload_on(stage: Stage) -> None:
    vendor: Vendor
    [vendor] = stage.vendors("mixpanel")
    destinations = {"mixpanel": vendor.destination(sources=["website"])}
    sources = {"website": {"write_key": "demo"}, "app": {"write_key": "app-key"}}
    stage.write_config(destinations, sources=sources)
    router = stage.router(destinations, sources=sources)
    assert router.post(make_event("user001", 1))[0] == 200
    assert router.post(make_event("user002", 1), key="app-key")[0] == 200

    stage.write_config(destinations, sources={"website": {"write_key": "another-key"}})
    assert router.reload()["event"] == "config reloaded"

    assert router.post(make_event("user001", 2))[0] == 401
    assert router.post(make_event("user002", 2), key="app-key")[0] == 401
    assert router.post(make_event("user001", 2), key="another-key")[0] == 200
    router.until_settled()
    assert vendor.kept() == ["user001-00001", "user001-00002"]
    assert router.destination("mixpanel")["skipped"] == {"source": 1}
    check_books(router, mixpanel=3)

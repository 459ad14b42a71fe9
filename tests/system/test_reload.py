"""Reloads: a valid file is taken over while events flow, an invalid one is refused whole."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_repeats
from tests.system.generator import make_event
from tests.system.harness import Stage

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


@pytest.mark.timeout(60)
def test_reloads_under_load_lose_and_repeat_nothing(stage: Stage) -> None:
    """Each reload changes both destinations, so that their lanes finish and are swapped; every third file is invalid."""
    vendors = stage.vendors("mixpanel", "customerio")
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})
    generator = stage.generator(router, users=20, batch=4, pause_s=0.005)

    for number in range(12):
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

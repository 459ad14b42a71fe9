"""A revoked credential blocks its destination: nothing dies, and a corrected one lets it go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.harness import Router, Stage, Vendor, until

Correct = Callable[[Stage, Path], None]
NEW_KEY = "rotated-key"


def correct_the_secret_file(stage: Stage, secret: Path) -> None:
    secret.write_text(NEW_KEY + "\n")


def correct_the_config(stage: Stage, secret: Path) -> None:
    text = stage.config.read_text()
    assert str(secret) in text
    stage.config.write_text(text.replace(f"${{file:{secret}}}", NEW_KEY))


def has_kept(vendor: Vendor, labels: list[str]) -> Callable[[], bool]:
    return lambda: set(labels) <= set(vendor.kept())


@pytest.mark.timeout(60)
@pytest.mark.parametrize("correct", [correct_the_secret_file, correct_the_config], ids=["secret file", "config"])
def test_a_revoked_credential_blocks_until_a_reload_brings_the_right_one(
    stage: Stage, tmp_path: Path, correct: Correct
) -> None:
    """While blocked, its backlog grows and nothing dies; the other destination and the gateway go on."""
    healthy, revoked = vendors = stage.vendors("mixpanel", "customerio")
    secret = tmp_path / "customerio.key"
    secret.write_text("sandbox-key\n")
    router = stage.router(
        {
            "mixpanel": healthy.destination(),
            "customerio": revoked.destination(settings={"api_key": f"${{file:{secret}}}"}),
        }
    )
    generator = stage.generator(router, users=10, batch=3, pause_s=0.02)
    until(lambda: len(revoked.kept()) > 20, "the first events at both")

    revoked.change_settings(api_key=NEW_KEY)
    until(lambda: router.destination("customerio")["state"] == "blocked", "it is blocked")
    until(pending_is_over(router, 50), "the backlog grows")
    blocked = router.destination("customerio")
    assert blocked["books"]["dead"] == 0
    assert blocked["reason"].startswith("401")
    [told] = [line for line in router.log() if line["event"].startswith("destination is blocked")]
    assert told["level"] == "error"
    correct(stage, secret)
    assert router.reload()["event"] == "config reloaded"
    acked = generator.stop()
    router.until_settled()

    assert router.destination("customerio")["state"] == "going"
    check_delivered(acked, *vendors)
    check_books(router, mixpanel=len(acked), customerio=len(acked))


def pending_is_over(router: Router, count: int) -> Callable[[], Any]:
    return lambda: router.books("customerio")["pending"] > count


@pytest.mark.timeout(60)
def test_a_blocked_destination_stays_blocked_over_a_crash_and_tries_at_once_with_a_new_credential(stage: Stage) -> None:
    [vendor] = stage.vendors("customerio")
    vendor.change_settings(api_key=NEW_KEY)
    router = stage.router({"customerio": vendor.destination()})
    acked = stage.generator(router, users=5, events=4).finish()
    until(lambda: router.destination("customerio")["state"] == "blocked", "it is blocked")

    router.kill()
    router.start()
    until(lambda: router.destination("customerio")["state"] == "blocked", "it is blocked still")
    assert router.books("customerio") == {
        "accepted": len(acked),
        "delivered": 0,
        "skipped": 0,
        "dead": 0,
        "pending": len(acked),
        "unaccounted": 0,
    }
    router.terminate()
    stage.write_config({"customerio": vendor.destination(settings={"api_key": NEW_KEY})})
    router.start()
    router.until_settled()

    check_delivered(acked, vendor)
    check_books(router, customerio=len(acked))

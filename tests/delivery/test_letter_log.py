"""A vendor that refuses everything fills the dead letters, and not the router's log."""

from __future__ import annotations

from structlog.testing import capture_logs

from router.delivery.letter_log import QUIET_S, LetterLog
from router.log.record import Record


def record(message_id: str) -> Record:
    return Record(0, 1, "website", message_id, "ada", "track", 0.0, b"{}")


def test_the_first_of_each_cause_is_said_and_others_are_counted() -> None:
    now_s = 5.0
    log = LetterLog("crm", lambda: now_s)

    with capture_logs() as lines:
        for number in range(1_000):
            log.note(record(f"message-{number}"), f"400 no email in message-{number}")
        log.note(record("other"), "404 nobody of that name")
        now_s += QUIET_S
        log.note(record("later"), "400 no email in later")
        now_s += QUIET_S
        log.note(record("at last"), "400 no email in at last")

    said = [(line["message_id"], line["reason"], line.get("others_since_last_line")) for line in lines]
    assert said == [
        ("message-0", "400 no email in message-0", None),
        ("other", "404 nobody of that name", None),
        ("later", "400 no email in later", 999),
        ("at last", "400 no email in at last", None),
    ]
    assert {line["destination"] for line in lines} == {"crm"}


def test_reasons_that_have_nothing_in_common_take_no_memory_without_end() -> None:
    log = LetterLog("crm", lambda: 0.0)
    words = [f"{one}{two}" for one in "abcdefghijklmnopqrst" for two in "abcdefghijklmnopqrst"]

    with capture_logs() as lines:
        for word in words:
            log.note(record("m1"), f"400 {word}")

    assert len(lines) == len(words)
    assert len(log) <= 100

"""What would become of many events, in numbers."""

from __future__ import annotations

from router.admin.outlook import MAX_REASONS, OTHER, Outlook, add_up
from router.delivery.jobs.forecast import Forecast


def test_each_event_is_counted_once_by_what_would_become_of_it() -> None:
    outlook = Outlook()
    for forecast, earlier in (
        (Forecast("send"), "delivered"),
        (Forecast("send", marks=("backfill",)), "none"),
        (Forecast("done"), "dead letter"),
        (Forecast("skip", "flags: All is false"), "skipped"),
        (Forecast("die", "mapping: no user u-17"), "none"),
        (Forecast("die", "mapping: no user u-99"), "none"),
    ):
        outlook.note(forecast, earlier)

    assert outlook.answer() == {
        "send": {"delivered": 1, "none": 1},
        "marked": {"backfill": 1},
        "done": {"dead letter": 1},
        "skip": {"flags: All is false": 1},
        "die": {"mapping: no user …": 2},
        "left": {},
    }


def test_reasons_are_bounded() -> None:
    outlook = Outlook()
    for number in range(MAX_REASONS + 20):
        outlook.note(Forecast("skip", f"trigger: {number}"), "none")

    assert len(outlook.skip) == MAX_REASONS + 1
    assert outlook.skip[OTHER] == 20


def test_stretches_are_added_up() -> None:
    total: dict[str, dict[str, int]] = {}
    for more in ({"send": {"none": 2}}, {"send": {"none": 3, "delivered": 1}, "left": {"lost": 5}}):
        add_up(total, more)

    assert total == {"send": {"none": 5, "delivered": 1}, "left": {"lost": 5}}

"""Events of sources that are not in the config: told of once, in bounded memory."""

from __future__ import annotations

from structlog.testing import capture_logs

from router.delivery.unknown_sources import MAX_NAMES, UnknownSources


def test_a_source_that_is_gone_is_told_of_once() -> None:
    unknown = UnknownSources()
    unknown.configure(frozenset({"website"}))

    with capture_logs() as logs:
        for source in ("website", "old", "website", "old"):
            unknown.look(source)

    assert unknown.names == ["old"]
    assert [line["source"] for line in logs] == ["old"]


def test_one_that_comes_back_is_not_told_of_any_more() -> None:
    unknown = UnknownSources()
    unknown.configure(frozenset({"website"}))
    unknown.look("old")

    unknown.configure(frozenset({"website", "old"}))

    assert unknown.names == []


def test_nothing_is_told_where_nobody_says_which_there_are() -> None:
    unknown = UnknownSources()
    unknown.look("old")
    assert unknown.names == []


def test_promise_8_any_number_of_sources_fills_no_memory() -> None:
    unknown = UnknownSources()
    unknown.configure(frozenset())
    for number in range(1_000):
        unknown.look(f"s{number}")
    assert len(unknown.names) == MAX_NAMES

"""Destinations are dealt out to processes in turn, and stay where they are."""

from __future__ import annotations

import pytest

from router.cli.processes.placement import place


@pytest.mark.parametrize(
    ("names", "before", "formerly", "placed"),
    [
        pytest.param([], {}, {}, {}, id="none"),
        pytest.param(["a"], {}, {}, {"a": 0}, id="one"),
        pytest.param(["a", "b", "c", "d"], {}, {}, {"a": 0, "b": 1, "c": 0, "d": 1}, id="in turn"),
        pytest.param(["d", "b", "c", "a"], {}, {}, {"a": 0, "b": 1, "c": 0, "d": 1}, id="by name, not by line"),
        pytest.param(["a", "b", "c"], {"b": 0, "c": 1}, {}, {"a": 0, "b": 0, "c": 1}, id="a new one moves none"),
        pytest.param(["b", "c"], {"a": 0, "b": 1, "c": 0}, {}, {"b": 1, "c": 0}, id="a removed one moves none"),
        pytest.param(
            ["b", "c", "e"], {"a": 0, "b": 1, "c": 1}, {}, {"b": 1, "c": 1, "e": 0}, id="where there are fewest"
        ),
        pytest.param(["x", "b"], {"a": 1, "b": 0}, {"x": "a"}, {"x": 1, "b": 0}, id="a renamed one stays"),
        pytest.param(["x", "b"], {"b": 0}, {"x": "gone"}, {"x": 1, "b": 0}, id="renamed long ago"),
    ],
)
def test_who_is_somewhere_stays_and_others_go_where_there_are_fewest(
    names: list[str], before: dict[str, int], formerly: dict[str, str], placed: dict[str, int]
) -> None:
    assert place(names, 2, before, formerly) == placed


@pytest.mark.parametrize(
    ("down", "placed"),
    [
        pytest.param({0}, {"a": 0, "b": 1, "c": 1, "new": 1}, id="although there are more"),
        pytest.param({0, 1}, {"a": 0, "b": 1, "c": 1, "new": 0}, id="all are down"),
    ],
)
def test_a_new_destination_goes_to_no_process_that_is_down(down: set[int], placed: dict[str, int]) -> None:
    """It begins when its process does: what was accepted until then was not for it, while another process was up."""
    assert place(["a", "b", "c", "new"], 2, {"a": 0, "b": 1, "c": 1}, {}, down) == placed

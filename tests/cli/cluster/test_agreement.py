"""Routers of one log tell each other of their configs."""

from __future__ import annotations

from typing import Any

import pytest

from router.cli.cluster.agreement import describe_difference, differing, read_word, to_word

MINE = {"crm": "aa", "mixpanel": "bb"}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        pytest.param({"mixpanel": "bb", "crm": "aa"}, None, id="the same"),
        pytest.param({"crm": "aa"}, {"lacks": ["mixpanel"], "has": [], "changed": []}, id="one less"),
        pytest.param({**MINE, "hook": "cc"}, {"lacks": [], "has": ["hook"], "changed": []}, id="one more"),
        pytest.param({**MINE, "crm": "xx"}, {"lacks": [], "has": [], "changed": ["crm"]}, id="another section"),
    ],
)
def test_who_has_another_config_is_named(told: dict[str, str], found: dict[str, Any] | None) -> None:
    assert differing(MINE, {"router-2": told}) == ([{"router": "router-2", **found}] if found else [])


def test_a_difference_is_told_in_a_sentence() -> None:
    [difference] = differing(MINE, {"router-2": {"crm": "xx", "hook": "cc"}})

    assert describe_difference(difference) == (
        "router-2 has another config: it lacks mixpanel; it has besides hook; it has another section for crm. Each "
        "partition is delivered by the config of its router: give all of them the same, and reload (SIGHUP)."
    )


@pytest.mark.parametrize(
    ("word", "told"),
    [
        pytest.param(to_word(MINE), MINE, id="as it was told"),
        pytest.param(b"router-2", None, id="the name alone, of an earlier version"),
        pytest.param(b"7", None, id="a name that looks like JSON"),
    ],
)
def test_what_was_told_is_read(word: bytes, told: dict[str, str] | None) -> None:
    assert read_word(word) == told

"""Matches on one field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.actions.match import Match
from router.actions.path import ABSENT

LONG = 10**5000


@pytest.mark.parametrize(
    ("values", "value", "fits"),
    [
        pytest.param(["pro"], "pro", True, id="text"),
        pytest.param(["pro"], "Pro", False, id="case-counts"),
        pytest.param(["pro"], " pro", False, id="blanks-count"),
        pytest.param(["pro"], ABSENT, False, id="absent"),
        pytest.param(["pro"], None, False, id="null"),
        pytest.param(["free", "pro"], "pro", True, id="one-of-a-list"),
        pytest.param([""], "", True, id="empty-text"),
        pytest.param([""], ABSENT, False, id="empty-text-is-not-absent"),
        pytest.param([12], 12, True, id="number"),
        pytest.param([12], 12.0, True, id="number-is-a-number"),
        pytest.param([12], "12", True, id="number-as-text-in-the-event"),
        pytest.param(["12"], 12, True, id="number-as-text-in-the-config"),
        pytest.param([1], True, False, id="one-is-not-true"),
        pytest.param([True], 1, False, id="true-is-not-one"),
        pytest.param([True], True, True, id="boolean"),
        pytest.param([True], "true", True, id="boolean-as-text"),
        pytest.param([False], False, True, id="false-is-a-value"),
        pytest.param([0], False, False, id="zero-is-not-false"),
        pytest.param([True], "True", False, id="boolean-as-python-writes-it"),
        pytest.param(["Order *"], "Order Completed", True, id="glob"),
        pytest.param(["Order *"], "Order ", True, id="glob-of-nothing"),
        pytest.param(["Order *"], "My Order Completed", False, id="glob-from-the-start"),
        pytest.param(["*@example.com"], "ann@example.com", True, id="glob-at-the-start"),
        pytest.param(["a*b*c"], "a1b2b3c", True, id="glob-in-the-middle"),
        pytest.param(["a*b*c"], "acb", False, id="glob-in-order"),
        pytest.param(["ab*ba"], "aba", False, id="ends-do-not-overlap"),
        pytest.param(["*"], "", True, id="anything"),
        pytest.param(["*"], ABSENT, False, id="anything-but-absent"),
        pytest.param(["*\n*"], "a\nb", True, id="lines"),
        pytest.param(["4*"], 404, True, id="glob-on-a-number"),
        pytest.param(["\\*"], "*", True, id="an-asterisk"),
        pytest.param(["\\*"], "x", False, id="only-an-asterisk"),
        pytest.param(["a?[b]"], "a?[b]", True, id="no-other-signs"),
        pytest.param(["a?[b]"], "axb", False, id="a-question-mark-is-one"),
        pytest.param(["vip"], ["new", "vip"], True, id="an-item-of-a-list"),
        pytest.param(["vip"], ["new", ["vip"]], False, id="not-lists-in-lists"),
        pytest.param(["vip"], {"vip": True}, False, id="an-object"),
        pytest.param([1], LONG, False, id="a-number-too-long-to-write"),
    ],
)
def test_a_value_fits_or_not(values: list[Any], value: Any, fits: bool) -> None:
    assert (Match(any_of=tuple(values)).why_not(value) == "") is fits
    assert (Match(none_of=tuple(values)).why_not(value) == "") is not fits


@pytest.mark.parametrize(
    ("match", "value", "said"),
    [
        pytest.param(Match(present=True), 0, "", id="present"),
        pytest.param(Match(present=True), ABSENT, "is absent", id="absent"),
        pytest.param(Match(present=True), None, "is absent", id="null-is-absent"),
        pytest.param(Match(present=False), ABSENT, "", id="wanted-absent"),
        pytest.param(Match(present=False), "secret", "is present", id="wanted-absent-and-is-not"),
        pytest.param(Match(any_of=("a", 1, True)), "secret", 'does not match "a" or 1 or true', id="values"),
        pytest.param(Match(any_of=("a",)), ABSENT, "is absent", id="values-and-absent"),
        pytest.param(Match(none_of=("s*",)), "secret", 'matches "s*", which is left out', id="not"),
        pytest.param(Match(present=True, none_of=("s*",)), ABSENT, "is absent", id="not-and-present"),
        pytest.param(
            Match(any_of=tuple("abcdefg")),
            "secret",
            'does not match "a" or "b" or "c" or "d" or "e" or 2 more',
            id="many",
        ),
    ],
)
def test_the_reason_says_what_is_wrong_and_never_the_value(match: Match, value: Any, said: str) -> None:
    assert match.why_not(value) == said


@given(st.text(alphabet="ab*", max_size=12), st.text(alphabet="ab", max_size=12))
def test_globs_fit_as_regular_expressions_do(glob: str, text: str) -> None:
    import re

    expected = re.fullmatch(glob.replace("*", ".*"), text) is not None

    assert (Match(any_of=(glob,)).why_not(text) == "") is expected


def test_no_glob_takes_long() -> None:
    """A regular expression would look for hours."""
    match = Match(any_of=("*a" * 30 + "b",))

    assert match.why_not("a" * 1_000_000)

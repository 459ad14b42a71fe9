"""Templates: what may stand in them, what comes out, and what an event can't do to a message."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.slack.settings import fits
from plugins.slack.template import MAX_TEXT, MAX_VALUE, Template, cut, escape, to_shown, to_shown_date


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("hello", "hello", id="no names"),
        pytest.param("{name} did {event}", "Ada did Paid", id="names"),
        pytest.param("{ name }", "Ada", id="blanks around a name"),
        pytest.param("{traits.plan|free} {properties.total}", "free ", id="otherwise"),
        pytest.param("{traits.plan|}", "", id="otherwise nothing"),
        pytest.param("<!here> *{name}*", "<!here> *Ada*", id="the operator's own markup"),
    ],
)
def test_names_are_filled_in(text: str, expected: str) -> None:
    assert Template.parse(text).render({"name": "Ada", "event": "Paid"}) == expected


@pytest.mark.parametrize("text", ["{", "}", "{}", "{name", "name}", "{{name}}", "{name|{event}}"])
def test_a_brace_alone_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="brace"):
        Template.parse(text)


@pytest.mark.parametrize(
    "path", ["nmae", "traits", "traits.", "traits..a", "properties", "secrets.token", "user.id", "a b"]
)
def test_a_name_that_no_event_has_is_a_mistake(path: str) -> None:
    with pytest.raises(ValueError, match="no name of an event; allowed are"):
        Template.parse(f"{{{path}}}")


def test_a_long_message_is_cut_to_4000_characters() -> None:
    text = Template.parse("{name} {name} {name} {name} {name}").render({"name": "x" * 1_000})

    assert (len(text), text[-1]) == (MAX_TEXT, "…")


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        pytest.param("abc", 3, "abc", id="it fits"),
        pytest.param("abcd", 3, "ab…", id="it does not"),
        pytest.param("ab&amp;cd", 6, "ab…", id="half an escaped sign"),
        pytest.param("ab&amp;cd", 8, "ab&amp;…", id="a whole one"),
        pytest.param("a<!date^1^{date_short}|x>b", 12, "a…", id="half a date"),
    ],
)
def test_nothing_is_cut_in_half(text: str, most: int, expected: str) -> None:
    assert cut(text, most) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("<!channel> & <https://x.test|y>", "&lt;!channel&gt; &amp; &lt;https://x.test|y&gt;", id="markup"),
        pytest.param(12.5, "12.5", id="a number"),
        pytest.param(True, "true", id="a boolean"),
        pytest.param(["a", 1], '["a",1]', id="a list"),
        pytest.param({"a": "<b>"}, '{"a":"&lt;b&gt;"}', id="an object"),
        pytest.param("  a ", "a", id="blanks"),
    ],
)
def test_a_value_is_text_that_means_nothing_to_slack(value: Any, expected: str) -> None:
    assert to_shown(value) == expected


@pytest.mark.parametrize("value", ["", " \n"])
def test_a_blank_value_is_none(value: str) -> None:
    with pytest.raises(ValueError, match="blank"):
        to_shown(value)


def test_a_long_value_is_cut() -> None:
    assert to_shown("<" * 1_500) == "&lt;" * (MAX_VALUE - 1) + "…"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-03-01T09:30:00Z", "<!date^1709285400^{date_short}|2024-03-01T09:30:00Z>"),
        ("2024-03-01", "<!date^1709251200^{date_short}|2024-03-01>"),
        ("some <day>", "some &lt;day&gt;"),
    ],
)
def test_a_date_is_written_as_its_reader_is_used_to(value: str, expected: str) -> None:
    assert to_shown_date(value) == expected


@given(st.text())
def test_no_value_can_begin_markup(value: str) -> None:
    assert not set("<>") & set(escape(value))


@pytest.mark.parametrize(
    ("pattern", "name", "is_fit"),
    [
        ("Paid", "Paid", True),
        ("Paid", "paid", False),
        ("Paid", "Invoice Paid", False),
        ("* Paid", "Invoice Paid", True),
        ("Order*", "Order", True),
        ("O*d", "Order\nCompleted", True),
        ("*", "anything", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("a*a", "a", False),
        ("*ab*ba*", "aba", False),
        ("*ab*ba*", "abba", True),
        ("*a*b", "ab b", True),
    ],
)
def test_a_star_stands_for_any_text(pattern: str, name: str, is_fit: bool) -> None:
    assert fits(pattern, name) is is_fit


@pytest.mark.timeout(10)
def test_no_name_takes_long_to_compare() -> None:
    """Whoever may send events decides how long their names are, and all of them wait meanwhile."""
    assert not fits("*trial*plan*ended", "trialplan" * 3_500)

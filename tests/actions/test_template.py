"""Templates: text with fields of the event in it."""

from __future__ import annotations

from typing import Any

import pytest

from router.actions.template import Template, Unfilled

DOCUMENT: dict[str, Any] = {
    "event": "Order Completed",
    "properties": {"plan": "pro", "total": 150, "paid": True, "cart": {"id": 1}, "blank": " ", "null": None},
    "traits": {"firstName": "Ada"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("web", "web", id="plain"),
        pytest.param("", "", id="empty"),
        pytest.param("{event}: {properties.plan}", "Order Completed: pro", id="fields"),
        pytest.param("{properties.total} paid: {properties.paid}", "150 paid: true", id="numbers-and-booleans"),
        pytest.param("{ properties.plan }!", "pro!", id="blanks-in-braces"),
        pytest.param("{traits.first_name}!", "Ada!", id="either-spelling"),
        pytest.param("{properties.total}", 150, id="one-field-keeps-its-kind"),
        pytest.param("{properties.cart}", {"id": 1}, id="also-an-object"),
        pytest.param("{properties.coupon:-none}", "none", id="default"),
        pytest.param("{properties.coupon:-}!", "!", id="empty-default"),
        pytest.param("{properties.blank:-free} {properties.null:-free}", "free free", id="blank-and-null-are-absent"),
        pytest.param("{properties.plan:-free}", "pro", id="default-not-needed"),
        pytest.param("{{{properties.plan}}} {{x}}", "{pro} {x}", id="braces"),
    ],
)
def test_a_template_is_filled(text: str, value: Any) -> None:
    assert Template(text).fill(DOCUMENT) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a {properties.coupon}", "properties.coupon is absent", id="absent"),
        pytest.param("{properties.blank}", "properties.blank is absent", id="blank"),
        pytest.param("{properties.null}", "properties.null is absent", id="null"),
        pytest.param("a {properties.cart}", "properties.cart is no single value", id="an-object-in-text"),
    ],
)
def test_a_template_that_lacks_something_says_what(text: str, said: str) -> None:
    with pytest.raises(Unfilled, match=said):
        Template(text).fill(DOCUMENT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{plan}", "is no field of an event", id="no-field"),
        pytest.param("{}", "is no field of an event", id="nothing"),
        pytest.param("{properties.plan", "stands alone", id="never-closed"),
        pytest.param("properties.plan}", "stands alone", id="never-opened"),
    ],
)
def test_what_is_no_template_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Template(text)


def test_a_template_tells_what_it_reads() -> None:
    template = Template("{event} {properties.plan:-none} {event:-x} y")

    assert template.sources_in({"event": "e", "properties": {"plan": 0}}) == (("event",), ("properties", "plan"))
    assert template.sources_in({"event": "e", "properties": {"plan": " "}}) == (("event",),)

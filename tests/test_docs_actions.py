"""docs/actions.md: every config in it loads, and its first one does what the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.cli.wiring import to_assignments
from router.config import parse_config
from router.destination import Destination
from router.explain import explain
from router.registry import Registry
from tests.events import event
from tests.test_docs import blocks

PAGE = (Path(__file__).parents[1] / "docs" / "actions.md").read_text(encoding="utf-8")
EXAMPLES = blocks(PAGE, "yaml")

ORDER: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "properties": {
        "orderId": "o1",
        "plan": "pro",
        "total": 150,
        "internal": 1,
        "phone": "+1 415 555 0123",
        "note": "x",
    },
    "context": {
        "app": {"namespace": "com.example.shop"},
        "consent": {"categoryPreferences": {"Analytics": True}},
        "ip": "192.0.2.1",
    },
}


def destinations(text: str) -> list[Destination]:
    text = "sources: {website: {write_key: k}}\n" + text
    registry = Registry.load()
    config = parse_config(text, registry, path="docs/actions.md", environ={"MIXPANEL_TOKEN": "t"})
    return [assignment.destination for assignment in to_assignments(config, registry)]


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_configs_on_the_page_are_right(text: str) -> None:
    assert destinations(text)


def test_the_first_example_delivers_what_the_page_says() -> None:
    [entry] = explain(event(**ORDER), destinations(EXAMPLES[0]))["destinations"]

    [sent] = entry["requests"][0]["body"]
    assert sent["properties"]["order_id"] == "o1"
    assert sent["properties"]["channel"] == "web"
    assert sent["properties"]["title"] == "pro for somebody"
    assert len(sent["properties"]["phone"]) == 64
    assert not {"orderId", "internal", "note"} & set(sent["properties"])
    assert sent["properties"]["ip"] == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"integrations": {"All": False}}, "flags", id="flags"),
        pytest.param({"context": {"app": {"namespace": "com.example.shop"}}}, "consent", id="consent"),
        pytest.param({"context": {"consent": {"categoryPreferences": {"Analytics": True}}}}, "filter", id="filter"),
        pytest.param({"type": "page", "name": "Home"}, "no action", id="no-action"),
        pytest.param({"event": "Other"}, "trigger", id="trigger"),
        pytest.param({"properties": {"plan": "pro", "total": "much"}}, "expression", id="expression"),
    ],
)
def test_the_first_example_skips_with_the_codes_of_the_page(change: dict[str, Any], code: str) -> None:
    [entry] = explain(event(**{**ORDER, **change}), destinations(EXAMPLES[0]))["destinations"]

    assert (entry["decision"], entry["reason"].split(":")[0]) == ("skip", code)
    assert f"`{code}`" in PAGE

"""What is generated in the plugins' READMEs is what the declarations say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from router.generate.catalogue import traits_that_arrive
from router.generate.readme import readme_parts, readme_path, rewrite, traits_tables
from router.plugin import (
    Action,
    BatchEndpoint,
    EventType,
    Field,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Table,
    judge_by_status,
)
from router.registry import Registry

HEADINGS = (
    "Purpose",
    "Minimal config",
    "Settings",
    "Traits",
    "Events",
    "Answers and verdicts",
    "Limits",
    "Known gaps",
)


def test_only_what_stands_between_the_markers_is_rewritten() -> None:
    text = "before\n<!-- generated: settings -->\nold\n<!-- end -->\nafter\n"

    assert rewrite(text, {"settings": "new"}) == ("before\n<!-- generated: settings -->\nnew\n<!-- end -->\nafter\n")


@pytest.mark.parametrize("slug", [registered.plugin.slug for registered in Registry.load()])
def test_every_readme_has_the_shared_headings_and_both_tables(slug: str) -> None:
    plugin = Registry.load().get(slug)
    text = readme_path(plugin).read_text()

    assert [heading for heading in HEADINGS if f"## {heading}\n" not in text] == []
    assert all(f"<!-- generated: {name} -->" in text for name in readme_parts(plugin))


def make_plugin(rows: Sequence[Field], actions: Mapping[str, EventType]) -> Plugin:
    """A plugin whose actions, by name, are each on one call and all have the same rows."""
    endpoint = BatchEndpoint(name="events", pack=lambda payloads, settings: Request("POST", ""), judge=judge_by_status)
    made = [
        Action(name=name, on=(call,), endpoint="events", table=Table(tuple(rows)), build=lambda *_: Payload({}))
        for name, call in actions.items()
    ]
    return Plugin(slug="x", name="X", settings=PluginSettings, endpoints=(endpoint,), actions=tuple(made))


def test_traits_that_ride_along_are_those_of_a_vendor_that_keeps_no_people() -> None:
    """Once, although two actions send them."""
    rows = (Field("context.traits.email", "em"), Field("context.traits.age", note="of no use"))
    plugin = make_plugin(rows, {"track": "track", "view": "page"})

    text = traits_tables(plugin)

    assert text.startswith("**Track (on track)**, from `context.traits`\n")
    assert "| `email` | `em` |" in text
    assert "| `age` | – of no use |" in text
    assert text.count("`email`") == 1
    assert traits_that_arrive(plugin, "identify") == 1


def test_actions_that_send_the_same_traits_share_a_table() -> None:
    text = traits_tables(make_plugin([Field("traits.email", "em")], {"write": "identify", "find": "identify"}))

    assert text.startswith("**Write, find (on identify)**\n")
    assert text.count("`email`") == 1

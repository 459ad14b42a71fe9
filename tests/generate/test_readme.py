"""What is generated in the plugins' READMEs is what the declarations say."""

from __future__ import annotations

import pytest

from router.generate.readme import readme_parts, readme_path, rewrite
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

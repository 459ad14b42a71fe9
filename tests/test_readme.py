"""What is generated in the plugins' READMEs is what the declarations say."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from router.readme import COMMAND, generate, rewrite, stale_readmes
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


def test_no_readme_is_stale() -> None:
    assert stale_readmes(write=False) == [], f"rewrite them with: {COMMAND}"


def test_only_what_stands_between_the_markers_is_rewritten() -> None:
    text = "before\n<!-- generated: settings -->\nold\n<!-- end -->\nafter\n"

    assert rewrite(text, {"settings": "new"}) == ("before\n<!-- generated: settings -->\nnew\n<!-- end -->\nafter\n")


@pytest.mark.parametrize("slug", [registered.plugin.slug for registered in Registry.load()])
def test_every_readme_has_the_shared_headings_and_both_tables(slug: str) -> None:
    plugin = Registry.load().get(slug)
    package = importlib.import_module(plugin.settings.__module__.rpartition(".")[0])
    text = Path(str(package.__file__)).with_name("README.md").read_text()

    assert [heading for heading in HEADINGS if f"## {heading}\n" not in text] == []
    assert all(f"<!-- generated: {name} -->" in text for name in generate(plugin))

"""The built-in plugins come in by the door that strangers use, and adding one edits no list."""

from __future__ import annotations

from pathlib import Path

import pytest

import plugins
from router.plugin import Plugin
from router.registry import Registry

FOLDERS = sorted(path.parent.name for path in Path(plugins.__file__).parent.glob("*/__init__.py"))


def test_every_folder_is_found_in_order_of_slugs() -> None:
    assert [plugin.slug for plugin in plugins.router_plugins()] == FOLDERS


@pytest.mark.parametrize("slug", FOLDERS)
def test_a_plugin_comes_in_through_the_entry_point(slug: str) -> None:
    registered = Registry.load().find(slug)

    assert registered is not None
    assert isinstance(registered.plugin, Plugin)
    assert registered.origin.startswith("trait-router ")


@pytest.mark.parametrize("slug", FOLDERS)
def test_every_plugin_has_the_files_a_reader_looks_for(slug: str) -> None:
    folder = Path(plugins.__file__).parent / slug

    missing = [
        name
        for name in ("settings.py", "mapping.py", "wire.py", "sandbox.py", "README.md")
        if not (folder / name).exists()
    ]
    assert not missing


def test_no_name_in_integrations_means_two_plugins() -> None:
    """A caller who switches one vendor off must not hit another."""
    owners = {
        (name.lower(), plugin.slug)
        for plugin in plugins.router_plugins()
        for name in (plugin.name, plugin.slug, *plugin.aliases)
    }

    assert len({name for name, _ in owners}) == len(owners)

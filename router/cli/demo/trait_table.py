"""One row a trait: what it is called at each vendor. Made from what explain says, and from the plugins' own tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.plugin import USER_TRAITS, Plugin, PluginSettings

NOWHERE = "–"


def trait_rows(
    entries: Sequence[dict[str, Any]], vendors: Sequence[tuple[str, Plugin, PluginSettings]]
) -> list[list[str]]:
    """``createdAt`` first, then reserved traits by name, then custom ones.

    *entries* are those of explain; *vendors* are the columns: a destination's name, its plugin and its settings. Where a
    vendor has no name of its own for a trait, the cell says where it went ("in name"), or is `NOWHERE`.
    """
    places: dict[str, dict[str, list[str]]] = {}
    for entry in entries:
        for line in entry["lineage"]:
            if line["from"].startswith("traits."):
                trait = line["from"].removeprefix("traits.")
                found = places.setdefault(trait, {}).setdefault(entry["destination"], [])
                short = _short(line["to"], trait)
                found += [short] if short not in found else []
    notes = {name: _notes(plugin, settings) for name, plugin, settings in vendors}
    parents = {trait.split(".")[0] for trait in places if "." in trait}
    rows = []
    for trait in sorted(places.keys() - parents, key=_order):
        parent, _, part = trait.partition(".")
        whole = places.get(parent, {}) if part else {}
        row = [trait if parent in USER_TRAITS else f"{trait} (custom)"]
        for name in notes:
            cell = places[trait].get(name) or [f"{place}.{part}" for place in whole.get(name, [])]
            row.append("\n".join(cell) or notes[name].get(trait, NOWHERE))
        rows.append(row)
    return rows


def _order(trait: str) -> tuple[bool, bool, str]:
    return trait != "createdAt", trait.split(".")[0] not in USER_TRAITS, trait


def _short(path: str, trait: str) -> str:
    """The vendor's name without the objects it lies in: ``attributes.address.city`` is ``address.city``."""
    parts = path.split(".")
    parent = trait.split(".")[0]
    return ".".join(parts[parts.index(parent) :] if parent in parts[:-1] else parts[-1:])


def _notes(plugin: Plugin, settings: PluginSettings) -> dict[str, str]:
    """Of the traits that are sent under no name of their own: where they went, in a few words."""
    rows = [row for action in plugin.actions if "identify" in action.on for row in action.table_for(settings).fields]
    return {
        source.removeprefix("traits."): f"({row.note.partition(':')[0].replace('`', '')})"
        for row in rows
        if not row.to and row.note
        for source in row.sources
    }

"""The tables in plugins' READMEs: settings, where each reserved trait goes, and what a replay does."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic.fields import FieldInfo

from router.generate.markdown import table
from router.generate.setting import default_value, type_name
from router.plugin import Action, Plugin, Table, convert
from router.plugin.historical import UNTOLD, describe_historical
from router.traits import GROUP_TRAITS, USER_TRAITS

RIDING = "context.traits."
"""Where a person's traits are on calls other than identify."""

_HEAD = ("trait", "field", "converter")
_NOT_SENT = "not sent by this action"


def readme_path(plugin: Plugin) -> Path:
    """The path of the README, beside the plugin's settings."""
    module = importlib.import_module(plugin.settings.__module__.rpartition(".")[0])
    return Path(str(module.__file__)).with_name("README.md")


def readme_parts(plugin: Plugin) -> dict[str, str]:
    """The generated parts of a plugin's README, by the name between its markers."""
    parts = {"settings": settings_table(plugin), "traits": traits_tables(plugin)}
    return parts | ({"replays": replays_table(plugin)} if tells_of_old_events(plugin) else {})


def settings_table(plugin: Plugin) -> str:
    """One row per setting: name, type, default, description."""
    rows = [
        (f"`{name}`", type_name(field), _default(field), field.description or "")
        for name, field in plugin.settings.model_fields.items()
    ]
    return table(("setting", "type", "default", "what it is"), rows)


def traits_tables(plugin: Plugin) -> str:
    """For each action on identify or group, one row per reserved trait; a single table for actions that send the same.

    A plugin that keeps no people may send traits from the context of other calls: then the table of the first such action.
    """
    settings = plugin.settings(**plugin.sandbox_settings)
    parts: dict[str, list[Action]] = {}
    for action in plugin.actions:
        reserved = USER_TRAITS if "identify" in action.on else GROUP_TRAITS if "group" in action.on else ()
        rows = list(_trait_rows(action.table_for(settings), reserved, "traits."))
        if any(row[1] != _NOT_SENT for row in rows):
            parts.setdefault(table(_HEAD, rows), []).append(action)
    for action in [] if parts else plugin.actions:
        rows = list(_trait_rows(action.table_for(settings), USER_TRAITS, RIDING))
        if any(row[1] != _NOT_SENT for row in rows):
            return f"**{_title([action])}**, from `context.traits`\n\n" + table(_HEAD, rows)
    return "\n\n".join(f"**{_title(actions)}**\n\n{text}" for text, actions in parts.items())


def tells_of_old_events(plugin: Plugin) -> bool:
    """Whether the plugin declares what a replay does with old events."""
    return plugin.historical is not UNTOLD or any(action.historical is not None for action in plugin.actions)


def replays_table(plugin: Plugin) -> str:
    """One row for what a replay does with old events, with the actions that do it."""
    settings = plugin.settings(**plugin.sandbox_settings)
    actions: dict[str, list[str]] = {}
    for action in plugin.actions:
        actions.setdefault(describe_historical(plugin.historical_for(action, settings)), []).append(action.name)
    return table(("action", "an old event in a replay"), [(", ".join(names), what) for what, names in actions.items()])


def _title(actions: Sequence[Action]) -> str:
    """The title for actions that send the same traits."""
    names = ", ".join(action.name for action in actions)
    calls = dict.fromkeys(call for action in actions for call in action.on)
    return f"{names[:1].upper()}{names[1:]} (on {', '.join(calls)})"


def _trait_rows(rows: Table, reserved: Sequence[str], root: str) -> Iterable[tuple[str, str, str]]:
    for trait in reserved:
        fitting = [
            (source.removeprefix(root), row)
            for row in rows.fields
            for source in row.sources
            if source == root + trait or source.startswith(f"{root}{trait}.")
        ]
        if not fitting:
            yield f"`{trait}`", _NOT_SENT, ""
        for name, row in fitting:
            to = f"`{row.to}`" if row.to else "–"
            yield f"`{name}`", f"{to} {row.note}".strip(), convert.name_of(row.convert)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = default_value(field)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(f"`{each}`" for each in value)
    return "" if value in (None, "", {}) else f"`{value}`"


def rewrite(text: str, parts: Mapping[str, str]) -> str:
    """*text* with the part between each pair of markers replaced."""
    for name, part in parts.items():
        pattern = re.compile(f"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text)  # type: ignore[misc]
    return text

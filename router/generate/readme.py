"""The tables in plugins' READMEs: settings, and where each reserved trait goes."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic.fields import FieldInfo

from router.generate.markdown import table
from router.generate.setting import default_value, type_name
from router.plugin import Action, Plugin, Table
from router.traits import GROUP_TRAITS, USER_TRAITS


def readme_path(plugin: Plugin) -> Path:
    """Beside the plugin's settings."""
    module = importlib.import_module(plugin.settings.__module__.rpartition(".")[0])
    return Path(str(module.__file__)).with_name("README.md")


def readme_parts(plugin: Plugin) -> dict[str, str]:
    """The generated parts of a plugin's README, by the name between its markers."""
    return {"settings": settings_table(plugin), "traits": traits_tables(plugin)}


def settings_table(plugin: Plugin) -> str:
    """One row a setting: name, type, default, description."""
    rows = [
        (f"`{name}`", type_name(field), _default(field), field.description or "")
        for name, field in plugin.settings.model_fields.items()
    ]
    return table(("setting", "type", "default", "what it is"), rows)


def traits_tables(plugin: Plugin) -> str:
    """For each action on identify or group, one row a reserved trait."""
    settings = plugin.settings(**plugin.sandbox_settings)
    parts = []
    for action in plugin.actions:
        reserved = USER_TRAITS if "identify" in action.on else GROUP_TRAITS if "group" in action.on else ()
        rows = list(_trait_rows(action.table_for(settings), reserved))
        if any(row[1] != "not sent by this action" for row in rows):
            parts.append(f"**{_title(action)}**\n\n" + table(("trait", "field", "converter"), rows))
    return "\n\n".join(parts)


def _title(action: Action) -> str:
    return f"{action.name[:1].upper()}{action.name[1:]} (on {', '.join(action.on)})"


def _trait_rows(rows: Table, reserved: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    for trait in reserved:
        fitting = [
            (source.removeprefix("traits."), row)
            for row in rows.fields
            for source in row.sources
            if source == f"traits.{trait}" or source.startswith(f"traits.{trait}.")
        ]
        if not fitting:
            yield f"`{trait}`", "not sent by this action", ""
        for name, row in fitting:
            to = f"`{row.to}`" if row.to else "–"
            yield f"`{name}`", f"{to} {row.note}".strip(), row.convert.__name__ if row.convert else ""


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
    """*text* with what stands between each pair of markers replaced."""
    for name, part in parts.items():
        pattern = re.compile(f"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text)  # type: ignore[misc]
    return text

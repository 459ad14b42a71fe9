"""What is generated in plugins' READMEs: the tables of settings and traits, from the declarations.

python -m router.readme           rewrite them all
python -m router.readme --check   exit with 1 and say so if one is stale
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from router.plugin import Action, Plugin, Table
from router.registry import Registry
from router.traits import GROUP_TRAITS, USER_TRAITS

COMMAND = "make generate"


def generate(plugin: Plugin) -> dict[str, str]:
    """The generated parts of a plugin's README, by the name between its markers."""
    return {"settings": settings_table(plugin), "traits": traits_tables(plugin)}


def settings_table(plugin: Plugin) -> str:
    """One row a setting: name, type, default, description."""
    rows = [
        (f"`{name}`", _type_name(field), _default(field), field.description or "")
        for name, field in plugin.settings.model_fields.items()
    ]
    return markdown(("setting", "type", "default", "what it is"), rows)


def traits_tables(plugin: Plugin) -> str:
    """For each action on identify or group, one row a reserved trait."""
    settings = plugin.settings(**plugin.sandbox_settings)
    parts = []
    for action in plugin.actions:
        reserved = USER_TRAITS if "identify" in action.on else GROUP_TRAITS if "group" in action.on else ()
        rows = list(_trait_rows(action.table_for(settings), reserved))
        if any(row[1] != "not sent by this action" for row in rows):
            parts.append(f"**{_title(action)}**\n\n" + markdown(("trait", "field", "converter"), rows))
    return "\n\n".join(parts)


def _title(action: Action) -> str:
    return f"{action.name[:1].upper()}{action.name[1:]} (on {', '.join(action.on)})"


def _trait_rows(table: Table, reserved: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    for trait in reserved:
        rows = [
            (source.removeprefix("traits."), row)
            for row in table.fields
            for source in row.sources
            if source == f"traits.{trait}" or source.startswith(f"traits.{trait}.")
        ]
        if not rows:
            yield f"`{trait}`", "not sent by this action", ""
        for name, row in rows:
            to = f"`{row.to}`" if row.to else "–"
            yield f"`{name}`", f"{to} {row.note}".strip(), row.convert.__name__ if row.convert else ""


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _type_name(field: FieldInfo) -> str:
    return _name_of(field.annotation)


def _name_of(annotation: Any) -> str:
    if annotation is SecretStr:
        return "secret"
    if get_origin(annotation) is not None:
        options = [each for each in get_args(annotation) if each is not type(None)]
        if get_origin(annotation) in (list, tuple, set, frozenset):
            return "list of " + _name_of(options[0])
        if get_origin(annotation) is dict:
            return "map"
        return ", ".join(f"`{each}`" if isinstance(each, str | int) else _name_of(each) for each in options)
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return ", ".join(f"`{each.value}`" for each in annotation)
    names = {str: "text", int: "whole number", float: "number", bool: "true, false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, list | tuple):
        return ", ".join(f"`{each}`" for each in value)
    return "" if value in (None, "", {}) else f"`{value}`"


def rewrite(text: str, parts: dict[str, str]) -> str:
    """*text* with what stands between each pair of markers replaced."""
    for name, part in parts.items():
        pattern = re.compile(f"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text)  # type: ignore[misc]
    return text


def stale_readmes(write: bool) -> list[Path]:
    """The READMEs of installed plugins that are not what the declarations say; with *write* they are rewritten."""
    stale = []
    for registered in Registry.load():
        module = importlib.import_module(registered.plugin.settings.__module__.rpartition(".")[0])
        path = Path(str(module.__file__)).with_name("README.md")
        if not path.exists():
            continue
        old = path.read_text()
        new = rewrite(old, generate(registered.plugin))
        if new != old:
            stale.append(path)
            if write:
                path.write_text(new)
    return stale


def main() -> int:
    parser = argparse.ArgumentParser(description="Rewrite what is generated in the plugins' READMEs.")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    is_check = parser.parse_args().check
    stale = stale_readmes(write=not is_check)
    for path in stale:
        sys.stdout.write(f"{'stale' if is_check else 'rewritten'}: {path}\n")
    if stale and is_check:
        sys.stdout.write(f"Rewrite them with: {COMMAND}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The JSON schema of the config, with which editors complete and check a file while it is written.

It allows what the loader allows: units in quantities, a reference (``${NAME}``) in place of any value, a key without a value.
The loader is stricter about relations between parts (names of sources and destinations, two keys that exclude each other).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from router.config.known import Known, key_of
from router.config.model import Config
from router.config.section import Section
from router.plugin import Plugin

Schema = dict[str, Any]

_REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}
_NAME: Schema = {"pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$"}
_SCALARS = ("integer", "number", "boolean")
_ABOUT = ("title", "description", "default")


def config_schema(plugins: Sequence[Plugin]) -> Schema:
    """The file ``config/router.schema.json`` as an object (draft 2020-12)."""
    schema = Config.model_json_schema(by_alias=True)
    definitions: Schema = schema["$defs"]
    definitions.pop("PluginSettings", None)
    for model in _sections(Config):
        part = schema if model is Config else definitions[model.__name__]
        _write_quantities(part, model)
    ordered = sorted(plugins, key=lambda plugin: plugin.slug)
    for plugin in ordered:
        own = plugin.settings.model_json_schema(by_alias=True)
        definitions |= own.pop("$defs", {})
        own.pop("title", None)
        own.pop("required", None)  # a sandbox fills in what is missing
        definitions[f"settings of {plugin.slug}"] = own | {"description": f"The settings of {plugin.name}."}
    for name in ("Source", "Destination"):
        definitions[name]["properties"].pop("(name)")
        definitions[name].pop("required", None)
    schema["properties"]["sources"]["propertyNames"] = _NAME
    schema["properties"]["destinations"] |= _destinations(definitions["Destination"], ordered)
    loosened: Schema = _loosen(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **loosened,
        "title": "The config of trait-router",
        "description": "Generated: `make generate` rewrites it.",
    }


def _sections(model: type[BaseModel]) -> list[type[BaseModel]]:
    """*model* and every section within it."""
    found: list[type[BaseModel]] = [model]
    for field in model.model_fields.values():
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for each in inner:
            if isinstance(each, type) and issubclass(each, Section):
                found += [section for section in _sections(each) if section not in found]
    return found


def _write_quantities(part: Schema, model: type[BaseModel]) -> None:
    """Write quantities as operators write them, also as defaults."""
    for name, field in model.model_fields.items():
        quantity = Known.of_field(field).quantity
        if quantity is not None:
            written: Schema = {"type": "string", "description": f"{field.description} Expected {quantity.expected}."}
            if isinstance(field.default, int | float):
                written["default"] = quantity.write(field.default)
            part["properties"][key_of(name, field)] = written


def _destinations(destination: Schema, plugins: Sequence[Plugin]) -> Schema:
    """Settings and actions by plugin, which the key ``plugin`` names, or else the destination's own name."""
    destination["properties"]["plugin"] = {
        "type": "string",
        "description": destination["properties"]["plugin"]["description"],
        "examples": [plugin.slug for plugin in plugins],
    }
    destination["properties"]["settings"] = {"type": "object", "description": "The plugin's own."}
    destination["allOf"] = [
        {
            "if": {"properties": {"plugin": {"const": plugin.slug}}, "required": ["plugin"]},
            "then": {"properties": _of_plugin(plugin)},
        }
        for plugin in plugins
    ]
    return {
        "propertyNames": _NAME,
        "properties": {
            plugin.slug: {
                "if": {"not": {"required": ["plugin"]}},
                "then": {"properties": _of_plugin(plugin)},
                "$ref": "#/$defs/Destination",
            }
            for plugin in plugins
        },
        "additionalProperties": {"$ref": "#/$defs/Destination"},
    }


def _of_plugin(plugin: Plugin) -> Schema:
    """What only the plugin knows about a destination: its settings, and the names of its actions."""
    return {
        "settings": {"$ref": f"#/$defs/settings of {plugin.slug}"},
        "actions": {"propertyNames": {"enum": [action.name for action in plugin.actions]}},
    }


def _loosen(part: Any) -> Any:
    """Allow a reference in place of any scalar, and any key of an object to have no value."""
    if isinstance(part, list):
        return [_loosen(item) for item in part]
    if not isinstance(part, dict):
        return part
    loose = {
        key: _loosen(value) if key not in ("default", "examples", "const", "enum") else value
        for key, value in part.items()
    }
    if isinstance(part.get("properties"), Mapping) and "type" in part:
        loose["properties"] = {name: _or_nothing(value) for name, value in loose["properties"].items()}
    is_scalar = part.get("type") in _SCALARS or (part.get("type") == "string" and _is_narrow(part))
    if not is_scalar:
        return loose
    return _unless(loose, _REFERENCE)


def _is_narrow(part: Schema) -> bool:
    return any(key in part for key in ("enum", "const", "pattern", "format", "minLength"))


def _or_nothing(part: Schema) -> Schema:
    return _unless(part, {"type": "null"})


def _unless(part: Schema, other: Schema) -> Schema:
    """*part*, or any value that fits *other*. Its title and description stay outside, where editors look.

    Not with ``anyOf``: an error deep inside would be reported for the whole.
    """
    about = {key: part[key] for key in _ABOUT if key in part}
    return {**about, "if": other, "else": {key: value for key, value in part.items() if key not in _ABOUT}}

"""The full example config: every key with its meaning and default, and every plugin with all its settings."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from router.config.destination import Delivery, Destination
from router.config.known import key_of
from router.config.nats import Nats
from router.config.quantity import Quantity
from router.config.retention import Retention
from router.config.server import Admin, Server
from router.config.source import Source
from router.generate.setting import default_value, type_name
from router.plugin import Plugin, PluginSettings

_WIDTH = 126
HEAD = """\
# yaml-language-server: $schema=router.schema.json
# Every key there is, with its default. Generated: `make generate` rewrites it. A copy runs as it is: every destination
# delivers to its built-in stand-in. Leave out what you don't change; config/router.yaml is the short one to start from.
# A key behind a # has no default, or an empty one.
#
# Durations are written 10s, 1h30m or 7d; sizes 10MB or 10MiB; rates 100/s or 6000/min.
# Any value may hold ${NAME}, ${NAME:-default} or ${file:PATH}.
"""


def full_config(plugins: Sequence[Plugin]) -> str:
    """The file ``config/full.yaml``."""
    ordered = sorted(plugins, key=lambda plugin: plugin.slug)
    lines = [
        *HEAD.splitlines(),
        "",
        *_section("server", Server),
        "",
        *_section("admin", Admin),
        "",
        "# Folder of the log and of the destinations' state; relative to the working directory.",
        "data: ./var",
        "# Where the log is kept: sqlite, in `data`; or nats://host:4222,…, a cluster with JetStream.",
        "log: sqlite",
        "",
        *_section("nats", Nats),
        "",
        *_section("retention", Retention),
        "",
        "sources:",
        *_indent(_section("website", Source, {"write_key": '"${WEBSITE_WRITE_KEY:-demo}"'})),
        "",
        "destinations:",
    ]
    for number, plugin in enumerate(ordered):
        lines += _indent(_destination(plugin, is_first=number == 0))
        lines.append("")
    return "\n".join(lines)


def _destination(plugin: Plugin, is_first: bool) -> Iterator[str]:
    """The example of one destination. The first one shows what every destination may have."""
    yield f"{plugin.slug}:"
    if is_first:
        given = {"plugin": plugin.slug, "sandbox": "true"}
        left_out = ("settings", "delivery")
        yield from _indent(_keys(Destination, given, left_out))
        yield from _indent(_section("delivery", Delivery))
    else:
        yield "  sandbox: true"
    yield from _indent(_section("settings", plugin.settings, _required(plugin)))


def _required(plugin: Plugin) -> dict[str, str]:
    """The required settings, taken from the environment. A sandbox fills in empty ones."""
    return {
        name: f'"${{{plugin.slug.upper()}_{name.upper()}:-}}"'
        for name, field in plugin.settings.model_fields.items()
        if field.is_required()
    }


def _section(name: str, model: type[BaseModel], given: Mapping[str, str] | None = None) -> list[str]:
    lines = list(_keys(model, given or {}))
    is_empty = all(line.startswith("#") for line in lines)
    return [f"{name}: {{}}" if is_empty else f"{name}:", *_indent(lines)]


def _keys(model: type[BaseModel], given: Mapping[str, str], left_out: Sequence[str] = ()) -> Iterator[str]:
    """Each key of *model* after its description. *given* are values that replace defaults, by key."""
    for name, field in model.model_fields.items():
        key = key_of(name, field)
        if key in left_out or key == "(name)":
            continue
        yield from _comment(field)
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel) and not issubclass(nested, PluginSettings):
            yield from _section(key, nested)
            continue
        value = given.get(key) or _yaml(field)
        yield f"# {key}:" if value is None else f"{key}: {value}"


def _comment(field: FieldInfo) -> Iterator[str]:
    kind = type_name(field)
    choice = f" One of {kind.replace('`', '')}." if kind.startswith("`") else ""
    text = (field.description or "") + choice
    yield from (f"# {line}" for line in textwrap.wrap(text, _WIDTH - 8))


def _yaml(field: FieldInfo) -> str | None:
    """The default as written in the file; None if there is none worth writing."""
    value = default_value(field)
    if value is None or value in ("", [], {}):
        return None
    for fact in field.metadata:
        if isinstance(fact, Quantity):
            return fact.write(value)
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _indent(lines: Iterable[str]) -> list[str]:
    return ["  " + line if line else line for line in lines]

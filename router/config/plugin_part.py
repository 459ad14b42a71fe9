"""What a destination's plugin reads of the config: its settings, and the names of its actions."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from router.config.known import Known, key_of
from router.config.phrase import HIDDEN, Phrasebook
from router.config.problem import KeyPath, name_text
from router.config.tree import Tree
from router.plugin import Plugin, PluginSettings
from router.registry import Registry

_BOOLEAN = TypeAdapter(bool)


def with_settings(tree: Tree, registry: Registry, destinations: Any, has_secrets: bool) -> Any:
    """The destinations, with settings validated by their plugins, or with placeholder settings if that failed. Unless it
    *has_secrets*, with those of the plugins' stand-ins."""
    if not isinstance(destinations, dict):
        return destinations
    filled = {}
    for name, entry in destinations.items():
        if isinstance(entry, dict):
            plugin = _find_plugin(tree, registry, name)
            settings = None
            if plugin is not None:
                settings = _read_settings(tree, name, plugin) if has_secrets else _made_up_settings(plugin)
                _check_actions(tree, name, plugin)
            slug = entry.get("plugin")
            entry = {
                **entry,
                "plugin": name if slug is None else slug,
                "settings": settings or PluginSettings.model_construct(),
            }
        filled[name] = entry
    return filled


def _made_up_settings(plugin: Plugin) -> PluginSettings:
    """Those of its stand-in. A plugin without one may require more than there is."""
    try:
        return plugin.settings.model_validate(plugin.sandbox_settings)
    except ValidationError:
        return plugin.settings.model_construct(**plugin.sandbox_settings)


def _find_plugin(tree: Tree, registry: Registry, name: str) -> Plugin | None:
    path: KeyPath = ("destinations", name, "plugin")
    slug = tree.get(path)
    if path in tree.unresolved or not isinstance(slug, str | None):
        return None
    found = registry.find(name if slug is None else slug)
    if found is not None:
        return found.plugin
    why_broken = registry.why_broken(name if slug is None else slug)
    if why_broken and not tree.has_reference(path):
        tree.report(path[:-1] if slug is None else path, why_broken)
    elif slug is None:
        hint = registry.suggest(name)
        tree.report(path[:-1], f'no plugin is called "{name_text(name)}"; say which one with the key plugin; {hint}')
    elif tree.has_reference(path):
        tree.report(path, f"unknown plugin {HIDDEN}; installed: {', '.join(registry.slugs) or 'none'}")
    else:
        tree.report(path, f'unknown plugin "{name_text(slug)}"; {registry.suggest(slug)}')
    return None


def _read_settings(tree: Tree, name: str, plugin: Plugin) -> PluginSettings | None:
    """The destination's settings; None if they are wrong, with the problems noted in *tree*."""
    path: KeyPath = ("destinations", name, "settings")
    given = tree.get(path)
    if not isinstance(given, dict | None):
        found = "a list" if isinstance(given, list) else "a single value"
        tree.report(path, f"got {found}, expected a mapping of the plugin's settings")
        return None
    fields = {key_of(*each): each[1] for each in plugin.settings.model_fields.items()}
    values = {key: value for key, value in (given or {}).items() if value is not None or key not in fields}
    required = {key for key, field in fields.items() if field.is_required()}
    secret = {key for key, field in fields.items() if Known.of_field(field).is_secret}
    if _is_true(tree.get((*path[:-1], "sandbox"))):
        if not plugin.sandbox:
            tree.report((*path[:-1], "sandbox"), f'plugin "{plugin.slug}" has no sandbox; take this out')
        if values.pop("base_url", ""):
            tree.report(
                (*path, "base_url"), "a sandbox has its own address; leave this empty, or take sandbox: true out"
            )
        values = {key: value for key, value in values.items() if value != "" or key not in fields}
        needed = {key: value for key, value in plugin.sandbox_settings.items() if key in required or key in secret}
        ways = [{**needed, **values}, {**plugin.sandbox_settings, **values}, values]
    else:
        ways = [{key: value for key, value in values.items() if value != "" or key not in required}]
    refused: list[list[ErrorDetails]] = []
    for way in ways:
        try:
            return plugin.settings.model_validate(way)
        except ValidationError as error:
            refused.append(error.errors(include_url=False))
        except Exception as error:  # an error in a plugin's validator must not hide other problems
            tree.report(
                path, f'plugin "{plugin.slug}" failed to read its settings ({type(error).__name__}); tell its author'
            )
            return None

    def rank(problems: list[ErrorDetails]) -> tuple[bool, int]:
        """Last are those for want of what a sandbox fills in: they hide what a plugin's own check says of the rest."""
        return any(each["type"] == "missing" and each["loc"][0] in required for each in problems), len(problems)

    least = min(reversed(refused), key=rank)  # problems with given values, not with filled-in ones
    Phrasebook(tree, path, plugin.settings, plugin.slug).report(least)
    return None


def _check_actions(tree: Tree, name: str, plugin: Plugin) -> None:
    """Check that the keys under ``actions`` are names of the plugin's actions."""
    there = [action.name for action in plugin.actions]
    folded = {action.casefold(): action for action in there}
    for given in tree.mapping("destinations", name, "actions"):
        if given in there:
            continue
        near = [folded[each] for each in difflib.get_close_matches(given.casefold(), folded, n=1)]
        hint = f'did you mean "{near[0]}"?' if near else f"{plugin.name} has: {', '.join(there)}"
        tree.report(("destinations", name, "actions", given), f"unknown action; {hint}")


def _is_true(value: Any) -> bool:
    """Whether the model will read *value* as true. That includes "yes" and "1", since environment variables are texts."""
    try:
        return _BOOLEAN.validate_python(value)
    except ValidationError:
        return False

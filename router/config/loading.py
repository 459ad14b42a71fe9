"""Loading: from a file to a `Config`, or to every problem in it at once. It reads, resolves references, validates and
checks."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from router.config.checks import check
from router.config.model import Config
from router.config.phrase import HIDDEN, Phrasebook
from router.config.plugin_part import with_settings
from router.config.problem import ConfigError, KeyPath, Problem
from router.config.quantity import FROM_FILE
from router.config.tree import Tree, read_tree
from router.config.value import Folder
from router.registry import Registry

_FOLDER: TypeAdapter[Path] = TypeAdapter(Folder)
_DATA = Config.model_fields["data"].default
_TRAFFIC = ("server", "admin", "sources", "destinations", "plugins")
"""The sections that say nothing of what is stored, and where."""
_OF_TRAFFIC = re.compile(rf"(?:{'|'.join(_TRAFFIC)})(?:[.\[]|$)")
_SECRETS = re.compile(r"sources\.[^.]+\.write_keys?\b|destinations\.[^.]+\.settings\b")
"""The keys that only a router has to know the values of."""


def load_config(
    path: str | Path, registry: Registry, environ: Mapping[str, str] = os.environ, has_secrets: bool = True
) -> Config:
    """Read the config file at *path*. Relative paths in it count from the working directory.

    Plugins that the config itself names are loaded. They are in *registry* once the config is accepted; a refused config
    changes nothing.

    Unless it *has_secrets*, write keys and the settings of destinations are made up, whatever the file says there: for those
    who ask what became of events, where router and secrets may be away. Nothing can be mapped or sent with it.

    Raises:
        ConfigError: the file can't be read or used. Everything wrong with it, but for what is made up, is in ``problems``.
    """
    return parse_config(_read_text(path), registry, path=str(path), environ=environ, has_secrets=has_secrets)


def read_data_folder(path: str | Path) -> Path | None:
    """The folder ``data`` of the config at *path*, whatever else is wrong in the file; None if it can't be told.

    Raises:
        ConfigError: the file can't be read.
    """
    tree = read_tree(_read_text(path), str(path), os.environ)
    if not isinstance(tree.data, dict) or tree.has_unresolved(("data",)):
        return None
    try:
        return _FOLDER.validate_python(_DATA if tree.data.get("data") is None else tree.data["data"])
    except ValidationError:
        return None


def load_storage(path: str | Path, environ: Mapping[str, str] = os.environ) -> Config:
    """What the config at *path* says of what is stored, and where: a config without sources and destinations. Secrets that only
    the router has, and mistakes in the other sections, do not stand in the way of those who look after its files.

    Raises:
        ConfigError: the file can't be read, or is wrong in what it says of storage.
    """
    tree = read_tree(_read_text(path), str(path), environ)
    data = {key: value for key, value in _mapping_of(tree).items() if key not in _TRAFFIC}
    tree.problems = [problem for problem in tree.problems if not _OF_TRAFFIC.match(problem.key)]
    return _validate(tree, data)


def _read_text(path: str | Path) -> str:
    name = str(path)
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        if isinstance(error, FileNotFoundError):
            reason += "; say which config with --config PATH or the variable ROUTER_CONFIG"
        elif isinstance(error, IsADirectoryError):
            reason += (
                f"; name the file in it{''.join(f', such as {file}' for file in sorted(Path(path).glob('*.yaml'))[:1])}"
            )
        raise ConfigError(name, [Problem(name, None, "", f"cannot be read: {reason}")]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(name, [Problem(name, line, "", "not UTF-8 text; save it as UTF-8")]) from None


def parse_config(
    text: str,
    registry: Registry,
    *,
    path: str = "router.yaml",
    environ: Mapping[str, str] = os.environ,
    has_secrets: bool = True,
) -> Config:
    """Like `load_config`, from the text of a file. *path* is its name in problems."""
    tree = read_tree(text, path, environ)
    data = dict(_mapping_of(tree))
    check(tree)
    candidate = _with_named_plugins(tree, registry)
    data["sources"] = _with_names(tree, "sources")
    data["destinations"] = with_settings(tree, candidate, _with_names(tree, "destinations"), has_secrets)
    if not has_secrets:
        data["sources"] = _with_made_up_keys(data["sources"])
        tree.problems = [problem for problem in tree.problems if not _SECRETS.match(problem.key)]
    config = _validate(tree, data)
    registry.adopt(candidate)
    return config


def _mapping_of(tree: Tree) -> dict[str, Any]:
    """The whole file.

    Raises:
        ConfigError: it is no mapping.
    """
    if tree.data is None:
        if not tree.problems:
            empty = "it is empty; see config/router.yaml for a config that runs"
            tree.problems.append(Problem(tree.path, None, "", empty))
        raise ConfigError(tree.path, tree.problems)
    if not isinstance(tree.data, dict):
        other = Problem(tree.path, 1, "", "expected a mapping with sources and destinations")
        raise ConfigError(tree.path, [*tree.problems, other])
    return tree.data


def _validate(tree: Tree, data: dict[str, Any]) -> Config:
    """The config that *data* says.

    Raises:
        ConfigError: something in it is wrong, or *tree* has problems already.
    """
    config = None
    try:
        config = Config.model_validate(data, context=FROM_FILE, by_alias=True, by_name=False)
    except ValidationError as error:
        Phrasebook(tree, (), Config).report(error.errors(include_url=False))
    if tree.problems or config is None:
        raise ConfigError(tree.path, tree.problems)
    return config


def _with_named_plugins(tree: Tree, registry: Registry) -> Registry:
    listed = tree.get(("plugins",))
    names = {
        index: name for index, name in enumerate(listed if isinstance(listed, list) else []) if isinstance(name, str)
    }
    candidate, problems = registry.with_named(list(names.values()))
    for position, message in problems:
        key: KeyPath = ("plugins", list(names)[position])
        tree.report(key, f"{HIDDEN} could not be loaded" if tree.has_reference(key) else message)
    return candidate


def _with_names(tree: Tree, section: str) -> Any:
    """The section with each entry's name added to the entry, if that is a mapping or empty."""
    entries = tree.get((section,))
    if not isinstance(entries, dict):
        return entries
    named = {}
    for name, entry in entries.items():
        if isinstance(entry, dict) and "(name)" in entry:
            tree.report((section, name, "(name)"), "unknown key")
        named[name] = {**(entry or {}), "(name)": name} if isinstance(entry, dict | None) else entry
    return named


def _with_made_up_keys(sources: Any) -> Any:
    """The sources, with a write key that nobody sends. Everything else in them counts."""
    if not isinstance(sources, dict):
        return sources
    return {
        name: {**entry, "write_key": "made-up", "write_keys": None} if isinstance(entry, dict) else entry
        for name, entry in sources.items()
    }

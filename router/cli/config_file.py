"""The config file and its plugins, as commands read them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

import typer

from router.cli.options import DEFAULT_CONFIG
from router.config import Config, ConfigError, load_config
from router.errors import OperatorError
from router.plugin_output import printing_aside
from router.registry import Registry


def read_config(path: Path, has_secrets: bool = True) -> tuple[Config, Registry]:
    """The config and the plugins it may use. Unless it *has_secrets*, write keys and settings are made up.

    Raises:
        OperatorError: the file is not valid, or a plugin package is not.
    """
    with printing_aside():  # plugins are imported, and check their settings
        registry = Registry.load()
        return load_config(path, registry, has_secrets=has_secrets), registry


def check_name(kind: Literal["source", "destination"], name: str, there: Collection[str], path: Path) -> None:
    """Check that *name* is among those that are *there*, in the config at *path*.

    Raises:
        OperatorError: it is not.
    """
    if name not in there:
        raise OperatorError(f"no {kind} {name!r} in {path}; there are: {', '.join(there) or 'none'}")


def read_plugins(path: Path) -> Registry:
    """The installed plugins, and those that the config at *path* names. The installed ones alone if there is no config at the
    usual place, or if the config is not valid, which is then said on stderr.

    Raises:
        OperatorError: a plugin package is not valid, or there is no file at another place than the usual one.
    """
    with printing_aside():
        registry = Registry.load()
    if path == DEFAULT_CONFIG and not path.exists():
        return registry
    try:
        with printing_aside():
            load_config(path, registry, has_secrets=False)
    except ConfigError:
        if not path.exists():
            raise
        typer.echo(f"{path} is not right, so plugins of its own are left out. See: router check {path}", err=True)
    return registry

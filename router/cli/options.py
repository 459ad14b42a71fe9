"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from router.config import Config, load_config
from router.registry import Registry

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="ROUTER_CONFIG", help="The config file.", show_default=True)
]
DEFAULT_CONFIG = Path("config/router.yaml")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def read_config(path: Path) -> tuple[Config, Registry]:
    """The config and the plugins it may use.

    Raises:
        OperatorError: the file is not valid, or a plugin package is not.
    """
    registry = Registry.load()
    return load_config(path, registry), registry

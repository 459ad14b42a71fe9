"""``router new-plugin``: a plugin to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from router.cli.output import console, say
from router.errors import OperatorError
from router.new_plugin import write_plugin
from router.registry import Registry


def new_plugin(
    slug: Annotated[str, typer.Argument(help="The plugin's slug: lower-case letters, digits and _.")],
    name: Annotated[str, typer.Option("--name", help="The vendor's own spelling; without it, the slug.")] = "",
    folder: Annotated[Path, typer.Option("--in", help="Where to write the package.")] = Path("."),
) -> None:
    """Write a new plugin as a package of its own, with a stand-in and tests that pass.

    Example: `router new-plugin acme --name "Acme CRM"`
    """
    if Registry.load().find(slug) is not None:
        raise OperatorError(f'there is a plugin "{slug}" already; choose another slug')
    written = write_plugin(slug, name or slug.replace("_", " ").title(), folder)
    console.print(f"{written} is written. Next:\n")
    for line in (f"cd {written}", "pip install -e '.[dev]'", "pytest", "router run --config router.yaml"):
        say(f"  {line}")
    console.print("\nThe tutorial is docs/plugins.md.")

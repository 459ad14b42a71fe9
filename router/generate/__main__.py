"""Rewrite what is generated, or say what is stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import orjson

from router.gateway.openapi import description_json
from router.generate.catalogue import catalogue
from router.generate.config_schema import config_schema
from router.generate.full_config import full_config
from router.generate.readme import readme_parts, readme_path, rewrite
from router.generate.reasons import reason_parts
from router.plugin import Plugin
from router.registry import Registry

COMMAND: Final = "python -m router.generate"
ROOT: Final = Path(__file__).parents[2]


def generated() -> dict[Path, str]:
    """What each generated file should hold. If this is an installed package, files of the checkout are left out."""
    registered = list(Registry.load())
    built_in = [each.plugin for each in registered if each.plugin.settings.__module__.startswith("plugins.")]
    texts = {
        path: rewrite(path.read_text("utf-8"), readme_parts(each.plugin))
        for each in registered
        if (path := readme_path(each.plugin)).exists()
    }
    return texts | (_of_the_checkout(built_in) if (ROOT / "pyproject.toml").exists() else {})


def _of_the_checkout(plugins: list[Plugin]) -> dict[Path, str]:
    rejections = ROOT / "docs/rejections.md"
    schema = orjson.dumps(config_schema(plugins), option=orjson.OPT_INDENT_2).decode() + "\n"
    return {
        ROOT / "docs/destinations.md": catalogue(plugins),
        ROOT / "config/full.yaml": full_config(plugins),
        ROOT / "config/router.schema.json": schema,
        ROOT / "docs/openapi.json": description_json().decode(),
        rejections: rewrite(rejections.read_text("utf-8"), reason_parts()),
    }


def stale() -> dict[Path, str]:
    """The files that do not hold what they should, with what they should hold."""
    return {path: text for path, text in generated().items() if not path.exists() or path.read_text("utf-8") != text}


def main() -> int:
    parser = argparse.ArgumentParser(description="Rewrite what is generated from the declarations.")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    is_check = parser.parse_args().check
    found = stale()
    for path, text in found.items():
        if not is_check:
            path.write_text(text, "utf-8")
        sys.stdout.write(f"{'stale' if is_check else 'rewritten'}: {path}\n")
    if found and is_check:
        sys.stdout.write(f"Rewrite them with: {COMMAND}\n")
    return 1 if found and is_check else 0


if __name__ == "__main__":
    sys.exit(main())

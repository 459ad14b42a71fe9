"""The built-in plugins: every folder in here is one. They come in through the same hook as a stranger's package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

from router.plugin import Plugin, hookimpl


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    """The declaration of each folder, in order of slugs."""
    folders = [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]
    plugins: list[Plugin] = [importlib.import_module(f"{__name__}.{folder}").PLUGIN for folder in folders]
    return sorted(plugins, key=lambda plugin: plugin.slug)

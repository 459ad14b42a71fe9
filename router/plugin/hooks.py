"""The hooks that a package implements so that its plugins are found."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from router.plugin.declaration import Plugin

PROJECT = "router"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def router_plugins() -> Sequence[Plugin]:  # type: ignore[empty-body]
    """Return the plugins of this package, one for each vendor it can deliver to.

    Called once per process, before the config file is read. Do no I/O and keep no state. Slugs are unique: a clash stops the
    start-up and names both packages. Packages are found through the entry-point group ``router.plugins``.
    """

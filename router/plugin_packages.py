"""Plugin packages: asks each package, through pluggy's hooks, for its plugins, and checks what it answers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pluggy

from router.errors import OperatorError
from router.plugin import API_VERSION, Plugin, hooks
from router.plugin_import import describe_with_place

_SLUG_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True, slots=True)
class Registered:
    """A plugin and its origin: "acme-router 1.2", "module acme_router" or "path ./acme"."""

    plugin: Plugin
    origin: str


class NoPlugins(Exception):
    """The package was imported but names no plugin."""


class Packages:
    """pluggy's manager and each package's answer. A hook is called once per process, however often a config is read."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._answers: dict[int, list[Registered]] = {}

    def plugins_of(self, package: object, origin: str) -> list[Registered]:
        """Register *package* and call its hook.

        Raises:
            NoPlugins: it has no hook, its hook raised, or the hook returned something other than plugins.
            OperatorError: it was written for another version of the plugin API, or implements an unknown hook.
        """
        if id(package) in self._answers:  # pluggy keeps the package alive, so nothing else gets its id
            return self._answers[id(package)]
        try:
            self._manager.register(package, name=f"{origin}#{id(package)}")
        except pluggy.PluginValidationError as error:
            raise OperatorError(f"{origin}: {_what_it_takes(error)}") from None
        try:
            found = self._ask(package, origin)
        except BaseException:
            self._manager.unregister(package)
            raise
        self._answers[id(package)] = found
        return found

    def _ask(self, package: object, origin: str) -> list[Registered]:
        callers = self._manager.get_hookcallers(package) or []
        for caller in callers:
            if not caller.has_spec():
                raise OperatorError(
                    f'{origin}: unknown hook "{caller.name}"; this router has: {", ".join(_hook_names())}. Check its '
                    "spelling, or install a version of the package for this router"
                )
        if not callers:
            raise NoPlugins("no hook router_plugins; is it marked with @hookimpl?")
        others = [each for each in self._manager.get_plugins() if each is not package]
        try:
            answers = self._manager.subset_hook_caller("router_plugins", others)()
            plugins = [plugin for answer in answers for plugin in _listed(answer)]
        except NoPlugins:
            raise
        except Exception as error:
            raise NoPlugins(f"router_plugins failed: {describe_with_place(error)}") from error
        for plugin in plugins:
            check_plugin(plugin, origin)
        if not plugins:
            raise NoPlugins("router_plugins names no plugin")
        return [Registered(plugin, origin) for plugin in plugins]


def _what_it_takes(error: pluggy.PluginValidationError) -> str:
    """The message for a hook with parameters. pluggy's own would show our internal name of the package."""
    found = re.search(r"definition: (\w+\(.*\))\nArgument", str(error))
    if found is None:
        return " ".join(str(error).split())
    return f"{found[1]}: it is called without arguments; take them out of its definition"


def _listed(answer: Any) -> Iterable[Any]:
    if isinstance(answer, Iterable) and not isinstance(answer, str | bytes):
        return answer
    if inspect.iscoroutine(answer):
        answer.close()  # nobody will await it
    kind = type(answer).__name__
    article = "an" if kind[0] in "aeiou" else "a"
    raise NoPlugins(f"router_plugins returned {article} {kind}, expected a list of Plugin objects")


def check_plugin(plugin: object, origin: str) -> None:
    """Check that this router takes *plugin*, which comes from *origin*.

    Raises:
        NoPlugins: it is none.
        OperatorError: it is for another plugin API, or its slug can't be one.
    """
    if not isinstance(plugin, Plugin):
        raise NoPlugins(f"router_plugins returned a {type(plugin).__name__}, expected Plugin objects")
    if plugin.api_version != API_VERSION:
        raise OperatorError(
            f'{origin}: plugin "{plugin.slug}" was written for version {plugin.api_version!r} of the plugin API, this router '
            f"has version {API_VERSION}; install a version of the package for it, or another router"
        )
    if not plugin.slug or not _SLUG_CHARACTERS.issuperset(plugin.slug):
        raise OperatorError(
            f'{origin}: plugin slug "{plugin.slug}": expected lower-case letters, digits and underscores'
        )


def _hook_names() -> list[str]:
    return [name for name, value in vars(hooks).items() if hasattr(value, f"{hooks.PROJECT}_spec")]

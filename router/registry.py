"""The registry: all plugins, and where each came from.

Packages are found through the entry-point group ``router.plugins``, the built-in ones included. A config may name more, by
module or by path (`Registry.with_named`). pluggy holds the hooks; nothing here knows a vendor.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pluggy

from router.errors import OperatorError
from router.place import at_place
from router.plugin import API_VERSION, Plugin, hooks

ENTRY_POINTS = "router.plugins"

_SLUG_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True, slots=True)
class Registered:
    """A plugin and its origin: "acme-router 1.2", "module acme_router" or "path ./acme"."""

    plugin: Plugin
    origin: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A package that could not be loaded. It does no harm until a destination needs its plugin."""

    name: str
    """The name of its entry point: by custom the slug of its plugin."""
    origin: str
    reason: str

    def __str__(self) -> str:
        return f"{self.origin} ({self.reason})"


class Registry:
    """The plugins by slug. `Registry.load` makes one per process. Iterating gives `Registered` in order of slugs."""

    def __init__(self, plugins: Iterable[Plugin] = (), origin: str = "given") -> None:
        """*plugins* have no package behind them: for tests."""
        self._packages = _Packages()
        self._installed: dict[str, Registered] = {}
        self._named: dict[str, Registered] = {}
        self._absent: tuple[str, ...] = ()
        """Names in the config that could not be loaded."""
        self.broken: tuple[Broken, ...] = ()
        _add(self._installed, [Registered(plugin, origin) for plugin in plugins])

    @classmethod
    def load(cls) -> Registry:
        """Load every installed package of the entry-point group.

        A package that fails to import does not raise: it is listed in `broken` and `warnings`.

        Raises:
            OperatorError: two packages claim one slug, or a package implements an unknown hook or was written for another
                version of the plugin API.
        """
        registry = cls()
        broken = []
        for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: (entry.name, entry.value)):
            origin = _origin(entry)
            try:
                module = entry.load()
            except (Exception, SystemExit) as error:
                broken.append(Broken(entry.name, origin, _describe(error)))
                continue
            try:
                found = registry._packages.plugins_of(module, origin)
            except NoPlugins as error:
                broken.append(Broken(entry.name, origin, str(error)))
                continue
            _add(registry._installed, found)
        registry.broken = tuple(broken)
        return registry

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each package that could not be loaded."""
        return tuple(f"{broken.origin} could not be loaded: {broken.reason}" for broken in self.broken)

    def with_named(self, names: Sequence[str]) -> tuple[Registry, list[tuple[int, str]]]:
        """A new registry with the installed plugins and those that a config names, and what is wrong with those names.

        A name that holds a slash or ends in ``.py`` is a path, relative to the working directory: a folder with an
        ``__init__.py``, or a file. Any other name is a module. A module is loaded once per process, so a changed file needs a
        restart.

        This registry does not change until it is told to `adopt` the new one, so that a config can be refused whole.

        Returns:
            The registry, and (index in *names*, message) for each name that was left out.
        """
        other = Registry()
        other._packages, other._installed, other.broken = self._packages, self._installed, self.broken
        problems = []
        for index, name in enumerate(names):
            try:
                found = self._packages.plugins_of(*_import_named(name))
                _add(other._named, _without(found, other._installed), other._installed)
            except OperatorError as error:
                problems.append((index, str(error)))
            except NoPlugins as error:
                problems.append((index, f"{name}: {error}"))
        other._absent = tuple(names[index] for index, _ in problems)
        return other, problems

    def adopt(self, other: Registry) -> None:
        """Take over the named plugins of *other*, a registry made by `with_named`."""
        self._named = other._named

    def find(self, slug: str) -> Registered | None:
        return self._named.get(slug) or self._installed.get(slug)

    def get(self, slug: str) -> Plugin:
        """The plugin of that slug.

        Raises:
            OperatorError: there is none. The message suggests one and names the packages that could not be loaded.
        """
        found = self.find(slug)
        if found is None:
            raise OperatorError(self.why_broken(slug) or f'unknown plugin "{slug}"; {self.suggest(slug)}')
        return found.plugin

    def why_broken(self, slug: str) -> str:
        """A message if the package whose entry point is called *slug* could not be loaded, else ""."""
        for broken in self.broken:
            if broken.name == slug:
                return f'plugin "{slug}" of {broken.origin} could not be loaded: {broken.reason}'
        return ""

    def suggest(self, slug: str) -> str:
        """The rest of a message that begins "unknown plugin": the nearest slug or all of them, and the broken packages.

        If something that the config names could not be loaded, only that is mentioned: a near slug would mislead.
        """
        if self._absent:
            return f"it may be in what could not be loaded: {', '.join(self._absent)}"
        slugs = self.slugs
        near = difflib.get_close_matches(slug.lower(), slugs, n=1)
        text = f'did you mean "{near[0]}"?' if near else f"installed: {', '.join(slugs) or 'none'}"
        if self.broken:
            text += f"; could not be loaded: {', '.join(map(str, self.broken))}"
        return text

    @property
    def slugs(self) -> list[str]:
        return sorted({**self._installed, **self._named})

    def __contains__(self, slug: object) -> bool:
        return isinstance(slug, str) and self.find(slug) is not None

    def __iter__(self) -> Iterator[Registered]:
        merged = {**self._installed, **self._named}
        return iter([merged[slug] for slug in sorted(merged)])

    def __len__(self) -> int:
        return len(self.slugs)


class NoPlugins(Exception):
    """The package was imported but names no plugin."""


class _Packages:
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
            raise NoPlugins(f"router_plugins failed: {_describe(error)}") from error
        for plugin in plugins:
            _check(plugin, origin)
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


def _check(plugin: object, origin: str) -> None:
    if not isinstance(plugin, Plugin):
        raise NoPlugins(f"router_plugins returned a {type(plugin).__name__}, expected Plugin objects")
    if plugin.api_version != API_VERSION:
        raise OperatorError(
            f'{origin}: plugin "{plugin.slug}" was written for version {plugin.api_version} of the plugin API, this router '
            f"has version {API_VERSION}; install a version of the package for it, or another router"
        )
    if not plugin.slug or not _SLUG_CHARACTERS.issuperset(plugin.slug):
        raise OperatorError(
            f'{origin}: plugin slug "{plugin.slug}": expected lower-case letters, digits and underscores'
        )


def _hook_names() -> list[str]:
    return [name for name, value in vars(hooks).items() if hasattr(value, f"{hooks.PROJECT}_spec")]


def _add(plugins: dict[str, Registered], found: Iterable[Registered], *others: dict[str, Registered]) -> None:
    """Add all of *found* to *plugins*; if a slug is taken, here or in *others*, add none and raise OperatorError."""
    new: dict[str, Registered] = {}
    for each in found:
        slug = each.plugin.slug
        for known in (plugins, new, *others):
            if slug in known and known[slug].plugin is not each.plugin:
                raise OperatorError(
                    f'plugin "{slug}" comes from both {known[slug].origin} and {each.origin}; uninstall or rename one of them'
                )
        new[slug] = each
    plugins.update(new)


def _without(found: Iterable[Registered], installed: dict[str, Registered]) -> list[Registered]:
    """*found* without the plugins that an installed package brings anyway: to name them in a config too is no clash."""
    return [
        each for each in found if (known := installed.get(each.plugin.slug)) is None or known.plugin is not each.plugin
    ]


def _origin(entry: EntryPoint) -> str:
    if entry.dist is None:
        return f"entry point {entry.name}"
    return f"{entry.dist.name} {entry.dist.version}"


def _describe(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}{f': {text}' if text else ''}{at_place(error)}"


def _import_named(name: str) -> tuple[ModuleType, str]:
    """The module of that name or at that path, and its origin."""
    is_path = "/" in name or "\\" in name or name.endswith(".py") or name in (".", "..")
    importlib.invalidate_caches()
    try:
        if is_path:
            return _import_path(Path(name)), f"path {name}"
        return importlib.import_module(name), f"module {name}"
    except OperatorError:
        raise
    except (Exception, SystemExit) as error:
        raise OperatorError(
            f"{'path' if is_path else 'module'} {name} could not be loaded: {_describe(error)}"
        ) from error


_BY_PATH: Final[dict[str, Path]] = {}
"""The modules that configs have named by a path, each with its path: they are there for as long as the process is."""


def _import_path(path: Path) -> ModuleType:
    """Import a folder or a file under its own name, so that ``from acme.mapping import …`` works inside it."""
    path = path.resolve()
    file = path / "__init__.py" if path.is_dir() else path
    if not file.is_file():
        raise OperatorError(f"no plugin at {path}: expected a folder with an __init__.py, or a .py file")
    name = path.stem
    if not name.isidentifier():
        raise OperatorError(f"\"{name}\" can't be a module's name; rename it to letters, digits and underscores")
    loaded = sys.modules.get(name)
    if loaded is not None and _file(getattr(loaded, "__file__", None)) == file:
        return loaded
    if loaded is not None or not _is_free(name, file):
        for entry in entry_points(group=ENTRY_POINTS):
            if entry.module.partition(".")[0] == name:
                raise OperatorError(
                    f'"{name}" is installed already ({_origin(entry)}); take this out, or uninstall that to use {path}'
                )
        if loaded is not None and name in _BY_PATH:
            raise OperatorError(
                f'"{name}" was loaded from {_BY_PATH[name]} and stays so until a restart; restart, or rename {path}'
            )
        raise OperatorError(f'another Python module is called "{name}"; rename {path}')
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(path)] if path.is_dir() else None
    )
    if spec is None or spec.loader is None:
        raise OperatorError(f"no plugin at {path}: expected a folder with an __init__.py, or a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        for loaded_name in [each for each in sys.modules if each == name or each.startswith(name + ".")]:
            del sys.modules[loaded_name]
        raise
    _BY_PATH[name] = path
    return module


def _is_free(name: str, file: Path) -> bool:
    """Whether no other module would be found under that name."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:
        return False
    return spec is None or _file(spec.origin) == file


def _file(origin: str | None) -> Path | None:
    return Path(origin).resolve() if origin else None

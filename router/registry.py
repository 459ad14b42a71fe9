"""The registry: all plugins, and where each came from.

Packages are found through the entry-point group ``router.plugins``, the built-in ones included. A config may name more, by
module or by path (`Registry.with_named`). Nothing here knows a vendor.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from router.errors import OperatorError
from router.plugin import Plugin
from router.plugin_import import ENTRY_POINTS, describe_with_place, import_named, package_of
from router.plugin_packages import NoPlugins, Packages, Registered
from router.slow_import import telling_of_slow_import

_ENTRY = re.compile(r"[\w.]+\s*(:\s*[\w.]+)?\s*(\[.*\])?")
"""What Python's own import of an entry point can read."""
_EXPECTED = "expected the name of the module with the hook"


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

    def __init__(self, plugins: Iterable[Plugin] = ()) -> None:
        """*plugins* have no package behind them: for tests."""
        self._packages = Packages()
        self._installed: dict[str, Registered] = {}
        self._named: dict[str, Registered] = {}
        self._absent: tuple[str, ...] = ()
        """Names in the config that could not be loaded."""
        self.broken: tuple[Broken, ...] = ()
        _add(self._installed, [Registered(plugin, "given") for plugin in plugins])

    @classmethod
    def load(cls) -> Registry:
        """Load every installed package of the entry-point group.

        A package that fails to import does not raise: it is listed in `broken` and `warnings`.

        Raises:
            OperatorError: two packages claim one slug, or a package implements an unknown hook or was written for another
                version of the plugin API.
        """
        registry = cls()
        for entry in _entries():
            registry._load(entry)
        return registry

    def load_missing(self) -> None:
        """Load the installed packages that are not loaded yet. One with anything wrong is listed in `broken`: for a process
        that starts while the router runs, where what has changed since must not hurt those who have nothing to do with it."""
        self.broken = ()
        for entry in _entries():
            try:
                self._load(entry)
            except OperatorError as error:
                self._note_broken(entry, str(error))

    def _load(self, entry: EntryPoint) -> None:
        """Load a package, if it is not loaded yet; what has been stays as it is. Raises as `load` does."""
        origin = package_of(entry)
        if not _ENTRY.fullmatch(entry.value):
            self._note_broken(entry, f'its entry point says "{entry.value}", {_EXPECTED}')
            return
        try:
            with telling_of_slow_import(origin):
                module = entry.load()
        except (Exception, SystemExit) as error:
            self._note_broken(entry, describe_with_place(error))
            return
        try:
            with telling_of_slow_import(origin):
                found = self._packages.plugins_of(module, origin)
        except NoPlugins as error:
            is_module = isinstance(module, ModuleType)
            self._note_broken(entry, str(error) if is_module else f'its entry point says "{entry.value}", {_EXPECTED}')
            return
        _add(self._installed, found)

    def _note_broken(self, entry: EntryPoint, reason: str) -> None:
        self.broken += (Broken(entry.name, package_of(entry), reason),)

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
                with telling_of_slow_import(name):
                    found = self._packages.plugins_of(*import_named(name))
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


def _entries() -> list[EntryPoint]:
    return sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: (entry.name, entry.value))


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

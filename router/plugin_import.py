"""Plugin imports: the entry-point group of installed packages, and importing the module or the path that a config names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Final

from router.errors import OperatorError
from router.place import at_place

ENTRY_POINTS = "router.plugins"
"""The entry-point group."""

_BY_PATH: Final[dict[str, Path]] = {}
"""Modules that were imported by a path, each with its path. Python keeps them until the process ends."""


def package_of(entry: EntryPoint) -> str:
    """The package that an entry point belongs to, with its version: "acme-router 1.2"."""
    if entry.dist is None:
        return f"entry point {entry.name}"
    return f"{entry.dist.name} {entry.dist.version}"


def describe_with_place(error: BaseException) -> str:
    """The type of an exception, its text in one line, and the place in the plugin's code where it was raised."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}{f': {text}' if text else ''}{at_place(error)}"


def import_named(name: str) -> tuple[ModuleType, str]:
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
            f"{'path' if is_path else 'module'} {name} could not be loaded: {describe_with_place(error)}"
        ) from error


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
                    f'"{name}" is installed already ({package_of(entry)}); take this out, or uninstall that to use {path}'
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

"""Promise 9 and the house's one-way imports, read from the source: who may import whom, and that the core names no vendor."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import plugins
import router.plugin

ROOT = Path(__file__).parents[1]
CORE = sorted(path for path in (ROOT / "router").rglob("*.py") if "template" not in path.parts)
PLUGIN_FILES = sorted(path for path in (ROOT / "plugins").rglob("*.py") if path.parent.name != "plugins")

ROOMS = {
    "event": (
        "channel", "clock", "counted", "dates", "errors", "event", "event_times", "integrations", "normalise", "odd_json",
        "own_thread", "reason", "rejection", "reserved", "source_choice", "suppressed", "traits", "unless",
    ),
    "log": ("log",),
    "rejected": ("rejected",),
    "suppressed": ("suppressed_file",),
    "plugin": ("plugin",),
    "destination": (
        "actions", "alarm", "consent", "decision", "destination", "explain", "guard", "mask", "origin", "overheard",
        "payload_key", "place", "plugin_calls", "plugin_import", "plugin_output", "plugin_packages", "privacy", "registry",
        "returned", "slow_import",
    ),
    "config": ("config",),
    "gateway": ("gateway",),
    "delivery": ("delivery",),
    "admin": ("admin",),
    "kit": ("testing",),
    "generate": ("generate",),
    "new plugin": ("new_plugin",),
    "cli": ("__main__", "cli"),
}  # fmt: skip
"""The rooms of the house, and the files or folders of router/ in each. A new one needs a room."""

MAY_IMPORT: dict[str, set[str]] = {
    "event": set(),
    "log": {"event"},
    "rejected": {"log", "event"},  # how a database is read that may not be written
    "suppressed": {"log", "event"},  # the same
    "plugin": {"event"},
    "destination": {"plugin", "event"},
    "config": {"destination", "plugin", "event"},
    "gateway": {"log", "rejected", "event"},  # no destination
    "delivery": {"log", "destination", "plugin", "event"},  # no HTTP server
    "admin": {"delivery", "destination", "log", "rejected", "event"},  # what delivery keeps, and what it would send
    "kit": {"delivery", "destination", "plugin", "event"},
    "generate": {"config", "destination", "gateway", "plugin", "event"},
    "new plugin": {"event"},
    "cli": set(ROOMS) - {"generate", "kit", "cli"},
}
"""design.md: ``cli → (gateway, delivery, admin) → (log, plugin API) → event``."""

IO_MODULES = frozenset(
    {
        "aiohttp", "asyncio", "builtins", "concurrent", "ftplib", "http", "importlib", "io", "multiprocessing", "os", "pathlib",
        "random", "secrets", "select", "shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
        "threading", "time",
    }
)  # fmt: skip
"""What a plugin has no use for: it does no I/O, and knows neither time nor chance."""

ORDINARY_WORDS = frozenset({"webhook"})
"""Slugs that are words of the trade and name no vendor."""

PYTHON_WORDS = frozenset({"AsyncIterable", "Iterable", '"iterable_type"', "heapq", "heappop", "heappush", "loops"})
"""Names of the language, and one of pydantic's, that a vendor has too; as they stand here and in no other text."""

SDK_DIALECTS = {
    "config/source.py": {'"customerio"'},
    "gateway/source.py": {'"customerio"'},
    "gateway/settings_document.py": {'"customerio"', '"Customer.io Data Pipelines"'},
    "integrations.py": {'"customer.io data pipelines"'},
}
"""What the core may say of a vendor, and where: the SDK that a *source* uses, and how it names the router, in its settings
document and in events (facts/ingest-protocol.md section 6, and section 1, point 15). No destination is meant."""


def imports_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of each import; ``from a import b`` is ``a.b``. Relative ones begin with a dot."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
            yield node.lineno, "builtins.__import__"


def room_of(name: str) -> str:
    return next(room for room, members in ROOMS.items() if name in members)


def home_of(path: Path) -> str:
    """The room of a file of the core."""
    inner = path.relative_to(ROOT / "router").parts[0].removesuffix(".py")
    return "cli" if inner == "__init__" else room_of(inner)


def wrong_in_core(source: str, room: str) -> list[str]:
    """What a core file of that room imports against the arrows."""
    wrong = []
    for line, name in imports_of(source):
        top, _, rest = name.partition(".")
        if top in ("plugins", ""):
            wrong.append(f"{line}: {name}")
        elif top == "router":
            target = room_of(rest.partition(".")[0]) if rest and rest != "__version__" else room
            if target != room and target not in MAY_IMPORT[room]:
                wrong.append(f"{line}: {name}, of {target}")
    return wrong


def wrong_in_plugin(source: str, slug: str, is_sandbox: bool) -> list[str]:
    """What a plugin's file imports beside the plugin API, itself, pydantic and the standard library."""
    return [
        f"{line}: {name}"
        for line, name in imports_of(source)
        if not _is_allowed(name, slug, is_sandbox) or _is_forbidden(name, is_sandbox)
    ]


def _is_allowed(name: str, slug: str, is_sandbox: bool) -> bool:
    parts = name.split(".")
    if parts[:2] == ["router", "plugin"]:
        public = len(parts) == 2 or (len(parts) == 3 and parts[2] in router.plugin.__all__)
        return public or (is_sandbox and parts[2] == "sandbox")
    if parts[0] == "plugins":
        return parts[1:2] == [slug]
    return parts[0] in sys.stdlib_module_names | {"pydantic"} | ({"aiohttp", "orjson"} if is_sandbox else set())


def _is_forbidden(name: str, is_sandbox: bool) -> bool:
    return not is_sandbox and (name.split(".")[0] in IO_MODULES or name.startswith("urllib.request"))


def vendors_in_code(source: str, vendors: frozenset[str]) -> list[str]:
    """Names and texts of *source* that name a vendor, in any case; docstrings and comments may."""
    text = source.lower()
    if not any(vendor in text for vendor in vendors):  # nor then in any part of it
        return []
    docstrings = {
        (node.value.lineno, node.value.col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    text_tokens = {tokenize.NAME, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    return [
        f"{token.start[0]}: {token.string}"
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type in text_tokens
        and token.start not in docstrings
        and token.string not in PYTHON_WORDS
        and any(vendor in token.string.lower() for vendor in vendors)
    ]


def vendor_words() -> frozenset[str]:
    """Slugs and display names of the built-in plugins, in lower case."""
    declared = [plugin for plugin in plugins.router_plugins() if plugin.slug not in ORDINARY_WORDS]
    return frozenset(word.lower() for plugin in declared for word in (plugin.slug, plugin.name))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- the house as it stands ---


def test_the_core_imports_along_the_arrows() -> None:
    assert [
        f"{name_of(path)}:{wrong}" for path in CORE for wrong in wrong_in_core(path.read_text(), home_of(path))
    ] == []


def test_the_core_names_no_vendor() -> None:
    """Promise 9."""
    vendors = vendor_words()

    assert [
        f"{name_of(path)}:{found}"
        for path in CORE
        for found in vendors_in_code(path.read_text(), vendors)
        if found.partition(": ")[2] not in SDK_DIALECTS.get(str(path.relative_to(ROOT / "router")), set())
    ] == []


def test_a_plugin_imports_nothing_but_the_plugin_api() -> None:
    assert [
        f"{name_of(path)}:{wrong}"
        for path in PLUGIN_FILES
        for wrong in wrong_in_plugin(
            path.read_text(), path.relative_to(ROOT / "plugins").parts[0], path.name.startswith("sandbox")
        )
    ] == []


def test_every_vendor_is_looked_for() -> None:
    assert {"mixpanel", "intercom", "customerio", "customer.io"} <= vendor_words()


def test_the_arrows_make_no_circle() -> None:
    """Each room can be taken out in an order in which nothing it imports is left behind."""
    left = dict(MAY_IMPORT)
    while free := [room for room, targets in left.items() if not targets & left.keys()]:
        left = {room: targets for room, targets in left.items() if room not in free}

    assert not left


# --- that the tests above would notice ---


@pytest.mark.parametrize(
    ("source", "room"),
    [
        ("import plugins", "cli"),
        ("from plugins.acme import PLUGIN", "cli"),
        ("from . import state", "delivery"),
        ("from router.delivery.sending.http_send import HttpSend", "gateway"),
        ("from router import delivery", "log"),
        ("import router.gateway.app", "delivery"),
        ("def late():\n    from router.cli import main", "admin"),
        ("from router.plugin import Plugin", "log"),
        ("from router.log.record import Record", "plugin"),
        ("from router.destination import Destination", "event"),
    ],
)
def test_an_import_against_the_arrows_is_found(source: str, room: str) -> None:
    assert len(wrong_in_core(source, room)) == 1


@pytest.mark.parametrize(
    ("source", "is_sandbox"),
    [
        ("from router.event import Event", False),
        ("import router", False),
        ("from router.plugin.table import Trace", False),
        ("from router.plugin import table", False),
        ("from router.plugin.sandbox import Sandbox", False),
        ("from router.delivery.sending.http_send import HttpSend", True),
        ("from plugins.another import PLUGIN", False),
        ("from .mapping import TABLE", False),
        ("import orjson", False),
        ("import aiohttp", False),
        ("import requests", True),
        ("import time", False),
        ("import random", False),
        ("from urllib.request import urlopen", False),
        ("module = __import__('router.event')", False),
        ("import importlib", False),
    ],
)
def test_a_plugin_that_reaches_past_the_api_is_found(source: str, is_sandbox: bool) -> None:
    assert len(wrong_in_plugin(source, "acme", is_sandbox)) == 1


@pytest.mark.parametrize(
    ("source", "is_sandbox"),
    [
        ("from router.plugin import Plugin, convert, hookimpl", False),
        ("import router.plugin", False),
        ("from plugins.acme.settings import Settings", False),
        ("from plugins.acme import mapping", False),
        ("import re, hashlib, json, datetime", False),
        ("from pydantic import Field", False),
        ("from router.plugin.sandbox import Sandbox\nfrom aiohttp import web\nimport orjson, time", True),
    ],
)
def test_what_a_plugin_needs_is_allowed(source: str, is_sandbox: bool) -> None:
    assert not wrong_in_plugin(source, "acme", is_sandbox)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("ACME = 1", 1),
        ("def to_acme(): pass", 1),
        ('x = "Acme.io"', 1),
        ("x = f'to {y} at acMe'", 1),
        ('x = {"a": "acme", "b": "acme"}', 2),
        ('"""Acme, in a docstring."""', 0),
        ('def f():\n    """`router show acme`"""', 0),
        ('X = 1\n"""As Acme has it."""', 0),
        ("x = 1  # as Acme has it", 0),
    ],
)
def test_a_vendor_is_found_in_code_and_not_in_words_about_it(source: str, count: int) -> None:
    assert len(vendors_in_code(source, frozenset({"acme"}))) == count


def test_a_vendor_named_like_a_word_of_the_language_is_still_found() -> None:
    source = 'from collections.abc import Iterable\nx: Iterable[str] = ["Iterable", "iterable"]\nto_iterable(x)'

    assert vendors_in_code(source, frozenset({"iterable"})) == ['2: "Iterable"', '2: "iterable"', "3: to_iterable"]

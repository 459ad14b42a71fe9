"""Paths: how operators name fields of an event: ``traits.plan``, ``context.page.url``, ``userId``.

A key that itself holds a dot is found too. Reserved traits may be written in either case, as in events.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from router.event import FIELDS, Document
from router.plugin.values import LONGEST_NAME
from router.reserved import GROUP_SPELLINGS, NESTED_SPELLINGS, USER_SPELLINGS

Path = tuple[str, ...]
"""The parts of a dotted path, at least one."""

ABSENT: Final[Any] = object()
"""What `find` returns if there is nothing. Null is something."""

OBJECTS: Final = frozenset({"traits", "properties", "context", "integrations"})
TEXTS: Final = frozenset({"userId", "anonymousId", "groupId", "previousId", "event", "name", "category"})
CHANGEABLE: Final = TEXTS | (OBJECTS - {"integrations"})
"""The fields that a mapping may change. The others say what the event is, when it was and where it may go, which is the
router's own business."""

_TRAIT_SPELLINGS: Final = USER_SPELLINGS | GROUP_SPELLINGS


def dotted(path: Path) -> str:
    return ".".join(path)


def shown(path: Path) -> str:
    """*path* for a note. Names may be as long as an event, and each place within one has them all: it is cut."""
    text = dotted(tuple(part[: LONGEST_NAME + 1] for part in path))
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


def read_path(text: str) -> Path:
    """The path that *text* stands for, reserved traits in their canonical spelling.

    Raises:
        ValueError: no event has such a field. The message says what to write instead.
    """
    parts = tuple(text.split("."))
    root, *below = parts
    if root == "event" and below:
        raise ValueError(f"{_quoted(text)} is no field of an event{_or(_without_root(below))}")
    if not all(parts) or text != text.strip():
        raise ValueError(f"{_quoted(text)} is no field of an event; write it as traits.plan or context.page.url")
    if root not in FIELDS:
        raise ValueError(f"{_quoted(text)} is no field of an event{_or(_nearest(root, below))}")
    if below and root not in OBJECTS:
        raise ValueError(f"{_quoted(text)}: {root} is a single value and holds no other fields")
    return canonical(parts)


def read_changeable(text: str, *, is_whole_allowed: bool = False) -> Path:
    """Like `read_path`, for a field that a mapping may change. *is_whole_allowed*: ``traits`` itself is allowed too.

    Raises:
        ValueError: there is no such field, or it is not for an operator to change.
    """
    path = read_path(text)
    if path[0] not in CHANGEABLE:
        raise ValueError(f"{_quoted(text)} can't be changed; what can: {', '.join(sorted(CHANGEABLE))}")
    if len(path) == 1 and path[0] in OBJECTS and not is_whole_allowed:
        raise ValueError(f"{_quoted(text)} is a whole object; name a field in it, such as {text}.plan")
    return path


def find(value: Any, path: Path) -> Any:
    """The value at *path*; `ABSENT` if there is none. Lists are not searched."""
    for length in range(1, len(path) + 1):
        if not isinstance(value, dict):
            return ABSENT
        inner = value.get(".".join(path[:length]), ABSENT)
        if inner is not ABSENT:
            found = inner if length == len(path) else find(inner, path[length:])
            if found is not ABSENT:
                return found
    return ABSENT


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a value: the object that holds it, and its key there."""

    holder: Document
    key: str
    path: Path
    """The path from the top of the event. A list on the way has no part of its own."""


def place_of(document: Document, path: Path, at: Path = ()) -> Place | None:
    """The place of the value that `find` returns. *at* is the path of *document* itself."""
    for length in range(1, len(path) + 1):
        key, below = ".".join(path[:length]), path[length:]
        if key not in document:
            continue
        if not below:
            return Place(document, key, (*at, *path))
        inner = document[key]
        place = place_of(inner, below, (*at, *path[:length])) if isinstance(inner, dict) else None
        if place is not None:
            return place
    return None


def places(value: Any, path: Path, at: Path = ()) -> Iterator[Place]:
    """Every place at *path*. A list on the way stands for each of its items. *at* is the path of *value* itself."""
    if isinstance(value, list):
        for item in value:
            yield from places(item, path, at)
    elif isinstance(value, dict):
        for length in range(1, len(path) + 1):
            key = ".".join(path[:length])
            if key in value and length == len(path):
                yield Place(value, key, (*at, *path))
            elif key in value:
                yield from places(value[key], path[length:], (*at, *path[:length]))


Tree = Mapping[str, "Tree | None"]
"""Names as a tree of keys: None where a name ends, else the keys that may follow. Made by `tree_of`."""


def tree_of(names: Iterable[Path], separator: str = ".") -> Tree:
    """The tree of *names*. *separator* joins the parts of a name that a single key stands for."""
    following: dict[str, list[Path]] = {}
    for name in names:
        for length in range(1, len(name) + 1):
            following.setdefault(separator.join(name[:length]), []).append(name[length:])
    return {key: None if () in rests else tree_of(rests, separator) for key, rests in following.items()}


def put(document: Document, path: Path, value: Any) -> None:
    """Write *value* at *path*. Anything on the way that is not an object becomes one."""
    for key in path[:-1]:
        inner = document.get(key)
        if not isinstance(inner, dict):
            inner = document[key] = {}
        document = inner
    document[path[-1]] = value


def canonical(path: Path) -> Path:
    """*path* with reserved traits and their parts in canonical spelling."""
    start = 1 if path[0] == "traits" else 2 if path[:2] == ("context", "traits") else 0
    if not start or len(path) == start:
        return path
    name = _TRAIT_SPELLINGS.get(path[start], path[start])
    below = path[start + 1 :]
    if below:
        below = (NESTED_SPELLINGS.get(name, {}).get(below[0], below[0]), *below[1:])
    return (*path[:start], name, *below)


def _without_root(below: list[str]) -> str:
    return ".".join(below) if below[0] in FIELDS else ""


def _nearest(root: str, below: list[str]) -> str:
    near = difflib.get_close_matches(root, FIELDS, n=1, cutoff=0.75)
    if not near:
        return ""
    return ".".join((near[0], *below)) if not below or near[0] in OBJECTS else ""


def _or(suggestion: str) -> str:
    if suggestion:
        return f'; did you mean "{suggestion}"?'
    return "; it begins with traits., properties. or context., or is userId, event, type, …"


def _quoted(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return f'"{shown if len(shown) <= 60 else shown[:60] + "…"}"'

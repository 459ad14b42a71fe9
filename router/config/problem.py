"""Problems of a config file, worded so that they can be put right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from router.counted import counted
from router.errors import OperatorError

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of mappings and indexes of lists, from the root."""

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ACTION = re.compile(r"[A-Za-z_-]{1,24}( [A-Za-z_-]{1,24}){0,5}")


def key_text(path: KeyPath) -> str:
    """``destinations.crm.sources[0]``."""
    text = ""
    for index, part in enumerate(path):
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            is_action = path[0] == "destinations" and path[2:3] == ("actions",) and index == 3
            text += ("." if text else "") + (_action_text(part) if is_action else name_text(part))
    return text


def _action_text(name: str) -> str:
    """An action's name, which may hold blanks. Anything that does not look like one is cut like any other key."""
    return name if _ACTION.fullmatch(name) else name_text(name)


def name_text(name: str) -> str:
    """A key, fit to be shown: cut at the first character that no key has.

    ``{write_key:abc}`` with its blank forgotten is one key in YAML, and a secret follows the colon.
    """
    found = _PLAIN.match(name)
    plain = found.group() if found else ""
    return plain if plain == name else plain + "…"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right: ``config/router.yaml:14: destinations.crm.delivery.concurrency: got 0, expected 1 to 64``."""

    path: str
    """The file, as the caller spelled it."""
    line: int | None
    """From 1; None for the file as a whole."""
    key: str
    """Dotted; empty for the file as a whole."""
    message: str
    """What was found, what is allowed, what to do. Never holds a secret."""
    is_missing: bool = field(default=False, compare=False)
    """A variable or a file is missing here. The router may have it."""

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(OperatorError):
    """The config can't be used. ``problems`` holds everything that is wrong with it, at least one problem, in order of
    lines."""

    def __init__(self, path: str, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems: Sequence[Problem] = sorted(problems, key=lambda problem: problem.line or 0)
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        return "\n".join(
            [
                *map(str, self.problems),
                f"{counted(len(self.problems), 'problem')}: nothing was done. Check again with: router check {self.path}",
            ]
        )

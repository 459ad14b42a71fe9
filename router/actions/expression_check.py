"""Checks of an expression's text when the config is read. What is wrong is told with its place and, if possible, its cure."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from router.actions.cost import TEXT
from router.event import FIELDS

if TYPE_CHECKING:
    import cel

MAX_LENGTH: Final = 4_000
"""Characters."""
FUNCTIONS: Final = frozenset(
    {
        "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth", "getDayOfWeek",
        "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds", "int", "matches",
        "size", "startsWith", "string", "timestamp", "type", "uint",
    }
)  # fmt: skip
"""The binding's functions. It would notice an unknown one only when an expression runs."""
MACROS: Final = frozenset({"all", "exists", "exists_one", "filter", "has", "map"})
TYPES: Final = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"})

_MESSAGE = re.compile(r"<input>:(\d+):(\d+): ([^\n]*)")
_NAME = re.compile(r"\w+")
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*(\w+)\s*,")
_COMMENT: Final = r"//[^\n]*+"
_LITERAL: Final = (
    r"[rR](?:\"\"\"(?s:.*?)\"\"\"|'''(?s:.*?)'''|\"[^\"]*\"|'[^']*')"
    r"|\"\"\"(?s:\\.|[^\\])*?\"\"\"|'''(?s:\\.|[^\\])*?'''|" + TEXT
)
"""A text in any of the quotes that there are."""
_PATTERNS = re.compile(
    rf"\bmatches\s*\((?P<text>(?:\s|{_COMMENT})*(?:{_LITERAL})(?:\s|{_COMMENT})*\))?|{_LITERAL}|{_COMMENT}"
)
"""The calls of ``matches``, with ``text`` where their pattern is one; and what looks like a call and is none."""


class ExpressionError(ValueError):
    """The text is not a usable expression. The message says why, and `line` where (from 1)."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def compile_checked(text: str) -> cel.Program:
    """The program that *text* is.

    Raises:
        ExpressionError: it is no expression, or asks for what there is not.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    import cel

    try:
        program = cel.compile(text)
    except ValueError as error:
        raise _syntax_error(str(error)) from None
    _check_names(program, text)
    _check_patterns(text)
    return program


_SLIPS = (
    (re.compile("<EOF>"), "it ends too early"),
    (re.compile("token recognition error at: '= ?'"), "= is no operator; compare with =="),
    (re.compile("token recognition error at: '['\"]"), "a quote is not closed"),
    (re.compile("input 'and'"), "write && for and"),
    (re.compile("input 'or'"), "write || for or"),
)
"""What people write out of habit, with the parser's complaint about it."""


def _syntax_error(message: str) -> ExpressionError:
    found = _MESSAGE.search(message)
    if found is None:
        return ExpressionError(f"no CEL expression: {' '.join(message.split())[:200]}")
    line, column, what = found.groups()
    what = re.sub(r",? ?expecting \{.*", "", what).removeprefix("Syntax error: ")
    what = next((ours for pattern, ours in _SLIPS if pattern.search(what)), what)
    return ExpressionError(f"no CEL expression: column {column}: {what.strip()}", int(line))


def _check_names(program: cel.Program, text: str) -> None:
    known = {"event", *_BOUND.findall(text)}
    for name in program.variables():
        if name not in known and name not in TYPES:
            hint = f'did you mean "event.{name}"?' if name in FIELDS else 'all there is stands in "event"'
            raise ExpressionError(f'no CEL expression: unknown name "{name}"; {hint}')
    if "event" not in program.variables():
        raise ExpressionError('it asks nothing of "event", so it is the same for every event')
    for name in program.functions():
        if _NAME.fullmatch(name) and name not in FUNCTIONS:
            near = difflib.get_close_matches(name, FUNCTIONS | MACROS, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(sorted(FUNCTIONS | MACROS))}"
            raise ExpressionError(f'no CEL expression: unknown function "{name}"; {hint}')


def _check_patterns(text: str) -> None:
    """To make a pattern may take long, so no event may choose it."""
    for match in _PATTERNS.finditer(text):
        if match[0].startswith("matches") and match["text"] is None:
            line, column = text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())
            raise ExpressionError(
                f"column {column}: expected the pattern of matches as one text in quotes, as in "
                "event.userId.matches('^[0-9]+$'); what another field says is found with contains or startsWith",
                line,
            )

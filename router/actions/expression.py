"""CEL expressions over one event, compiled when the config is read.

The binding is `common-expression-language` (Rust inside). It has wheels for every platform and Python that the router runs on,
its exceptions tell a missing key from a fault, and many expressions can share one context. To make a context is to convert the
event, which costs some 100 µs for 1 KB; an expression then takes a few µs. The binding is imported with the first expression,
because it brings its own command line, which takes half a second and 15 MB.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from router.actions.cost import MAX_STEPS, OF_ANOTHER, TEXT, Cost, cost_of
from router.actions.expression_check import compile_checked
from router.actions.path import ABSENT, Path, canonical, dotted, find
from router.event import Document, Event

if TYPE_CHECKING:
    import cel

_MOST_SHOWN: Final = 3

_MENTIONED = rf"\bevent\b(?P<path>(?:\s*\.\s*\w+(?!\w|\s*\()|\s*\[\s*(?:{TEXT})\s*\])*)"
_FIELDS = re.compile(rf"{TEXT}|{OF_ANOTHER}|\bhas\s*\([^)]*\)|{_MENTIONED}")
_FIELDS_AND_TEXTS = re.compile(rf"{TEXT}|{OF_ANOTHER}|{_MENTIONED}")
_PART = re.compile(rf"\.\s*(\w+)|\[\s*({TEXT})\s*\]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an expression says about one event."""

    kind: Literal["true", "false", "failed"]
    detail: str = ""
    """Why it is false or has failed. It shows none of the event's values."""


class EventContext:
    """One event as expressions see it. Converted at the first question and then kept."""

    def __init__(self, event: Event) -> None:
        self._event = event

    @cached_property
    def document(self) -> Document:
        """The event, with its objects even if the caller left them out, so that only their keys can be missing."""
        return {"traits": {}, "properties": {}, "context": {}, "integrations": {}, **self._event.document}

    @cached_property
    def converted(self) -> cel.Context:
        import cel

        return cel.Context({"event": self.document})


@dataclass(frozen=True)
class Expression:
    """A question about ``event``, answered with true or false: ``event.properties.total > 100.0``.

    Raises `ExpressionError` if it is made from a text that is not an expression.
    """

    text: str
    _asked: str = field(init=False, repr=False, compare=False)
    """The text with reserved traits in the spelling that events have."""
    _program: cel.Program = field(init=False, repr=False, compare=False)
    _cost: Cost = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        program = compile_checked(self.text)
        import cel

        asked = _FIELDS_AND_TEXTS.sub(_canonical, self.text)
        object.__setattr__(self, "_asked", asked)
        object.__setattr__(self, "_program", program if asked == self.text else cel.compile(asked))
        object.__setattr__(self, "_cost", cost_of(self.text))

    def ask(self, context: EventContext) -> Answer:
        """Never raises. A missing key makes the expression false, unless the rest decides without it (``a || b``)."""
        if self._cost.may_be_high and self._steps(context.document) > MAX_STEPS:
            return Answer("failed", "failed: it would go too often through a list that is too long")
        try:
            result = self._program.execute(context.converted)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic in the binding is no Exception, and concerns one event alone too
            return self._explain(error, context.document)
        if isinstance(result, bool):
            return Answer("true") if result else Answer("false", "is false")
        return Answer("failed", f"gave {_kind(result)}, expected true or false")

    def _steps(self, document: Document) -> int:
        """How many it takes at most to ask this of *document*."""
        gone_through = [_at(document, path) for path in self._read]
        copied = [_at(document, root) for root in {path[:1] for path in self._mentioned}]
        return self._cost.steps(gone_through, copied)

    def _explain(self, error: BaseException, document: Document) -> Answer:
        if isinstance(error, LookupError | TypeError | RuntimeError):
            missing = [dotted(path) for path in self._fields if find(document, path) in (ABSENT, None)]
            if missing:
                return Answer("false", f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} absent")
        if isinstance(error, LookupError):
            key = str(error.args[0]) if error.args else ""
            # Else it is one of the event's values. They may be long, and Python keeps each pattern.
            is_ours = key in self._asked and re.search(rf"""[.'"]\s*{re.escape(key)}(?!\w)""", self._asked)
            return Answer("false", f"{key if key and is_ours else 'a key'} is absent")
        return Answer("failed", f"failed: {_first_sentence(error)}{self._kinds(document)}")

    def _kinds(self, document: Document) -> str:
        """The types of the fields that it names: usually one is text where a number is expected."""
        kinds = [f"{dotted(path)} is {_kind(find(document, path))}" for path in self._fields[:_MOST_SHOWN]]
        return f" ({', '.join(kinds)})" if kinds else ""

    @cached_property
    def _mentioned(self) -> list[Path]:
        """What of the event it names, each once; ``()`` is all of it."""
        return _paths(_FIELDS_AND_TEXTS, self._asked)

    @cached_property
    def _read(self) -> list[Path]:
        """The same without what ``has`` asks for."""
        return _paths(_FIELDS, self._asked)

    @cached_property
    def _fields(self) -> list[Path]:
        """The fields of the event that it needs."""
        return [path for path in self._read if path]


def _path(written: str) -> Path:
    return tuple(name or text[1:-1] for name, text in _PART.findall(written))


def _canonical(mention: re.Match[str]) -> str:
    """A field in an expression, reserved traits in their canonical spelling; a text as it is."""
    written = mention["path"]
    if not written:
        return mention[0]
    parts = iter(zip(_path(written), canonical(_path(written)), strict=True))
    return "event" + _PART.sub(lambda part: part[0] if (pair := next(parts))[0] == pair[1] else f".{pair[1]}", written)


def _paths(pattern: re.Pattern[str], text: str) -> list[Path]:
    found = [match["path"] for match in pattern.finditer(text)]
    return list(dict.fromkeys(_path(written) for written in found if written is not None))


def _at(document: Document, path: Path) -> Any:
    return find(document, path) if path else document


def _kind(value: Any) -> str:
    names = {
        bool: "true or false",
        str: "text",
        int: "a number",
        float: "a number",
        dict: "an object",
        list: "a list",
        type(None): "null",
    }
    return names.get(type(value), "absent" if value is ABSENT else type(value).__name__)


def _first_sentence(error: BaseException) -> str:
    """The binding's own words up to the first full stop. After it come long explanations, which may hold values."""
    if isinstance(error, OverflowError):
        return "a number is too large"
    if isinstance(error, TypeError):
        return "an operation on values of the wrong kind"
    if str(error).startswith("Undefined"):  # of a function that is there
        return "a function can't take what it is given"
    return re.split(r"[.:] ", " ".join(str(error).split()))[0].rstrip(".")[:120] or type(error).__name__

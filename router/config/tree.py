"""The tree: the YAML file as plain data, each value with its line, references resolved.

ruamel.yaml composes the nodes, which carry their lines. They are read here rather than constructed, so that a doubled key is
noticed, keys are always text, and the result holds nothing but mappings, lists, text, numbers, booleans and null.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from router.config.problem import KeyPath, Problem, key_text
from router.config.reference import resolve

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_MAX_DEPTH = 40
_MAX_VALUES = 100_000
"""A few nested aliases can stand for billions of values."""

_IN_BRACKETS = ("while parsing a flow mapping", "while parsing a flow sequence")
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")


@dataclass(slots=True)
class Tree:
    """The data, and what is known about each value, by its path."""

    path: str
    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    """The line of a key or of a list's item, from 1."""
    text_lines: dict[KeyPath, int] = field(default_factory=dict)
    """The line on which a value's text begins, from 1, if that is below its key."""
    referenced: dict[KeyPath, str] = field(default_factory=dict)
    """Values that came from references. They are never shown."""
    unresolved: set[KeyPath] = field(default_factory=set)
    """Values whose reference failed. They are null in the data, and nothing more is reported about them."""
    unset: dict[KeyPath, list[str]] = field(default_factory=dict)
    """For empty values: the variables that would fill them."""
    problems: list[Problem] = field(default_factory=list)
    _reported: set[KeyPath] = field(default_factory=set)

    def report(
        self,
        key: KeyPath,
        message: str,
        line: int | None = None,
        *,
        hides_name: bool = False,
        is_missing: bool = False,
    ) -> None:
        """Note a problem: only one per key, and none for a value whose reference failed.

        *hides_name* leaves out the last part of the key, which may be a piece of a secret. *is_missing* as in `Problem`.
        """
        if key in self._reported or any(key[:length] in self.unresolved for length in range(1, len(key) + 1)):
            return
        self._reported.add(key)
        message = "".join(char if char.isprintable() else "?" for char in message)  # one line, and no terminal codes
        shown = key_text(key[:-1]) + ".…" if hides_name else key_text(key)
        self.problems.append(Problem(self.path, line or self.line(key), shown, message, is_missing))

    def line(self, key: KeyPath) -> int:
        """The line of *key*, or of the nearest key that contains it."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def get(self, key: KeyPath) -> Any:
        """The value at *key*; None if there is none."""
        value = self.data
        for part in key:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def mapping(self, *key: str) -> dict[str, Any]:
        """The mapping at *key*; empty if something else is there, which validation reports."""
        value = self.get(key)
        return value if isinstance(value, dict) else {}

    def has_reference(self, key: KeyPath) -> bool:
        """Whether the value at *key*, or a part of it, came from a reference."""
        return any(each[: len(key)] == key for each in self.referenced)

    def has_unresolved(self, key: KeyPath) -> bool:
        """Whether a reference in the value at *key*, or in a part of it, failed."""
        return any(each[: len(key)] == key for each in self.unresolved)


def read_tree(text: str, path: str, environ: Mapping[str, str]) -> Tree:
    """Read a config file's text. What is wrong is in ``problems``. A text that is not YAML leaves no data."""
    tree = Tree(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor used twice is the operator's business
            node = YAML(typ="safe", pure=True).compose(text)
        if node is not None:
            tree.data = _Reader(tree, environ).read(node, (), ())
    except MarkedYAMLError as error:
        _report_syntax(tree, error, text)
    except RecursionError:
        tree.problems.append(Problem(path, None, "", "it is nested too deeply"))
    except YAMLError as error:
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        tree.problems.append(Problem(path, line, "", "a control character, which YAML does not allow"))
    except Exception as error:  # the reader stumbles over some texts that are no YAML; whatever it is, it's the file
        tree.problems.append(Problem(path, None, "", f"it cannot be read as YAML ({type(error).__name__})"))
    return tree


_ADVICE = {
    "found character '\\t'": "indent with blanks, not with tabs",
    "expected <block end>": "begin the line below the one that it belongs with, not further left or right",
    "'<stream end>'": "a { or [ is not closed",
    "mapping values are not allowed": "put a value that has a colon in quotes; keys of one mapping begin in one column",
}
"""What to do, by the YAML reader's message."""


def _report_syntax(tree: Tree, error: MarkedYAMLError, text: str) -> None:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else None
    # The reader may quote (a part of) a secret that was written without quotes: "write_key: *abc" is an alias to YAML.
    what = ", ".join(part for part in (error.context, error.problem) if part)
    message = f"no valid YAML: {_QUOTED.sub(_shorten, what) or 'cannot be read'}"
    lines = text.splitlines()
    if line is not None and line <= len(lines) and ("${" in lines[line - 1] or "alias" in what or "tag" in what):
        message += "; put the value in quotes"
    elif error.context_mark is not None and what.startswith("while scanning a quoted scalar"):
        message += f"; the quote of line {error.context_mark.line + 1} is not closed"
    elif _is_open_above(error):
        message += f"; the {{ or [ of line {error.context_mark.line + 1} is not closed"
    else:
        message += next((f"; {advice}" for said, advice in _ADVICE.items() if said in what), "")
    tree.problems.append(Problem(tree.path, line, "", message))


def _is_open_above(error: MarkedYAMLError) -> bool:
    """Whether the error is within brackets that an earlier line opened."""
    opened, stopped = error.context_mark, error.problem_mark
    if opened is None or stopped is None or error.context not in _IN_BRACKETS:
        return False
    return bool(opened.line < stopped.line)


def _shorten(quoted: re.Match[str]) -> str:
    """Keep signs ('{', '\\t') and the reader's own words ('<stream end>'); drop what comes from the file."""
    inner = quoted[1] or quoted[2] or ""
    return quoted.group() if len(inner) < 2 or inner[0] in "<\\" else "…"


class _Reader:
    """Turns nodes into plain data, and notes in the tree where each value stands."""

    def __init__(self, tree: Tree, environ: Mapping[str, str]) -> None:
        self._tree = tree
        self._environ = environ
        self._values = 0

    def read(self, node: Node, path: KeyPath, within: tuple[int, ...]) -> Any:
        """*within*: the nodes that hold this one, by id; an alias to one of them would never end."""
        self._values += 1
        if id(node) in within:
            self._tree.report(path, "an alias that holds itself")
            return None
        if len(within) > _MAX_DEPTH or self._values > _MAX_VALUES:
            if self._values <= _MAX_VALUES + 1:
                self._tree.report(path, "nested too deeply, or too many values")
            return None
        within = (*within, id(node))
        if isinstance(node, MappingNode):
            self._check_tag(node, path, "map")
            return self._read_mapping(node, path, within)
        if isinstance(node, SequenceNode):
            self._check_tag(node, path, "seq")
            return self._read_list(node, path, within)
        return self._read_scalar(node, path)

    def _check_tag(self, node: Node, path: KeyPath, *expected: str) -> None:
        # The tag itself isn't shown: a value that lacks its quotes and begins with "!" is a tag to YAML.
        if str(node.tag) not in [_TAG + name for name in expected]:
            self._tree.report(
                path, "a YAML tag, which means nothing here; put a value that begins with ! in quotes", self._line(node)
            )

    def _line(self, node: Node) -> int:
        return int(node.start_mark.line) + 1

    def _read_list(self, node: SequenceNode, path: KeyPath, within: tuple[int, ...]) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            self._tree.lines[(*path, index)] = self._line(item)
            items.append(self.read(item, (*path, index), within))
        return items

    def _read_mapping(self, node: MappingNode, path: KeyPath, within: tuple[int, ...]) -> dict[str, Any]:
        own: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                is_flow = key.flow_style and isinstance(key, MappingNode)  # {{ name }}
                advice = ". Put a value that begins with { in quotes" if is_flow else ""
                self._tree.report(path, f"a mapping or list as a key; expected text{advice}", self._line(key))
            elif str(key.tag) != _MERGE:
                child = (*path, str(key.value))
                if str(key.value) in own:
                    twice = f"given twice, first in line {self._tree.lines[child]}"
                    if path == ("destinations",):
                        twice += "; give one another name, and say with plugin whose it is"
                    self._tree.report(child, twice, self._line(key), hides_name=_is_null(value))
                    continue
                own[str(key.value)] = value
                self._tree.lines[child] = self._line(key)
        for key, value in self._merged(node, path):
            if key.value not in own:
                own[str(key.value)] = value
                self._tree.lines[(*path, str(key.value))] = self._line(key)
        return {name: self.read(value, (*path, name), within) for name, value in own.items()}

    def _merged(self, node: MappingNode, path: KeyPath, depth: int = 0) -> Iterator[tuple[ScalarNode, Node]]:
        """What ``<<: *anchor`` brings in. The first one given wins."""
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or str(key.tag) != _MERGE:
                continue
            for source in value.value if isinstance(value, SequenceNode) else [value]:
                if not isinstance(source, MappingNode) or depth > _MAX_DEPTH:
                    self._tree.report(path, "expected an alias of a mapping behind <<", self._line(key))
                    continue
                for inner, inner_value in source.value:
                    if isinstance(inner, ScalarNode) and str(inner.tag) != _MERGE:
                        yield inner, inner_value
                yield from self._merged(source, path, depth + 1)

    def _read_scalar(self, node: Node, path: KeyPath) -> Any:
        value = str(node.value)
        kind = str(node.tag).removeprefix(_TAG)
        if kind == "null":
            return None
        if kind in ("int", "float", "bool"):
            constant = _constant(kind, value)
            if constant is not None:
                return constant
            self._tree.report(path, "a number that cannot be read; if it is text, put it in quotes", self._line(node))
            self._tree.unresolved.add(path)
            return None
        self._check_tag(node, path, "str", "timestamp", "value")
        # Behind the sign | the text begins in the next line.
        start = self._line(node) + (getattr(node, "style", None) == "|")
        if start != self._tree.lines.get(path):
            self._tree.text_lines[path] = start
        resolved = resolve(value, self._environ)
        if resolved.unset and not resolved.text:
            self._tree.unset[path] = resolved.unset
        if resolved.problems:
            self._tree.report(path, "; ".join(dict.fromkeys(resolved.problems)), is_missing=resolved.is_missing)
            self._tree.unresolved.add(path)
            return None
        if resolved.has_references and resolved.text:  # that a variable is empty is no secret, and is what to put right
            self._tree.referenced[path] = resolved.text
        return resolved.text


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and str(node.tag) == _TAG + "null"


def _constant(kind: str, text: str) -> int | float | bool | None:
    """The value of a plain YAML number or boolean; None if it is out of all bounds."""
    try:
        if kind == "bool":
            return text.lower() in ("true", "yes", "on")
        digits = text.replace("_", "").lower()
        if kind == "float":
            number = float(digits.replace(".inf", "inf").replace(".nan", "nan"))
            return number if math.isfinite(number) else None
        return int(digits, 0) if digits.lstrip("+-")[:2] in ("0x", "0o", "0b") else int(digits)
    except ValueError:
        return None

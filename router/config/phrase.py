"""Phrases pydantic's errors in an operator's words: what was found, what is expected, what the default is.

Secrets never show: neither the value of a secret field, nor anything that came from a reference, nor a value in a place where
none is expected (a write key right after a source's name, say).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from router.config.known import Known, find, key_of, limits_of
from router.config.problem import KeyPath
from router.config.tree import Tree
from router.counted import counted

HIDDEN = "********"

_OUR_OWN = {"quantity", "host", "path", "log", "write_key", "two_forms", "public_url", "network", "origin"}
"""Errors raised in this package. Their words are complete and hold nothing of the value."""
_ABOUT_EVENT = "about_event"
"""Also raised in this package. Its words are complete, but they quote fields, templates and expressions."""
_CONTAINERS = ("expected a mapping", "expected a list")
_SHOWN_LENGTH = 40
_WORD_LENGTH = 4
_TELLING_LENGTH = 10
"""A message that shares this many consecutive characters with a secret gives a part of it away."""


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """Words for the errors in the part of a tree at *root*, which *model* describes."""

    tree: Tree
    root: KeyPath
    model: type[BaseModel]
    plugin: str = ""
    """The plugin whose model it is; "" if it is our own."""

    def report(self, errors: Iterable[ErrorDetails]) -> None:
        """Note each error in the tree, at its key."""
        for error in errors:
            path = self._path(error)
            if error["type"] in ("value_error", "assertion_error") and self.tree.has_unresolved(path):
                continue  # a rule over several values, one of which is missing
            if error["type"] == "too_short" and len(self.tree.get(path) or ()) >= error["ctx"]["min_length"]:
                continue  # pydantic counts the good values; the others have errors of their own
            if error["type"] == "extra_forbidden":
                self._report_unknown_key(path)
            else:
                self.tree.report(path, self._message(error, path), self._line(error, path))

    def _line(self, error: ErrorDetails, path: KeyPath) -> int | None:
        """The error's line, within a text of several lines; None for the key's own."""
        within = error.get("ctx", {}).get("line", 1) if error["type"] == _ABOUT_EVENT else 1
        return self.tree.text_lines.get(path, self.tree.line(path)) + within - 1 if within > 1 else None

    def _path(self, error: ErrorDetails) -> KeyPath:
        """The error's place in the file: pydantic's path, as far as there is such a value (it also names alternatives)."""
        path = self.root
        for part in error["loc"]:
            value = self.tree.get(path)
            is_there = (isinstance(value, dict) and part in value) or (
                isinstance(value, list) and isinstance(part, int) and part < len(value)
            )
            if not is_there and error["type"] != "missing":
                continue
            path = (*path, part)
        return path

    def _message(self, error: ErrorDetails, path: KeyPath) -> str:
        inner = path[len(self.root) :]
        kind = error["type"]
        known = find(self.model, inner)
        if kind == "missing":
            about = f" ({known.description.rstrip('.')})" if known and known.description else ""
            given = path in self.tree.lines
            unset = "".join(f"; {name} is not set" for name in self.tree.unset.get(path, ()))
            return f"{'empty, but it' if given else 'missing; it'} is required{about}{unset}"
        text = self._expected(error, path, known)
        if not text.startswith("expected"):
            return text
        found = self._kind(path) if text.startswith(_CONTAINERS) else self._found(path, known)
        return f"got {found}, {text}{_aside(known, with_limits=error['type'] == 'quantity')}"

    def _report_unknown_key(self, path: KeyPath) -> None:
        *parents, key = path[len(self.root) :]
        owner = find(self.model, parents)
        model = owner.model if owner else None
        fields = model.model_fields.items() if model else ()
        # A key in brackets is filled in by the loader.
        keys = [name for name in (key_of(*each) for each in fields) if not name.startswith("(")]
        near = difflib.get_close_matches(str(key), keys, n=1)
        if ":" in str(key):
            self.tree.report(path, "unknown key; a blank is missing behind the colon")
        elif near:
            self.tree.report(path, f'unknown key; did you mean "{near[0]}"?')
        elif self.tree.get(path) is None:
            # {write_key: one,two} has a key "two", which is half a secret.
            self.tree.report(
                path, "an unknown key without a value; put a value that has a comma in quotes", hides_name=True
            )
        else:
            self.tree.report(path, f"unknown key; known here: {', '.join(keys)}")

    def _expected(self, error: ErrorDetails, path: KeyPath, known: Known | None) -> str:
        kind, context = error["type"], error.get("ctx", {})
        if kind == _ABOUT_EVENT and self.tree.has_reference(path):
            return "expected another value"
        if kind in _OUR_OWN or kind == _ABOUT_EVENT:
            return error["msg"]
        if kind in ("value_error", "assertion_error"):
            return self._foreign(str(context.get("error", "")), path)
        if kind.startswith(("int", "float", "greater_than", "less_than", "finite", "multiple_of", "decimal")):
            return f"expected {limits_of(known) or ('a number' if kind.startswith('float') else 'a whole number')}"
        if kind.startswith("bool"):
            return "expected true or false"
        if kind in ("literal_error", "enum"):
            return "expected " + str(context.get("expected", "another value")).replace("'", '"')
        if kind.endswith(("too_short", "too_long")):
            bound = context["min_length" if "min_length" in context else "max_length"]
            is_text = kind.startswith("string") or (known is not None and known.is_secret)
            size = counted(bound, "character" if is_text else "item")
            text = f"expected at {'least' if kind.endswith('short') else 'most'} {size}"
            return text if is_text or kind == "too_long" else text + "; leave the key out for the default"
        if kind == "string_pattern_mismatch":
            return f"expected text that matches {context.get('pattern')}"
        if kind == "string_type":
            value = self.tree.get(path)
            is_number = isinstance(value, int | float)
            return "expected text" + ("; put it in quotes" if is_number else "")
        if kind in ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"):
            model = known.model if known else None
            fields = model.model_fields.items() if model else ()
            # A default that is validated is refused: it stands for one of several that is required.
            keys = [name for name, field in fields if field.is_required() or field.validate_default]
            keys = [name for name in keys if not (model and (model.model_fields[name].alias or "").startswith("("))]
            shape = ' ("key: value")' if isinstance(self.tree.get(path), list) else ""
            return "expected a mapping" + (f" with {', '.join(keys)}" if keys else shape)
        if kind == "path_type":
            return "expected the path of a folder or a file"
        if kind in ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"):
            return "expected a list"
        return self._foreign(error["msg"], path)

    def _foreign(self, text: str, path: KeyPath) -> str:
        """The words of a plugin's validator, or of pydantic for a type that we have no words for, unless they tell a secret."""
        text = " ".join(text.split())
        if not text or any(tells(text, secret) for secret in self._secrets(path)):
            return "expected another value" + (f" (see the README of {self.plugin})" if self.plugin else "")
        if text.startswith(("Expected", "Input should be ")):
            text = "expected " + text.removeprefix("Expected ").removeprefix("Input should be ")
        return text

    def _secrets(self, path: KeyPath) -> Iterator[str]:
        """Every text at *path* or below that must not be shown."""
        for each in _leaves(self.tree.get(path), path):
            value = self.tree.get(each)
            known = find(self.model, each[len(self.root) :])
            if each in self.tree.referenced:
                yield self.tree.referenced[each]
            elif value is not None and not isinstance(value, bool) and not (known and known.is_showable):
                yield str(value)

    def _found(self, path: KeyPath, known: Known | None) -> str:
        value = self.tree.get(path)
        if value is None or isinstance(value, dict | list):
            return self._kind(path)
        if self.tree.has_reference(path) or known is None or not (known.is_showable or self._is_our_text(known)):
            return HIDDEN
        # An address may hold a password, even one put in the wrong place.
        return HIDDEN if isinstance(value, str) and ("@" in value or "://" in value) else show(value)

    def _is_our_text(self, known: Known) -> bool:
        """Whether it is text of our own models that is not a `SecretStr`, such as a host."""
        return not self.plugin and known.types in ((str,), (Path,))

    def _kind(self, path: KeyPath) -> str:
        """The kind of value there, for a value in a place where none is expected."""
        value = self.tree.get(path)
        if isinstance(value, dict):
            return "a mapping"
        if isinstance(value, list):
            return "a list"
        if value is None:
            return "nothing"
        return "text" if isinstance(value, str) else "a single value"


def tells(text: str, secret: str) -> bool:
    """Whether *text* holds the secret, or a good part of a long one, in any case. A short one must be a whole word."""
    text, secret = text.casefold(), secret.casefold()
    if len(secret) < _WORD_LENGTH:
        return bool(secret) and re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text) is not None
    if len(secret) <= _TELLING_LENGTH:
        return secret in text
    return any(secret[start : start + _TELLING_LENGTH] in text for start in range(len(secret) - _TELLING_LENGTH + 1))


def show(value: Any) -> str:
    """A plain value as in the file, with text in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    text = text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"
    return f'"{text}"' if isinstance(value, str) else text


def _leaves(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path


def _aside(known: Known | None, with_limits: bool) -> str:
    """ " (1s to 10m, default 10s)", or what there is of it."""
    parts = [limits_of(known)] if with_limits else []
    parts.append(_default(known))
    text = ", ".join(part for part in parts if part)
    return f" ({text})" if text else ""


def _default(known: Known | None) -> str:
    if known is None or known.is_secret:
        return ""
    default = known.default.value if isinstance(known.default, Enum) else known.default
    if known.quantity is not None and isinstance(default, int | float):
        return f"default {known.quantity.write(default)}"
    return f"default {show(default)}" if default != "" and isinstance(default, bool | int | float | str) else ""

"""References in a value: ``${NAME}``, ``${NAME:-default}`` and ``${file:PATH}``; ``$${`` stands for a plain ``${``.

They may stand inside longer text. Their result is text, which is neither read as YAML nor searched for references again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inner>[^}]*)\}|\$\{")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)

MAX_FILE_BYTES = 1_000_000


@dataclass(slots=True)
class Resolved:
    """A value with its references resolved."""

    text: str
    has_references: bool = False
    unset: list[str] = field(default_factory=list)
    """Variables that are unset or empty, and whose default is empty."""
    problems: list[str] = field(default_factory=list)
    """What could not be resolved. The text is then worthless."""
    is_missing: bool = True
    """If there are problems: each is that something is not here, where another process may have it."""


def resolve(text: str, environ: Mapping[str, str]) -> Resolved:
    """Resolve the references in *text*. As in a shell, a default counts if its variable is unset or empty."""
    resolved = Resolved("")

    def replace(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        resolved.has_references = True
        inner = match.group("inner")
        if inner is not None and inner.startswith("file:"):
            return _read_file(inner.removeprefix("file:").strip(), resolved)
        variable = None if inner is None or "${" in inner else _VARIABLE.fullmatch(inner)
        if variable is None:
            resolved.is_missing = False
            resolved.problems.append(
                f"{_why_not(inner)}; expected ${{NAME}}, ${{NAME:-default}} or ${{file:PATH}} ($${{ is a plain ${{)"
            )
            return ""
        value = environ.get(variable["name"])
        if variable["default"] is not None:
            if not value and not variable["default"]:
                resolved.unset.append(variable["name"])
            return value or variable["default"]
        if value is None:
            resolved.problems.append(f"{variable['name']} is not set")
            return ""
        return value

    resolved.text = _REFERENCE.sub(replace, text)
    return resolved


def _why_not(inner: str | None) -> str:
    """Why that is not a reference. Its text is not shown, since it could be anything."""
    if inner is None:
        return '"${" is never closed'
    if "${" in inner:
        return "there is a reference within a reference; its default can only be plain text"
    return "cannot read what stands in ${…}"


def _read_file(name: str, resolved: Resolved) -> str:
    """The file's text without the final line end that editors add. *name* is relative to the working directory."""
    path = Path(name)
    try:
        if not path.is_file():  # a pipe would make the start hang
            raise FileNotFoundError(2, "not a file" if path.exists() else "no such file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
        return data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        reason = "it is no UTF-8 text"
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
    except ValueError as error:
        reason = str(error)
    resolved.problems.append(f"cannot read file {name}: {reason}")
    return ""

"""The columns of a table: how wide each is, and where a name that is wider is broken. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from rich.cells import cell_len

_PIECE = re.compile(r"[^\s._/:,=&?-]*[._/:,=&?-]+|[^\s._/:,=&?-]+")
"""A piece of a name, such as ``address.`` and ``postalCode``: a name is broken behind such a sign rather than within a word."""


def fit(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """The width of each column, of which *columns* has the texts, in *room* cells for all of them. Wide columns give way first.

    No name is broken if there is room for that; else none but behind a sign; else those that are the longest.
    """
    lines, words, pieces = (
        [_widest(texts, parts) for texts in columns] for parts in (str.splitlines, str.split, _PIECE.findall)
    )
    for least in (words, pieces):
        if sum(least) <= room:
            return _cut(least, lines, room)
    return _cut([1] * len(columns), pieces, room)


def _cut(least: Sequence[int], most: Sequence[int], room: int) -> list[int]:
    """The widths *most*, the highest of them lowered together until they fit into *room*, but none below *least*."""
    for cap in range(max(room, 1), 0, -1):
        widths = [max(low, min(high, cap)) for low, high in zip(least, most, strict=True)]
        if sum(widths) <= room:
            break
    return widths


def break_names(text: str, width: int) -> str:
    """*text* with line breaks in names that are wider than *width*."""
    return re.sub(r"\S+", lambda word: _break(word.group(), width), text)


def _break(word: str, width: int) -> str:
    if cell_len(word) <= width:
        return word
    lines = [""]
    for piece in _PIECE.findall(word):
        if lines[-1] and cell_len(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _widest(texts: Iterable[str], parts: Callable[[str], Iterable[str]]) -> int:
    return max((cell_len(part) for text in texts for part in parts(text)), default=0)

"""A reason: a word for programs with its meaning for people. Together they are the published lists of docs/rejections.md."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Written ``NAME = "word", "What it means."``. A contract: new ones may come, old ones keep their word and meaning."""

    meaning: str
    """A sentence or two, in the operator's words; Markdown."""

    def __new__(cls, word: str, meaning: str = "", *further: object) -> Self:
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.meaning = meaning
        return reason

"""A reason: a word for programs with a meaning for people. docs/rejections.md publishes the lists of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Write ``NAME = "word", "What it means."``. A contract: new reasons may come, old ones keep their word and meaning."""

    meaning: str
    """A sentence or two for operators, in Markdown."""

    def __new__(cls, word: str, meaning: str = "", *further: object) -> Self:
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.meaning = meaning
        return reason

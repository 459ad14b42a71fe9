"""The code in docs/sdks.md, taken out to be run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "sdks.md"
HOST: Final = "https://router.example.com"
KEY: Final = "WRITE_KEY"

_MARKED = re.compile(r"<!-- test: ([a-z-]+) -->\n+```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """One block of code, as the reader sees it."""

    name: str
    language: str
    text: str

    def code(self, url: str, write_key: str) -> str:
        """The code with the reader's own host and key in it: all that a reader has to fill in."""
        return self.text.replace(HOST, url).replace(KEY, write_key)


def read_snippets() -> dict[str, Snippet]:
    """By name."""
    return {
        name: Snippet(name, language, text) for name, language, text in _MARKED.findall(DOCUMENT.read_text("utf-8"))
    }


SNIPPETS: Final = read_snippets()

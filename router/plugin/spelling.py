"""The spellings of a name, which are one to a plugin that looks for what the event spec names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_LONGEST_KEPT: Final = 200
"""Characters. An event decides how long its name is, up to a megabyte."""
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")


def spelt_alike(name: str | None) -> str:
    """The letters and digits of *name* in lower case: ``Order Completed``, ``order_completed`` and ``orderCompleted`` become
    ``ordercompleted``. Empty where there are none.

    Source: facts/event-spec.md section 4, track (spellings of a name).
    """
    if not name:
        return ""
    return _kept(name) if len(name) <= _LONGEST_KEPT else _letters(name)


def _letters(name: str) -> str:
    return _BETWEEN_WORDS.sub("", name.lower())


_kept: Final = lru_cache(maxsize=256)(_letters)  # a source has few names, and most destinations ask for each

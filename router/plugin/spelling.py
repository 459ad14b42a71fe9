"""The spellings of a name, which are one to a plugin that looks for what the event spec names."""

from __future__ import annotations

import re
from typing import Final

from router.plugin.kept import kept_by_text

_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")


@kept_by_text(256, 200)  # a source has few names, and most destinations ask for each
def spelt_alike(name: str | None) -> str:
    """The letters and digits of *name* in lower case: ``Order Completed``, ``order_completed`` and ``orderCompleted`` become
    ``ordercompleted``. Empty where there are none.

    Source: facts/event-spec.md section 4, track (spellings of a name).
    """
    return _BETWEEN_WORDS.sub("", name.lower()) if name else ""

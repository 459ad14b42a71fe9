"""What plugins print in a call is overheard: it goes where it would go, without the secrets of the call's destination."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from router.guard import current_guard


class _Overheard:
    """A stream as before, but for its `write`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        guard = current_guard()
        self._stream.write(text if guard is None else guard.hide(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def overhearing() -> Iterator[None]:
    """Within the block, the standard streams are overheard. Logs and warnings that a plugin writes go to one of them, too."""
    out = sys.stdout and cast(TextIO, _Overheard(sys.stdout))  # there is none if the caller has closed it
    with redirect_stdout(out), redirect_stderr(cast(TextIO, _Overheard(sys.stderr))):
        yield

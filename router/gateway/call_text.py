"""The text of a rejected call, for an operator to see: without its write key, and cut."""

from __future__ import annotations

import json
from typing import Any, Final

MAX_CALL_CHARS: Final = 10_000

_WRITE_KEYS = ("writeKey", "write_key")
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False)  # its checks would hold on to a call that is cut


def call_text(call: Any) -> str:
    """*call* as JSON without its write key, cut. Works for any JSON, at a cost that doesn't grow with its size."""
    parts: list[str] = []
    room = MAX_CALL_CHARS
    try:
        shown = _Bare().bare(call)
        for part in _ENCODER.iterencode(shown):  # bit by bit, so that the rest of a big call is never written
            parts.append(part[:room])
            room -= len(part)
            if room < 0:
                parts.append("…")
                break
    except RecursionError:
        parts.append("…")
    return "".join(parts).encode("utf-8", "replace").decode()


class _Bare:
    """Takes the write keys off a call and off the calls in it: a batch sent to the path of a single event, a list in a list."""

    def __init__(self) -> None:
        self._left = MAX_CALL_CHARS
        """So many values are looked at. Each takes a character or more, so nothing behind them is shown."""

    def bare(self, call: Any) -> Any:
        self._left -= 1
        if isinstance(call, list):
            return [self.bare(each) for each in call[: max(0, self._left)]]
        if not isinstance(call, dict):
            return call
        if not call.keys().isdisjoint(_WRITE_KEYS):
            call = {name: value for name, value in call.items() if name not in _WRITE_KEYS}
        return {**call, "batch": self.bare(call["batch"])} if isinstance(call.get("batch"), list) else call

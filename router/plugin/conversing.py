"""Conversing: a conversation in parts, any of which may end the whole."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from typing import Any, TypeVar

from router.plugin.endpoint import Conversation, Step
from router.plugin.request import Payload, Response
from router.plugin.verdict import Blocked, Dead, Delivered, Verdict

T = TypeVar("T")
Said = Generator[Step, Response, T]
"""A part of a conversation: it yields steps, receives the responses, and ends with what comes of it."""


class Ended(Exception):
    """Raised in a part, however deep: the verdict with which the conversation ends before its time."""

    def __init__(self, verdict: Verdict | Blocked) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


def conversation(
    talk: Callable[[Any, Any, list[str]], Said[Verdict | Blocked | None]],
) -> Callable[[Payload, Any], Conversation]:
    """An endpoint's *converse* of ``talk(body, settings, warnings)``, which adds to the list what the vendor had to leave out:
    the payload is `Delivered` with those warnings, unless the talk is `Ended` before or returns a verdict."""

    @wraps(talk)
    def converse(payload: Payload, settings: Any) -> Conversation:
        warnings: list[str] = []
        try:
            verdict = yield from talk(payload.body, settings, warnings)
        except Ended as ended:
            return ended.verdict
        return Delivered(tuple(warnings)) if verdict is None else verdict

    return converse


def unless_refused(part: Said[T], what: str, warnings: list[str]) -> Said[T | None]:
    """What comes of *part*; None where it is `Ended` with `Dead`, which is no reason to lose the rest: a warning says *what* it
    cost, and the vendor's words."""
    try:
        return (yield from part)
    except Ended as ended:
        if not isinstance(ended.verdict, Dead):
            raise
        warnings.append(f"{what}: {ended.verdict.reason}")
        return None

"""A hole in a list of all destinations: one of them whose state can't be read. What the others have is told all the same."""

from __future__ import annotations

from collections.abc import Iterable

from router.admin.answer import Answer
from router.errors import OperatorError


def hole(destination: str, why: OperatorError) -> Answer:
    """What stands in the list for *destination*."""
    return {"destination": destination, "unknown": str(why)}


def cut(entries: Iterable[Answer], limit: int | None) -> list[Answer]:
    """The holes, and the first *limit* of the other entries. Pure."""
    entries = list(entries)
    return [entry for entry in entries if "unknown" in entry] + [e for e in entries if "unknown" not in e][:limit]


def without_holes(entries: Iterable[Answer]) -> tuple[list[Answer], OperatorError | None]:
    """The entries that are none, and what to say of the holes, if there are any. Pure."""
    entries = list(entries)
    holes = {entry["destination"]: entry["unknown"] for entry in entries if "unknown" in entry}
    if not holes:
        return entries, None
    told = "\n".join(f"{destination} is not in this list: {why}" for destination, why in holes.items())
    return [entry for entry in entries if "unknown" not in entry], OperatorError(told)

"""Which process delivers to which destination. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def place(
    names: Sequence[str], processes: int, before: Mapping[str, int], formerly: Mapping[str, str]
) -> dict[str, int]:
    """The process, from 0 on, of each of *names*.

    Who was somewhere *before* stays there, also under a new name (*formerly*: new name to old): a destination that moves would
    have to land its flights in one process before it starts in another. The others, in the order of their names, go each where
    there are the fewest, the first of those; so that a start deals them out in turn.
    """
    placed: dict[str, int] = {}
    for name in names:
        old = before.get(name, before.get(formerly.get(name, "")))
        if old is not None:
            placed[name] = old
    for name in sorted(set(names) - placed.keys()):
        taken = list(placed.values())
        placed[name] = min(range(processes), key=taken.count)
    return placed

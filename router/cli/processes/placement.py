"""The placement: which process delivers to which destination. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def place(
    names: Sequence[str],
    processes: int,
    before: Mapping[str, int],
    formerly: Mapping[str, str],
    down: Collection[int] = (),
) -> dict[str, int]:
    """The process, from 0 on, of each of *names*.

    A destination that was placed *before* stays there, also under a new name (*formerly*: new name to old): to move, it would
    have to land its flights in one process before starting in another. The others, in the order of their names, each go to the
    process with the fewest (the first of those), so that a start deals them out in turn; to one that is *down* only if all are.
    """
    placed: dict[str, int] = {}
    for name in names:
        old = before.get(name, before.get(formerly.get(name, "")))
        if old is not None:
            placed[name] = old
    takers = [number for number in range(processes) if number not in down] or range(processes)
    for name in sorted(set(names) - placed.keys()):
        taken = list(placed.values())
        placed[name] = min(takers, key=taken.count)
    return placed

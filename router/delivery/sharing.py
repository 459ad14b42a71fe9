"""How partitions are shared out among the routers that deliver. Pure: every router comes to the same answer by itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple


class Step(NamedTuple):
    """What a router does next: partitions to claim, and partitions to give up."""

    claim: list[int]
    give_up: list[int]


def fair_number(partitions: int, alive: Collection[str], me: str) -> int:
    """How many partitions are for *me*: an equal number, and one of those that are left over by rank among the *alive*."""
    routers = sorted({*alive, me})
    each, left = divmod(partitions, len(routers))
    return each + (routers.index(me) < left)


def next_step(
    partitions: Collection[int], mine: Collection[int], claimed: Collection[int], alive: Collection[str], me: str
) -> Step:
    """*claimed* are the partitions that anybody has a claim on.

    What nobody has is taken before anything else is thought of as even: a router that takes less than its number leaves the
    rest to others, and none is given up before somebody is there to take it.
    """
    number = fair_number(len(partitions), alive, me)
    free = [each for each in sorted(partitions) if each not in claimed and each not in mine]
    ours = sorted(mine)
    missing, over = max(0, number - len(ours)), max(0, len(ours) - number)
    start = _turn_of(me) % len(free) if free else 0  # not all try the same one first
    return Step(claim=(free[start:] + free[:start])[:missing], give_up=ours[len(ours) - over :])


def _turn_of(name: str) -> int:
    return sum(name.encode())

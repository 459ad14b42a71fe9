"""Sharing the partitions among the routers that deliver. Pure: each router comes to the same answer by itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple


class Step(NamedTuple):
    """A router's next step: partitions to claim, and partitions to give up."""

    claim: list[int]
    give_up: list[int]


def fair_number(partitions: int, alive: Collection[str], me: str) -> int:
    """How many partitions are for *me*: an equal part, plus one of the remainder if my rank among the *alive* is low enough."""
    routers = sorted({*alive, me})
    each, left = divmod(partitions, len(routers))
    return each + (routers.index(me) < left)


def next_step(
    partitions: Collection[int], mine: Collection[int], claimed: Collection[int], alive: Collection[str], me: str
) -> Step:
    """What *me* should claim and give up next. *claimed* are the partitions that some router has a claim on.

    Free partitions come first: a router that has less than its number claims some and leaves the rest to others. Nothing is
    given up before another router is there to take it.
    """
    number = fair_number(len(partitions), alive, me)
    free = [each for each in sorted(partitions) if each not in claimed and each not in mine]
    ours = sorted(mine)
    missing, over = max(0, number - len(ours)), max(0, len(ours) - number)
    start = _turn_of(me) % len(free) if free else 0  # so that not all routers try the same one first
    return Step(claim=(free[start:] + free[:start])[:missing], give_up=ours[len(ours) - over :])


def _turn_of(name: str) -> int:
    return sum(name.encode())

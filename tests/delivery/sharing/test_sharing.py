"""How partitions are shared out: evenly, by the same reckoning at every router, and with nothing given up for nobody."""

from __future__ import annotations

import pytest

from router.delivery.sharing.sharing import Step, fair_number, next_step


@pytest.mark.parametrize(
    ("partitions", "alive", "numbers"),
    [
        pytest.param(16, ["a"], {"a": 16}, id="one takes all"),
        pytest.param(16, ["a", "b"], {"a": 8, "b": 8}, id="two"),
        pytest.param(16, ["a", "b", "c"], {"a": 6, "b": 5, "c": 5}, id="what is left over goes by rank"),
        pytest.param(2, ["a", "b", "c"], {"a": 1, "b": 1, "c": 0}, id="more routers than partitions"),
    ],
)
def test_each_router_has_a_fair_number(partitions: int, alive: list[str], numbers: dict[str, int]) -> None:
    assert {me: fair_number(partitions, alive, me) for me in alive} == numbers


def test_a_router_that_nobody_has_seen_counts_itself() -> None:
    assert fair_number(4, ["b"], "a") == 2


@pytest.mark.parametrize(
    ("mine", "claimed", "alive", "step"),
    [
        pytest.param([], [], ["a"], Step([0, 1, 2, 3], []), id="the first one"),
        pytest.param([], [0, 1, 2, 3], ["a", "b"], Step([], []), id="all have somebody: wait for what is given up"),
        pytest.param([0, 1, 2, 3], [0, 1, 2, 3], ["a", "b"], Step([], [2, 3]), id="too many: the last ones go"),
        pytest.param([0, 1], [0, 1, 2, 3], ["a", "b"], Step([], []), id="even"),
        pytest.param([0, 1], [0, 1], ["a"], Step([2, 3], []), id="the other one is gone"),
        pytest.param([0, 1], [0, 1], ["a", "b"], Step([], []), id="what is free is for the other one"),
        pytest.param([0], [0, 1, 2], ["a", "b"], Step([3], []), id="one of those that are free"),
        pytest.param([0, 1], [0, 1], ["a", "b", "c", "d"], Step([], [1]), id="too many, though some are free"),
    ],
)
def test_the_next_step(mine: list[int], claimed: list[int], alive: list[str], step: Step) -> None:
    found = next_step(range(4), mine, claimed, alive, "a")

    assert (sorted(found.claim), found.give_up) == step


def test_routers_that_see_the_same_ones_free_do_not_all_try_the_same_one_first() -> None:
    first = {me: next_step(range(4), [], [], ["a", "b"], me).claim[0] for me in ("a", "b")}

    assert first["a"] != first["b"]


@pytest.mark.parametrize("partitions", [1, 4, 16, 17])
def test_steps_lead_to_an_even_share_from_wherever_they_begin(partitions: int) -> None:
    """Routers come and go; each acts on what it sees, one after the other."""
    everyone = ["a", "b", "c", "d"]
    held: dict[str, set[int]] = {name: set() for name in everyone}
    for alive in (["a"], everyone, ["b", "d"], ["b", "c", "d"], everyone):
        for name in everyone:
            if name not in alive:
                held[name].clear()
        for _ in range(3):
            for me in alive:
                claimed = set().union(*held.values())
                step = next_step(range(partitions), held[me], claimed, alive, me)
                held[me] = (held[me] | set(step.claim)) - set(step.give_up)
        sizes = [len(held[name]) for name in alive]
        assert sum(sizes) == partitions
        assert max(sizes) - min(sizes) <= 1

"""What counts as a strain: a rise over what is usual, never the height of it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from router.delivery.strain import MAX_RATIO, Strain

Latency = Callable[[int], float]
"""Of the answer with that number."""

_CHANCE = random.Random(4)
_NOISE = [_CHANCE.lognormvariate(0, 0.5) for _ in range(10_000)]


def observe(latency: Latency, answers: int, every_s: float = 1.0, kind: Callable[[int], int] = lambda n: 0) -> float:
    """The highest strain while *answers* come in, one *every_s*."""
    strain = Strain()
    return max(strain.observe(kind(n), latency(n), n * every_s) for n in range(answers))


@pytest.mark.parametrize(
    ("latency", "highest"),
    [
        pytest.param(lambda n: 0.1, 1.0, id="quick"),
        pytest.param(lambda n: 8.0, 1.0, id="slow and steady"),
        pytest.param(lambda n: 8.0 * _NOISE[n], 2.0, id="slow and uneven"),
        pytest.param(lambda n: 0.001 * 1.01 ** min(n, 460), 1.0, id="from 1 to 100 ms: the network and ourselves"),
        pytest.param(lambda n: 1.0 if n % 50 else 30.0, 2.0, id="a straggler now and then"),
        pytest.param(lambda n: 1.0 + n / 1_000, 1.1, id="slower and slower, over hours"),
        pytest.param(lambda n: 9.0 if n == 0 else 3.0, 1.1, id="quicker than the first one"),
        pytest.param(lambda n: 0.3 if n == 0 else 3.0, 2.0, id="slower than the first one, which alone is no baseline"),
    ],
)
def test_what_is_no_strain(latency: Latency, highest: float) -> None:
    assert observe(latency, 5_000) <= highest


@pytest.mark.parametrize(
    ("latency", "least"),
    [
        pytest.param(lambda n: 0.3 if n < 100 else 1.5, 3.0, id="five times as long at once"),
        pytest.param(lambda n: 0.3 * 1.05 ** max(0, n - 100), 2.5, id="5 % more with each answer"),
        pytest.param(lambda n: 0.05 if n < 100 else 1.0, 3.5, id="from hardly any to a second"),
    ],
)
def test_what_is_one(latency: Latency, least: float) -> None:
    assert least <= observe(latency, 200) <= MAX_RATIO


def test_a_vendor_that_stays_slow_is_soon_taken_as_it_is() -> None:
    """Twenty times as long from one moment on: within two minutes that is the baseline, however many answers that are."""
    for every_s in (0.05, 1.0, 10.0):
        strain = Strain()
        for n in range(int(60 / every_s) + 20):
            strain.observe("", 0.5, n * every_s)
        began = (n + 1) * every_s
        for n in range(int(120 / every_s) + 20):
            strain.observe("", 10.0, began + n * every_s)
        assert strain.value < 1.5, every_s


def test_full_batches_are_not_compared_with_single_events() -> None:
    """A backlog makes requests of another size, and of another length."""
    assert observe(lambda n: 0.3 if n < 100 else 3.0, 200, kind=lambda n: n // 100) == 1.0
    assert observe(lambda n: 0.3 if n < 100 else 3.0, 200) > 3.0


def test_after_a_break_the_strain_is_forgotten_and_the_baseline_is_not() -> None:
    strain = Strain()
    for n in range(100):
        strain.observe("", 1.0, float(n))
    for n in range(5):
        strain.observe("", 5.0, 100.0 + n)
    assert strain.value > 2.0

    strain.relax()

    assert strain.value == 1.0
    assert strain.observe("", 4.0, 106.0) > 1.3


def test_where_answers_are_rare_one_straggler_does_not_become_the_baseline() -> None:
    strain = Strain()
    for n in range(20):
        strain.observe("", 1.0, n * 600.0)
    strain.observe("", 5.0, 20 * 600.0)
    strain.relax()

    assert strain.observe("", 4.0, 21 * 600.0) > 1.3

"""The keys of a partition in bounded memory."""

from __future__ import annotations

import pytest

from router.log.seen import Seen

A, B, C = b"a", b"b", b"c"
WINDOW_S = 100.0


@pytest.mark.parametrize(
    ("added", "asked_s", "first"),
    [
        pytest.param([], 0.0, None, id="never seen"),
        pytest.param([(5, 0.0)], 0.0, 5, id="at once"),
        pytest.param([(5, 0.0)], WINDOW_S, 5, id="just inside the window"),
        pytest.param([(5, 0.0)], WINDOW_S + 1, None, id="just outside"),
        pytest.param([(5, 0.0), (9, 50.0)], 60.0, 5, id="a repeat changes nothing"),
        pytest.param([(9, 50.0), (5, 0.0)], 60.0, 5, id="the first in the log wins, learned of last"),
        pytest.param([(5, 0.0), (9, 150.0)], 160.0, 9, id="beyond the window it begins anew"),
    ],
)
def test_the_first_in_the_log_is_what_others_repeat(
    added: list[tuple[int, float]], asked_s: float, first: int | None
) -> None:
    seen = Seen(WINDOW_S, 10)
    for sequence, received_at_s in added:
        seen.add(A, sequence, received_at_s)

    assert seen.first(A, asked_s) == first
    assert seen.first(B, asked_s) is None


def test_memory_is_bounded_and_the_latest_half_is_always_known() -> None:
    seen = Seen(WINDOW_S, 100)

    for number in range(1, 1_001):
        seen.add(number.to_bytes(2, "big"), number, 0.0)
        assert len(seen) <= 100
        assert all(seen.first(n.to_bytes(2, "big"), 0.0) == n for n in range(max(1, number - 49), number + 1))

"""The kit for sandboxes: what several stand-ins count by."""

from __future__ import annotations

from router.plugin.sandbox import RateWindow


def test_a_window_has_room_again_when_the_oldest_is_out_of_it() -> None:
    window = RateWindow(10)

    assert [window.has_room(now_s, 2) for now_s in (0.0, 4.0, 9.9)] == [True, True, False]
    assert (window.used(9.9), window.wait_s(9.9)) == (2, 10.0 - 9.9)
    assert [window.has_room(now_s, 2) for now_s in (10.0, 13.9, 14.0)] == [True, False, True]


def test_a_window_without_room_for_anything_says_to_wait_for_all_of_it() -> None:
    window = RateWindow(10)

    assert not window.has_room(0.0, 0)
    assert window.wait_s(0.0) == 10

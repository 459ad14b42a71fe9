"""A count in words."""

from __future__ import annotations

import pytest

from router.counted import counted


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(counted(0, "event"), "0 events", id="none"),
        pytest.param(counted(1, "event"), "1 event", id="one"),
        pytest.param(counted(2, "event"), "2 events", id="two"),
        pytest.param(counted(1, "try", "tries"), "1 try", id="one of an odd word"),
        pytest.param(counted(7, "try", "tries"), "7 tries", id="several of an odd word"),
        pytest.param(counted(1.001, "event", form=".3g"), "1 event", id="a mean that reads as one"),
        pytest.param(counted(1.39, "event", form=".3g"), "1.39 events", id="a mean"),
        pytest.param(counted(12_345, "event", form=","), "12,345 events", id="many"),
    ],
)
def test_a_count_agrees_with_its_noun(said: str, expected: str) -> None:
    assert said == expected

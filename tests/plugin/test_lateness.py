"""Which events came so late that a vendor without times would file them wrongly."""

from __future__ import annotations

import pytest

from router.plugin import came_late
from router.testing import make_event


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        pytest.param("2026-03-04T10:20:31Z", False, id="at once"),
        pytest.param("2026-03-03T10:20:31Z", False, id="a day late"),
        pytest.param("2026-03-03T10:20:30Z", True, id="a second later"),
        pytest.param("2026-03-05T10:20:31Z", False, id="by a clock that is ahead"),
    ],
)
def test_an_event_comes_late_after_a_day(happened: str, expected: bool) -> None:
    """All were received at 2026-03-04T10:20:31Z."""
    assert came_late(make_event("track", userId="u1", event="Paid", timestamp=happened)) is expected

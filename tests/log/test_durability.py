"""What a 2xx promises."""

from __future__ import annotations

import pytest

from router.log.durability import Synced, durability


@pytest.mark.parametrize(
    ("replicas", "synced", "promise", "warned_of"),
    [
        pytest.param(3, "always", "2 of 3 servers at least synced the event to disk.", [], id="all one can have"),
        pytest.param(5, "always", "3 of 5 servers at least synced the event to disk.", [], id="five"),
        pytest.param(3, "interval", "they sync to disk later.", ["a power cut of 2 of 3"], id="synced later"),
        pytest.param(3, None, "whether synced to disk, is not known.", ["nats.synced says nothing"], id="not said"),
        pytest.param(1, "always", "one server synced", ["one copy of each event"], id="one copy"),
        pytest.param(1, None, "one server took", ["nats.synced says nothing", "one copy"], id="neither"),
    ],
)
def test_less_than_a_quorum_with_every_write_synced_is_warned_of(
    replicas: int, synced: Synced | None, promise: str, warned_of: list[str]
) -> None:
    found = durability(replicas, synced)

    assert promise in found.promise
    assert len(found.warnings) == len(warned_of)
    assert all(part in warning for part, warning in zip(warned_of, found.warnings, strict=True))

"""What of the room on the disk, as the config divides it up, may not be meant."""

from __future__ import annotations

from collections.abc import Iterator

from router.config import Config
from router.counted import counted
from router.delivery.state.file import GROWS_BY_BYTES


def room_oddities(config: Config) -> Iterator[str]:
    """A warning for each."""
    retention = config.retention
    unbounded = [
        name for name, each in config.destinations.items() if each.max_backlog_bytes >= retention.max_disk_bytes
    ]
    if unbounded:
        yield (
            f"retention.max_disk is no more than max_backlog of {', '.join(unbounded)}. An outage there may fill the log, and "
            "then every source is answered 503; a smaller max_backlog gives up the oldest of its events instead"
        )
    settling = sum(each.enabled for each in config.destinations.values())
    needed = settling * GROWS_BY_BYTES
    if not config.log_urls and 0 < retention.reserve_bytes < needed:
        yield (
            f"retention.reserve is too small for {counted(settling, 'destination')}: on a full disk some might "
            f"settle nothing until there is room again. {needed // 1_000_000}MB are enough"
        )

"""The operations of a router whose log has many partitions: asked of each, and the answers put together.

The states lie in the cluster, so that every router gives the same answer, whoever delivers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from router.admin.operations import Answer, Operations
from router.log.interface import Log

WORST_FIRST = ("broken", "unusable", "blocked", "throttled", "probing", "going", "disabled", "stopped", "new")


class Spread:
    """The calls of `Operations`, over all partitions."""

    def __init__(
        self,
        log: Log,
        parts: Mapping[int, Operations],
        refresh: Callable[[], Awaitable[None]],
        stuck: Callable[[], Sequence[str]],
    ) -> None:
        """*parts* are the operations of each partition; *refresh* has their states look at what there is."""
        self._log = log
        self._parts = parts
        self._refresh = refresh
        self._stuck = stuck

    def calls(self) -> Mapping[str, Callable[..., Awaitable[Any]]]:
        """The operations by the name they have on the admin socket."""
        return {"status": self.status}

    async def status(self) -> Answer:
        """As `Operations.status`."""
        await self._refresh()
        answers = await asyncio.gather(*(part.status() for part in self._parts.values()))
        first = answers[0]
        partitions = {number: span for answer in answers for number, span in answer["log"]["partitions"].items()}
        unknown: Counter[str] = Counter()
        for answer in answers:
            unknown.update(answer["unknown_names"])
        by_name: dict[str, list[Answer]] = {}
        for answer in answers:
            for each in answer["destinations"]:
                by_name.setdefault(each["destination"], []).append(each)
        return {
            "log": first["log"]
            | {
                "partitions": partitions,
                **{name: getattr(self._log, name, None) for name in ("size_bytes", "max_bytes")},
                "obstacle": getattr(self._log, "obstacle", ""),
            },
            "running": any(answer["running"] for answer in answers),
            "stuck": list(self._stuck()),
            "destinations": [add_up(parts) for parts in by_name.values()],
            "removed": sorted({name for answer in answers for name in answer["removed"]}),
            "unknown_names": dict(unknown),
        }


def add_up(parts: Sequence[Answer]) -> Answer:
    """The status of one destination, from what it is in each partition: the worst state, the sum of all books. Pure."""
    worst = min(parts, key=lambda part: WORST_FIRST.index(part["state"]) if part["state"] in WORST_FIRST else 0)
    added: Answer = {name: worst[name] for name in ("destination", "plugin", "state", "reason")}
    booked = [part for part in parts if "books" in part]
    if not booked:
        return added
    numbers = ("discarded", "outages", "warnings", "odd_flags", "stuck_calls", "halts", "dead_letters")
    added |= {name: _sum(part[name] for part in booked) for name in ("books", "skipped", "replayed", "parked")}
    added |= {name: sum(part[name] for part in booked) for name in numbers}
    ages = [part["oldest_pending_s"] for part in booked if part["oldest_pending_s"] is not None]
    added["oldest_pending_s"] = max(ages, default=None)
    added["positions"] = {number: each for part in booked for number, each in part["positions"].items()}
    added["jobs"] = [job for part in booked for job in part["jobs"]]
    tallied = [part for part in booked if "attempts" in part]
    if tallied:
        added["attempts"] = _sum(part["attempts"] for part in tallied)
        for name in ("batch_size", "latency_s"):  # of histograms only their own figures are known: the highest of each
            added[name] = {
                figure: max((part[name][figure] for part in tallied if part[name][figure] is not None), default=None)
                for figure in tallied[0][name]
            }
    return added


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))

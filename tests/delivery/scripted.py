"""Every event has its answers written down before: row 29 of the battery, at any size.

    python -m tests.delivery.scripted --users 1000 --events 1000
    python -m tests.delivery.scripted --users 50 --events 40 --seeds 200

A request is answered with the next failure of the first event in it that has one left, and is taken when none has.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from structlog.testing import capture_logs

from router.delivery.options import DeliveryOptions
from router.delivery.pace import Backoff
from router.plugin import Judgement, Payload, Request, Response, judge_by_status
from tests.delivery.harness import NETWORK_DOWN, Answer, Harness, Settings, Vendor, plugin
from tests.in_memory import MEMORY

FAILING = 0.3
"""The share of events that fail at first: once or twice."""
PATIENCE_S = 36_000.0
"""For a million of events on a machine that has other work to do."""
LONG_S = 1e9
"""No event dies of its age: a million of them take many days of the harness's fast clock."""
FAILURES: Sequence[Answer] = (
    NETWORK_DOWN,
    Response(500),
    Response(429, headers={"retry-after": "0.05"}),
    Response(404),
)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """404 is for one event alone: it parks its user. All else is the vendor's fault."""
    return judge_by_status(response, payloads, later=(404,))


class Script:
    """The answers, and how many requests failed."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._left: dict[str, list[Answer]] = {}
        self.failed = 0

    def __call__(self, request: Request) -> Answer:
        for item in request.json:
            left = self._left.setdefault(item["id"], self._write())
            if left:
                self.failed += 1
                return left.pop()
        return Response(200)

    def _write(self) -> list[Answer]:
        if self._chance.random() >= FAILING:
            return []
        return [self._chance.choice(FAILURES) for _ in range(self._chance.randint(1, 2))]


async def run(directory: Path, seed: int, users: int, events: int, at_once: int) -> Script:
    """Deliver so many *events* of so many *users*, in requests of up to *at_once*; AssertionError when a promise breaks."""
    chance = random.Random(seed)
    script = Script(random.Random(seed + 1))
    options = DeliveryOptions(
        concurrency=chance.randint(1, 8),
        backoff=Backoff(0.01, 0.05, 1.0),
        batch_wait_s=0.05,
        retry_for_s=LONG_S,
    )
    harness = Harness(directory, Vendor(script), options)
    harness.plugin = plugin(max_events=at_once, judge=judge)
    line = [f"u{user}" for user in range(users) for _ in range(events)]
    chance.shuffle(line)
    for user in line:
        harness.log.add(user)
    with capture_logs():  # an outage a failure: too much to print
        await harness.open()
        await harness.until(lambda: harness.books.pending == 0, seconds=PATIENCE_S)
        await harness.until_settled()
        check_order_and_repeats(harness, users * events)
        await harness.close()
    return script


def check_order_and_repeats(harness: Harness, events: int) -> None:
    """Nothing lost, no inversion, nothing sent twice."""
    latest: dict[str, int] = {}
    for item in harness.vendor.taken:
        number = int(item["id"][1:])
        assert number > latest.get(item["user"], 0), f"{item['user']}: {number} after {latest[item['user']]}"
        latest[item["user"]] = number
    times = Counter(item["id"] for item in harness.vendor.taken)
    assert len(times) == harness.books.delivered == events, harness.books
    assert set(times.values()) == {1}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, usual in (("users", 1_000), ("events", 1_000), ("seeds", 1), ("at_once", 50)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=usual)
    given = parser.parse_args()
    began = time.monotonic()
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            script = asyncio.run(run(Path(folder), seed, given.users, given.events, given.at_once))
        print(  # noqa: T201
            f"seed {seed}: {given.users * given.events:,} events of {given.users:,} users, {script.failed:,} failed requests: "
            f"none lost, none out of order, none sent twice ({time.monotonic() - began:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()

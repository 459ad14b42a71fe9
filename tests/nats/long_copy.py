"""Row 26 of the battery in its long form, by hand: what is pending moves to another engine, by a copy that is killed again.

    python -m tests.nats.long_copy --events 150000 --kills 20

There and back: from a folder into a cluster, and from a cluster into a folder. Each time ``router log copy`` is killed at
random moments, run again, and let finish at last. Then nothing is lost, each user's events are in order, and every
destination stands where it stood. Two thirds of the events are pending.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.nats.copying import Engines, books_balance, fill, pending, sides, stored
from tests.nats.server import Cluster

WAYS = {"into a cluster": ("sqlite", "nats"), "into a folder": ("nats", "sqlite")}
FIRST_KILL_S = 1.5
"""After the start: before that it reads its config."""


def copy(engines: Engines, source: str, target: str, kills: int, chance: random.Random) -> tuple[int, float, str]:
    """How many runs were killed, the seconds of all runs together, and what the last one said."""
    command = [sys.executable, "-m", "router", "log", "copy"]
    command += [str(engines.path(source, "old")), str(engines.path(target, "new"))]
    began, killed, longest_s = time.monotonic(), 0, FIRST_KILL_S + 1.0
    while True:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            said, _ = process.communicate(timeout=chance.uniform(FIRST_KILL_S, longest_s) if killed < kills else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed, longest_s = killed + 1, longest_s + 1.0
            continue
        if process.returncode != 0:
            raise AssertionError(said)
        return killed, time.monotonic() - began, " ".join(said.split())


async def check(engines: Engines, source: str, target: str, events: int) -> None:
    async with sides(engines, source, target) as (old, new):
        before, after = await stored(old.log), await stored(new.log)
        for user, moved in after.items():
            kept = set(moved)
            assert moved == [message for message in before[user] if message in kept], f"out of order: {user}"
        for name in ("fast", "slow"):
            assert pending(old, name) == pending(new, name), name
            assert books_balance(new, name), name
        parked, letters, _, count = pending(old, "slow")
        assert sum(map(len, after.values())) == len(parked) + len(letters) + count
        assert count > events / 2


async def run(folder: Path, url: str, events: int, kills: int, seed: int) -> None:
    for number, (way, (source, target)) in enumerate(WAYS.items()):
        home = folder / str(number)
        home.mkdir()
        engines = Engines(home, url, f"way{number}", max_disk="4GB")
        async with sides(engines, source, target) as (old, _):
            await fill(old, events)
        killed, seconds, said = copy(engines, source, target, kills, random.Random(seed))
        await check(engines, source, target, events)
        sys.stdout.write(f"{way}: killed {killed} times, {seconds:.0f} s in all; nothing lost, order kept. {said}\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="Row 26 in its long form.")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster.make(Path(folder) / "nats")
        cluster.start()
        try:
            asyncio.run(run(Path(folder), cluster.url, options.events, options.kills, options.seed))
        finally:
            cluster.clear()


if __name__ == "__main__":
    main()

"""A process that appends until it is killed: ``python appender.py DIRECTORY FIRST SEED``.

Each batch is a line on its standard output once it is answered: ``{"answers": [[sequence, messageId, is_duplicate], …]}``.
Some batches repeat events that were answered before. Run it as a script, so that it needs nothing but the router itself.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path

from router.log.record import Entry
from router.log.sqlite import LogOptions, SqliteLog

OPTIONS = LogOptions(segment_bytes=65_536, tail_bytes=10_000)
CALLERS = 6


def entry(number: int) -> Entry:
    size = 12_000 if number % 23 == 0 else 150 + number % 400
    return Entry(
        source="website",
        message_id=f"m{number}",
        user_key=f"u{number % 7}",
        user_id=f"u{number % 7}",
        anonymous_id=None,
        email=None,
        type="track",
        received_at_s=time.time(),
        event=f"{number} ".encode() * (size // (len(str(number)) + 1)),
    )


async def append_for_ever(log: SqliteLog, caller: int, first: int, chance: random.Random) -> None:
    number = first + caller
    while True:
        batch = [entry(number + n * CALLERS) for n in range(chance.randrange(1, 12))]
        number += len(batch) * CALLERS
        if chance.random() < 0.1 and number > first + 20 * CALLERS:
            batch.append(entry(number - 15 * CALLERS))
        answers = await log.append(batch)
        lines = [[a.sequence, e.message_id, a.is_duplicate] for a, e in zip(answers, batch, strict=True)]
        sys.stdout.write(json.dumps({"answers": lines}) + "\n")
        sys.stdout.flush()


async def main(directory: Path, first: int, seed: int) -> None:
    log = await SqliteLog.open(directory, OPTIONS, time.time)
    callers = [append_for_ever(log, caller, first, random.Random(seed + caller)) for caller in range(CALLERS)]
    await asyncio.gather(*callers)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

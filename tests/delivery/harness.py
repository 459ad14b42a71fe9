"""A destination with a scripted vendor, a log in memory, and a clock that runs a thousand times as fast."""

from __future__ import annotations

import asyncio
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson

from router.clock import Clock
from router.delivery.decoder import Decoder
from router.delivery.ledger import Books, Ledger
from router.delivery.options import DeliveryOptions
from router.delivery.outlet import Outlet
from router.delivery.pace import Backoff
from router.delivery.rounds import Rounds
from router.delivery.sending.send import SendFailed
from router.delivery.state.file import StateFile
from router.delivery.state.letters import DeadLetter
from router.delivery.state.state import State
from router.delivery.unknown_names import UnknownNames
from router.delivery.unknown_sources import UnknownSources
from router.delivery.worker import NOTES, Worker
from router.destination import Destination
from router.event import Document, Event
from router.log.record import Appended, Entry, Gap, Record
from router.plugin import (
    Action,
    BatchEndpoint,
    Credential,
    Custom,
    Endpoint,
    Harmless,
    Judgement,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Skip,
    Table,
    judge_by_status,
)

LOG_ID = "log-of-the-test"


class FastClock:
    """A second of this clock is a millisecond."""

    speed = 1000.0

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.wall_s = 1_700_000_000.0
        """Add to it, and the wall clock jumps."""
        self.passed_s = 1_000.0
        """Add to it, and so much time has passed at once, by both clocks."""

    def now(self) -> float:
        return self.wall_s + self.monotonic()

    def monotonic(self) -> float:
        return self.passed_s + (time.monotonic() - self._began) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class MemoryLog:
    """A log of one partition that keeps everything in a list."""

    id = LOG_ID
    partitions: Sequence[int] = (0,)
    obstacle = ""

    def __init__(self) -> None:
        self.records: list[Record | Gap] = []
        self.events: list[Event] = []
        """What was added, lost or not."""
        self._end = 0
        self._grown = asyncio.Event()
        self.faults: list[Exception] = []
        """What the next reads raise."""

    def add(self, user_id: str, name: str = "Tested", **fields: Any) -> Record:
        self._end += 1
        event = Event(
            type=fields.pop("type", "track"),
            message_id=f"m{self._end}",
            user_id=user_id,
            event=name,
            timestamp="2026-01-01T00:00:00.000Z",
            received_at="2026-01-01T00:00:00.000Z",
            **fields,
        )
        record = Record(0, self._end, "website", event.message_id, event.user_key, event.type, 0.0, event.to_json())
        self.records.append(record)
        self.events.append(event)
        self._grown.set()
        self._grown = asyncio.Event()
        return record

    def lose(self, count: int) -> None:
        self.records.append(Gap(0, self._end + 1, self._end + count, "damaged"))
        self._end += count

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        raise NotImplementedError

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        if self.faults:
            raise self.faults.pop()
        first = bisect_right(self.records, after, key=lambda r: r.last if isinstance(r, Gap) else r.sequence)
        return self.records[first : first + limit]

    async def wait(self, partition: int, after: int) -> None:
        while self._end <= after:
            await self._grown.wait()

    def end(self, partition: int) -> int:
        return self._end

    def start(self, partition: int) -> int:
        return 1

    async def find(self, message_id: str) -> list[Record]:
        return [r for r in self.records if isinstance(r, Record) and r.message_id == message_id]

    async def trim(self, needed_from: Mapping[int, int]) -> None: ...

    async def close(self) -> None: ...


class Settings(PluginSettings):
    def vendor_url(self) -> str:
        return "https://vendor.test"


def builder(endpoint: str) -> Callable[[Event, Document, Settings], Payload | Skip]:
    """What the action for *endpoint* makes of an event; ``properties.only`` names the one endpoint that an event is for."""

    def build(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
        if event.event == "Raise":
            raise RuntimeError("a bug in the plugin")
        if event.event == "Nothing":
            return Skip("nothing of interest")
        if event.properties.get("only", endpoint) != endpoint:
            return Skip(f"not for {endpoint}")
        body = {"at": endpoint, "user": event.user_id, "id": event.message_id, **fields}
        return Payload(body, key=event.message_id)

    return build


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    return Request("POST", settings.api_url + "/events", [payload.body for payload in payloads])


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    return judge_by_status(response, payloads)


def batches(name: str = "events", **options: Any) -> BatchEndpoint:
    """An endpoint that takes lists of events, up to 10 at a time."""
    chosen: dict[str, Any] = {"max_events": 10, "pack": pack, "judge": judge} | options
    return BatchEndpoint(name=name, **chosen)


def plugin(*endpoints: Endpoint, **options: Any) -> Plugin:
    """A vendor with these *endpoints*, each of which every event goes to; or with one of `batches` with these *options*."""
    chosen = endpoints or (batches(**options),)
    table = Table((), custom=(Custom("properties"),))
    actions = [
        Action(
            name=f"send to {each.name}",
            on=("track", "identify"),
            endpoint=each.name,
            table=table,
            build=builder(each.name),
        )
        for each in chosen
    ]
    return Plugin(
        slug="fake",
        name="Fake",
        settings=Settings,
        endpoints=tuple(chosen),
        actions=tuple(actions),
        historical=Harmless(),
    )


Answer = Response | Exception
Script = Callable[[Request], Answer]

NETWORK_DOWN: Answer = SendFailed("connection refused")


class Vendor:
    """Takes requests and answers as scripted; remembers what it took, in order."""

    def __init__(self, script: Script | None = None) -> None:
        self.script: Script = script or (lambda request: Response(200))
        self.requests: list[list[Document]] = []
        self.taken: list[Document] = []
        self.open = asyncio.Event()
        """Clear it, and the vendor hangs."""
        self.open.set()
        self.hanging = 0
        self.most_at_once = 0

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        body = orjson.loads(orjson.dumps(request.json))
        self.requests.append(body)
        self.hanging += 1
        self.most_at_once = max(self.most_at_once, self.hanging)
        try:
            await asyncio.sleep(0)
            await self.open.wait()
        finally:
            self.hanging -= 1
        answer = self.script(request)
        if isinstance(answer, Exception):
            raise answer
        if answer.status == 200:
            self.taken += body
        return answer

    def ids(self, user: str | None = None, at: str | None = None) -> list[str]:
        return [
            event["id"] for event in self.taken if user in (None, event["user"]) and at in (None, event.get("at", at))
        ]


async def until(
    condition: Callable[[], bool], seconds: float = 60.0, tell: Callable[[], str] = lambda: "it never came"
) -> None:
    """Wait until *condition* holds; fails with what *tell* says after *seconds* of real time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, tell()
        await asyncio.sleep(0.001)


class Harness:
    """One destination over the files in *directory*; `open` and `close` it as often as you like."""

    def __init__(
        self,
        directory: Path,
        vendor: Vendor | None = None,
        options: DeliveryOptions | None = None,
        log: MemoryLog | None = None,
        clock: Clock | None = None,
    ) -> None:
        """*clock* is that of a simulated loop; by default the time is fast."""
        self.directory = directory
        self.log = log or MemoryLog()
        self.vendor = vendor or Vendor()
        self.options = options or DeliveryOptions(backoff=Backoff(0.5, 4.0, 4.0), batch_wait_s=1.0)
        self.plugin = plugin()
        self.destination: Destination | None = None
        """In place of a plain one of ``plugin``."""
        self.is_repeat: Callable[[Record], bool] | None = None
        self.clock = FastClock() if clock is None else cast(FastClock, clock)
        self.unknown = UnknownNames(lambda partition: 0)
        self.unknown_sources = UnknownSources()
        self.worker: Worker

    def open_state(self) -> State:
        """To deliver with; whoever had it before has let go of it."""
        return StateFile.open(self.directory / "fake.sqlite", LOG_ID)

    async def open(self) -> Worker:
        state = self.open_state()
        state.add_partition(0, 0)
        notes = {key: state.meta(key) for key in NOTES}
        ledger = Ledger("fake", state, self.clock, hang_s=60 * FastClock.speed)  # the disk knows nothing of fast clocks
        ledger.start()
        destination = self.destination or Destination("fake", self.plugin, Settings())
        chance = random.Random(7)
        self.worker = Worker(
            destination,
            self.log,
            ledger,
            self.vendor,
            Outlet(destination.endpoints, self.options, self.clock, chance),
            self.options,
            self.clock,
            chance,
            notes,
            Decoder(),
            self.unknown,
            self.unknown_sources,
            self.is_repeat,
            Rounds(),
        )
        self.worker.start()
        return self.worker

    async def close(self) -> None:
        await self.worker.stop(5_000.0)
        await self.worker.ledger.close()

    async def crash(self) -> None:
        """End as ``kill -9`` does: what is not on disk is gone."""
        tasks = [*self.worker._tasks, *filter(None, [self.worker.ledger._writer])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.worker.ledger.ask(lambda state: state.close())

    @property
    def books(self) -> Books:
        return self.worker.ledger.books(self.log.end)

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until *condition* holds; fails loudly after *seconds* of real time, or when the worker is broken."""
        await until(
            lambda: condition() or bool(self.worker.broken),
            seconds,
            lambda: f"{self.books}, pace {self.worker.pace.state}",
        )
        assert not self.worker.broken, self.worker.broken

    async def until_taken(self, count: int) -> None:
        """Wait until the vendor has taken *count* items in all."""
        await self.until(lambda: len(self.vendor.taken) >= count)

    async def until_settled(self) -> None:
        """Wait until nothing is pending, then check promise 5, in memory and on disk."""
        await self.until(lambda: self.books.pending == 0)
        await self.worker.ledger.flushed()
        assert self.books.unaccounted == 0
        counts = await self.worker.ledger.ask(lambda state: state.counts())
        assert counts == +self.worker.ledger.counts

    async def letters(self) -> list[DeadLetter]:
        await self.worker.ledger.flushed()
        return await self.worker.ledger.ask(lambda state: state.letters.find(limit=10_000))

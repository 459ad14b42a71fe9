"""A lane: a slice of a destination's lines, each delivered in order. One request in flight; a batch holds items of many lines.

A line is a user, unless the destination keeps no order: see `router.delivery.order`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from router.delivery.transit import Item, Transit
from router.plugin import BatchEndpoint

_SCAN_LIMIT = 5_000
_BATCH_OVERHEAD_BYTES = 200


class Lane:
    """The queue of one lane. Pure: it neither waits nor sends.

        queued ──take──▶ flying ──put_back──▶ queued (at its old place)
           │                └──put_behind──▶ queued (with all of its line's items behind everybody else's)
           └──withdraw──▶ parked (with all the line's later items)

    The rule of order: an item is taken only if every earlier item of its line is taken with it.
    """

    def __init__(self, name: str, is_replay: bool = False) -> None:
        self.name = name
        self.is_replay = is_replay
        """A replay's lane only takes what the others leave."""
        self.queue: deque[Item] = deque()
        self.waited = 0
        """Events held back only by an earlier one of their line, counted since `Lanes` last looked."""
        self._bytes = 0
        """Size of what is queued."""
        self.is_hurried = False
        """Nothing more comes before the next batch has left."""
        self.batch_limit: int | None = None
        """Lowered while a failing batch is narrowed down to the item at fault. None: the endpoint's own limit."""
        self._alone = 0
        """How many of the next items still travel alone."""

    def __len__(self) -> int:
        return len(self.queue)

    def add(self, item: Item) -> None:
        item.state = "queued"
        self.queue.append(item)
        self._bytes += item.size

    def take(self) -> list[Item]:
        """The next batch: payloads of one endpoint and group, within the endpoint's limits, in order per line; or one
        payload of a suspect."""
        self.is_hurried = False
        if not self.queue:
            return []
        first = self.queue[0]
        endpoint, group = first.endpoint, first.payload.group
        max_events, max_bytes = 1, 0
        if isinstance(endpoint, BatchEndpoint):
            max_events, max_bytes = endpoint.max_events, endpoint.max_bytes
        if self.batch_limit is not None:
            max_events = min(max_events, self.batch_limit)
        if first.transit.is_suspect:
            max_events = 1
        batch: list[Item] = []
        passed: list[Item] = []
        held: dict[str, Transit] = {}
        """For each line that is passed over, its first event that was."""
        size = _BATCH_OVERHEAD_BYTES
        while self.queue and len(batch) < max_events and len(passed) < _SCAN_LIMIT:
            item = self.queue.popleft()
            fits = not batch or size + item.size + 1 <= max_bytes
            alike = item.endpoint is endpoint and item.payload.group == group
            alike = alike and not (batch and item.transit.is_suspect)
            if fits and alike and not (held and item.line in held):
                item.state = "flying"
                batch.append(item)
                size += item.size + 1
                self._bytes -= item.size
            else:
                first_held = held.setdefault(item.line, item.transit)
                if fits and alike and first_held is not item.transit and not item.transit.has_waited:
                    item.transit.has_waited = True
                    self.waited += 1
                passed.append(item)
        self.queue.extendleft(reversed(passed))
        return batch

    def is_full(self) -> bool:
        """Whether a full batch waits, so that waiting for more makes no sense."""
        if not self.queue:
            return False
        endpoint = self.queue[0].endpoint
        if not isinstance(endpoint, BatchEndpoint):
            return True
        limit, waiting = self.batch_limit, len(self.queue)
        if waiting >= endpoint.max_events or (limit is not None and waiting >= limit):
            return True
        return self._bytes >= endpoint.max_bytes

    def single_out(self, number: int) -> None:
        """Let each of the next *number* items travel alone: to find the bad one by halving would cost too many tries."""
        self.batch_limit = 1
        self._alone = number

    def widen(self) -> None:
        """A batch got through: let the next one be twice as big, up to the endpoint's own limit."""
        self._alone = max(0, self._alone - 1)
        if self._alone:
            return
        if self.batch_limit is not None:
            self.batch_limit = self.batch_limit * 2 if self.batch_limit < 1_000 else None

    def put_back(self, batch: Iterable[Item]) -> None:
        """Put a batch that was not settled back at the front, in its order."""
        items = list(batch)
        for item in items:
            item.state = "queued"
            self._bytes += item.size
        self.queue.extendleft(reversed(items))

    def put_behind(self, item: Item) -> None:
        """Put an item that was not settled back, and let the lane's other lines go first."""
        self.put_back([item])
        mine = self.withdraw(lambda other: other.line == item.line)
        for each in mine:
            self.add(each)

    def withdraw(self, is_withdrawn: Callable[[Item], bool]) -> list[Item]:
        """Take out and return the queued items for which *is_withdrawn* holds, in order."""
        gone = [item for item in self.queue if is_withdrawn(item)]
        if gone:
            self.queue = deque(item for item in self.queue if not is_withdrawn(item))
            self._bytes -= sum(item.size for item in gone)
        return gone

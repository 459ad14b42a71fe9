"""Rows 5, 8, 9 and 12 of the battery: bursts, many destinations, many sources, and a vendor that fails while events come."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from router.gateway.throttle import BURST
from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_inversions, find_lost
from tests.system.harness import Stage, Vendor, until
from tests.system.memory import MB, needs_linux, resident_bytes
from tests.system.streams import Batch, deal, post_streams

DRAIN_S = 300.0
CONNECTIONS = 16
LARGE_BYTES = 2_000
LATEST = 10_000
"""As many large events as the router keeps of the latest ones in memory (16 MB), and more."""


@pytest.mark.parametrize(
    ("events", "requests_per_s"),
    [
        pytest.param(2_400, 20, id="2,400, more requests than their source may make"),
        pytest.param(50_000, 1_000, id="50,000", marks=[pytest.mark.full, pytest.mark.timeout(DRAIN_S)]),
    ],
)
def test_row_5_a_burst_is_taken_or_told_to_come_back(stage: Stage, events: int, requests_per_s: int) -> None:
    """As fast as it can be posted: 200 or 429 with `Retry-After`, and nothing else; then all of it is delivered."""
    vendors = stage.vendors("mixpanel")
    router = stage.router(
        {vendor.name: vendor.destination() for vendor in vendors},
        sources={"website": {"write_key": "demo", "rate_limit": f"{requests_per_s}/s"}},
    )

    streams = deal(CONNECTIONS, users=events // 10, events=10, size=20)

    posted = post_streams(router.url, streams)

    assert posted.answers.keys() <= {200, 429}
    assert len(posted.acked) == events
    assert all(int(wait or 0) >= 1 for wait in posted.retry_after)
    router.until_settled(patience_s=DRAIN_S)
    check_delivered(posted.acked, *vendors)
    check_books(router, mixpanel=events)
    beyond = sum(map(len, streams)) - max(BURST, requests_per_s)
    assert posted.answers[429] > 0 or posted.seconds > 0.9 * beyond / requests_per_s, "more than the source may"


@pytest.mark.full
@pytest.mark.timeout(180)
def test_row_8_of_200_destinations_none_is_starved(stage: Stage) -> None:
    """More than they can be sent at once: when six tenths of all are there, none has 1.5 times what another has."""
    receiver = any_path(stage)
    names = [f"d{number:03d}" for number in range(200)]
    router = stage.router({name: one_of_many(receiver, name) for name in names})

    posted = post_streams(router.url, deal(4, users=10, events=10, size=25))
    router.until_settled(patience_s=150, look_s=1.0)

    came = arrivals_by_path(receiver)
    shares = Counter(name for name, _ in came[: len(came) * 6 // 10])
    labels = defaultdict(list)
    for name, label in came:
        labels[name].append(label)
    assert len(posted.acked) == 100
    assert labels.keys() == set(names)
    for name in names:
        assert find_lost(posted.acked, labels[name]) == set(), name
        assert len(labels[name]) == len(posted.acked), f"something came twice at {name}"
        assert find_inversions(labels[name]) == [], name
    assert max(shares.values()) <= 1.5 * min(shares[name] for name in names), shares
    check_books(router, **dict.fromkeys(names, len(posted.acked)))


def any_path(stage: Stage) -> Vendor:
    """A receiver that takes events at every path: one process, for many destinations."""
    [receiver] = stage.vendors("webhook")
    receiver.change_settings(url="https://receiver.example.test", signing_secret="")
    return receiver


def one_of_many(receiver: Vendor, name: str) -> dict[str, Any]:
    """One small request at a time, so that nobody is far ahead by what is in flight alone."""
    settings = {"url": f"https://receiver.example.test/{name}", "base_url": receiver.url, "batch_size": 10}
    delivery = {"concurrency": 1, "batch_wait": "100ms", "timeout": "30s"}
    return {"plugin": "webhook", "settings": settings, "delivery": delivery}


def arrivals_by_path(receiver: Vendor) -> list[tuple[str, str]]:
    """Destination and label of every event, in the order they came."""
    return [(request["path"][1:], event["messageId"]) for request in receiver.requests() for event in request["body"]]


@pytest.mark.full
@pytest.mark.timeout(180)
def test_row_9_a_thousand_sources_and_ten_thousand_users_keep_their_order(stage: Stage) -> None:
    vendors = stage.vendors("mixpanel")
    sources = [f"source{number:03d}" for number in range(1_000)]
    router = stage.router(
        {vendor.name: vendor.destination() for vendor in vendors},
        sources={name: {"write_key": f"key-of-{name}"} for name in sources},
    )
    streams = [
        [Batch(batch.events, f"key-of-{sources[number % 1_000]}") for number, batch in enumerate(stream, place * 63)]
        for place, stream in enumerate(deal(CONNECTIONS, users=10_000, events=2, size=10))
    ]

    posted = post_streams(router.url, streams)
    router.until_settled(patience_s=150)

    assert posted.answers.keys() == {200}
    assert len({batch.key for stream in streams for batch in stream}) == 1_000
    assert len(posted.acked) == 20_000
    check_delivered(posted.acked, *vendors)
    check_books(router, mixpanel=20_000)


@needs_linux
@pytest.mark.full
@pytest.mark.timeout(180)
def test_row_12_the_queue_of_a_vendor_that_fails_always_grows_on_disk_only(stage: Stage) -> None:
    """Its events lie in the log, once, and not in memory nor in its state; the other destination has everything meanwhile."""
    _healthy, failing = vendors = stage.vendors("mixpanel", "customerio")
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})
    acked = post_streams(router.url, large("before", LATEST)).acked  # fills what is kept of the latest events
    router.until_settled()
    before, disk = resident_bytes(router.pid), size_of_log(stage.folder)
    failing.fail(status=500)

    posted = post_streams(router.url, large("after", LATEST))
    until(lambda: router.books("mixpanel")["pending"] == 0, "the other has everything")

    grown = resident_bytes(router.pid) - before
    pending = router.books("customerio")["pending"]
    state = stage.folder / "var" / "destinations" / "customerio.sqlite"
    assert pending == len(posted.acked) == LATEST
    assert size_of_log(stage.folder) - disk > pending * LARGE_BYTES
    assert state.stat().st_size < 2 * MB
    assert grown < 50 * MB
    failing.heal()
    router.until_settled(patience_s=120)
    acked += posted.acked
    check_delivered(acked, *vendors)
    check_books(router, mixpanel=len(acked), customerio=len(acked))


def large(name: str, events: int) -> list[list[Batch]]:
    """So many events of `LARGE_BYTES` and more, of users of their own."""
    streams = deal(4, users=events // 4, events=4, size=50)
    for stream in streams:
        for batch in stream:
            for event in batch.events:
                facts = event["traits" if event["type"] == "identify" else "properties"]
                facts |= {"label": f"{name}-{facts['label']}", "note": "x" * LARGE_BYTES}
                event |= {"userId": f"{name}-{event['userId']}", "messageId": facts["label"]}
    return streams


def size_of_log(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "var" / "log").glob("segment-*"))

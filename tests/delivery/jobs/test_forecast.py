"""A dry run says what delivery then does, and explain too: of each event of a mixture, the same outcome and reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.delivery.jobs.forecast import forecast
from router.delivery.jobs.spec import ReplaySpec
from router.delivery.state.changes import Job, Place
from router.delivery.state.letters import EVERY
from router.destination import Destination
from router.event import Event
from router.event_times import age_s
from router.explain import explain
from router.log.record import Record
from router.plugin import Harmless, Historical, Marked, Payload, Skip
from tests.delivery.harness import Harness, Settings, batches, plugin

HOUR_S = 3_600.0
DESTINATIONS: dict[str, Historical] = {
    "skips old events": Skip("mails would go out"),
    "takes old events": Harmless(),
    "takes very old events": Harmless(1e9),
    "marks old events": Marked("old", lambda payload, settings: replace(payload, body={**payload.body, "old": True})),
    "can't mark them": Marked("old", lambda payload, settings: raise_key_error()),
}

SEND_NOTHING = [DESTINATIONS[name] for name in ("skips old events", "takes very old events", "can't mark them")]


def raise_key_error() -> Payload:
    raise KeyError("old")


FAKE = Destination("fake", plugin(), Settings())
CALLS: list[dict[str, Any]] = [
    {},
    {"name": "Nothing"},
    {"name": "Raise"},
    {"type": "page"},
    {"integrations": {"All": False}},
    {"integrations": {"Fake": 0}},
    {"properties": {"text": "x" * 500}},
    {"properties": {"text": "x" * 500, "only": "profiles"}},
    {"properties": {"only": "events"}},
    {"properties": {"only": "neither"}},
]


@pytest.mark.parametrize("historical", DESTINATIONS.values(), ids=DESTINATIONS)
@pytest.mark.parametrize("is_historical", [True, False], ids=["as old events", "as new"])
async def test_what_is_forecast_is_what_happens(tmp_path: Path, historical: Historical, is_historical: bool) -> None:
    harness = Harness(tmp_path)
    vendor = plugin(batches("events", max_payload_bytes=300), batches("profiles", max_payload_bytes=5_000))
    harness.plugin = replace(vendor, historical=historical)
    for number, call in enumerate(CALLS):
        harness.log.add(f"u{number}", **call)
    worker = await harness.open()
    await harness.until_settled()
    before = len(harness.vendor.taken)
    await worker.ledger.ask(lambda state: state.discard(EVERY))  # a replay leaves them to a retry
    spec = ReplaySpec(last=harness.log.end(0), is_historical=is_historical).model_dump(exclude_none=True)
    job = await worker.ledger.ask(lambda state: state.add_job("replay", spec, 1, 0.0))
    worker.jobs.wake()
    while (await _job(harness, job.id)).state == "running":
        await worker.ledger.flushed()

    sent = {item["id"]: item for item in harness.vendor.taken[before:]}
    told = []
    for record in harness.log.records:
        assert isinstance(record, Record)
        found = forecast(worker.destination, record, harness.clock.now(), is_historical)
        came = await worker.ledger.ask(lambda state, r=record: state.replayed(Place(0, r.sequence)))  # type: ignore[misc]
        assert came is not None
        assert (found.kind, found.reason) == (
            {"delivered": "send", "skipped": "skip", "dead": "die"}[came.kind],
            came.reason,
        )
        assert found.kind != "send" or (sent[record.message_id].get("old") is True) == bool(found.marks)
        assert explained(worker.destination, record, harness.clock.now(), is_historical) == found.kind
        told.append(found.kind)
    assert "skip" in told
    assert ("send" in told) is not (is_historical and historical in SEND_NOTHING)
    await harness.close()


def explained(destination: Destination, record: Record, now_s: float, is_historical: bool) -> str:
    """What ``router explain`` says would become of it."""
    event = Event.from_json(record.event)
    age = age_s(event, now_s) if is_historical else None
    entries = explain(event, [destination], record.source, historical_age_s=age)["destinations"]
    if any("would become a dead letter" in entry["reason"] for entry in entries):
        return "die"
    return "send" if any(entry["decision"] == "deliver" for entry in entries) else "skip"


async def _job(harness: Harness, id: int) -> Job:
    [job] = await harness.worker.ledger.ask(lambda state: [each for each in state.jobs() if each.id == id])
    return job


def test_what_cannot_be_read_would_die() -> None:
    record = Record(0, 1, "website", "m1", "u1", "track", 0.0, b"no JSON")

    assert forecast(FAKE, record, 0.0).kind == "die"


def test_payloads_that_were_delivered_are_not_looked_at() -> None:
    """Of a dead letter only the rest is sent again: what is too big of the delivered part is of no account."""
    vendor = plugin(batches("events", max_payload_bytes=20), batches("profiles"))
    destination = replace(FAKE, plugin=vendor)
    event = Event(
        type="track", message_id="m1", user_id="u1", event="E", timestamp="2026-01-01T00:00:00.000Z", received_at="x"
    )
    record = Record(0, 1, "website", "m1", "u1", "track", 0.0, event.to_json())

    assert forecast(destination, record, 0.0).kind == "die"
    assert forecast(destination, record, 0.0, delivered={"send to events"}).kind == "send"

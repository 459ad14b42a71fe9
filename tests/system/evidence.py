"""What the processes of a test wrote down, joined: lost events, repeats and inversions of order.

Three files, each by a process apart from the router: what was acknowledged (`generator`), what a vendor keeps and what
arrived there (`vendor`). Events are named by their labels everywhere, ``user001-00042``: the user, and the number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from tests.system.generator import IDENTIFY_EVERY


@dataclass(frozen=True, slots=True)
class Sighting:
    """One event in one request, as a vendor got it."""

    label: str
    key: str | None
    """The idempotency key it carried; None where the vendor has none for this kind."""
    request: int
    """The number of the request, of the vendor's counting."""
    at: float
    """Unix seconds."""
    status: int | None
    """What the request was answered; None where it never was."""


def read_acks(path: Path) -> list[str]:
    """The labels that were acknowledged, in order."""
    return path.read_text().split() if path.exists() else []


def read_kept(record: Path) -> list[str]:
    """The labels in a vendor's memory, in the order they were taken."""
    return [label for entry in read_lines(record) for label in [_facts(entry["item"]).get("label")] if label]


def read_arrivals(path: Path) -> list[Sighting]:
    """Every event of every request that came to a vendor, in the order they came."""
    lines = list(read_lines(path))
    statuses = {line["request"]: line["status"] for line in lines if "status" in line}
    return [
        Sighting(
            label=_facts(item)["label"],
            key=_key(item) or line.get("key"),
            request=line["request"],
            at=line["at"],
            status=statuses.get(line["request"]),
        )
        for line in lines
        if "path" in line
        for item in _items(line["body"])
        if "label" in _facts(item)
    ]


def find_lost(acked: Iterable[str], *ends: Iterable[str]) -> set[str]:
    """L: acknowledged, and at none of the *ends* (kept by the vendor, a dead letter)."""
    return set(acked).difference(*ends)


def find_inversions(labels: Sequence[str]) -> list[tuple[str, str]]:
    """O: pairs of one user's events whose first sightings are the wrong way round."""
    inversions = []
    latest: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        before = latest.get(_user(label), "")
        if label < before:
            inversions.append((before, label))
        else:
            latest[_user(label)] = label
    return inversions


def find_stale(labels: Sequence[str]) -> dict[str, str]:
    """Users whose last identify, repeats included, is an older one than the vendor had before: their traits went back."""
    identifies = [label for label in labels if int(label.rpartition("-")[2]) % IDENTIFY_EVERY == 1]
    last = {_user(label): label for label in identifies}
    newest = {_user(label): label for label in sorted(identifies)}
    return {user: label for user, label in last.items() if label != newest[user]}


def find_repeats(arrivals: Sequence[Sighting]) -> list[tuple[Sighting, Sighting]]:
    """D: pairs of neighbouring sightings of one event."""
    return [pair for sightings in _by_label(arrivals).values() for pair in pairwise(sightings)]


def find_changed_keys(arrivals: Sequence[Sighting]) -> dict[str, set[str | None]]:
    """Events that carried different idempotency keys at different times."""
    keys = {label: {sighting.key for sighting in sightings} for label, sightings in _by_label(arrivals).items()}
    return {label: different for label, different in keys.items() if len(different) > 1}


def read_lines(path: Path) -> Iterator[Any]:
    """A file of one JSON document a line; a last line without its end is not there yet."""
    if path.exists():
        *whole, _ = path.read_bytes().split(b"\n")
        yield from map(orjson.loads, whole)


def _by_label(arrivals: Sequence[Sighting]) -> dict[str, list[Sighting]]:
    grouped: dict[str, list[Sighting]] = defaultdict(list)
    for sighting in arrivals:
        grouped[sighting.label].append(sighting)
    return grouped


def _items(body: Any) -> list[Any]:
    """The items of a request: a list of them, an object with a ``batch``, or the one item that it is."""
    items = body.get("batch", [body]) if isinstance(body, dict) else body
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _facts(item: Any) -> dict[str, Any]:
    """What a caller said in traits or properties, wherever a vendor puts it."""
    for place in ("properties", "attributes", "$set", "traits", "metadata", "custom_attributes"):
        if isinstance(item.get(place), dict):
            facts: dict[str, Any] = item[place]
            return facts
    return {}


def _key(item: Any) -> str | None:
    key = _facts(item).get("$insert_id") or item.get("id")
    return None if key is None else str(key)


def _user(label: str) -> str:
    return label.rpartition("-")[0]

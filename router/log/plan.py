"""The plan of a commit: which of its entries are new, what is answered to each call, and which calls are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from router.log.dedup_index import Key, Place
from router.log.dedup_key import dedup_key
from router.log.deduplication import Deduplication
from router.log.interface import LogAway, LogFull, NotStored
from router.log.record import Appended, Entry
from router.log.row import Row
from router.log.segments import PARTITION, Unreadable

_ROW_BYTES = 100


@dataclass(slots=True)
class Plan:
    """What the next commit does with one call."""

    answers: list[Appended] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    keys: dict[bytes, Key] = field(default_factory=dict)
    refused: NotStored | ValueError | None = None
    is_waiting: bool = False
    """One of its answers is about an event that is on disk only after this commit."""


def plan(
    calls: Sequence[Sequence[Entry]], seen: Deduplication, end: int, size_bytes: int, max_bytes: int
) -> list[Plan]:
    """A plan for each of *calls*, whose new entries come after the sequence *end* of a log of *size_bytes*.

    Raises:
        one of `NOT_NOW`: *seen* can't be asked.
    """
    plans: list[Plan] = []
    fresh: dict[bytes, Key] = {}
    following = end + 1
    room = max_bytes - size_bytes
    keys_of_calls = [_keys_of(call) for call in calls]
    places = seen.find([key for keys in keys_of_calls if isinstance(keys, list) for key in keys])
    for call, keys in zip(calls, keys_of_calls, strict=True):
        if isinstance(keys, ValueError):
            plans.append(Plan(refused=keys))
            continue
        try:
            planned = _plan_call(call, keys, seen, places, following, fresh)
        except (ValueError, TypeError, AttributeError) as error:
            plans.append(Plan(refused=_no_entry(error)))
            continue
        except Unreadable as error:  # nobody can tell whether this call repeats anything; others can be stored
            plans.append(Plan(refused=LogAway(f"what an event may repeat can't be read: {error}")))
            continue
        needed = sum([len(row.event) for row in planned.rows]) + _ROW_BYTES * len(planned.rows)
        if planned.rows and needed > room:
            planned.refused = LogFull(f"the log has used the {max_bytes} bytes it may use (retention.max_disk)")
        else:
            room -= needed
            following += len(planned.rows)
            fresh |= planned.keys
        plans.append(planned)
    return plans


def _plan_call(
    call: Sequence[Entry],
    keys: Sequence[bytes],
    seen: Deduplication,
    places: Mapping[bytes, Place],
    following: int,
    fresh: Mapping[bytes, Key],
) -> Plan:
    """*keys* are those of the entries. *places*: where events with these keys lie; *fresh*: keys of calls before this one."""
    planned = Plan()
    answers, rows, keys_of_plan = planned.answers, planned.rows, planned.keys
    for entry, key in zip(call, keys, strict=True):
        new = keys_of_plan.get(key) or fresh.get(key)
        if new and seen.is_within_window(entry, new.received_at_s):
            planned.is_waiting = True
            answers.append(Appended(PARTITION, new.sequence, is_duplicate=True))
            continue
        place = None if new else places.get(key)
        stored = seen.first_of(place, entry) if place else None
        if stored is not None:
            answers.append(Appended(PARTITION, stored, is_duplicate=True))
            continue
        row = Row.of(following + len(rows), entry)
        rows.append(row)
        keys_of_plan[key] = Key(row.sequence, key, row.received_at_s, entry.source)
        answers.append(Appended(PARTITION, row.sequence))
    planned.is_waiting = planned.is_waiting or bool(rows)
    return planned


def _keys_of(call: Sequence[Entry]) -> list[bytes] | ValueError:
    """The key of each entry, or why one has none."""
    try:
        return [dedup_key(entry.source, entry.message_id) for entry in call]
    except (ValueError, TypeError, AttributeError) as error:
        return _no_entry(error)


def _no_entry(error: Exception) -> ValueError:
    return ValueError(f"no entry for the log: {error}")

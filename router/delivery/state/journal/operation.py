"""An operation: one change of a state, as it is written into a journal. Pure.

The same operations in the same order turn an empty state into the same state everywhere, ids included.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

import orjson

from router.delivery.state.changes import Changes, Job, Outcome, ParkedUser, Place, Replayed, SettledPayload, Tries
from router.delivery.state.file import StateFile
from router.delivery.state.letters import Choice, DeadLetter
from router.delivery.state.outcome_group import OutcomeGroup, group
from router.log.record import Record

VERSION: Final = 3
"""The version that this program writes. In version 1 each outcome stands by itself; up to version 2 replays and retries note no
payloads."""

_UnpackOutcomes = Callable[[list[Any]], Iterator[Outcome]]


class UnknownOperation(Exception):
    """A newer program wrote it."""


class Operation(NamedTuple):
    """A call of one of the writing methods of `State`."""

    name: str
    arguments: tuple[Any, ...]

    def apply(self, state: StateFile) -> Any:
        """Carry it out on *state*, with the method of `StateFile` itself even if a subclass overrides it. Returns its
        result."""
        return _CALLS[self.name](state, *self.arguments)


_CALLS: Final[Mapping[str, Callable[..., Any]]] = {
    call.__name__: call
    for call in (
        StateFile.commit,
        StateFile.add_partition,
        StateFile.shift_tries,
        StateFile.discard,
        StateFile.add_job,
        StateFile.cancel_job,
    )
}


def to_bytes(operation: Operation) -> bytes:
    """The operation as JSON."""
    arguments: Any = operation.arguments
    if operation.name == "commit":
        arguments = [_pack_changes(*operation.arguments)]
    elif operation.name == "discard":
        choice, limit = operation.arguments
        arguments = [
            [choice.ids and list(choice.ids), choice.reason, choice.cause, choice.up_to, choice.not_tried_by],
            limit,
        ]
    return orjson.dumps({"v": VERSION, "do": operation.name, "with": list(arguments)})


def from_bytes(data: bytes) -> Operation:
    """Read what `to_bytes` wrote.

    Raises:
        UnknownOperation: this program does not know such an operation.
    """
    document = orjson.loads(data)
    name, arguments = document["do"], document["with"]
    if document["v"] not in _UNPACK_OUTCOMES or name not in _CALLS:
        raise UnknownOperation(f"the operation {name!r} of version {document['v']}")
    if name == "commit":
        arguments = [_unpack_changes(arguments[0], _UNPACK_OUTCOMES[document["v"]])]
    elif name == "discard":
        arguments = [Choice(*arguments[0]), arguments[1]]
    return Operation(name, tuple(arguments))


def _pack_changes(changes: Changes) -> dict[str, Any]:
    """What is empty is left out."""
    packed = {
        "positions": list(changes.positions.items()),
        "outcomes": list(map(_pack_group, group(changes.outcomes))),
        "settled_payloads": [[*each.place, *each[1:]] for each in changes.settled_payloads],
        "tries": [[*place, each.first_s, each.attempts] for place, each in changes.tries.items()],
        "park": [[*_pack_record(record), reason] for record, reason in changes.park],
        "unpark": list(map(list, changes.unpark)),
        "parked_users": [
            [key, None, None] if user is None else [key, user.next_s, user.attempts]
            for key, user in changes.parked_users.items()
        ],
        "dead_letters": list(map(_pack_letter, changes.dead_letters)),
        "revived": changes.revived,
        "refused_again": list(map(_pack_letter, changes.refused_again)),
        "replayed": [[*each.place, each.job, each.kind, each.reason, each.at_s] for each in changes.replayed],
        "counts": [[*key, count] for key, count in changes.counts.items()],
        "jobs": [
            [job.id, job.kind, job.spec, job.cursor, job.total, job.counts, job.state, job.made_s, job.reasons]
            for job in changes.jobs.values()
        ],
        "meta": changes.meta,
    }
    return {name: value for name, value in packed.items() if value}


def _unpack_changes(packed: Mapping[str, Any], unpack_outcomes: _UnpackOutcomes) -> Changes:
    def rows(name: str) -> Any:
        return packed.get(name, ())

    return Changes(
        positions=dict(rows("positions")),
        outcomes=[outcome for row in rows("outcomes") for outcome in unpack_outcomes(row)],
        settled_payloads=[SettledPayload(Place(*row[:2]), *row[2:]) for row in rows("settled_payloads")],
        tries={Place(*row[:2]): Tries(*row[2:]) for row in rows("tries")},
        park=[(_unpack_record(row[:8]), row[8]) for row in rows("park")],
        unpark=[Place(*row) for row in rows("unpark")],
        parked_users={
            key: None if attempts is None else ParkedUser(next_s, attempts)
            for key, next_s, attempts in rows("parked_users")
        },
        dead_letters=[_unpack_letter(row) for row in rows("dead_letters")],
        revived=list(rows("revived")),
        refused_again=[_unpack_letter(row) for row in rows("refused_again")],
        replayed=[Replayed(Place(*row[:2]), *row[2:]) for row in rows("replayed")],
        counts=Counter({(name, reason): count for name, reason, count in rows("counts")}),
        jobs={row[0]: Job(*row) for row in rows("jobs")},
        meta=dict(packed.get("meta", {})),
    )


def _pack_group(each: OutcomeGroup) -> list[Any]:
    """Of each sequence how far it is from the one before."""
    steps = [after - before for before, after in pairwise([0, *each.sequences])]
    return [each.partition, each.kind, each.reason, each.at_s, steps]


def _unpack_group(row: list[Any]) -> Iterator[Outcome]:
    partition, kind, reason, at_s, steps = row
    return OutcomeGroup(partition, kind, reason, at_s, list(accumulate(steps))).outcomes()


def _unpack_outcome(row: list[Any]) -> Iterator[Outcome]:
    yield Outcome(Place(*row[:2]), *row[2:])


_UNPACK_OUTCOMES: Final[Mapping[int, _UnpackOutcomes]] = {1: _unpack_outcome, 2: _unpack_group, VERSION: _unpack_group}


def _pack_record(record: Record) -> list[Any]:
    return [
        record.partition,
        record.sequence,
        record.source,
        record.message_id,
        record.user_key,
        record.type,
        record.received_at_s,
        _pack_bytes(record.event),
    ]


def _unpack_record(row: list[Any]) -> Record:
    partition, sequence, source, message_id, user_key, type, received_at_s, event = row
    return Record(partition, sequence, source, message_id, user_key, type, received_at_s, _unpack_bytes(event))


def _pack_letter(letter: DeadLetter) -> list[Any]:
    return [
        _pack_record(letter.record),
        letter.reason,
        letter.attempts,
        letter.died_s,
        list(letter.settled),
        letter.events,
        letter.id,
        letter.job,
        letter.is_replayed,
    ]


def _unpack_letter(row: list[Any]) -> DeadLetter:
    return DeadLetter(_unpack_record(row[0]), row[1], row[2], row[3], tuple(row[4]), *row[5:])


def _pack_bytes(data: bytes) -> str | list[str]:
    """As text, which events are; what is none in base64, in a list of its own."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return [b64encode(data).decode()]


def _unpack_bytes(packed: str | list[str]) -> bytes:
    return packed.encode() if isinstance(packed, str) else b64decode(packed[0])

"""What a state keeps of people is erased: dead letters, parked events."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from router.delivery.state import file as state_file
from router.delivery.state.changes import Changes, Outcome, ParkedUser, Place, Replayed, SettledPayload
from router.delivery.state.file import StateFile
from router.delivery.state.letters import EVERY
from router.delivery.state.outcome_table import ERASED
from router.delivery.state.state import Erasure
from router.log.connections import connect_to_read
from router.log.tombstone import tombstone
from router.suppressed import Person, Suppressed
from tests.careless_sqlite import careless_sqlite  # noqa: F401 - a fixture
from tests.delivery.state.contract import make_letter, make_record

SECRET = "nobody else's word"
ADA_ID = Person("userId", "ada")
ADA = Suppressed.of([ADA_ID])


def event_of(user: str, number: int) -> bytes:
    return orjson.dumps(
        {"type": "track", "messageId": f"m{number}", "userId": user, "properties": {"text": SECRET * 50}}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "one.sqlite"


@pytest.fixture
def state(path: Path) -> StateFile:
    state = StateFile.open(path, "log")
    state.add_partition(0, 0)
    hers = [make_record(number, user="ada", event=event_of("ada", number)) for number in range(1, 40)]
    others = [
        make_record(number, user="bob", event=event_of("bob", number).replace(SECRET.encode(), b"-"))
        for number in (50, 51)
    ]
    state.commit(
        Changes(
            park=[(record, "later") for record in (*hers[:10], others[0])],
            parked_users={"ada": ParkedUser(5.0, 1)},
            dead_letters=[replace(make_letter(record.sequence), record=record) for record in (*hers[10:], others[1])],
        )
    )
    return state


def test_row_53_nothing_of_theirs_is_left_in_the_file(state: StateFile, path: Path) -> None:
    before = state.parked.first_of("bob", 10)

    erased = state.erase(ADA)

    assert erased == Erasure(letters=29, events=29, parked=10, is_overwritten=True)
    assert [letter.record.user_key for letter in state.letters.find()] == ["bob"]
    assert state.counts()["discarded", ""] == 29
    assert state.parked.first_of("bob", 10) == before
    kept = state.parked.first_of("ada", 100)
    assert [each.sequence for each in kept] == list(range(1, 11))  # in their places, so that the books balance
    assert [each.event for each in kept] == [tombstone("track", each.message_id, each.received_at_s) for each in kept]
    for file in path.parent.glob("one.sqlite*"):
        assert SECRET.encode() not in file.read_bytes(), file
    assert state.erase(ADA) == Erasure(0, 0, 0, is_overwritten=True)


def test_row_53_nothing_is_left_of_what_vendors_said_of_them(state: StateFile, path: Path) -> None:
    """They quote what they refuse: an address, a name."""
    words = {11: f"400 {SECRET}", 12: f"400 {SECRET}", 13: "400 no", 51: "400 nor this"}
    job = state.add_job("retry", {}, 0, 1.0)
    state.commit(
        Changes(
            park=[(record, f"503 {SECRET}") for record in state.parked.first_of("ada", 5)],
            settled_payloads=[
                SettledPayload(Place(0, 1), "one", f"400 {SECRET}"),
                SettledPayload(Place(0, 1), "other", ""),
                SettledPayload(Place(0, 90), "one", f"400 {SECRET}", job.id),
                SettledPayload(Place(0, 90), "other", "", job.id),
            ],
            outcomes=[Outcome(Place(0, number), "dead", reason, 1.0) for number, reason in words.items()],
            replayed=[Replayed(Place(0, number), 1, "dead", reason, 1.0) for number, reason in words.items()],
            refused_again=[replace(letter, reason=f"422 {SECRET}") for letter in state.letters.find()[5:9]],
            jobs={job.id: replace(job, reasons={f"dead: 422 {SECRET}": 4, "dead: 400 nor this": 2})},
        )
    )

    state.erase(ADA)

    for file in path.parent.glob("one.sqlite*"):
        assert SECRET.encode() not in file.read_bytes(), file
    for said in (state.outcome, state.replayed):
        found = {number: said(Place(0, number)) for number in words}
        assert {number: (each.kind, each.reason) for number, each in found.items() if each} == {
            11: ("dead", ERASED),
            12: ("dead", ERASED),
            13: ("dead", ERASED),
            51: ("dead", "400 nor this"),
        }
    assert state.notes.settled_payloads() == {Place(0, 1): {"one": ERASED, "other": ""}}
    assert state.notes.settled_payloads(job.id) == {Place(0, 90): {"other": ""}}
    assert [each.reasons for each in state.jobs()] == [{"dead: 400 nor this": 2, ERASED: 4}]


def test_row_53_nothing_is_left_of_what_vendors_said_of_letters_that_are_gone(state: StateFile, path: Path) -> None:
    """Discarded, or delivered after all: only the log can tell then whose they were."""
    job = state.add_job("replay", {}, 0, 1.0)
    words = {20: f"400 {SECRET}", 21: f"422 {SECRET}", 51: "400 nor this"}
    state.commit(
        Changes(
            outcomes=[Outcome(Place(0, number), "dead", reason, 1.0) for number, reason in words.items()],
            replayed=[Replayed(Place(0, 60), 1, "dead", f"404 {SECRET}", 1.0)],
            settled_payloads=[
                SettledPayload(
                    Place(0, 30), "one", f"400 {SECRET}"
                ),  # the other one waited as the destination was disabled
                SettledPayload(Place(0, 30), "third", ""),
                SettledPayload(Place(0, 52), "one", "400 nor this"),
            ],
            jobs={job.id: replace(job, reasons={f"dead: 404 {SECRET}": 1, "dead: 400 nor this": 2})},
            dead_letters=[replace(make_letter(60), record=make_record(60, user="ada", event=event_of("ada", 60)))],
        )
    )
    state.discard(EVERY)

    erased = state.erase(ADA, frozenset({*range(1, 40), 60}))

    assert (erased.letters, erased.parked) == (0, 10)
    for file in path.parent.glob("one.sqlite*"):
        assert SECRET.encode() not in file.read_bytes(), file
    found = {number: state.outcome(Place(0, number)) for number in words}
    assert {number: each.reason for number, each in found.items() if each} == {
        20: ERASED,
        21: ERASED,
        51: "400 nor this",
    }
    assert state.notes.settled_payloads() == {
        Place(0, 30): {"one": ERASED, "third": ""},
        Place(0, 52): {"one": "400 nor this"},
    }
    assert [each.reasons for each in state.jobs()] == [{"dead: 400 nor this": 2, ERASED: 1}]


@pytest.mark.usefixtures("careless_sqlite")
def test_row_53_nothing_is_left_of_what_was_settled_before(path: Path) -> None:
    """It is no longer in any table, so that nobody finds it in the file when the person is to be forgotten."""
    state = StateFile.open(path, "log")
    state.add_partition(0, 0)
    hers = [make_record(number, user="ada", event=event_of("ada", number)) for number in range(1, 40)]
    letters = [replace(make_letter(record.sequence), record=record) for record in hers[20:]]
    state.commit(Changes(park=[(record, "later") for record in hers[:20]], dead_letters=letters))
    state.commit(Changes(unpark=[Place.of(record) for record in hers[:20]], revived=[1, 2, 3]))
    state.discard(EVERY)

    state.erase(ADA)

    for file in path.parent.glob("one.sqlite*"):
        assert SECRET.encode() not in file.read_bytes(), file


def test_whoever_reads_the_state_is_named_as_what_hinders_it(state: StateFile, path: Path) -> None:
    state._connection.execute("PRAGMA busy_timeout = 0").fetchall()
    with closing(connect_to_read(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM dead_letters").fetchone()

        assert state.erase(ADA) == Erasure(letters=29, events=29, parked=10, is_overwritten=False)

    assert state.erase(ADA) == Erasure(0, 0, 0, is_overwritten=True)


def test_of_very_many_letters_no_more_are_looked_through_at_once_than_events_can_wait_for(
    state: StateFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be ten gigabytes of them: a minute, in which nothing could be noted as delivered."""
    monkeypatch.setattr(state_file, "ERASED_AT_ONCE", 10)  # of thirty letters, the last one Bob's
    parts = []
    after: int | None = 0
    while after is not None:
        parts.append(state.erase(ADA, after=after))
        after = parts[-1].looked_through

    assert parts == [
        Erasure(10, 10, 0, is_overwritten=True, looked_through=10),
        Erasure(10, 10, 0, is_overwritten=True, looked_through=20),
        Erasure(9, 9, 0, is_overwritten=True, looked_through=30),
        Erasure(0, 0, 10, is_overwritten=True),
    ]
    for file in path.parent.glob("one.sqlite*"):
        assert SECRET.encode() not in file.read_bytes(), file


@pytest.mark.timeout(20)
def test_thousands_of_people_are_searched_for_at_once(state: StateFile) -> None:
    others = [make_record(number, event=event_of("bob", number)) for number in range(100, 3_100)]
    state.commit(Changes(dead_letters=[replace(make_letter(record.sequence), record=record) for record in others]))

    erased = state.erase(Suppressed.of([Person("userId", f"u{number}") for number in range(9_999)] + [ADA_ID]))

    assert erased.letters == 29


@pytest.mark.parametrize("stored", [b"\xff", b"[]", b"{}", b'{"type": "alias", "userId": []}'], ids=repr)
def test_a_letter_that_is_no_event_is_nobodys(state: StateFile, stored: bytes) -> None:
    """`router log copy` brings it from a cluster, where others may have put it. Nobody could be erased any more."""
    state.commit(Changes(dead_letters=[replace(make_letter(90), record=make_record(90, event=stored))]))

    assert state.erase(ADA).letters == 29
    assert [letter.record.event for letter in state.letters.find()][-1] == stored


def test_a_letter_of_events_that_the_log_lost_is_nobodys(state: StateFile) -> None:
    state.commit(Changes(dead_letters=[replace(make_letter(90), record=make_record(90, event=b""), events=5)]))

    state.erase(ADA)

    assert [letter.events for letter in state.letters.find()] == [1, 5]

"""What a state keeps of people is erased: dead letters, parked events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from router.delivery.state import Changes, Erasure, ParkedUser
from router.delivery.state_file import StateFile
from router.log.tombstone import tombstone
from router.suppressed import Person, Suppressed
from tests.delivery.state_contract import make_letter, make_record

SECRET = "nobody else's word"
ADA = Suppressed.of([Person("userId", "ada")])


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
    before = state.parked("bob", 10)

    erased = state.erase(ADA)

    assert erased == Erasure(letters=29, events=29, parked=10)
    assert [letter.record.user_key for letter in state.letters.find()] == ["bob"]
    assert state.counts()["discarded", ""] == 29
    assert state.parked("bob", 10) == before
    kept = state.parked("ada", 100)
    assert [each.sequence for each in kept] == list(range(1, 11))  # in their places, so that the books balance
    assert [each.event for each in kept] == [tombstone("track", each.message_id, each.received_at_s) for each in kept]
    for file in path.parent.glob("one.sqlite*"):
        assert SECRET.encode() not in file.read_bytes(), file
    assert state.erase(ADA) == Erasure(0, 0, 0)


def test_a_letter_of_events_that_the_log_lost_is_nobodys(state: StateFile) -> None:
    state.commit(Changes(dead_letters=[replace(make_letter(90), record=make_record(90, event=b""), events=5)]))

    state.erase(ADA)

    assert [letter.events for letter in state.letters.find()] == [1, 5]

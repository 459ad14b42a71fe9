"""The state file: what is refused, what comes back after a restart, and that a transaction is all or nothing."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.delivery.cause import code_of
from router.delivery.letters import Choice, DeadLetter
from router.delivery.spec import ReplaySpec
from router.delivery.state import (
    _UPGRADES,
    SCHEMA_VERSION,
    Changes,
    Outcome,
    ParkedUser,
    Place,
    Replayed,
    State,
    Tries,
)
from router.errors import OperatorError
from router.log.record import Record

LOG = "log-1"


def make_record(sequence: int, user: str = "u1", event: bytes = b'{"type":"track"}') -> Record:
    return Record(0, sequence, "website", f"m{sequence}", user, "track", 1_000.0 + sequence, event)


def make_letter(sequence: int, reason: str = "400 no", **fields: Any) -> DeadLetter:
    return DeadLetter(make_record(sequence), reason, 1, 2_000.0, **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "destinations" / "crm.sqlite"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    with closing(State.open(path, LOG)) as state:
        state.add_partition(0, 0)
        yield state


def everything(state: State) -> dict[str, Any]:
    """All that a restart reads back."""
    return {
        "positions": state.positions(),
        "above": state.settled_above_position(),
        "settled_payloads": state.settled_payloads(),
        "tries": state.tries(),
        "parked": {user: state.parked(user, 100) for user in state.parked_places()},
        "places": state.parked_places(),
        "parked_users": state.parked_users(),
        "letters": state.letters.find(),
        "replayed": state.replayed(Place(0, 2)),
        "counts": state.counts(),
        "jobs": state.jobs(),
        "notes": state.meta("reason"),
        "outcome": state.outcome(Place(0, 1)),
    }


CHANGES = Changes(
    positions={0: 3},
    outcomes=[
        Outcome(Place(0, 1), "delivered", "", 5.0),
        Outcome(Place(0, 2), "dead", "400 no", 6.0),
        Outcome(Place(0, 6), "skipped", "flags: off", 7.0),
    ],
    settled_payloads=[(Place(0, 4), "a/0", ""), (Place(0, 4), "b/0", "400 no"), (Place(0, 2), "a/0", "")],
    tries={Place(0, 4): Tries(10.0, 2), Place(0, 2): Tries(11.0, 1)},
    park=[(make_record(3), "404"), (make_record(5), "behind"), (make_record(8, "u2"), "404")],
    parked_users={"u1": ParkedUser(99.0, 2), "u2": ParkedUser(50.0, 1)},
    dead_letters=[make_letter(2, settled=("b/0",))],
    replayed=[Replayed(Place(0, 2), 1, "delivered", "", 8.0)],
    meta={"reason": "why"},
)
CHANGES.counts.update({("delivered", ""): 1, ("dead", ""): 1, ("skipped", "flags"): 1})


def test_what_was_written_comes_back_after_a_restart(path: Path, state: State) -> None:
    state.commit(CHANGES)
    before = everything(state)
    state.close()

    with closing(State.open(path, LOG)) as again:
        assert everything(again) == before

    assert before["positions"] == {0: (0, 3)}
    assert before["above"] == {0: {5, 6, 8}}
    assert before["settled_payloads"] == {Place(0, 4): {"a/0": "", "b/0": "400 no"}}, (
        "those of what is settled are forgotten"
    )
    assert before["tries"] == {Place(0, 4): Tries(10.0, 2)}
    assert before["parked"] == {"u1": [make_record(3), make_record(5)], "u2": [make_record(8, "u2")]}
    assert before["parked_users"] == {"u1": ParkedUser(99.0, 2), "u2": ParkedUser(50.0, 1)}
    assert before["letters"] == [make_letter(2, settled=("b/0",), id=1)]
    assert before["notes"] == "why"


def test_a_parked_event_that_is_settled_is_gone_with_its_user(state: State) -> None:
    state.commit(CHANGES)

    state.commit(
        Changes(outcomes=[Outcome(Place(0, 8), "delivered", "", 9.0)], unpark=[Place(0, 8)], parked_users={"u2": None})
    )

    assert state.parked_places() == {"u1": {Place(0, 3), Place(0, 5)}}
    assert state.parked_users() == {"u1": ParkedUser(99.0, 2)}
    assert state.settled_above_position() == {0: {5, 6, 8}}


def test_an_event_of_any_bytes_is_kept_whole(state: State) -> None:
    event = bytes(range(256))
    letter = DeadLetter(make_record(2, event=event), "", 0, 0.0)

    state.commit(Changes(park=[(make_record(1, event=event), "404")], dead_letters=[letter]))

    assert state.parked("u1", 1)[0].event == event
    assert state.letters.find()[0].record.event == event


@pytest.mark.parametrize("pages_left", range(0, 40, 4))
def test_a_commit_that_the_disk_refuses_has_written_nothing(state: State, pages_left: int) -> None:
    """Whichever statement of the transaction hits the full disk."""
    state.commit(CHANGES)
    before = everything(state)
    (pages,) = state._connection.execute("PRAGMA page_count").fetchone()
    state._connection.execute(f"PRAGMA max_page_count = {pages + pages_left}")
    big = Changes(
        positions={0: 40},
        outcomes=[Outcome(Place(0, n), "delivered", "x" * 1_500, 1.0) for n in range(10, 40)],
        settled_payloads=[(Place(0, n), "y" * 1_500, "") for n in range(50, 80)],
        park=[(make_record(n, event=b"z" * 1_500), "404") for n in range(90, 120)],
        dead_letters=[make_letter(n, "r" * 1_500) for n in range(10, 40)],
        meta={"reason": "w" * 5_000},
    )

    with pytest.raises(sqlite3.OperationalError, match="full"):
        state.commit(big)

    assert everything(state) == before
    state._connection.execute("PRAGMA max_page_count = 1000000")
    state.commit(big)
    assert state.positions() == {0: (0, 40)}


# --- what is refused ---


def test_a_state_of_a_newer_program_is_refused(path: Path, state: State) -> None:
    state._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    state.close()

    with pytest.raises(
        OperatorError, match=f"schema version {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}"
    ):
        State.open(path, LOG)


def test_a_state_of_another_log_is_refused(path: Path, state: State) -> None:
    """Its positions mean other events."""
    state.close()

    with pytest.raises(OperatorError, match="of log log-1, but the log in this data directory is log-2"):
        State.open(path, "log-2")


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def _overwrite_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[:100] = b"\xff" * 100
    path.write_bytes(data)


def _overwrite_schema(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:4_096] = b"\xff" * 3_996
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b"not a database" * 100), id="no database"),
        pytest.param(_overwrite_header, id="no header"),
        pytest.param(_overwrite_schema, id="no schema"),
        pytest.param(_truncate, id="cut off"),
    ],
)
@pytest.mark.parametrize("read_only", [False, True], ids=["daemon", "command"])
def test_a_damaged_file_is_refused_with_what_to_do(
    path: Path, state: State, damage: Callable[[Path], object], read_only: bool
) -> None:
    state.commit(CHANGES)
    state.close()
    damage(path)

    with pytest.raises(OperatorError, match=r"can't be read .* Move the file away"):
        State.open(path, LOG, read_only=read_only)


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_byte_never_ends_in_anything_but_an_answer_or_a_clear_refusal(
    path: Path, state: State, seed: int
) -> None:
    state.commit(CHANGES)
    state.close()
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)

    with suppress(OperatorError), closing(State.open(path, LOG)) as again:
        again.positions()


@pytest.mark.parametrize("read_only", [False, True], ids=["daemon", "command"])
def test_a_disk_that_refuses_is_not_called_damage(tmp_path: Path, read_only: bool) -> None:
    """To move the file away would lose what is in it."""
    (tmp_path / "crm.sqlite").mkdir()

    with pytest.raises(OperatorError, match=r"can't be opened .* Check the free space and the permissions") as raised:
        State.open(tmp_path / "crm.sqlite", LOG, read_only=read_only)

    assert "Move" not in str(raised.value)


def test_a_refused_file_is_not_held_open(path: Path, state: State) -> None:
    state.close()
    with pytest.raises(OperatorError):
        State.open(path, "log-2")

    assert not path.with_name(path.name + "-wal").exists(), "SQLite removes it when the last one closes"


def test_a_command_reads_a_path_of_any_name(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c %20" / "crm.sqlite"
    State.open(path, LOG).close()

    State.open(path, LOG, read_only=True).close()


# --- positions ---


def test_a_known_partition_keeps_its_place(state: State) -> None:
    state.commit(Changes(positions={0: 7}))

    state.add_partition(0, 100)

    assert state.positions() == {0: (0, 7)}


@pytest.mark.parametrize(
    ("changes", "furthest"),
    [
        pytest.param(Changes(), 0, id="nothing"),
        pytest.param(Changes(positions={0: 7}), 7, id="the position"),
        pytest.param(Changes(positions={0: 7}, outcomes=[Outcome(Place(0, 9), "dead", "", 0.0)]), 9, id="an outcome"),
        pytest.param(Changes(positions={0: 7}, park=[(make_record(12), "")]), 12, id="a parked event"),
        pytest.param(Changes(outcomes=[Outcome(Place(1, 9), "dead", "", 0.0)]), 0, id="of another partition"),
    ],
)
def test_how_far_a_state_knows_the_log(state: State, changes: Changes, furthest: int) -> None:
    state.commit(changes)

    assert state.furthest(0) == furthest


def test_outcomes_are_forgotten_only_below_the_position(state: State) -> None:
    state.commit(Changes(positions={0: 3}, outcomes=[Outcome(Place(0, n), "delivered", "", 0.0) for n in (1, 2, 3, 5)]))

    state.forget_outcomes(0, before=100)

    assert [n for n in range(1, 6) if state.outcome(Place(0, n))] == [5]
    assert state.settled_above_position() == {0: {5}}


# --- dead letters ---


@pytest.fixture
def letters(state: State) -> State:
    state.commit(
        Changes(
            dead_letters=[make_letter(1, "400 bad email"), make_letter(2, "mapping: x"), make_letter(3, "400 other")]
        )
    )
    return state


@pytest.mark.parametrize(
    ("choice", "query", "found"),
    [
        pytest.param(Choice(), {}, [1, 2, 3], id="all, oldest first"),
        pytest.param(Choice(), {"limit": 2}, [1, 2], id="so many"),
        pytest.param(Choice(up_to=2), {"after": 1}, [2], id="a stretch"),
        pytest.param(Choice(reason="400"), {}, [1, 3], id="by a text of the reason"),
        pytest.param(Choice(reason="%"), {}, [], id="a text is no pattern"),
        pytest.param(Choice(), {"message_id": "m2"}, [2], id="by messageId"),
        pytest.param(Choice(ids=[3, 1, 77]), {}, [1, 3], id="by id"),
        pytest.param(Choice(ids=[]), {}, [], id="none of none"),
        pytest.param(Choice(ids=list(range(100_000)), reason="other"), {}, [3], id="however many ids"),
        pytest.param(Choice(cause="400 bad email"), {}, [1], id="by cause"),
        pytest.param(Choice(not_tried_by=7), {}, [1, 2, 3], id="not tried by a job that tried none"),
    ],
)
def test_dead_letters_are_found(letters: State, choice: Choice, query: dict[str, Any], found: list[int]) -> None:
    assert [letter.id for letter in letters.letters.find(choice, **query)] == found
    if not query:
        assert letters.letters.count(choice) == len(found)


def test_discarded_letters_stay_counted(letters: State) -> None:
    letters.commit(Changes(dead_letters=[make_letter(4, events=5)]))

    assert letters.discard(Choice(ids=[1, 4, 77])) == (2, 6)
    assert letters.discard(Choice(ids=[1])) == (0, 0)
    assert [letter.id for letter in letters.letters.find()] == [2, 3]
    assert letters.counts()["discarded", ""] == 6


def test_many_are_discarded_a_few_at_a_time(letters: State) -> None:
    """Whoever waits for the disk waits for one step of it only."""
    assert [letters.discard(Choice(reason="4"), limit=1) for _ in range(3)] == [(1, 1), (1, 1), (0, 0)]


def test_a_letter_of_a_replay_counts_for_no_event_of_the_line(letters: State) -> None:
    letters.commit(Changes(dead_letters=[make_letter(9, is_replayed=True)]))

    assert letters.discard(Choice(ids=[3, 4])) == (2, 1)
    assert letters.counts()["discarded", ""] == 1


def test_a_letter_refused_again_keeps_its_place_and_tells_the_latest(letters: State) -> None:
    [before] = letters.letters.find(Choice(ids=[2]))
    letters.commit(Changes(refused_again=[replace(before, reason="410 gone", settled=("a/0",), job=7)]))

    [letter] = letters.letters.find(Choice(ids=[2]))
    assert (letter.reason, letter.settled, letter.attempts) == ("410 gone", ("a/0",), 2)
    assert letters.letters.find(Choice(cause="410 gone")) == [letter]
    assert [each.id for each in letters.letters.find(Choice(not_tried_by=7))] == [1, 3]


def test_ids_of_letters_and_jobs_never_repeat(path: Path, letters: State) -> None:
    letters.commit(Changes(revived=[3]))
    letters.commit(Changes(dead_letters=[make_letter(9)]))

    assert letters.letters.last() == 4
    assert letters.letters.count() == 3


def test_letters_are_grouped_by_cause_with_the_oldest_as_an_example(state: State) -> None:
    reasons = {1: "400 no user u-17", 2: "mapping: x", 3: "400 no user u-99", 4: "400 no user m4"}
    state.commit(
        Changes(
            dead_letters=[
                DeadLetter(make_record(number), reason, 1, 1_000.0 * number, events=number)
                for number, reason in reasons.items()
            ]
        )
    )

    groups = state.letters.groups()

    assert [(each.cause, each.letters, each.events, each.first_s, each.last_s) for each in groups] == [
        ("400 no user …", 3, 8, 1_000.0, 4_000.0),
        ("mapping: x", 1, 2, 2_000.0, 2_000.0),
    ]
    assert [(each.example, each.reason) for each in groups] == [(1, "400 no user u-17"), (2, "mapping: x")]
    assert [each.code for each in groups] == [code_of(each.cause) for each in groups]
    assert state.letters.causes(code_of("mapping: x")) == ["mapping: x"]
    assert state.letters.causes("ffffff") == []
    assert [each.cause for each in state.letters.groups(Choice(reason="mapping"))] == ["mapping: x"]


# --- what became of events before ---


def test_what_became_of_each_event_before_is_known(state: State) -> None:
    """Sequences 1 to 3 were accepted before the destination was added, 13 and 14 are not settled."""
    state.add_partition(1, 3)
    at = {kind: Place(1, number) for number, kind in enumerate(("delivered", "skipped", "dead", "parked"), 4)}
    record = Record(1, 8, "website", "m", "u", "track", 0.0, b"{}")
    state.commit(
        Changes(
            positions={1: 12},
            outcomes=[
                Outcome(at["delivered"], "delivered", "", 0.0),
                Outcome(at["skipped"], "skipped", "", 0.0),
                Outcome(at["dead"], "dead", "", 0.0),
                Outcome(Place(1, 8), "dead", "", 0.0),
                Outcome(Place(1, 9), "skipped", "", 0.0),
                Outcome(Place(1, 15), "delivered", "", 0.0),
            ],
            park=[(record._replace(sequence=7), "404")],
            dead_letters=[DeadLetter(record, "400", 1, 0.0)],
            replayed=[
                Replayed(Place(1, 2), 1, "delivered", "", 0.0),
                Replayed(at["delivered"], 1, "skipped", "", 0.0),
                Replayed(Place(1, 9), 2, "delivered", "", 0.0),
            ],
        )
    )

    assert state.earlier(1, 1, 15) == {
        2: "delivered",
        4: "delivered",
        5: "skipped",
        6: "dead",
        7: "pending",
        8: "dead letter",
        9: "delivered",
        13: "pending",
        14: "pending",
        15: "delivered",
    }
    assert state.earlier(1, 10, 12) == {}
    assert state.done_by(1, 1, 1, 15) == {2, 4}
    assert state.done_by(1, 0, 1, 15) == set()


def test_a_later_replay_of_an_event_takes_the_place_of_an_earlier_one(state: State) -> None:
    for job in (1, 2):
        state.commit(Changes(replayed=[Replayed(Place(0, 5), job, "skipped", "flags: off", 1.0)]))

    assert state.replayed(Place(0, 5)) == Replayed(Place(0, 5), 2, "skipped", "flags: off", 1.0)
    assert state.replayed(Place(0, 6)) is None


# --- jobs ---


def test_jobs_come_back_as_they_were_written_down_last(state: State) -> None:
    first, second = (state.add_job("replay", {"last": 9}, 9, 1.0) for _ in range(2))
    state.commit(
        Changes(jobs={1: replace(first, cursor=5, counts={"dead": 1}, reasons={"dead: 400": 1}, state="done")})
    )

    assert state.jobs() == [
        replace(first, cursor=5, counts={"dead": 1}, reasons={"dead: 400": 1}, state="done"),
        second,
    ]
    assert state.jobs("running") == [second]
    assert state.jobs("running", first.id) == []


def test_only_a_running_job_is_cancelled(state: State) -> None:
    job = state.add_job("replay", {"last": 9}, 9, 1.0)

    assert [state.cancel_job(job.id), state.cancel_job(job.id), state.cancel_job(77)] == [True, False, False]
    assert [each.state for each in state.jobs()] == ["cancelled"]


# --- an older program's file ---

VERSION_1 = Path(__file__).with_name("state_version_1.sql")


def write_version_1(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1.read_text())


def test_a_file_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    """Dead letters get their causes, a replay under way goes on where it was; the second time there is nothing to do."""
    write_version_1(path)

    for _ in range(2):
        with closing(State.open(path, LOG)) as state:
            assert state.positions() == {0: (0, 7)}
            assert [each.cause for each in state.letters.groups()] == ["400 no user …", "mapping: x"]
            assert [letter.is_replayed for letter in state.letters.find()] == [False, False, False]
            [job] = state.jobs("running")
            assert (job.cursor, job.counts, job.reasons) == (3, {"delivered": 2}, {})
            assert ReplaySpec.model_validate(job.spec).source == ["website"]
            assert state.counts() == {("dead", ""): 3, ("delivered", ""): 4}


def test_a_command_does_not_touch_an_older_file(path: Path) -> None:
    write_version_1(path)
    before = path.read_bytes()

    with pytest.raises(OperatorError, match=r"schema version 1, of an older program\. Start the router"):
        State.open(path, LOG, read_only=True)

    assert path.read_bytes() == before


def test_an_upgrade_that_the_disk_refuses_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_version_1(path)
    monkeypatch.setitem(_UPGRADES, 2, _UPGRADES[2] + "INSERT INTO nowhere VALUES (1);")
    with pytest.raises(OperatorError):
        State.open(path, LOG)
    monkeypatch.undo()

    with closing(State.open(path, LOG)) as state:
        assert state.letters.count() == 3


# --- tries ---


def test_shifting_the_tries_moves_every_retry_window(state: State) -> None:
    state.commit(Changes(tries={Place(0, 1): Tries(10.0, 2), Place(0, 2): Tries(20.0, 1)}))

    state.shift_tries(5.5)

    assert state.tries() == {Place(0, 1): Tries(15.5, 2), Place(0, 2): Tries(25.5, 1)}


@pytest.mark.parametrize(
    ("changes", "is_any"),
    [
        pytest.param(Changes(), False, id="nothing"),
        pytest.param(Changes(positions={0: 1}), True, id="a position"),
        pytest.param(Changes(revived=[1]), True, id="a letter revived"),
        pytest.param(Changes(meta={"a": ""}), True, id="a note taken back"),
    ],
)
def test_changes_know_whether_there_are_any(changes: Changes, is_any: bool) -> None:
    assert bool(changes) is is_any

"""What everything that is called a state keeps to, wherever it lies: the promises of `router.delivery.state.state.State`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from router.delivery.cause import code_of
from router.delivery.state.changes import Changes, Outcome, ParkedUser, Place, Replayed, SettledPayload, Tries
from router.delivery.state.letters import Choice, DeadLetter
from router.delivery.state.state import State
from router.log.record import Record

OpenState = Callable[[], State]
"""Opens the state of the test to deliver with it; whoever had it open before has closed it."""


def make_record(sequence: int, user: str = "u1", event: bytes = b'{"type":"track"}') -> Record:
    return Record(0, sequence, "website", f"m{sequence}", user, "track", 1_000.0 + sequence, event)


def make_letter(sequence: int, reason: str = "400 no", **fields: Any) -> DeadLetter:
    return DeadLetter(make_record(sequence), reason, 1, 2_000.0, **fields)


def everything(state: State) -> dict[str, Any]:
    """All that a restart reads back."""
    return {
        "positions": state.positions(),
        "above": state.settled_above_position(),
        "settled_payloads": [state.notes.settled_payloads(job) for job in range(3)],
        "tries": state.notes.tries(),
        "parked": {user: state.parked.first_of(user, 100) for user in state.parked.places()},
        "places": state.parked.places(),
        "parked_users": state.parked.users(),
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
    settled_payloads=[
        SettledPayload(Place(0, 4), "a/0", ""),
        SettledPayload(Place(0, 4), "b/0", "400 no"),
        SettledPayload(Place(0, 2), "a/0", ""),
        SettledPayload(Place(0, 1), "a/0", "", job=1),
        SettledPayload(Place(0, 9), "a/0", "400 no", job=1),
    ],
    tries={Place(0, 4): Tries(10.0, 2), Place(0, 2): Tries(11.0, 1)},
    park=[(make_record(3), "404"), (make_record(5), "behind"), (make_record(8, "u2"), "404")],
    parked_users={"u1": ParkedUser(99.0, 2), "u2": ParkedUser(50.0, 1)},
    dead_letters=[make_letter(2, settled=("b/0",))],
    replayed=[Replayed(Place(0, 2), 1, "delivered", "", 8.0)],
    meta={"reason": "why"},
)
CHANGES.counts.update({("delivered", ""): 1, ("dead", ""): 1, ("skipped", "flags"): 1})


class StateContract:
    """Inherit it, with the fixture ``open_state``."""

    @pytest.fixture
    def open_state(self) -> OpenState:
        raise NotImplementedError

    @pytest.fixture
    def state(self, open_state: OpenState) -> Iterator[State]:
        with closing(open_state()) as state:
            state.add_partition(0, 0)
            yield state

    def test_what_was_written_comes_back_after_a_restart(self, open_state: OpenState, state: State) -> None:
        state.commit(CHANGES)
        before = everything(state)
        state.close()

        with closing(open_state()) as again:
            assert everything(again) == before

        assert before["positions"] == {0: (0, 3)}
        assert before["above"] == {0: {5, 6, 8}}
        assert before["settled_payloads"] == [
            {Place(0, 4): {"a/0": "", "b/0": "400 no"}},
            {Place(0, 9): {"a/0": "400 no"}},
            {},
        ], "those of what is settled are forgotten"
        assert before["tries"] == {Place(0, 4): Tries(10.0, 2)}
        assert before["parked"] == {"u1": [make_record(3), make_record(5)], "u2": [make_record(8, "u2")]}
        assert before["parked_users"] == {"u1": ParkedUser(99.0, 2), "u2": ParkedUser(50.0, 1)}
        assert before["letters"] == [make_letter(2, settled=("b/0",), id=1)]
        assert before["notes"] == "why"

    def test_a_parked_event_that_is_settled_is_gone_with_its_user(self, state: State) -> None:
        state.commit(CHANGES)

        state.commit(
            Changes(
                outcomes=[Outcome(Place(0, 8), "delivered", "", 9.0)], unpark=[Place(0, 8)], parked_users={"u2": None}
            )
        )

        assert state.parked.places() == {"u1": {Place(0, 3), Place(0, 5)}}
        assert state.parked.users() == {"u1": ParkedUser(99.0, 2)}
        assert state.settled_above_position() == {0: {5, 6, 8}}

    def test_an_event_of_any_bytes_is_kept_whole(self, state: State) -> None:
        event = bytes(range(256))
        letter = DeadLetter(make_record(2, event=event), "", 0, 0.0)

        state.commit(Changes(park=[(make_record(1, event=event), "404")], dead_letters=[letter]))

        assert state.parked.first_of("u1", 1)[0].event == event
        assert state.letters.find()[0].record.event == event

    def test_a_known_partition_keeps_its_place(self, state: State) -> None:
        state.commit(Changes(positions={0: 7}))

        state.add_partition(0, 100)

        assert state.positions() == {0: (0, 7)}

    @pytest.mark.parametrize(
        ("changes", "furthest"),
        [
            pytest.param(Changes(), 0, id="nothing"),
            pytest.param(Changes(positions={0: 7}), 7, id="the position"),
            pytest.param(
                Changes(positions={0: 7}, outcomes=[Outcome(Place(0, 9), "dead", "", 0.0)]), 9, id="an outcome"
            ),
            pytest.param(Changes(positions={0: 7}, park=[(make_record(12), "")]), 12, id="a parked event"),
            pytest.param(Changes(outcomes=[Outcome(Place(1, 9), "dead", "", 0.0)]), 0, id="of another partition"),
        ],
    )
    def test_how_far_a_state_knows_the_log(self, state: State, changes: Changes, furthest: int) -> None:
        state.commit(changes)

        assert state.furthest(0) == furthest

    def test_outcomes_are_forgotten_only_below_the_position(self, state: State) -> None:
        """Those of one second together: 6 keeps 4."""
        outcomes = [Outcome(Place(0, n), "delivered", "", float(n // 4)) for n in (1, 2, 3, 4, 6)]
        state.commit(Changes(positions={0: 4}, outcomes=outcomes))

        state.forget_outcomes(0, before=100)

        assert [n for n in range(1, 8) if state.outcome(Place(0, n))] == [4, 6]
        assert state.settled_above_position() == {0: {6}}

    @pytest.fixture
    def letters(self, state: State) -> State:
        state.commit(
            Changes(
                dead_letters=[
                    make_letter(1, "400 bad email"),
                    make_letter(2, "mapping: x"),
                    make_letter(3, "400 other"),
                ]
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
            pytest.param(Choice(ids=[3, 1, 77]), {}, [1, 3], id="by id"),
            pytest.param(Choice(ids=[]), {}, [], id="none of none"),
            pytest.param(Choice(ids=list(range(100_000)), reason="other"), {}, [3], id="however many ids"),
            pytest.param(Choice(cause="400 bad email"), {}, [1], id="by cause"),
            pytest.param(Choice(not_tried_by=7), {}, [1, 2, 3], id="not tried by a job that tried none"),
        ],
    )
    def test_dead_letters_are_found(
        self, letters: State, choice: Choice, query: dict[str, Any], found: list[int]
    ) -> None:
        assert [letter.id for letter in letters.letters.find(choice, **query)] == found
        if not query:
            assert letters.letters.count(choice) == len(found)

    def test_discarded_letters_stay_counted(self, letters: State) -> None:
        letters.commit(Changes(dead_letters=[make_letter(4, events=5)]))

        assert letters.discard(Choice(ids=[1, 4, 77])) == (2, 6)
        assert letters.discard(Choice(ids=[1])) == (0, 0)
        assert [letter.id for letter in letters.letters.find()] == [2, 3]
        assert letters.counts()["discarded", ""] == 6

    def test_many_are_discarded_a_few_at_a_time(self, letters: State) -> None:
        """Whoever waits for the disk waits for one step of it only."""
        assert [letters.discard(Choice(reason="4"), limit=1) for _ in range(3)] == [(1, 1), (1, 1), (0, 0)]

    def test_a_letter_of_a_replay_counts_for_no_event_of_the_line(self, letters: State) -> None:
        letters.commit(Changes(dead_letters=[make_letter(9, is_replayed=True)]))

        assert letters.discard(Choice(ids=[3, 4])) == (2, 1)
        assert letters.counts()["discarded", ""] == 1

    def test_a_letter_refused_again_keeps_its_place_and_tells_the_latest(self, letters: State) -> None:
        [before] = letters.letters.find(Choice(ids=[2]))
        letters.commit(Changes(refused_again=[replace(before, reason="410 gone", settled=("a/0",), job=7)]))

        [letter] = letters.letters.find(Choice(ids=[2]))
        assert (letter.reason, letter.settled, letter.attempts) == ("410 gone", ("a/0",), 2)
        assert letters.letters.find(Choice(cause="410 gone")) == [letter]
        assert [each.id for each in letters.letters.find(Choice(not_tried_by=7))] == [1, 3]

    def test_ids_of_letters_and_jobs_never_repeat(self, letters: State) -> None:
        letters.commit(Changes(revived=[3]))
        letters.commit(Changes(dead_letters=[make_letter(9)]))

        assert letters.letters.last() == 4
        assert letters.letters.count() == 3

    def test_letters_are_grouped_by_cause_with_the_oldest_as_an_example(self, state: State) -> None:
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

    def test_what_became_of_each_event_before_is_known(self, state: State) -> None:
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

    def test_a_later_replay_of_an_event_takes_the_place_of_an_earlier_one(self, state: State) -> None:
        for job in (1, 2):
            state.commit(Changes(replayed=[Replayed(Place(0, 5), job, "skipped", "flags: off", 1.0)]))

        assert state.replayed(Place(0, 5)) == Replayed(Place(0, 5), 2, "skipped", "flags: off", 1.0)
        assert state.replayed(Place(0, 6)) is None

    def test_jobs_come_back_as_they_were_written_down_last(self, state: State) -> None:
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

    def test_only_a_running_job_is_cancelled(self, state: State) -> None:
        job = state.add_job("replay", {"last": 9}, 9, 1.0)

        assert [state.cancel_job(job.id), state.cancel_job(job.id), state.cancel_job(77)] == [True, False, False]
        assert [each.state for each in state.jobs()] == ["cancelled"]

    @pytest.mark.parametrize(
        "end",
        [
            pytest.param(Changes(replayed=[Replayed(Place(0, 5), 1, "delivered", "", 8.0)]), id="replayed"),
            pytest.param(Changes(outcomes=[Outcome(Place(0, 5), "delivered", "", 8.0)]), id="a letter delivered"),
            pytest.param(Changes(refused_again=[make_letter(5, id=1)]), id="a letter refused again"),
        ],
    )
    def test_what_a_job_noted_of_an_event_goes_with_its_end(self, state: State, end: Changes) -> None:
        state.add_job("replay", {"last": 9}, 9, 1.0)
        notes = [SettledPayload(Place(0, n), "a/0", "", job=1) for n in (5, 6)]
        state.commit(Changes(settled_payloads=notes, dead_letters=[make_letter(5)]))

        state.commit(end)

        assert state.notes.settled_payloads(1) == {Place(0, 6): {"a/0": ""}}

    def test_of_a_cancelled_retry_the_dead_letters_keep_what_is_delivered(self, state: State) -> None:
        """What was refused is for the next one."""
        cancelled, running = (state.add_job("retry", {"up_to": 9}, 9, 1.0) for _ in range(2))
        notes = [
            SettledPayload(Place(0, 5), "a/0", "", job=cancelled.id),
            SettledPayload(Place(0, 5), "b/0", "400 no", job=cancelled.id),
            SettledPayload(Place(0, 6), "a/0", "", job=running.id),
            SettledPayload(Place(0, 7), "a/0", ""),
        ]
        state.commit(Changes(settled_payloads=notes, dead_letters=[make_letter(5, settled=("c",)), make_letter(6)]))

        state.cancel_job(cancelled.id)

        assert [letter.settled for letter in state.letters.find()] == [("c", "a/0"), ()]
        noted = [state.notes.settled_payloads(job) for job in (0, cancelled.id, running.id)]
        assert noted == [{Place(0, 7): {"a/0": ""}}, {}, {Place(0, 6): {"a/0": ""}}]

    def test_what_was_in_a_request_when_its_retry_was_cancelled_is_known_to_the_next_one(self, state: State) -> None:
        """A crash came before the event was settled."""
        job = state.add_job("retry", {"up_to": 9}, 9, 1.0)
        state.cancel_job(job.id)
        late = SettledPayload(Place(0, 5), "a/0", "", job=job.id)
        state.commit(Changes(settled_payloads=[late], dead_letters=[make_letter(5)]))

        state.add_job("retry", {"up_to": 9}, 9, 1.0)

        assert [letter.settled for letter in state.letters.find()] == [("a/0",)]
        assert state.notes.settled_payloads(job.id) == {}

    def test_a_cancelled_job_stays_so_whatever_is_written_of_it(self, state: State) -> None:
        job = state.add_job("replay", {"last": 9}, 9, 1.0)
        state.cancel_job(job.id)
        state.commit(Changes(jobs={job.id: replace(job, cursor=5)}))

        assert state.jobs() == [replace(job, cursor=5, state="cancelled")]

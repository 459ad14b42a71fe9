"""Outcomes kept in groups: nothing of them is lost but the fraction of a second."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.delivery.state.changes import Changes, Kind, Outcome, Place
from router.delivery.state.file import StateFile
from router.delivery.state.journal.operation import Operation, from_bytes, to_bytes
from router.delivery.state.outcome_group import MAX_SPAN, OutcomeGroup, group


def delivered(*sequences: int, at_s: float = 5.0) -> list[Outcome]:
    return [Outcome(Place(0, sequence), "delivered", "", at_s) for sequence in sequences]


@pytest.mark.parametrize(
    ("outcomes", "groups"),
    [
        pytest.param([], [], id="none"),
        pytest.param(delivered(3, 1, 2), [OutcomeGroup(0, "delivered", "", 5.0, [1, 2, 3])], id="in their order"),
        pytest.param(
            [*delivered(1, at_s=5.2), *delivered(2, at_s=5.9), *delivered(3, at_s=6.0)],
            [OutcomeGroup(0, "delivered", "", 5.9, [1, 2]), OutcomeGroup(0, "delivered", "", 6.0, [3])],
            id="by the second",
        ),
        pytest.param(
            [Outcome(Place(0, 1), "skipped", "flags", 5.0), Outcome(Place(1, 2), "skipped", "flags", 5.0)],
            [OutcomeGroup(0, "skipped", "flags", 5.0, [1]), OutcomeGroup(1, "skipped", "flags", 5.0, [2])],
            id="by partition",
        ),
        pytest.param(
            delivered(1, MAX_SPAN, MAX_SPAN + 1, 9 * MAX_SPAN),
            [
                OutcomeGroup(0, "delivered", "", 5.0, [1, MAX_SPAN]),
                OutcomeGroup(0, "delivered", "", 5.0, [MAX_SPAN + 1]),
                OutcomeGroup(0, "delivered", "", 5.0, [9 * MAX_SPAN]),
            ],
            id="none too long",
        ),
        pytest.param(
            [Outcome(Place(0, 1), "dead", "400", 5.0), *delivered(1)],
            [OutcomeGroup(0, "delivered", "", 5.0, [1])],
            id="the last of one event",
        ),
    ],
)
def test_what_is_alike_is_together(outcomes: list[Outcome], groups: list[OutcomeGroup]) -> None:
    assert group(outcomes) == groups


KINDS: list[Kind] = ["delivered", "skipped", "dead"]
OUTCOMES = st.lists(
    st.builds(
        Outcome,
        st.builds(Place, st.integers(0, 1), st.integers(1, 30) | st.integers(1, 3 * MAX_SPAN)),
        st.sampled_from(KINDS),
        st.sampled_from(["", "flags: off"]),
        st.floats(0, 3),
    ),
    max_size=40,
)


@given(OUTCOMES)
def test_groups_of_what_comes_of_groups_are_the_same(outcomes: list[Outcome]) -> None:
    """So whoever applies a journal comes to what its writer has."""
    groups = group(outcomes)

    assert group(outcome for each in groups for outcome in each.outcomes()) == groups


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("states")


@given(first=OUTCOMES, second=OUTCOMES, span=st.tuples(st.integers(1, 60), st.integers(0, 60)))
def test_a_state_knows_of_each_event_what_came_of_it_last(
    folder: Path, first: list[Outcome], second: list[Outcome], span: tuple[int, int]
) -> None:
    """By a dictionary, which is what it stands for; also where it was read from a journal."""
    known = {outcome.place: outcome for outcome in [*first, *second]}
    with closing(StateFile.open(folder / "crm.sqlite", "log-1")) as state:
        for table in ("outcomes", "positions"):
            state._connection.execute(f"DELETE FROM {table}")
        for partition in (0, 1):
            state.add_partition(partition, 7)
        state.commit(Changes(outcomes=first))
        from_bytes(to_bytes(Operation("commit", (Changes(outcomes=second),)))).apply(state)

        for place in [*known, Place(0, 17), Place(1, 3 * MAX_SPAN + 1)]:
            found, outcome = state.outcome(place), known.get(place)
            assert (found and (found.place, found.kind, found.reason, int(found.at_s))) == (
                outcome and (outcome.place, outcome.kind, outcome.reason, int(outcome.at_s))
            )
        for partition in (0, 1):
            mine = {place.sequence for place in known if place.partition == partition}
            assert state.settled_above_position()[partition] == {sequence for sequence in mine if sequence > 7}
            assert state.furthest(partition) == max([7, *mine])
            among = range(span[0], sum(span) + 1)
            settled = {
                at: each for at, each in state.earlier(partition, among[0], among[-1]).items() if each != "pending"
            }
            assert settled.keys() == mine & set(among)

"""The state in a cluster: the contract of a state, and that of two who write only the one whose it is succeeds."""

from __future__ import annotations

import itertools
import random
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from router.delivery.state.changes import Changes, Outcome, Place, Tries
from router.delivery.state.file import _connect
from router.delivery.state.journal import state as state_module
from router.delivery.state.journal.blocking_connection import ANSWER_S, BlockingConnection
from router.delivery.state.journal.entry import Assembler, Draft, Entry
from router.delivery.state.journal.journal import LAG_S, Journal
from router.delivery.state.journal.operation import Operation, to_bytes
from router.delivery.state.journal.state import JournaledState
from router.delivery.state.journal.states import JournaledStates
from router.delivery.state.journal.streams import JournalNames, destinations_of, ensure_journals
from router.delivery.state.letters import Choice
from router.delivery.state.state import State, StateTaken, StateUnusable
from router.errors import OperatorError
from router.log.jetstream.connection import ApiError, ClusterAway, Connection
from tests.delivery.state.contract import CHANGES, OpenState, StateContract, everything, make_letter, make_record
from tests.nats.server import Cluster

_T = TypeVar("_T")
LOG = "log-1"
OpenView = Callable[..., JournaledState]


@pytest.fixture(scope="module")
def blocking(shared_server: Cluster) -> Iterator[BlockingConnection]:
    with closing(BlockingConnection.open([shared_server.url])) as blocking:
        yield blocking


@pytest.fixture
def journal(blocking: BlockingConnection, log_name: str) -> Journal:
    names = JournalNames(log_name)
    blocking.ask(lambda connection: ensure_journals(connection, names, [0], 1))
    return Journal(blocking, names, 0, "crm")


@pytest.fixture
def open_view(journal: Journal, tmp_path: Path) -> Iterator[OpenView]:
    """Opens the state as another router does; by another *machine*, with another view."""
    numbers = itertools.count(1)
    opened: list[JournaledState] = []
    turns: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def open_view(machine: str = "a", through: Journal = journal) -> JournaledState:
        path, writer = tmp_path / f"{machine}.sqlite", f"{machine}-{next(numbers)}"
        state = JournaledState.open_view(path, LOG, through, writer, turns[machine])
        opened.append(state)
        return state

    yield open_view
    for state in opened:
        state.close()


def owned(state: JournaledState) -> JournaledState:
    state.claim()
    state.add_partition(0, 0)
    return state


def settle(sequence: int) -> Changes:
    return Changes(
        positions={0: sequence},
        outcomes=[Outcome(Place(0, sequence), "delivered", "", 1.0)],
        counts=Counter({("delivered", ""): 1}),
    )


class TestJournaledState(StateContract):
    @pytest.fixture
    def open_state(self, open_view: OpenView) -> OpenState:
        def open_state() -> State:
            state = open_view("a")
            state.claim()
            return state

        return open_state


class TestJournaledStateOnAnotherMachine(StateContract):
    """Every opening is on a machine that has seen nothing of it."""

    @pytest.fixture
    def open_state(self, open_view: OpenView) -> OpenState:
        machines = itertools.count(1)

        def open_state() -> State:
            state = open_view(f"m{next(machines)}")
            state.claim()
            return state

        return open_state


# --- one who delivers ---


def test_messages_that_no_router_wrote_disturb_nobody(
    open_view: OpenView, blocking: BlockingConnection, journal: Journal
) -> None:
    def interfere() -> None:
        blocking.ask(lambda connection: connection.request(journal.subject, b"hello"))

    interfere()
    state = owned(open_view("a"))
    interfere()
    state.commit(settle(1))
    interfere()
    state.catch_up()
    state.commit(settle(2))
    interfere()

    for machine in ("a", "b"):
        again = open_view(machine)
        again.claim()
        assert again.positions() == {0: (0, 2)}
        assert again.counts()["delivered", ""] == 2


def test_who_has_lost_a_state_without_knowing_it_writes_no_more(open_view: OpenView) -> None:
    """What it wrote until then is kept, and nothing of what it tries after."""
    former = owned(open_view("a"))
    former.commit(settle(1))
    latter = open_view("b")
    latter.claim()

    with pytest.raises(StateTaken):
        former.commit(settle(2))
    with pytest.raises(StateTaken):
        former.commit(settle(2))

    latter.commit(settle(2))
    assert latter.positions() == {0: (0, 2)}
    assert latter.counts()["delivered", ""] == 2


@pytest.mark.parametrize("entries", [5_000, 1], ids=["by a claim", "by a snapshot"])
def test_who_has_lost_a_state_learns_of_it_although_another_question_reads_it_first(
    open_view: OpenView, monkeypatch: pytest.MonkeyPatch, entries: int
) -> None:
    """Of the same view, for a status: what the former one writes after that would count beside what the latter does."""
    former, other = owned(open_view("a")), open_view("a")
    latter = open_view("b")
    latter.claim()
    monkeypatch.setattr(state_module, "SNAPSHOT_ENTRIES", entries)
    latter.commit(settle(1))
    other.catch_up()

    with pytest.raises(StateTaken):
        former.commit(settle(1))


def test_a_claim_that_a_snapshot_swept_away_still_counts(open_view: OpenView, monkeypatch: pytest.MonkeyPatch) -> None:
    former = owned(open_view("a"))
    latter = open_view("b")
    latter.claim()
    monkeypatch.setattr(state_module, "SNAPSHOT_ENTRIES", 1)
    latter.commit(settle(1))

    with pytest.raises(StateTaken):
        former.commit(settle(1))


def test_a_job_added_elsewhere_reaches_the_one_who_delivers(open_view: OpenView) -> None:
    heard: list[str] = []
    owner = owned(open_view("a"))
    owner.listen(lambda method, arguments, result: heard.append(method))
    visitor = open_view("b")
    visitor.catch_up()
    job = visitor.add_job("replay", {"last": 9}, 9, 1.0)

    owner.commit(settle(1))

    assert owner.jobs() == [job]
    assert heard == ["add_job"]
    visitor.catch_up()
    assert everything(visitor) == everything(owner)


def test_letters_discarded_elsewhere_are_gone_and_counted(open_view: OpenView) -> None:
    owner = owned(open_view("a"))
    owner.commit(Changes(dead_letters=[make_letter(1), make_letter(2)]))
    visitor = open_view("b")
    visitor.catch_up()

    assert visitor.discard(Choice(ids=[1])) == (1, 1)

    owner.catch_up()
    assert [letter.id for letter in owner.letters.find()] == [2]
    assert owner.counts()["discarded", ""] == 1


class Busy(BlockingConnection):
    """A leader of several nodes, which still waits for their word of another change: so many times it says so."""

    def __init__(self, blocking: BlockingConnection, says: int) -> None:
        self._blocking, self._says = blocking, says

    @property
    def max_payload(self) -> int:
        return self._blocking.max_payload

    def ask(self, question: Callable[[Connection], Coroutine[Any, Any, _T]], within_s: float = ANSWER_S) -> _T:
        if question.__name__ == "publish" and self._says:
            self._says -= 1
            raise ApiError(10164, "wrong last sequence")
        return self._blocking.ask(question, within_s)


def test_what_stands_before_a_change_is_waited_for(
    blocking: BlockingConnection, journal: Journal, log_name: str
) -> None:
    waited: list[float] = []
    busy = Journal(Busy(blocking, 3), JournalNames(log_name), 0, "crm", waited.append)

    busy.append(Draft("claim", "a", 1, b""), 0)

    assert waited == [LAG_S] * 3
    assert journal.last() > 0


def test_what_stands_before_a_change_is_not_waited_for_without_end(
    blocking: BlockingConnection, journal: Journal, log_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = Journal(Busy(blocking, 1_000_000), JournalNames(log_name), 0, "crm", lambda s: None)
    monkeypatch.setattr("router.delivery.state.journal.journal.LAG_MOST_S", 0.01)

    with pytest.raises(ClusterAway, match="stands before this"):
        busy.append(Draft("claim", "a", 1, b""), 0)
    assert journal.last() == 0


def test_who_asks_for_something_is_answered_although_another_question_reads_it_first(
    open_view: OpenView, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same view, while a status is asked for: the other one must not have the answer."""
    owned(open_view("b"))
    asked, other = open_view("a"), open_view("a")
    asked.catch_up()
    append, readers = Journal.append, ThreadPoolExecutor(1)

    def append_then_read(self: Journal, draft: Draft, head: int) -> tuple[int, int]:
        answer = append(self, draft, head)
        wait([readers.submit(other.catch_up)], timeout=0.3)
        return answer

    monkeypatch.setattr(Journal, "append", append_then_read)

    job = asked.add_job("replay", {"last": 9}, 9, 1.0)

    assert job.id == 1
    readers.shutdown()
    assert [each.id for each in other.jobs()] == [1]


def test_what_is_cancelled_elsewhere_is_heard_although_another_question_reads_it_first(open_view: OpenView) -> None:
    """Of the same view, for a status: whoever runs the job would go on."""
    owner, other, elsewhere = owned(open_view("a")), open_view("a"), open_view("b")
    job = owner.add_job("replay", {"last": 9}, 9, 1.0)
    heard: list[tuple[str, tuple[Any, ...], Any]] = []
    owner.listen(lambda *told: heard.append(told))
    elsewhere.catch_up()
    elsewhere.cancel_job(job.id)

    other.catch_up()
    owner.catch_up()

    assert heard == [("cancel_job", (job.id,), None)]


def test_what_an_older_program_wrote_is_read(open_view: OpenView, journal: Journal) -> None:
    """It moved retry windows by an operation of their own, and replays had no notes."""
    state = owned(open_view("a"))
    state.commit(Changes(tries={Place(0, 1): Tries(10.0, 2), Place(0, 2): Tries(20.0, 1)}))
    state.close()
    noted = b'{"v":2,"do":"commit","with":[{"settled_payloads":[[0,2,"send order/0f3a55e0c1d29b84","400 no"]]}]}'
    for number, body in enumerate([b'{"v":2,"do":"shift_tries","with":[5.5]}', noted]):
        journal.append(Draft("operation", "older", number, body), journal.last())

    fresh = open_view("b")
    fresh.catch_up()

    assert fresh.notes.tries() == {Place(0, 1): Tries(15.5, 2), Place(0, 2): Tries(25.5, 1)}
    assert fresh.notes.settled_payloads() == {Place(0, 2): {"send order/0f3a55e0c1d29b84": "400 no"}}


# --- answers that are lost ---


class Deaf(Journal):
    """Loses what it is told to."""

    loses = 0
    """So many answers of appends; the entries are written."""
    fails = 0
    """So many entries, before they are written."""

    def append(self, draft: Draft, head: int) -> tuple[int, int]:
        if self.fails:
            self.fails -= 1
            raise ClusterAway("not connected")
        answer = super().append(draft, head)
        if self.loses:
            self.loses -= 1
            raise ClusterAway("no answer in time")
        return answer


@pytest.fixture
def deaf(blocking: BlockingConnection, journal: Journal, log_name: str) -> Deaf:
    return Deaf(blocking, JournalNames(log_name), 0, "crm")


@pytest.mark.parametrize("fault", ["loses", "fails"])
def test_a_commit_tried_again_counts_once(open_view: OpenView, deaf: Deaf, fault: str) -> None:
    """Whether what was tried had been written or not."""
    state = owned(open_view("a", deaf))
    setattr(deaf, fault, 1)
    with pytest.raises(ClusterAway):
        state.commit(settle(1))

    state.commit(settle(1))
    state.commit(settle(2))

    assert state.counts()["delivered", ""] == 2
    fresh = open_view("b")
    fresh.catch_up()
    assert everything(fresh) == everything(state)


def add_a_job(state: JournaledState, open_view: OpenView) -> None:
    state.add_job("replay", {"last": 9}, 9, 1.0)


def read_on(state: JournaledState, open_view: OpenView) -> None:
    state.catch_up()


def look(state: JournaledState, open_view: OpenView) -> None:
    """As an operator's question does it, which is answered by the same view."""
    open_view("a").catch_up()


def look_in_an_outage(state: JournaledState, open_view: OpenView) -> None:
    look(state, open_view)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "last", raise_away)
        with pytest.raises(ClusterAway):
            state.catch_up()


def raise_away(journal: Journal) -> int:
    raise ClusterAway("no answer in time")


@pytest.mark.parametrize("between", [add_a_job, read_on, look, look_in_an_outage])
@pytest.mark.parametrize("fault", ["loses", "fails"])
def test_a_commit_tried_again_counts_once_whatever_came_between(
    open_view: OpenView, deaf: Deaf, fault: str, between: Callable[[JournaledState, OpenView], None]
) -> None:
    state = owned(open_view("a", deaf))
    setattr(deaf, fault, 1)
    with pytest.raises(ClusterAway):
        state.commit(settle(1))

    between(state, open_view)
    state.commit(settle(1))

    assert state.counts()["delivered", ""] == 1
    fresh = open_view("b")
    fresh.catch_up()
    assert everything(fresh) == everything(state)


@pytest.mark.parametrize("fault", ["loses", "fails"])
def test_what_an_operator_asks_for_is_tried_again_and_counts_once(
    open_view: OpenView, deaf: Deaf, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that says that it failed is given again: events would be replayed twice. A change of leader takes seconds."""
    monkeypatch.setattr(state_module, "RETRY_S", 0.01)
    owned(open_view("a"))
    asked = open_view("b", deaf)
    asked.catch_up()
    setattr(deaf, fault, 2)

    job = asked.add_job("replay", {"last": 9}, 9, 1.0)
    setattr(deaf, fault, 2)
    is_cancelled = asked.cancel_job(job.id)

    assert (job.id, is_cancelled) == (1, True)
    assert [(each.id, each.state) for each in asked.jobs()] == [(1, "cancelled")]


def test_what_an_operator_asked_for_is_known_although_another_question_has_read_it(
    open_view: OpenView, deaf: Deaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was lost, and by the next try the view has it, through a status."""
    owned(open_view("a"))
    asked, other = open_view("b", deaf), open_view("b")
    monkeypatch.setattr("time.sleep", lambda s: other.catch_up())
    asked.catch_up()
    asked.add_job("replay", {"last": 8}, 8, 1.0)

    deaf.loses = 1
    job = asked.add_job("replay", {"last": 9}, 9, 2.0)
    deaf.loses = 1
    is_cancelled = asked.cancel_job(job.id)
    deaf.loses = 1
    with pytest.raises(StateUnusable, match="they are discarded"):
        asked.discard(Choice(reason="400"))

    assert (job.id, job.total, is_cancelled) == (2, 9, True)
    assert [(each.id, each.state) for each in asked.jobs()] == [(1, "running"), (2, "cancelled")]


def test_what_an_operator_asks_for_is_not_tried_without_end(
    open_view: OpenView, deaf: Deaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "RETRY_S", 0.01)
    monkeypatch.setattr(state_module, "ASKED_FOR_S", 0.05)
    state = owned(open_view("a", deaf))
    deaf.fails = 1_000_000

    with pytest.raises(StateUnusable, match="nobody knows whether the change was made"):
        state.add_job("replay", {"last": 9}, 9, 1.0)


def test_a_commit_that_comes_late_and_is_tried_again_counts_once(
    open_view: OpenView, deaf: Deaf, journal: Journal
) -> None:
    """It is on its way for longer than anybody waits, and lands before what was to follow in its place."""
    state = owned(open_view("a", deaf))
    deaf.fails = 1
    with pytest.raises(ClusterAway):
        state.commit(settle(1))
    late = Draft("operation", state._writer, state._number, to_bytes(Operation("commit", (settle(1),))))
    head, append = journal.last(), Journal.append

    def append_behind(self: Journal, draft: Draft, head_now: int) -> tuple[int, int]:
        if head_now == head:
            append(journal, late, head)
        return append(self, draft, head_now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Deaf, "append", append_behind)
        state.add_job("replay", {"last": 9}, 9, 1.0)
        state.commit(settle(1))

    assert state.counts()["delivered", ""] == 1


# --- snapshots, and what is too big for one message ---


def test_a_journal_is_cut_off_at_its_snapshots(
    blocking: BlockingConnection, log_name: str, open_view: OpenView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes anew begins there; who was half-way up does, too."""
    monkeypatch.setattr(state_module, "SNAPSHOT_ENTRIES", 10)
    state, follower = owned(open_view("a")), open_view("b")
    state.commit(settle(1))
    follower.catch_up()
    state.commit(CHANGES)
    for sequence in range(4, 60):
        state.commit(settle(sequence))

    stream = blocking.ask(lambda connection: connection.call(f"STREAM.INFO.{JournalNames(log_name).stream(0)}"))
    assert stream["state"]["messages"] < 30
    newcomer = open_view("c")
    for each in (follower, newcomer):
        each.catch_up()
        assert everything(each) == everything(state)


def test_what_an_operator_changes_while_a_snapshot_is_written_is_in_it(
    open_view: OpenView, deaf: Deaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through another router: a snapshot that was taken before would take it back, for whoever delivers next."""
    state, elsewhere = owned(open_view("a", deaf)), open_view("b")
    append, others = Deaf.append, [lambda: elsewhere.add_job("replay", {"last": 9}, 9, 1.0)]

    def append_behind(self: Deaf, draft: Draft, head: int) -> tuple[int, int]:
        if draft.kind == "snapshot" and others:
            others.pop()()
        return append(self, draft, head)

    monkeypatch.setattr(Deaf, "append", append_behind)
    monkeypatch.setattr(state_module, "SNAPSHOT_ENTRIES", 1)
    elsewhere.catch_up()

    state.commit(settle(1))
    state.commit(settle(2))

    assert not others
    fresh = open_view("c")
    fresh.catch_up()
    assert [job.id for job in fresh.jobs()] == [1]
    assert everything(fresh) == everything(state)


def test_a_snapshot_that_is_read_late_takes_nothing_back(
    open_view: OpenView, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same view: a status was asked for, and whoever delivers has gone on before it was looked at."""
    owner, other = owned(open_view("a")), open_view("a")
    with monkeypatch.context() as patch:
        patch.setattr(state_module, "SNAPSHOT_ENTRIES", 1)
        owner.commit(settle(1))
    read = Journal.read

    def read_slowly(self: Journal, assembler: Assembler, end: int) -> Iterator[Entry]:
        yield from read(self, assembler, end)
        owner.commit(settle(2))

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "read", read_slowly)
        other.catch_up()
    owner.commit(settle(3))

    assert owner.counts()["delivered", ""] == 3
    fresh = open_view("b")
    fresh.catch_up()
    assert everything(fresh) == everything(owner)


def test_what_a_newer_program_wrote_is_not_passed_over(open_view: OpenView, journal: Journal) -> None:
    """A view without it would be another one than that of whoever knows it."""
    state = owned(open_view("a"))
    journal.append(Draft("operation", "newer", 1, b'{"v":99,"do":"new","with":[]}'), journal.last())

    for _ in range(2):
        with pytest.raises(StateUnusable, match="the operation 'new' of version 99"):
            state.catch_up()
    with pytest.raises(StateUnusable, match="the operation 'new' of version 99"):
        state.commit(settle(1))


def test_a_big_state_is_not_written_anew_at_each_change(
    blocking: BlockingConnection, log_name: str, open_view: OpenView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not until as much has come as the snapshot itself takes."""
    monkeypatch.setattr(state_module, "SNAPSHOT_BYTES", 1_000)
    state = owned(open_view("a"))
    state.commit(Changes(park=[(make_record(1, event=random.Random(1).randbytes(100_000)), "404")]))
    for sequence in range(2, 7):
        state.commit(settle(sequence))

    stream = blocking.ask(lambda connection: connection.call(f"STREAM.INFO.{JournalNames(log_name).stream(0)}"))
    assert stream["state"]["messages"] == 1 + 5


def test_changes_of_any_size_are_written(open_view: OpenView, blocking: BlockingConnection) -> None:
    state = owned(open_view("a"))
    size = blocking.max_payload // 10
    records = [make_record(n, event=b'"' + b"x" * size + b'"') for n in range(1, 25)]

    state.commit(Changes(park=[(record, "404") for record in records]))

    fresh = open_view("b")
    fresh.catch_up()
    assert fresh.parked.first_of("u1", 100) == records


def test_a_view_that_is_damaged_is_made_anew(open_view: OpenView, tmp_path: Path) -> None:
    state = owned(open_view("a"))
    state.commit(CHANGES)
    before = everything(state)
    state.close()
    (tmp_path / "a.sqlite").write_bytes(b"no database" * 1_000)

    again = open_view("a")
    again.claim()

    assert everything(again) == before


def test_what_somebody_changed_by_hand_is_set_back(
    blocking: BlockingConnection, journal: Journal, log_name: str
) -> None:
    """A journal of which entries expire can't be read any more."""
    names = JournalNames(log_name)
    before = blocking.ask(lambda connection: connection.call(f"STREAM.INFO.{names.stream(0)}"))["config"]
    changed = {**before, "max_age": 3_600_000_000_000, "max_msgs_per_subject": 5, "discard": "old"}
    blocking.ask(lambda connection: connection.call(f"STREAM.UPDATE.{names.stream(0)}", changed))

    blocking.ask(lambda connection: ensure_journals(connection, names, [0], 1))

    after = blocking.ask(lambda connection: connection.call(f"STREAM.INFO.{names.stream(0)}"))["config"]
    assert {key: after[key] for key in changed} == {key: before[key] for key in changed}


def test_destinations_are_known_by_their_journals(
    blocking: BlockingConnection, log_name: str, open_view: OpenView
) -> None:
    def known() -> set[str]:
        return blocking.ask(lambda connection: destinations_of(connection, JournalNames(log_name), 0))

    before: Any = known()
    owned(open_view("a"))

    assert (before, known()) == (set(), {"crm"})


# --- the states of a partition ---


@pytest.fixture
def states(blocking: BlockingConnection, journal: Journal, log_name: str, tmp_path: Path) -> JournaledStates:
    return JournaledStates(blocking, JournalNames(log_name), 0, tmp_path / "views", LOG, "router-1")


def test_a_renamed_destination_takes_its_state_along(
    states: JournaledStates, blocking: BlockingConnection, log_name: str
) -> None:
    with closing(states.take("crm")) as former:
        former.add_partition(0, 0)
        former.commit(CHANGES)
        before = everything(former)

    with closing(states.take("sales", formerly="crm", wanted=["sales"])) as state:
        assert everything(state) == before
        state.commit(settle(4))
    with closing(states.take("sales", formerly="crm", wanted=["sales"])) as again:
        assert again.positions() == {0: (0, 4)}

    elsewhere = JournaledStates(blocking, JournalNames(log_name), 0, states._directory / "other", LOG, "router-2")
    elsewhere.refresh()
    assert elsewhere.names() == ["sales"]
    with closing(elsewhere.look("sales")) as seen:
        assert seen.counts()["delivered", ""] == before["counts"]["delivered", ""] + 1


def test_a_state_belongs_to_one_destination(states: JournaledStates) -> None:
    with closing(states.take("crm")) as former:
        former.add_partition(0, 0)

    with pytest.raises(OperatorError, match="a state belongs to one destination"):
        states.take("sales", formerly="crm", wanted=["crm", "sales"])


def test_a_forgotten_state_is_gone(states: JournaledStates) -> None:
    with closing(states.take("crm")) as state:
        state.add_partition(0, 0)
        state.commit(CHANGES)
    states.forget("crm")
    states.refresh()

    assert (states.names(), states.has("crm")) == ([], False)
    with closing(states.take("crm")) as state:
        assert state.positions() == {}


@pytest.mark.parametrize("is_begun_anew", [False, True], ids=["gone", "begun anew"])
def test_who_delivers_what_another_router_forgot_stops_at_once(
    states: JournaledStates, blocking: BlockingConnection, log_name: str, tmp_path: Path, is_begun_anew: bool
) -> None:
    """It neither tries for ever nor brings back what was forgotten; who opens it next begins anew, beside the old view."""
    elsewhere = JournaledStates(blocking, JournalNames(log_name), 0, tmp_path / "other", LOG, "router-2")
    with closing(owned(states.take("crm"))) as state:
        state.commit(settle(5))
        elsewhere.forget("crm")
        if is_begun_anew:
            owned(elsewhere.take("crm")).close()

        with pytest.raises(StateTaken):
            state.commit(settle(6))

    with closing(states.take("crm")) as state:
        assert state.positions() == ({0: (0, 0)} if is_begun_anew else {})


def test_a_view_of_what_another_router_forgot_is_made_anew(
    states: JournaledStates, blocking: BlockingConnection, log_name: str, tmp_path: Path
) -> None:
    elsewhere = JournaledStates(blocking, JournalNames(log_name), 0, tmp_path / "other", LOG, "router-2")
    with closing(owned(states.take("crm"))) as state:
        state.commit(settle(5))
    elsewhere.forget("crm")

    with closing(states.look("crm")) as state:
        assert (state.positions(), state.counts()) == ({}, Counter())


def test_a_view_for_which_there_is_no_room_is_the_trouble_of_one_destination(
    states: JournaledStates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as such, so that the others start, and this one is tried again."""
    with closing(owned(states.take("crm"))) as state:
        state.commit(Changes(park=[(make_record(1, event=b'"' + b"x" * 400_000 + b'"'), "404")]))

    def connect(path: Path, read_only: bool) -> sqlite3.Connection:
        connection = _connect(path, read_only)
        connection.execute("PRAGMA max_page_count = 60").fetchall()
        return connection

    monkeypatch.setattr("router.delivery.state.file._connect", connect)
    states._directory = tmp_path / "full"
    for ask in (states.take, states.look):
        with pytest.raises(StateUnusable, match="full"):
            ask("crm")

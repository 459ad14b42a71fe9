"""The books: they balance after every step, and what is on disk says the same; and a disk that refuses for a while."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule
from structlog.testing import capture_logs

from router.delivery.ledger import MAX_REASON, Ledger
from router.delivery.state.changes import Changes, Job, ParkedUser, Place
from router.delivery.state.file import StateFile
from router.delivery.state.letters import Choice, DeadLetter
from router.delivery.state.state import State
from router.delivery.state.writer import HANG_S
from router.delivery.transit import Origin, Transit
from router.log import room
from router.log.record import Gap, Record
from router.log.room import Reserve
from tests.delivery.harness import FastClock, until
from tests.log.faults import FULL, sqlite_error

_T = TypeVar("_T")

LOG = "log-1"
USERS = ("ada", "bob", "cyn")


def make_record(sequence: int) -> Record:
    return Record(0, sequence, "website", f"m{sequence}", USERS[sequence % 3], "track", 0.0, b"{}")


def open_ledger(path: Path) -> Ledger:
    state = StateFile.open(path, LOG)
    state.add_partition(0, 0)
    return Ledger("crm", state, FastClock())


# --- the books against a model ---


class Books(RuleBasedStateMachine):
    """Every event is, at any time, in exactly one column; a restart after any step finds each where it was."""

    waiting = Bundle("waiting")
    parked = Bundle("parked")
    dead = Bundle("dead")
    dead_in_a_replay = Bundle("dead_in_a_replay")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.columns: dict[int, str] = {}
        self.replayed: Counter[str] = Counter()
        self.letters = 0
        self.ledger = self._open()

    def _open(self) -> Ledger:
        return self.run(self._opened())

    async def _opened(self) -> Ledger:
        ledger = open_ledger(self.directory / "crm.sqlite")
        ledger.start()
        return ledger

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return self.loop.run_until_complete(coroutine)

    def teardown(self) -> None:
        self.run(self.ledger.close())
        self.loop.close()
        shutil.rmtree(self.directory)

    def transit(self, sequence: int, origin: Origin = "log", *, is_refused: bool = False) -> Transit:
        return Transit(make_record(sequence), origin, refused=["400 no"] if is_refused else [])

    def in_column(self, column: str) -> list[int]:
        return sorted(sequence for sequence, name in self.columns.items() if name == column)

    @rule(target=waiting)
    def read(self) -> int:
        sequence = len(self.columns) + 1
        self.columns[sequence] = "pending"
        self.ledger.windows[0].open(sequence)
        return sequence

    @rule(sequence=consumes(waiting))
    def skip(self, sequence: int) -> None:
        self.ledger.skip(self.transit(sequence), "flags: off")
        self.columns[sequence] = "skipped"

    @rule(sequence=consumes(waiting))
    def deliver(self, sequence: int) -> None:
        self.ledger.tried(Place(0, sequence), 0.0)
        self.ledger.settle_payload(self.transit(sequence), "a/0")
        self.ledger.settle(self.transit(sequence))
        self.columns[sequence] = "delivered"

    @rule(sequence=consumes(waiting), target=dead)
    def refuse(self, sequence: int) -> tuple[int, int]:
        self.ledger.settle(self.transit(sequence, is_refused=True))
        return self._died(sequence)

    @rule(sequence=consumes(waiting), target=dead)
    def shed(self, sequence: int) -> tuple[int, int]:
        self.ledger.kill(make_record(sequence), "max_backlog")
        return self._died(sequence)

    def _died(self, sequence: int) -> tuple[int, int]:
        self.columns[sequence] = "dead"
        self.letters += 1
        return self.letters, sequence

    @rule(sequence=consumes(waiting), target=parked)
    def park(self, sequence: int) -> int:
        record = make_record(sequence)
        self.ledger.tried(Place(0, sequence), 0.0)
        self.ledger.park(record, "404")
        self.ledger.schedule(record.user_key, ParkedUser(float(sequence), 1))
        self.columns[sequence] = "parked"
        return sequence

    @rule(sequence=consumes(parked))
    def deliver_parked(self, sequence: int) -> None:
        self.ledger.settle(self.transit(sequence, "parked"))
        self.columns[sequence] = "delivered"

    @rule(sequence=consumes(parked), target=dead)
    def refuse_parked(self, sequence: int) -> tuple[int, int]:
        self.ledger.settle(self.transit(sequence, "parked", is_refused=True))
        return self._died(sequence)

    @rule(count=st.integers(1, 1_000))
    @precondition(lambda self: not self.in_column("pending"))
    def lose(self, count: int) -> None:
        """The reader waits until everything before a gap is settled or parked."""
        first = len(self.columns) + 1
        self.ledger.windows[0].open(first + count - 1)
        self.ledger.lose(Gap(0, first, first + count - 1, "damaged"))
        self.columns |= dict.fromkeys(range(first, first + count), "dead")
        self.letters += 1

    @rule(letter=consumes(dead), reason=st.sampled_from(["", "flags: off"]))
    def revive(self, letter: tuple[int, int], reason: str) -> None:
        id, sequence = letter
        self.ledger.revive(DeadLetter(make_record(sequence), "", 1, 0.0, id=id), 1, reason)
        self.columns[sequence] = "skipped" if reason else "delivered"

    @rule(letter=dead)
    def refuse_again(self, letter: tuple[int, int]) -> None:
        id, sequence = letter
        self.ledger.refuse_again(DeadLetter(make_record(sequence), "", 1, 0.0, id=id), 1, "410", {"a/0"})

    @rule(letter=dead)
    def discard(self, letter: tuple[int, int]) -> None:
        self.run(self.ledger.flushed())
        self.run(self.ledger.ask(lambda state: state.discard(Choice(ids=[letter[0]]))))

    @rule(kind=st.sampled_from(["delivered", "skipped"]))
    @precondition(lambda self: self.in_column("delivered"))
    def replay(self, kind: Any) -> None:
        self.ledger.replayed(self.transit(self.in_column("delivered")[0], "replay"), 1, kind)
        self.replayed[kind] += 1

    @rule(target=dead_in_a_replay)
    @precondition(lambda self: self.in_column("skipped"))
    def replay_in_vain(self) -> tuple[int, int]:
        sequence = self.in_column("skipped")[0]
        self.ledger.replayed(self.transit(sequence, "replay"), 1, "dead", "400 no")
        self.replayed["dead"] += 1
        self.letters += 1
        return self.letters, sequence

    @rule(letter=consumes(dead_in_a_replay), reason=st.sampled_from(["", "flags: off"]))
    def revive_of_a_replay(self, letter: tuple[int, int], reason: str) -> None:
        id, sequence = letter
        self.ledger.revive(DeadLetter(make_record(sequence), "", 1, 0.0, id=id, is_replayed=True), 2, reason)
        self.replayed["dead"] -= 1
        self.replayed["skipped" if reason else "delivered"] += 1

    @rule()
    def restart(self) -> None:
        self.run(self.ledger.close())
        self.ledger = self._open()
        self.ledger.windows[0].open(len(self.columns))

    @invariant()
    def balances(self) -> None:
        self._check(self.ledger)

    @invariant()
    def balances_on_disk(self) -> None:
        self.run(self.ledger.flushed())
        state = StateFile.open(self.directory / "crm.sqlite", LOG, read_only=True)
        try:
            self._check(Ledger("crm", state, FastClock()))
        finally:
            state.close()

    def _check(self, ledger: Ledger) -> None:
        books = ledger.books(lambda partition: len(self.columns))
        held = Counter(self.columns.values())
        assert books.unaccounted == 0
        assert books.accepted == len(self.columns)
        assert (books.delivered, books.skipped, books.dead) == (held["delivered"], held["skipped"], held["dead"])
        assert books.pending == held["pending"] + held["parked"]
        assert ledger.parked_events == held["parked"]
        assert {place.sequence for places in ledger.parked.values() for place in places} == set(
            self.in_column("parked")
        )
        assert set(ledger.parked_users) == set(ledger.parked)
        assert {place.sequence for place in ledger.tries} == set(self.in_column("parked")), (
            "what is settled is forgotten"
        )
        assert ledger.settled_payloads == {}
        assert +Counter({kind: ledger.counts["replayed", kind] for kind in self.replayed}) == +self.replayed
        for sequence, column in self.columns.items():
            assert ledger.windows[0].is_settled(sequence) == (column != "pending")


Books.TestCase.settings = settings(stateful_step_count=30)
TestBooks = pytest.mark.timeout(300)(Books.TestCase)


# --- onto disk ---


class Disk(StateFile):
    """A state on a disk that can be made to refuse."""

    is_full = False
    room: Reserve | None = None
    """Holds all the room there is, until it is spent."""
    refused = 0
    commits = 0

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(connection, path)
        self.gate = threading.Event()
        """Clear it, and writes hang."""
        self.gate.set()

    def commit(self, changes: Changes) -> None:
        self.gate.wait(10)
        if self.is_full:
            self.refused += 1
            raise sqlite3.OperationalError("database or disk is full")
        if self.room is not None and self.room.is_whole:
            self.refused += 1
            raise sqlite_error(FULL)
        self.commits += 1
        super().commit(changes)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    state = Disk.open(tmp_path / "crm.sqlite", LOG)
    assert isinstance(state, Disk)
    state.add_partition(0, 0)
    return state


@pytest.fixture
async def ledger(disk: Disk) -> AsyncIterator[Ledger]:
    ledger = Ledger("crm", disk, FastClock())
    ledger.start()
    ledger.windows[0].open(1_000)
    yield ledger
    await ledger.close()


async def test_flushed_returns_when_it_is_on_disk_and_not_before(ledger: Ledger, disk: Disk) -> None:
    disk.is_full = True
    ledger.settle(Transit(make_record(1), "log"))
    flushed = asyncio.ensure_future(ledger.flushed())
    await until(lambda: disk.refused >= 3)
    assert not flushed.done()
    assert ledger.unwritten == 1

    disk.is_full = False
    await flushed

    assert ledger.unwritten == 0
    assert disk.positions() == {0: (0, 1)}


async def test_changes_that_come_while_others_are_written_share_a_commit(ledger: Ledger, disk: Disk) -> None:
    async def settle(sequence: int) -> None:
        ledger.settle(Transit(make_record(sequence), "log"))
        await ledger.flushed()

    await asyncio.gather(*(settle(sequence) for sequence in range(1, 501)))

    assert disk.positions() == {0: (0, 500)}
    assert disk.commits <= 5


LETTER = DeadLetter(make_record(1), "", 1, 0.0, id=1)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda ledger: ledger.skip(Transit(make_record(1), "log"), "filter: no"), id="skipped"),
        pytest.param(lambda ledger: ledger.deliver([Transit(make_record(1), "log")]), id="delivered"),
        pytest.param(lambda ledger: ledger.kill(make_record(1), "400"), id="dead"),
        pytest.param(lambda ledger: ledger.lose(Gap(0, 1, 1, "damaged")), id="lost"),
        pytest.param(lambda ledger: ledger.settle_payload(Transit(make_record(1), "log"), "a/0"), id="a payload"),
        pytest.param(lambda ledger: ledger.tried(Place(0, 1), 1.0), id="tried"),
        pytest.param(lambda ledger: ledger.park(make_record(1), "404"), id="parked"),
        pytest.param(lambda ledger: ledger.schedule("ada", ParkedUser(1.0, 1)), id="a turn"),
        pytest.param(lambda ledger: ledger.revive(LETTER, 1), id="revived"),
        pytest.param(lambda ledger: ledger.revive(replace(LETTER, is_replayed=True), 1), id="revived, of a replay"),
        pytest.param(lambda ledger: ledger.refuse_again(LETTER, 1, "410", set()), id="refused again"),
        pytest.param(lambda ledger: ledger.replayed(Transit(make_record(1), "replay"), 1, "delivered"), id="replayed"),
        pytest.param(lambda ledger: ledger.note_job(Job(1, "replay", {}, 0, 1, {}, "running", 0.0)), id="a job"),
        pytest.param(lambda ledger: ledger.note("reason", "why"), id="a note"),
        pytest.param(lambda ledger: ledger.count("warnings"), id="a count"),
    ],
)
async def test_what_nobody_waits_for_is_written_too(
    ledger: Ledger, disk: Disk, change: Callable[[Ledger], None]
) -> None:
    """Also when nothing comes after it."""
    change(ledger)
    assert ledger.unwritten == 1

    await until(lambda: not ledger.unwritten)

    assert disk.commits == 1


async def test_a_retry_window_that_was_moved_is_written_too(ledger: Ledger, disk: Disk) -> None:
    first_s = ledger.tried(Place(0, 1), 1.0).first_s
    await ledger.flushed()

    ledger.move_tries(lambda first_s: first_s + 60.0)

    assert ledger.unwritten == 1
    await ledger.flushed()
    assert disk.notes.tries()[Place(0, 1)].first_s == first_s + 60.0


async def test_a_position_counts_as_written_when_it_is(ledger: Ledger, disk: Disk) -> None:
    """The log may give up what lies below: that must not be what a crash would ask for again."""
    disk.is_full = True
    ledger.park(make_record(1), "404")
    await until(lambda: bool(disk.refused))
    assert ledger.windows[0].position == 1
    assert ledger.written_positions == {0: 0}

    disk.is_full = False
    await ledger.flushed()

    assert ledger.written_positions == {0: 1}


async def test_a_disk_that_refuses_for_long_is_told_of_and_forgotten_when_it_is_well(
    ledger: Ledger, disk: Disk
) -> None:
    disk.is_full = True
    with capture_logs() as lines:
        ledger.note("reason", "why")
        await until(lambda: bool(ledger.broken))
        assert ledger.broken == ["ledger crm: the state can't be written"]
        await until(lambda: disk.refused > 1)

        disk.is_full = False
        await ledger.flushed()

    assert ledger.broken == []
    assert [line["event"] for line in lines] == [
        "state can't be written, delivery waits for it",
        "state can be written again, delivery goes on",
    ]


async def test_a_state_without_room_is_written_with_the_reserve(disk: Disk, tmp_path: Path) -> None:
    """What was accepted is settled on a full disk: only so can the log ever give room back."""
    reserve = Reserve(tmp_path / "reserve", 100_000)
    reserve.fill()
    disk.room = reserve
    ledger = Ledger("crm", disk, FastClock(), reserve)
    ledger.start()
    ledger.windows[0].open(1)
    ledger.settle(Transit(make_record(1), "log"))

    await ledger.flushed()

    assert (disk.refused, reserve.is_whole) == (1, False)
    assert disk.positions() == {0: (0, 1)}
    await ledger.close()


async def test_promise_2_dead_letters_leave_room_for_the_positions_of_all(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor that refuses everything would otherwise use up the reserve, and no destination could settle anything."""
    free = [1_000]
    monkeypatch.setattr(room, "_free_bytes", lambda directory: free[0])
    reserve = Reserve(tmp_path / "reserve", 100_000)  # spent already
    ledger = Ledger("crm", disk, FastClock(), reserve)
    ledger.start()
    ledger.windows[0].open(2)
    ledger.settle(Transit(make_record(1), "log"))
    await ledger.flushed()

    ledger.kill(make_record(2)._replace(event=bytes(50_000)), "400 no")
    await until(lambda: bool(ledger.broken))
    assert disk.positions() == {0: (0, 1)}
    free[0] = 100_000
    await ledger.flushed()

    assert disk.positions() == {0: (0, 2)}
    await ledger.close()


async def test_a_dead_letter_that_was_discarded_leaves_room_for_others(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_free_bytes", lambda directory: 1_000)
    disk.commit(Changes(dead_letters=[DeadLetter(make_record(1)._replace(event=bytes(50_000)), "no", 1, 0.0)]))
    disk.discard(Choice())
    ledger = Ledger("crm", disk, FastClock(), Reserve(tmp_path / "reserve", 100_000))
    ledger.start()
    ledger.windows[0].open(1)

    ledger.kill(make_record(1)._replace(event=bytes(20_000)), "400 no")
    await ledger.flushed()

    assert disk.positions() == {0: (0, 1)}
    await ledger.close()


async def test_the_reserve_is_not_for_a_disk_that_fails(disk: Disk, tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", 100_000)
    reserve.fill()
    ledger = Ledger("crm", disk, FastClock(), reserve)
    ledger.start()
    disk.is_full = True  # as SQLite says it, and without the code that would say no room
    ledger.note("reason", "why")

    await until(lambda: disk.refused >= 3)

    assert reserve.is_whole
    await ledger.close()


async def test_row_22_a_write_of_the_state_that_hangs_is_told_of(ledger: Ledger, disk: Disk) -> None:
    disk.gate.clear()
    ledger.note("reason", "why")

    await until(lambda: bool(ledger.broken))
    assert ledger.broken == ["ledger crm: a write of the state hangs"]
    disk.gate.set()
    await ledger.flushed()

    assert ledger.broken == []


async def test_a_long_question_is_no_fault_of_the_disk(ledger: Ledger) -> None:
    is_over = threading.Event()
    asked = asyncio.ensure_future(ledger.ask(lambda state: is_over.wait(10)))
    ledger.note("reason", "why")
    clock = FastClock()
    began = clock.monotonic()
    await until(lambda: clock.monotonic() - began > 5 * HANG_S)

    assert ledger.broken == []

    is_over.set()
    await asked
    await ledger.flushed()


async def test_a_writer_that_ended_is_told_of(ledger: Ledger) -> None:
    assert ledger._writer is not None
    ledger._writer.cancel()
    await asyncio.gather(ledger._writer, return_exceptions=True)

    assert ledger.broken == ["ledger crm"]
    ledger._writer = None


async def test_closing_ends_even_if_the_disk_takes_nothing(disk: Disk, tmp_path: Path) -> None:
    """What is not written comes from the log again; a daemon that can't be stopped helps nobody."""
    ledger = Ledger("crm", disk, FastClock())
    ledger.start()
    disk.is_full = True
    ledger.windows[0].open(1)
    ledger.settle(Transit(make_record(1), "log"))
    await until(lambda: bool(disk.refused))

    await ledger.close()

    again = open_ledger(tmp_path / "crm.sqlite")
    assert not again.windows[0].is_settled(1)
    assert again.books(lambda partition: 1).pending == 1
    await again.close()


async def test_closing_writes_what_is_left(disk: Disk, tmp_path: Path) -> None:
    ledger = Ledger("crm", disk, FastClock())
    ledger.start()
    ledger.windows[0].open(1)
    ledger.settle(Transit(make_record(1), "log"))

    await ledger.close()

    again = open_ledger(tmp_path / "crm.sqlite")
    assert again.windows[0].position == 1
    await again.close()


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param("a lone \ud800 surrogate", id="what no database takes"),
        pytest.param("x" * 1_000_000, id="without end"),
        pytest.param("a\0b", id="NUL"),
    ],
)
async def test_words_of_any_kind_can_be_written(ledger: Ledger, disk: Disk, reason: str) -> None:
    """One reason that can't be written would hold up everything after it, for ever."""
    ledger.kill(make_record(1), reason)
    ledger.park(make_record(2), reason)
    ledger.settle(Transit(make_record(3), "log", refused=[reason]))
    ledger.skip(Transit(make_record(4), "log"), f"action: {reason}")
    ledger.note("reason", reason)
    ledger.refuse_again(DeadLetter(make_record(1), "", 1, 0.0, id=1), 1, reason, set())

    await ledger.flushed()

    for letter in await ledger.ask(lambda state: state.letters.find()):
        assert 0 < len(letter.reason) <= MAX_REASON


async def test_a_question_whose_asker_went_away_is_still_asked_alone(ledger: Ledger) -> None:
    """Two threads in one connection would be the end of it."""
    running = 0

    def question(state: State) -> None:
        nonlocal running
        running += 1
        assert running == 1
        state.counts()
        running -= 1

    asked = [asyncio.ensure_future(ledger.ask(question)) for _ in range(20)]
    await asyncio.sleep(0)
    for one in asked[::2]:
        one.cancel()

    results = await asyncio.gather(*asked, return_exceptions=True)

    assert [result for result in results if result is not None and not isinstance(result, asyncio.CancelledError)] == []


async def test_nothing_to_write_is_not_waited_for(ledger: Ledger) -> None:
    """Where no event was tried, none is shifted."""
    ledger.move_tries(lambda first_s: first_s + 3_600.0)

    await asyncio.wait_for(ledger.flushed(), 10.0)


async def test_time_spent_blocked_does_not_count_for_the_retry_windows(ledger: Ledger) -> None:
    first_s = ledger.tried(Place(0, 1), 1_700_000_000.0).first_s

    ledger.move_tries(lambda first_s: first_s + 3_600.0)
    await ledger.flushed()

    assert ledger.tries[Place(0, 1)].first_s == first_s + 3_600.0
    assert (await ledger.ask(lambda state: state.notes.tries()))[Place(0, 1)].first_s == first_s + 3_600.0

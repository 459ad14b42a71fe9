"""The per-user models over a state in the cluster: each start is on a machine that has seen nothing of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from router.delivery.options import DeliveryOptions
from router.delivery.state.journal.blocking_connection import BlockingConnection
from router.delivery.state.journal.states import JournaledStates
from router.delivery.state.journal.streams import JournalNames, ensure_journals
from router.delivery.state.state import State, StateUnusable
from tests.delivery.harness import LOG_ID, Harness
from tests.delivery.test_chaos import SHAPES, survive
from tests.delivery.test_scheduler import Scheduler
from tests.nats.server import Cluster


@pytest.fixture
def blocking(shared_server: Cluster) -> Iterator[BlockingConnection]:
    with closing(BlockingConnection.open([shared_server.url])) as blocking:
        yield blocking


class ClusterHarness(Harness):
    def __init__(
        self, directory: Path, blocking: BlockingConnection, names: JournalNames, options: DeliveryOptions | None = None
    ) -> None:
        super().__init__(directory, options=options)
        self._blocking = blocking
        self._names = names
        self._machines = itertools.count(1)

    # As a fleet does: with other servers' syncs on the disk, an answer may take longer than the two seconds it gets.
    @retry(retry=retry_if_exception_type(StateUnusable), stop=stop_after_attempt(5), reraise=True)
    def open_state(self) -> State:
        machine = f"machine-{next(self._machines)}"
        return JournaledStates(self._blocking, self._names, 0, self.directory / machine, LOG_ID, machine).take("fake")


@pytest.mark.parametrize(
    ("shape", "seed"),
    [
        pytest.param("one endpoint", 0, id="one endpoint"),
        *(
            pytest.param(shape, seed, id=f"{shape}, seed {seed}", marks=pytest.mark.full)
            for shape in SHAPES
            for seed in range(1, 4)
        ),
    ],
)
async def test_promises_hold_in_a_cluster(
    blocking: BlockingConnection, log_name: str, tmp_path: Path, shape: str, seed: int
) -> None:
    names = JournalNames(log_name)
    blocking.ask(lambda connection: ensure_journals(connection, names, [0], 1))

    await survive(ClusterHarness(tmp_path, blocking, names), shape, seed)


_CONNECTIONS: list[tuple[BlockingConnection, str]] = []
"""Machines take no fixtures: the connection, and how the names of logs begin."""
_NUMBERS = itertools.count()


class ClusterScheduler(Scheduler):
    def make_harness(self, directory: Path, options: DeliveryOptions) -> Harness:
        [(blocking, prefix)] = _CONNECTIONS
        names = JournalNames(f"{prefix}x{next(_NUMBERS)}")
        blocking.ask(lambda connection: ensure_journals(connection, names, [0], 1))
        return ClusterHarness(directory, blocking, names, options)


@pytest.fixture
def machines(blocking: BlockingConnection, log_name: str) -> Iterator[None]:
    _CONNECTIONS.append((blocking, log_name))
    yield
    _CONNECTIONS.clear()


@pytest.mark.usefixtures("machines")
@pytest.mark.parametrize("examples", [2, pytest.param(100, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def test_the_scheduler_does_as_the_model_says_in_a_cluster(examples: int) -> None:
    chosen = settings(max_examples=examples, stateful_step_count=25, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(ClusterScheduler, settings=chosen)

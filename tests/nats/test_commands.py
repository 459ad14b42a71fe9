"""What commands say of a log that is in a cluster."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.cli.engine import open_log
from router.clock import SystemClock
from router.config import load_config
from router.errors import OperatorError
from router.log.jetstream.log import NatsLog
from router.log.options import LogOptions
from router.registry import Registry
from tests.log.harness import StillClock, entries
from tests.nats.server import Cluster
from tests.system.harness import run_command

PASSWORD = "canary-password"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server that asks who one is."""
    who = f"authorization {{ user: router, password: {PASSWORD} }}"
    cluster = Cluster.make(tmp_path_factory.mktemp("guarded"), extra=who)
    cluster.start()
    yield cluster
    cluster.clear()


def write_config(folder: Path, url: str, **nats: Any) -> Path:
    path = folder / "router.yaml"
    document = {
        "data": str(folder / "var"),
        "log": url,
        "nats": nats,
        "retention": {"max_disk": "10MB"},
        "sources": {"website": {"write_key": "demo"}},
    }
    path.write_text(json.dumps(document))
    return path


def make_log(url: str, name: str, partitions: int = 1) -> None:
    async def make() -> None:
        log = await NatsLog.open(
            [url], LogOptions(max_bytes=10_000_000), StillClock(), name=name, partitions=partitions
        )
        await log.close()

    asyncio.run(make())


def test_check_says_what_a_2xx_means_and_warns_where_that_is_less_than_it_could_be(tmp_path: Path) -> None:
    checked = run_command("check", write_config(tmp_path, "nats://nowhere:4222"))

    assert checked.code == 0
    assert "A 2xx means: 2 of 3 servers at least took the event" in checked.out
    assert "warning: nats.synced says nothing" in checked.out


def test_check_live_asks_the_cluster(tmp_path: Path, shared_server: Cluster, log_name: str) -> None:
    make_log(shared_server.url, log_name)
    config = write_config(tmp_path, shared_server.url, name=log_name, partitions=1, synced="always")

    checked = run_command("check", config, "--live", "--json")

    assert checked.code == 0
    assert checked.json["log"]["promise"] == "A 2xx means: one server synced the event to disk."
    assert [text.partition(":")[0] for text in checked.json["log"]["warnings"]] == ["there is one copy of each event"]


def test_another_number_of_partitions_is_refused_with_what_a_change_takes(
    tmp_path: Path, shared_server: Cluster, log_name: str
) -> None:
    make_log(shared_server.url, log_name, partitions=2)

    checked = run_command("check", write_config(tmp_path, shared_server.url, name=log_name, partitions=4), "--live")

    assert checked.code == 2
    assert f"nats.partitions: got 4, but the log {log_name} has 2." in checked.err
    assert "router log copy" in checked.err


@pytest.mark.parametrize("user", [f"router:{PASSWORD}", f"router:{PASSWORD}-wrong"], ids=["right", "wrong"])
def test_promise_7_credentials_in_the_address_never_show(tmp_path: Path, guarded: Cluster, user: str) -> None:
    config = write_config(tmp_path, guarded.url.replace("//", f"//{user}@"), name="secret", partitions=1)

    checked = run_command("check", config, "--live")

    assert checked.code == (2 if user.endswith("wrong") else 0)
    assert PASSWORD not in checked.out + checked.err
    assert "wrong" not in checked.out + checked.err
    assert ("Authorization Violation" in checked.err) is user.endswith("wrong")


def test_a_cluster_that_does_not_answer_is_named_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.log.jetstream.connection.CONNECT_S", 0.5)
    config = write_config(tmp_path, f"nats://router:{PASSWORD}@127.0.0.1:9")

    checked = run_command("check", config, "--live")

    assert checked.code == 2
    assert "can't connect to nats://127.0.0.1:9" in checked.err
    assert PASSWORD not in checked.out + checked.err


def test_events_that_the_cluster_can_not_take_are_refused_at_the_start(
    tmp_path: Path, shared_server: Cluster, log_name: str
) -> None:
    path = write_config(tmp_path, shared_server.url, name=log_name, partitions=1)
    path.write_text(json.dumps({**json.loads(path.read_text()), "server": {"max_event": "9MB"}}))

    with pytest.raises(OperatorError, match=r"server\.max_event: 9000000 bytes, and the cluster takes events of 83"):
        asyncio.run(open_log(load_config(path, Registry.load()), SystemClock()))

    checked = run_command("check", path, "--live")
    assert (checked.code, checked.out) == (2, "")
    assert checked.err.startswith("server.max_event: 9000000 bytes, and the cluster takes events of 83")


@pytest.fixture
def filled(tmp_path: Path, shared_server: Cluster, log_name: str) -> Path:
    """The config of a log of 20 events in two partitions, of which a message that holds 2 more is damaged."""

    async def fill() -> None:
        log = await NatsLog.open(
            [shared_server.url], LogOptions(max_bytes=10_000_000), StillClock(), name=log_name, partitions=2
        )
        await log.append(entries(1, 20))
        first = log.end(0) + 1
        headers = {"Router-First": str(first), "Router-Count": "2", "Router-Newest": "5.0"}
        await log._connection.request(f"{log_name}.log.0", b"no chunk", headers)
        await log.close()

    asyncio.run(fill())
    return write_config(tmp_path, shared_server.url, name=log_name, partitions=2)


def test_log_check_says_what_is_lost(filled: Path) -> None:
    checked = run_command("log", "check", "-c", filled)
    told = run_command("log", "check", "-c", filled, "--json")

    assert checked.code == told.code == 1
    assert "2 events lost. The rest is delivered. 20 events in 2 partitions can be read." in checked.out
    assert [each["lost_events"] for each in told.json["partitions"]] == [2, 0]


def test_log_export_gives_the_events_of_all_partitions(filled: Path) -> None:
    exported = run_command("log", "export", "-c", filled)

    lines = [json.loads(line) for line in exported.out.splitlines()]
    assert sorted(line["event"]["n"] for line in lines) == list(range(1, 21))
    assert {line["partition"] for line in lines} == {0, 1}
    assert exported.code == 1
    assert "The log lost 2 events that may belong here: events 6 to 7" in exported.err


@pytest.mark.parametrize("command", [("repair",), ("backup", "there")], ids=["repair", "backup"])
def test_what_is_the_affair_of_the_cluster_is_said_to_be(filled: Path, command: tuple[str, ...]) -> None:
    done = run_command("log", *command, "-c", filled)

    assert done.code == 2
    assert "router log c" in done.err

"""Several routers over one log: one that dies is replaced by another, and nothing is lost, out of order or booked twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.nats.server import Cluster
from tests.system.checks import check_books, check_delivered, check_repeats_straddle, interruption, lanes_of
from tests.system.evidence import find_repeats
from tests.system.generator import make_event
from tests.system.harness import KEY, Lateness, Stage, call, run_command, until
from tests.system.routers import TAKEOVER_S, Routers, divert, partitions_of, running, until_shared
from tests.system.test_dead_letters import jobs_are_done
from tests.system.test_replay import noted_payloads

PARTITIONS = 4
CONCURRENCY = 2
LANES = PARTITIONS * CONCURRENCY
"""Each partition has its own lanes; what waits for a commit was sent and is not yet written."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Cluster]:
    with running(tmp_path / "nats") as cluster:
        yield cluster


def test_a_router_that_dies_is_replaced_within_seconds(stage: Stage, server: Cluster) -> None:
    [vendor] = stage.vendors("mixpanel")
    destination = vendor.destination(delivery={"concurrency": CONCURRENCY})
    routers = Routers(stage, server, {"mixpanel": destination}, PARTITIONS)
    first, second = routers.start("first", "second")
    until_shared(first, second, partitions=PARTITIONS)
    generators = [
        routers.generator(router, users=20, first_user=100 * number, batch=5, workers=2, pause_s=0.02, seed=number)
        for number, router in enumerate((first, second))
    ]
    until(lambda: all(len(generator.acked()) > 100 for generator in generators), "both take events")

    began_s = time.time()
    first.kill()
    died = time.monotonic()
    with Lateness() as late:
        divert(first, second)
        death = interruption(began_s, vendor)
        until(lambda: len(partitions_of(second)) == PARTITIONS, "the other one takes over")
        taken_s = time.monotonic() - died
    acked = [label for generator in generators for label in generator.stop()]
    second.until_settled()

    assert taken_s < TAKEOVER_S + late.total_s
    check_delivered(acked, vendor)
    check_repeats_straddle(vendor.arrivals(), [death], lanes_of(vendor, LANES))
    books = second.books("mixpanel")
    assert books["delivered"] == len(acked)
    assert books["accepted"] == books["delivered"] + books["skipped"]


def test_a_router_that_dies_in_a_replay_is_replaced_by_one_that_repeats_nothing(stage: Stage, server: Cluster) -> None:
    """Of an event that was sent in part: Mixpanel gets a group call at two addresses, and the second is down."""
    [vendor] = stage.vendors("mixpanel")
    routers = Routers(stage, server, {"mixpanel": vendor.destination()}, partitions=1)
    [first] = routers.start("first")
    until(lambda: partitions_of(first), "it delivers")
    first.post({"type": "group", "userId": "u1", "groupId": "g1", "messageId": "m1", "traits": {"name": "Acme"}})
    first.until_settled()
    vendor.fail(status=503, path="/engage")
    begin = len(vendor.requests())
    first.ask("replay", destination="mixpanel")
    until(lambda: noted_payloads(first, "mixpanel"), "half of it is delivered and noted")

    first.kill()
    vendor.heal()
    [second] = routers.start("second")
    until(lambda: partitions_of(second) and jobs_are_done(second, "mixpanel"), "the other one has done the rest")

    sent = [request["path"] for request in vendor.requests()[begin:]]
    assert sum(path.startswith("/groups") for path in sent) == 1
    assert second.destination("mixpanel")["replayed"] == {"delivered": 1}
    check_books(second, mixpanel=1)


@pytest.mark.full
def test_an_event_sent_to_two_routers_is_routed_once(stage: Stage, server: Cluster) -> None:
    """Both may store it, for neither knows of the other's; who delivers the partition lets the first one win."""
    [vendor] = stage.vendors("mixpanel")
    routers = Routers(stage, server, {"mixpanel": vendor.destination()}, PARTITIONS)
    pair = routers.start("first", "second")
    until_shared(*pair, partitions=PARTITIONS)
    events = [make_event(f"user{number % 10:03d}", number // 10 + 1) for number in range(300)]
    batches = [events[start : start + 10] for start in range(0, len(events), 10)]

    with ThreadPoolExecutor(2) as threads:
        for batch in batches:  # at one time, so that what one stores the other has not seen
            for answer in [threads.submit(router.post, batch) for router in pair]:
                assert answer.result()[0] == 200
    pair[0].until_settled()

    labels = [event["messageId"] for event in events]
    check_delivered(labels, vendor)
    assert find_repeats(vendor.arrivals()) == []
    books = pair[1].books("mixpanel")
    assert books["delivered"] == len(labels)
    assert books["accepted"] == books["delivered"] + books["skipped"]
    skipped = pair[1].destination("mixpanel")["skipped"]
    assert books["skipped"] == skipped.get("duplicate", 0) > 0


@pytest.mark.full
def test_every_router_gives_the_same_answers(stage: Stage, server: Cluster) -> None:
    """The one that takes events delivers none, and the one that delivers takes none; an operator asks either."""
    [vendor] = stage.vendors("webhook")
    routers = Routers(stage, server, {"webhook": vendor.destination(delivery={"retry_for": "1s"})}, PARTITIONS)
    gateway, delivery = routers.make("gateway", "--role", "gateway"), routers.make("delivery", "--role", "delivery")
    for router in (gateway, delivery):
        router.spawn()
    for router in (gateway, delivery):
        router.wait_ready()
    until(lambda: len(partitions_of(delivery)) == PARTITIONS, "all partitions are delivered")
    vendor.fail(status=400)
    events = [make_event(f"user{number:03d}", 1) for number in range(12)]

    assert gateway.post(events)[0] == 200
    gateway.until_settled()

    assert (delivery.url, partitions_of(gateway)) == ("", [])
    told = run_command("status", "--config", gateway.config).out
    assert told.startswith("This router takes events and delivers none; delivering are:")
    letters = gateway.ask("dead-letters")
    assert len(letters) == len(events)
    assert len({letter["id"] for letter in letters}) == len(events)
    questions: dict[str, dict[str, Any]] = {
        "dead-letters": {"destination": "webhook", "limit": 5},
        "causes": {},
        "jobs": {},
        "plan-retry": {"destination": "webhook"},
        "trace": {"message_id": events[3]["messageId"]},
    }
    for operation, arguments in questions.items():
        assert gateway.ask(operation, **arguments) == delivery.ask(operation, **arguments), operation

    vendor.heal()
    [job] = gateway.ask("retry", destination="webhook", ids=[letters[0]["id"]])
    until(lambda: [each["state"] for each in gateway.ask("jobs")] == ["done"], "the one letter is sent again")
    assert delivery.ask("jobs")[0]["counts"] == {"delivered": 1}
    assert job["job"] == delivery.ask("jobs")[0]["job"]
    assert gateway.ask("discard", destination="webhook", ids=[letters[1]["id"]])["discarded"] == 1
    gateway.ask("retry", destination="webhook")
    until(lambda: gateway.books("webhook")["delivered"] == len(events) - 1, "the others are sent again")
    for router in (gateway, delivery):
        assert router.ask("dead-letters") == []
        assert router.destination("webhook")["discarded"] == 1
        check_books(router, webhook=len(events))


def test_routers_that_disagree_say_so_and_forget_nothing_of_each_other(stage: Stage, server: Cluster) -> None:
    """One has been reloaded with another config. A third machine, where no router runs, sees it as well."""
    [vendor] = stage.vendors("webhook")
    routers = Routers(stage, server, {"old": vendor.destination()}, PARTITIONS)
    first = routers.make("first")
    second = routers.make("second", destinations={"old": vendor.destination(), "new": vendor.destination()})
    elsewhere = routers.make("elsewhere")
    for router in (first, second):
        router.spawn()
    for router in (first, second):
        router.wait_ready()
    until_shared(first, second, partitions=PARTITIONS)

    told = run_command("status", "--config", elsewhere.config).out
    assert told.startswith("No router is running on this machine; this is what the cluster says.")
    for router in (first, elsewhere):
        status = run_command("status", "--config", router.config)
        assert "another config: it has besides new." in " ".join(status.out.split())
    assert "another config: it lacks new." in " ".join(run_command("status", "--config", second.config).out.split())
    refused = run_command("destinations", "forget", "new", "--config", first.config)
    assert (refused.code, "new is in the config of" in refused.err) == (2, True)
    copied = run_command("log", "copy", elsewhere.config, stage.write_config({}))
    assert (copied.code, "Stop these routers first" in copied.err) == (2, True)


def test_a_reload_lets_in_no_event_that_the_cluster_can_not_take(stage: Stage, server: Cluster) -> None:
    """It was answered as a fault of the router, with the rest of its batch, and so sent again and again."""
    [router] = Routers(stage, server, {}, PARTITIONS).start("only")
    document = json.loads(router.config.read_text())
    document["server"]["max_event"] = "9MB"
    router.config.write_text(json.dumps(document))

    line = router.reload()

    large = {"type": "track", "userId": "u1", "event": "Paid", "properties": {"note": "x" * 8_500_000}}
    status, answer = call("POST", f"{router.url}/v1/track", large, KEY)
    assert (status, answer["code"]) == (400, "event_too_big")
    assert line["event"] == "reload refused, the old config stays"
    assert line["problems"][0].startswith("server.max_event: 9000000 bytes, and the cluster takes events of 83")


def test_a_router_that_only_takes_events_counts_as_one(stage: Stage, server: Cluster) -> None:
    """What it takes is for the destinations of its config, and it writes into the log that is copied."""
    [vendor] = stage.vendors("webhook")
    routers = Routers(stage, server, {"old": vendor.destination()}, PARTITIONS)
    both = {"old": vendor.destination(), "new": vendor.destination()}
    gateway = routers.make("gateway", "--role", "gateway", destinations=both)
    gateway.spawn()
    gateway.wait_ready()
    elsewhere = routers.make("elsewhere")

    refused = run_command("destinations", "forget", "new", "--config", elsewhere.config)
    assert (refused.code, "new is in the config of" in refused.err) == (2, True)
    copied = run_command("log", "copy", elsewhere.config, stage.write_config({}))
    assert (copied.code, "Stop these routers first" in copied.err) == (2, True)
    assert run_command("status", "--config", elsewhere.config, "--json").json["cluster"]["routers"] == []

    assert gateway.terminate() == 0
    assert run_command("destinations", "forget", "new", "--config", elsewhere.config).code == 0


def test_a_router_that_takes_no_events_tells_on_its_admin_port_that_it_is_alive(stage: Stage, server: Cluster) -> None:
    """A supervisor could only ask /status, which is red while the cluster is away: a restart would not help then."""
    router = Routers(stage, server, {}, PARTITIONS).make("delivery", "--role", "delivery")
    router.start()
    server.nodes[0].kill()
    until(lambda: call("GET", f"{router.admin_url}/status")[0] == 503, "the cluster is away")

    assert call("GET", f"{router.admin_url}/health") == (200, {"status": "alive"})


def test_a_job_has_one_number_and_says_why_it_stands_still(stage: Stage, server: Cluster) -> None:
    [vendor] = stage.vendors("webhook")
    routers = Routers(stage, server, {"webhook": vendor.destination()}, PARTITIONS)
    [router] = routers.start("router")
    until(lambda: len(partitions_of(router)) == PARTITIONS, "all partitions are delivered")
    assert router.post([make_event("user001", 1)])[0] == 200
    router.until_settled()
    vendor.fail(status=401)
    [job] = router.ask("replay", destination="webhook", is_historical=False)
    until(lambda: router.destination("webhook")["state"] == "blocked", "it is blocked")

    listed = run_command("jobs", "list", "--config", router.config)

    assert [each["job"] for each in router.destination("webhook")["jobs"]] == [job["job"]]
    assert "webhook is blocked: 401" in listed.out

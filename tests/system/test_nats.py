"""The log in a NATS cluster: real routers over the real server."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.nats.server import Cluster
from tests.system.checks import check_books, check_delivered
from tests.system.harness import KEY, Router, Stage, call, until

PASSWORD = "canary-password"


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return authority


@pytest.fixture
def cluster(tmp_path: Path, authority: trustme.CA) -> Iterator[Cluster]:
    """One node that speaks TLS with a certificate of the team's own."""
    certificate = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    who = f"authorization {{ user: router, password: {PASSWORD} }}"
    cluster = Cluster.make(
        tmp_path / "nats", extra=f'tls {{ cert_file: "{certificate}", key_file: "{certificate}" }}\n{who}'
    )
    cluster.start()
    yield cluster
    cluster.clear()


def label(number: int) -> str:
    return f"user{number % 7:03}-{number:05}"


def event(number: int) -> dict[str, object]:
    user, properties = f"user{number % 7:03}", {"label": label(number)}
    return {"type": "track", "event": "Bought", "userId": user, "messageId": label(number), "properties": properties}


def post(router: Router, number: int) -> tuple[int, str | None]:
    """The status, and what ``Retry-After`` says."""
    request = urllib.request.Request(
        f"{router.url}/v1/track",
        json.dumps(event(number)).encode(),
        {"Content-Type": "application/json", "X-Write-Key": KEY},
    )
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            return response.status, None
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After")


@pytest.mark.skipif("ROUTER_PROCESSES" in os.environ, reason="--processes is for a log on this machine")
def test_a_router_that_loses_the_cluster_answers_503_with_retry_after_and_goes_on_by_itself(
    stage: Stage, cluster: Cluster, tmp_path: Path
) -> None:
    [vendor] = stage.vendors("mixpanel")
    url = cluster.url.replace("nats://", "tls://router:${NATS_PASSWORD}@")
    nats = {"partitions": 4, "ca": str(tmp_path / "ca.pem")}
    router = stage.router({"mixpanel": vendor.destination()}, env={"NATS_PASSWORD": PASSWORD}, log=url, nats=nats)
    acknowledged = [number for number in range(20) if post(router, number)[0] == 200]
    assert len(acknowledged) == 20

    [node] = cluster.nodes
    node.kill()
    status, retry_after = post(router, 20)
    assert (status, retry_after) == (503, "5")
    node.start()
    until(lambda: post(router, 21)[0] == 200, "events are taken again")
    until(lambda: call("GET", f"{router.admin_url}/status")[0] == 200, "the cluster answers everybody again")
    router.until_settled()

    check_delivered([label(number) for number in [*acknowledged, 21]], vendor)
    check_books(router, mixpanel=21)
    told = [line["event"] for line in router.log()]
    assert "the log is in a cluster" in told
    assert "a 2xx promises less than it could" in told
    assert PASSWORD not in router.read_stderr() + str(router.status())

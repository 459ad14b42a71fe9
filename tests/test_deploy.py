"""What it is deployed with: it fits the program, those who read it understand it, and it leaves little to an intruder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from router.cli.daemon import SOCKETS
from router.cli.deliveries import DRAIN_S
from router.cli.promise import planned_durability
from router.config import Config, parse_config
from router.config.quantity import parse_size
from router.registry import Registry

DEPLOY = Path(__file__).parent.parent / "deploy"
SERVICE = (DEPLOY / "router.service").read_text()
MOST_EXPOSED = 2.0
"""Of 10, by systemd's own measure; 9.6 is a service that says nothing."""

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")


def values(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def test_the_sockets_are_called_what_the_program_expects() -> None:
    named = {path.name: values(path.read_text(), "FileDescriptorName") for path in DEPLOY.glob("*.socket")}

    assert sorted(name for names in named.values() for name in names) == sorted(SOCKETS)
    assert set(" ".join(values(SERVICE, "Sockets")).split()) == set(named)


def test_they_listen_on_loopback_until_somebody_decides_otherwise() -> None:
    addresses = [each for path in DEPLOY.glob("*.socket") for each in values(path.read_text(), "ListenStream")]

    assert len(addresses) == 2
    assert all(address.startswith("127.0.0.1:") for address in addresses)


def test_an_exit_has_the_time_it_takes() -> None:
    [timeout_s] = values(SERVICE, "TimeoutStopSec")

    assert int(timeout_s) >= 15 > DRAIN_S


def test_the_config_shown_to_operators_says_where_the_data_may_be() -> None:
    [state] = values(SERVICE, "StateDirectory")

    assert f"data: /var/lib/{state}" in (DEPLOY.parent / "docs" / "operating.md").read_text()


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, for a program that is there."""
    for path in [*DEPLOY.glob("*.service"), *DEPLOY.glob("*.socket")]:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text)
    return tmp_path


@needs_systemd
def test_systemd_understands_them(units: Path) -> None:
    verified = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(units.iterdir()))], capture_output=True, text=True
    )

    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
def test_little_is_left_to_an_intruder(units: Path) -> None:
    measured = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(units / "router.service")],
        capture_output=True,
        text=True,
    )

    found = re.search(r"Overall exposure level for router.service: ([\d.]+)", measured.stdout)
    assert found, measured.stderr
    assert float(found[1]) <= MOST_EXPOSED


DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
NATS_CONF = (DEPLOY / "nats.conf").read_text()
SECRETS = {"NATS_PASSWORD": "swordfish", "WEBSITE_WRITE_KEY": "a-key"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def cluster() -> Config:
    return parse_config((DEPLOY / "cluster.yaml").read_text(), Registry.load(), environ=SECRETS)


def services(compose: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in compose["services"].items() if name.startswith(kind)}


def run(program: str, *arguments: str, **environ: str) -> tuple[int, str]:
    """Of a program that the dev extra brings: its exit code, and what it said."""
    ran = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_a_linter_has_nothing_to_say_of_the_dockerfile() -> None:
    assert run("hadolint", str(DEPLOY / "Dockerfile")) == (0, "")


def test_the_compose_file_keeps_to_its_specification() -> None:
    code, said = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))

    assert code == 0, said


def test_the_server_understands_its_config(compose: dict[str, Any]) -> None:
    for node in services(compose, "nats").values():
        code, said = run("nats-server", "-t", "-c", str(DEPLOY / "nats.conf"), **{**node["environment"], **SECRETS})

        assert code == 0, said


def test_a_2xx_of_the_cluster_is_on_the_disks_of_a_majority(cluster: Config) -> None:
    """No warning, and what the routers say of their servers is so."""
    assert planned_durability(cluster).warnings == ()
    assert "sync_interval: always" in NATS_CONF


def test_the_nodes_are_the_same_everywhere(compose: dict[str, Any], cluster: Config) -> None:
    nodes = services(compose, "nats")

    assert re.findall(r"nats://(\w+):6222", NATS_CONF) == list(nodes)
    assert re.findall(r"(\w+):4222", " ".join(cluster.log_urls)) == list(nodes)
    assert [node["environment"]["NODE"] for node in nodes.values()] == list(nodes)
    assert len({volume for node in nodes.values() for volume in node["volumes"] if ":/data" in volume}) == len(nodes)


def test_the_nodes_have_room_for_what_the_routers_ask(cluster: Config) -> None:
    room = {key: parse_size(value) for key, value in re.findall(r"(max_\w+): (\w+)", NATS_CONF)}

    assert (room["max_file_store"] or 0) > cluster.retention.max_disk_bytes
    assert (room["max_payload"] or 0) >= 2 * cluster.server.max_event_bytes


def test_the_routers_get_every_variable_of_their_config(compose: dict[str, Any]) -> None:
    named = set(re.findall(r"\$\{(\w+)", (DEPLOY / "cluster.yaml").read_text()))

    for router in services(compose, "router").values():
        assert set(router["environment"]) == named


def test_the_image_is_where_the_config_looks_for_it(compose: dict[str, Any], cluster: Config) -> None:
    [config_path] = re.findall(r"ROUTER_CONFIG=(\S+)", DOCKERFILE)

    assert f"VOLUME {cluster.data}\n" in DOCKERFILE
    assert f"http://127.0.0.1:{cluster.server.port}/health" in DOCKERFILE
    for name, router in services(compose, "router").items():
        assert router["volumes"] == [f"./cluster.yaml:{config_path}:ro", f"{name}:{cluster.data}"]
        assert [port.rpartition(":")[2] for port in router["ports"]] == [str(cluster.server.port)]


def test_a_container_is_nobody_and_may_do_nothing(compose: dict[str, Any]) -> None:
    [user] = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)

    assert int(user) >= 10_000
    for router in services(compose, "router").values():
        assert (router["read_only"], router["cap_drop"]) == (True, ["ALL"])
    assert all(port.startswith("127.0.0.1:") for each in compose["services"].values() for port in each.get("ports", []))


def test_a_container_has_the_time_that_an_exit_takes(compose: dict[str, Any]) -> None:
    for router in services(compose, "router").values():
        assert int(router["stop_grace_period"].removesuffix("s")) >= 15 > DRAIN_S


def test_the_image_gets_what_it_copies_and_nothing_else() -> None:
    copied = {path for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE) for path in line.split()}
    everything, *let_in = [
        line for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
    ]

    assert everything == "*"
    assert {line[1:] for line in let_in if line.startswith("!")} == copied


def test_the_lines_shown_to_operators_are_those_of_the_cluster(cluster: Config) -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", (DEPLOY.parent / "docs" / "scaling.md").read_text(), re.DOTALL)
    read = parse_config(shown + "sources: {website: {write_key: a-key}}", Registry.load(), environ=SECRETS)

    assert (read.log_urls, read.nats) == (cluster.log_urls, cluster.nats)

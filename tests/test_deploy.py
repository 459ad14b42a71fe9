"""The unit files: they fit the program, systemd understands them, and they leave little to an intruder."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from router.cli.daemon import SOCKETS
from router.cli.deliveries import DRAIN_S

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
    for path in DEPLOY.iterdir():
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

"""What a supervisor hands over, and what it hears: sd_listen_fds(3) and sd_notify(3), as tables."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from router.cli import supervisor
from router.cli.supervisor import Supervisor, inherited_sockets, is_on_loopback, is_public
from router.errors import OperatorError

FIRST = 900
"""Stands for 3, which is in use here, as hundreds after it may be."""
KNOWN = ("server", "admin")


@pytest.fixture(autouse=True)
def first_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DESCRIPTOR", FIRST)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def hand_over(stack: ExitStack, *sockets: socket.socket) -> list[tuple[str, int]]:
    """Put *sockets* where a supervisor puts them; returns their addresses."""
    addresses = []
    for number, each in enumerate(sockets):
        os.dup2(each.fileno(), FIRST + number)
        addresses.append(each.getsockname())
        each.close()
        stack.callback(close_quietly, FIRST + number)
    return addresses


def close_quietly(descriptor: int) -> None:
    with suppress(OSError):  # the test has closed it
        os.close(descriptor)


def server() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@pytest.mark.parametrize(
    ("count", "names", "expected"),
    [
        pytest.param(2, "server:admin", {"server": [0], "admin": [1]}, id="both"),
        pytest.param(2, "admin:server", {"admin": [0], "server": [1]}, id="in another order"),
        pytest.param(1, "admin", {"admin": [0]}, id="only the admin port"),
        pytest.param(1, "", {"server": [0]}, id="one without a name is the public port"),
        pytest.param(3, "server:server:admin", {"server": [0, 1], "admin": [2]}, id="two addresses of one port"),
    ],
)
def test_sockets_are_taken_by_their_names(
    stack: ExitStack, count: int, names: str, expected: dict[str, list[int]]
) -> None:
    addresses = hand_over(stack, *(server() for _ in range(count)))
    environ = {"LISTEN_PID": "7", "LISTEN_FDS": str(count), "LISTEN_FDNAMES": names, "PATH": "/bin"}

    found = inherited_sockets(environ, 7, KNOWN)

    assert {name: [each.getsockname() for each in sockets] for name, sockets in found.items()} == {
        name: [addresses[index] for index in indices] for name, indices in expected.items()
    }
    assert all(not each.get_inheritable() for sockets in found.values() for each in sockets)
    assert environ == {"PATH": "/bin"}, "a process of ours would take them for its own"
    for sockets in found.values():
        for each in sockets:
            each.close()


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="nobody hands anything over"),
        pytest.param({"LISTEN_PID": "8", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "server"}, id="for another process"),
        pytest.param({"LISTEN_PID": "7", "LISTEN_FDS": "0"}, id="none"),
        pytest.param({"LISTEN_PID": "7", "LISTEN_FDS": "many"}, id="no number"),
    ],
)
def test_where_nothing_is_handed_over_there_is_nothing(environ: dict[str, str]) -> None:
    assert inherited_sockets(environ, 7, KNOWN) == {}
    assert environ == {}


@pytest.mark.parametrize(
    ("kind", "names", "message"),
    [
        pytest.param(
            "server", "router.socket", 'a socket is called "router.socket", expected server or admin', id="name"
        ),
        pytest.param("bound", "server", 'the socket called "server" does not listen', id="does not listen"),
        pytest.param("datagram", "server", 'the socket called "server" does not listen', id="a datagram socket"),
        pytest.param("file", "server", 'the socket called "server" does not listen', id="no socket"),
    ],
)
def test_what_will_not_do_is_refused(stack: ExitStack, tmp_path: Path, kind: str, names: str, message: str) -> None:
    if kind == "file":
        (tmp_path / "file").touch()
        descriptor = os.open(tmp_path / "file", os.O_RDONLY)
        os.dup2(descriptor, FIRST)
        os.close(descriptor)
        stack.callback(close_quietly, FIRST)
    else:
        made = (
            server()
            if kind == "server"
            else socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM)
        )
        hand_over(stack, made)

    with pytest.raises(OperatorError, match=message):
        inherited_sockets({"LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": names}, 7, KNOWN)


@pytest.mark.parametrize(
    ("family", "address", "expected"),
    [
        pytest.param(socket.AF_INET, "127.0.0.1", False, id="loopback"),
        pytest.param(socket.AF_INET, "127.8.9.1", False, id="all of 127/8"),
        pytest.param(socket.AF_INET, "0.0.0.0", True, id="all addresses"),
        pytest.param(socket.AF_INET6, "::1", False, id="loopback, IPv6"),
        pytest.param(socket.AF_INET6, "::", True, id="all addresses, IPv6"),
    ],
)
def test_who_can_reach_a_socket(stack: ExitStack, family: socket.AddressFamily, address: str, expected: bool) -> None:
    try:
        listening = stack.enter_context(socket.create_server((address, 0), family=family))
    except OSError:
        pytest.skip("this machine has no such address")

    assert is_public([listening]) is expected
    assert is_on_loopback([listening], "0.0.0.0") is not expected


def test_a_socket_in_the_file_system_is_for_this_machine_alone(stack: ExitStack, tmp_path: Path) -> None:
    listening = stack.enter_context(socket.socket(socket.AF_UNIX))
    listening.bind(str(tmp_path / "http.sock"))
    listening.listen()

    assert not is_public([listening])
    assert not is_on_loopback([listening], "127.0.0.1")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("metrics.internal", False)],
)
def test_without_a_socket_the_config_says_who_can_reach_a_port(host: str, expected: bool) -> None:
    assert is_on_loopback([], host) is expected


# --- notifying ---


@pytest.mark.parametrize("is_abstract", [False, True], ids=["a path", "an abstract address"])
def test_it_hears_how_the_service_is(stack: ExitStack, tmp_path: Path, is_abstract: bool) -> None:
    name = f"@router-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    listening.bind("\0" + name[1:] if is_abstract else name)
    environ = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}

    told = Supervisor(environ)
    told.ready("takes events")
    told.alive()
    told.stopping()

    assert environ == {}
    assert told.alive_every_s == 30.0
    assert [listening.recv(100) for _ in range(3)] == [
        b"READY=1\nSTATUS=takes events",
        b"WATCHDOG=1",
        b"STOPPING=1\nSTATUS=stopping",
    ]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}], ids=["none", "one that is gone"])
def test_without_a_supervisor_nobody_hears(environ: dict[str, str]) -> None:
    told = Supervisor(environ)

    told.ready("takes events")

    assert told.alive_every_s is None


def test_one_that_does_not_listen_keeps_nobody_waiting(stack: ExitStack, tmp_path: Path) -> None:
    listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    listening.bind(str(tmp_path / "notify"))
    told = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "notify")})

    for _ in range(2_000):
        told.alive()

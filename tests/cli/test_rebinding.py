"""Web pages and the ports that are for programs of this machine."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.system.harness import Router, Stage


def router_of(stage: Stage) -> Router:
    return next(each for each in stage.processes if isinstance(each, Router))


def status_of(url: str, host: str) -> int:
    """What is answered to somebody who asks for *url* by the name *host*; empty: without a name."""
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), parts.port), timeout=10) as connection:
        connection.sendall(
            f"GET {parts.path} HTTP/1.0\r\n{f'Host: {host}' if host else 'Accept: */*'}\r\n\r\n".encode()
        )
        return int(connection.makefile().readline().split()[1])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("evil.example:8081", 421, id="a page's own name"),
        pytest.param("evil.example", 421, id="on the default port"),
        pytest.param("localhost.evil.example:8081", 421, id="a name below another's"),
        pytest.param("evil.example.:8081", 421, id="a page's own name with the root's dot"),
        pytest.param("[evil.example]", 421, id="a name in brackets"),
        pytest.param("notlocalhost:8081", 421, id="a name that ends alike"),
        pytest.param("127.0.0.1.evil.example", 421, id="a name that begins like an address"),
        pytest.param("127.0.0.1:8081", 200, id="the address"),
        pytest.param("127.0.0.1", 200, id="the address without a port"),
        pytest.param("[::1]:8081", 200, id="the other address"),
        pytest.param("192.0.2.7:9000", 200, id="a tunnel's address"),
        pytest.param("localhost:9000", 200, id="localhost through a tunnel"),
        pytest.param("LocalHost", 200, id="localhost in another spelling"),
        pytest.param("[::ffff:127.0.0.1]:8081", 200, id="the address within the other kind"),
        pytest.param("localhost.:8081", 200, id="localhost with the root's dot"),
        pytest.param("router.localhost:8081", 200, id="a name below localhost"),
        pytest.param("", 200, id="no name, as the oldest clients ask"),
    ],
)
def test_a_page_that_has_its_name_point_here_reads_nothing(running: Stage, host: str, expected: int) -> None:
    router = router_of(running)
    ports = [f"{router.admin_url}/{each}" for each in ("metrics", "status", "health")] + [
        f"{router.ask('sandbox', destination='mixpanel')['url']}/_sandbox/accepted"
    ]

    assert {each: status_of(each, host) for each in ports} == dict.fromkeys(ports, expected)


def test_the_public_port_answers_to_every_name(running: Stage) -> None:
    assert status_of(f"{router_of(running).url}/health", "events.example") == 200

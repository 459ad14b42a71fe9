"""A cluster that lets in only whom it knows, over TLS: what connects, what is refused, and that no secret is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from router.errors import OperatorError
from router.log.jetstream.access import Access
from router.log.jetstream.connection import Connection
from router.log.jetstream.log import NatsLog
from router.log.options import LogOptions
from router.log.record import Record
from tests.log.harness import entry
from tests.nats import credentials
from tests.nats.server import Cluster


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of a team's own authority, of a stranger's, and a user's credentials."""
    folder = tmp_path_factory.mktemp("access")
    team, stranger = trustme.CA(), trustme.CA()
    team.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "stranger.pem")
    for name, ca in (("server", team), ("router", team), ("other", stranger)):
        made = ca.issue_cert("127.0.0.1")
        made.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        made.private_key_pem.write_to_path(folder / f"{name}.key")
        made.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}-both.pem")
    (folder / "words").write_text("no PEM")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[tuple[str, Access]]:
    """Asks for a certificate and for credentials; its address, and what opens it."""
    users, file, _ = credentials.make()
    (folder / "user.creds").write_text(file)
    extra = (
        f'tls {{ cert_file: "{folder / "server.pem"}", key_file: "{folder / "server.key"}", ca_file: "{folder / "ca.pem"}"\n'
        f"verify: true }}\n{users}"
    )
    cluster = Cluster.make(folder / "nats", extra=extra)
    cluster.start()
    access = Access(folder / "user.creds", folder / "ca.pem", folder / "router.pem", folder / "router.key")
    yield cluster.url.replace("nats://", "tls://"), access
    cluster.clear()


async def test_events_come_and_go_over_tls_with_credentials(server: tuple[str, Access]) -> None:
    url, access = server
    log = await NatsLog.open([url], LogOptions(), time.time, partitions=1, access=access)

    await log.append([entry(1)])

    [found] = await log.read(0, 0)
    assert isinstance(found, Record)
    assert found.message_id == entry(1).message_id
    await log.close()


async def test_a_key_may_be_in_the_file_of_its_certificate(server: tuple[str, Access], folder: Path) -> None:
    url, access = server
    connection = await Connection.open([url], access=replace(access, certificate=folder / "router-both.pem", key=None))
    assert connection.is_connected
    await connection.close()


REFUSED = {
    "no authority": ({"ca": None}, "certificate verify failed"),
    "another authority": ({"ca": "stranger.pem"}, "certificate verify failed"),
    "no certificate": ({"certificate": None, "key": None}, "can't connect to tls://127"),
    "a stranger's certificate": ({"certificate": "other.pem", "key": "other.key"}, "can't connect to tls://127"),
    # The server says why and hangs up; who is slow finds the line dead before reading that.
    "no credentials": ({"credentials": None}, "can't connect to tls://127.*(uthorization|Broken pipe|reset)"),
    "a key of another certificate": ({"key": "server.key"}, r"nats\.certificate: .*router\.pem: expected PEM"),
    "no PEM": ({"ca": "words"}, r"nats\.ca: .*words: expected PEM"),
    "no file": ({"credentials": "nowhere"}, r"nats\.credentials: .*nowhere: No such file"),
    "no file of an authority": ({"ca": "nowhere"}, r"nats\.ca: .*nowhere: No such file"),
    "no credentials in the file": ({"credentials": "words"}, r"nats\.credentials: .*words: expected"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
async def test_what_does_not_open_it_is_told_by_its_setting(
    server: tuple[str, Access], folder: Path, change: dict[str, str | None], message: str
) -> None:
    url, access = server
    files = {name: folder / file if file else None for name, file in change.items()}
    with pytest.raises(OperatorError, match=message) as refusal:
        await Connection.open([url], access=replace(access, **files))
    seed = (folder / "user.creds").read_text().splitlines()[5]
    assert seed.startswith("SU")
    assert seed not in str(refusal.value)


@pytest.mark.parametrize(
    ("authorization", "user"),
    [
        pytest.param('user: router, password: "p/w@d,#%"', "router:p%2Fw%40d%2C%23%25", id="password"),
        pytest.param('token: "t/k@n"', "t%2Fk%40n", id="token"),
    ],
)
async def test_what_has_a_meaning_in_an_address_is_written_as_there(
    tmp_path: Path, authorization: str, user: str
) -> None:
    """A password that somebody's generator made may have any character."""
    cluster = Cluster.make(tmp_path, extra=f"authorization {{ {authorization} }}")
    try:
        cluster.start()
        connection = await Connection.open([cluster.url.replace("//", f"//{user}@")])
        await connection.close()
    finally:
        cluster.clear()

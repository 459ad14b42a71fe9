"""Starting twice and stopping in order."""

from __future__ import annotations

import signal
import socket
from urllib.parse import urlsplit

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_repeats
from tests.system.harness import Stage, call, until

EXIT_S = 15.0


@pytest.mark.timeout(60)
def test_a_second_daemon_on_the_same_directory_is_refused(stage: Stage) -> None:
    """At once, with a message that says what to do; the first does not notice."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination()})

    second = stage.process("run")

    assert second.code == 2
    assert f"another router (process {router.pid}) has this log open" in second.err
    assert "Traceback" not in second.err
    assert stage.command("status", "--json").json["running"] is True
    acked = stage.generator(router, users=3, events=3).finish()
    router.until_settled()
    check_delivered(acked, vendor)
    check_books(router, mixpanel=len(acked))


@pytest.mark.timeout(60)
def test_a_port_that_is_taken_is_said_so_and_leaves_no_lock(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stage.write_config({}, server={"port": port})
        refused = stage.process("run")

        assert refused.code == 2
        assert f"server.port: can't listen on 127.0.0.1:{port}" in refused.err
        assert "Traceback" not in refused.err
    router = stage.router({})
    assert call("GET", f"{router.url}/ready")[0] == 200


@pytest.mark.timeout(60)
def test_a_host_that_is_none_of_this_machine_is_said_so(stage: Stage) -> None:
    """The advice was to choose another port."""
    stage.write_config({}, server={"host": "192.0.2.1", "port": 0}, sources={"website": {"write_key": "a-key"}})

    refused = stage.process("run")

    assert refused.code == 2
    assert "server.host: can't listen on 192.0.2.1:0" in refused.err
    assert "Name an address of this machine" in refused.err
    assert "Traceback" not in refused.err


HANGING = "import pathlib, time\npathlib.Path(__file__).with_name('begun').touch()\nwhile True:\n    time.sleep(0.01)\n"


@pytest.mark.timeout(60)
def test_a_plugin_whose_import_has_no_end_does_not_hold_up_a_stop(stage: Stage) -> None:
    """Not the start's, where the signal counted as an error of the plugin, and not that of a reload."""
    hanging = stage.folder / "hanging.py"
    hanging.write_text(HANGING)
    plugins = [str(hanging)]

    start = stage.router({}, is_started=False, plugins=plugins)
    start.spawn()
    until((stage.folder / "begun").exists, "the plugin is imported")
    assert start.terminate(EXIT_S) == -signal.SIGTERM

    (stage.folder / "begun").unlink()
    router = stage.router({})
    stage.write_config({}, plugins=plugins)
    router.send(signal.SIGHUP)
    until((stage.folder / "begun").exists, "the plugin is imported")
    assert call("GET", f"{router.url}/ready")[0] == 200
    assert router.terminate(EXIT_S) == 0


@pytest.mark.in_processes
@pytest.mark.timeout(60)
def test_sigterm_lets_flights_land_and_the_next_start_delivers_the_rest(stage: Stage) -> None:
    """D = 0: what completed before the exit is not sent again."""
    vendors = stage.vendors("mixpanel", "customerio")
    for vendor in vendors:
        vendor.fail(hang_s=0.5, after=True)
    router = stage.router({vendor.name: vendor.destination(delivery={"max_in_flight": 40}) for vendor in vendors})
    acked = stage.generator(router, users=20, events=30, batch=20).finish()
    until(lambda: all(vendor.kept() for vendor in vendors), "requests are under way")

    code = router.terminate(EXIT_S)

    assert code == 0
    assert router.log()[-1]["event"] == "router has stopped", "its log does not tell a stop from a crash"
    assert all(sighting.status == 200 for vendor in vendors for sighting in vendor.arrivals())
    assert not set(acked) <= set(vendors[0].kept()), "all was delivered before the signal: the test has tested nothing"
    for vendor in vendors:
        vendor.heal()
    router.start()
    router.until_settled()
    check_delivered(acked, *vendors)
    for vendor in vendors:
        assert find_repeats(vendor.arrivals()) == []
    check_books(router, mixpanel=len(acked), customerio=len(acked))


@pytest.mark.in_processes
@pytest.mark.timeout(60)
def test_a_router_that_goes_down_does_not_pass_for_none(stage: Stage) -> None:
    """While its flights landed, commands said that no router is running, and opened its files."""
    [vendor] = stage.vendors("mixpanel")
    vendor.fail(hang_s=4.0, after=True)
    router = stage.router({"mixpanel": vendor.destination()})
    stage.generator(router, users=1, events=1).finish()
    until(vendor.kept, "a request is under way")

    router.send(signal.SIGTERM)
    said = []

    def is_refused() -> bool:
        asked = stage.command("status")
        said.append(asked.out.partition(";")[0])
        return asked.code == 2 and asked.err == "the router is going down. Ask again in a moment.\n"

    until(is_refused, "it says that it goes down")
    assert router.wait(EXIT_S) == 0
    assert "No router is running" not in said
    assert "No router is running; this is what its files say." in stage.command("status").out


@pytest.mark.in_processes
@pytest.mark.timeout(60)
def test_sigterm_under_load_loses_nothing(stage: Stage) -> None:
    """Callers get their answer or none, but never a 200 for what is not kept."""
    vendors = stage.vendors("mixpanel", "customerio")
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})
    generator = stage.generator(router, users=20, batch=4, workers=6)

    until(lambda: len(generator.acked()) > 100, "load")
    assert router.terminate(EXIT_S) == 0
    router.start()
    acked = generator.stop()
    router.until_settled()

    check_delivered(acked, *vendors)
    for vendor in vendors:
        assert find_repeats(vendor.arrivals()) == []
    check_books(router, mixpanel=len(acked), customerio=len(acked))


@pytest.mark.timeout(60)
@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_vendor_that_hangs_holds_up_no_exit(stage: Stage, number: signal.Signals) -> None:
    """The deadline for flights to land is within the 15 s that an exit may take."""
    [vendor] = stage.vendors("mixpanel")
    vendor.fail(hang_s=60, after=True)
    router = stage.router({"mixpanel": vendor.destination(delivery={"timeout": "60s"})})
    acked = stage.generator(router, users=5, events=5).finish()
    until(vendor.kept, "a request is under way")

    router.send(number)

    assert router.wait(EXIT_S) == 0
    vendor.heal()
    router.start()
    router.until_settled()
    check_delivered(acked, vendor)
    check_books(router, mixpanel=len(acked))


@pytest.mark.full
@pytest.mark.timeout(60)
def test_a_caller_that_stops_half_way_holds_up_no_exit(stage: Stage) -> None:
    """A body that never ends is given up within the 15 s that an exit may take."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination()})
    address = urlsplit(router.url)
    with socket.create_connection((str(address.hostname), address.port or 0)) as caller:
        caller.sendall(b"POST /v1/track HTTP/1.1\r\nHost: router\r\nAuthorization: Basic ZGVtbzo=\r\n")
        caller.sendall(b"Content-Length: 1000\r\n\r\n{")
        until(lambda: call("GET", f"{router.url}/health")[0] == 200, "the router has seen it")

        assert router.terminate(EXIT_S) == 0

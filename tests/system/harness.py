"""The stage of a system test: real processes of the router, its vendors and the generator, and ways to hurt them.

    generator ──HTTP──▶ router ──HTTP──▶ vendor (one a destination, or one for several)
        │ acks             ▲ kill -9, SIGTERM, SIGHUP      │ record, arrivals
        ▼                  │                               ▼
      a file           this process ◀───── joined ───── two files

Nothing here sleeps where it can look: `until` looks every few milliseconds, with a deadline that names what it waited for.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import structlog

from router.cli import main
from tests.system.evidence import Sighting, read_acks, read_arrivals, read_kept, read_lines
from tests.system.forked import Forked

HERE: Final = Path(__file__).parent
KEY: Final = "demo"
PATIENCE_S: Final = 60.0
"""How long anything may take; on a quiet machine everything takes a fraction of it."""
LOOK_S: Final = 0.02

CREDENTIALS: Final[Mapping[str, dict[str, Any]]] = {
    "mixpanel": {"project_token": "sandbox-token"},
    "customerio": {"site_id": "sandbox-site", "api_key": "sandbox-key"},
    "intercom": {"access_token": "sandbox-token", "create_data_attributes": True},
    "posthog": {"api_key": "phc_sandbox"},
    "webhook": {
        "url": "https://receiver.example.test/events",
        "signing_secret": "whsec_c2FuZGJveC1zaWduaW5nLXNlY3JldC1vZi0zMi1ieXRl",
    },
}
"""What each vendor's stand-in takes for right."""


def until(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S, look_s: float = LOOK_S) -> Any:
    """The first true value of *condition*; AssertionError, naming *what*, when there is none in time."""
    deadline = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {patience_s:g} s: {what}"
        time.sleep(look_s)
    return value


class Lateness:
    """For how long this process was not woken when it should have been: so late is everybody on this machine."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._measure)

    def __enter__(self) -> Lateness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _measure(self) -> None:
        while not self._is_over.is_set():
            began = time.monotonic()
            self._is_over.wait(LOOK_S)
            self.total_s += max(0.0, time.monotonic() - began - LOOK_S)


def call(method: str, url: str, body: Any = None, key: str = "", timeout_s: float = 30.0) -> tuple[int, Any]:
    """Status and body of one HTTP exchange: JSON, or text where it is none.

    Raises:
        OSError: nobody answers.
    """
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout_s)
    try:
        connection.request(method, parts.path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text


class Process:
    """One process, its stderr in a file."""

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None):
        self.name = name
        self.command = [sys.executable, *map(str, command)]
        self.stderr = folder / f"{name}.stderr"
        self.folder = folder
        self.env = {**os.environ, **(env or {})}
        self.descriptors: Sequence[int] = ()
        """What it inherits. One that inherits something is started in full, and so is one whose system calls are watched by a
        library that is loaded at the start; others are `forked`."""
        self.popen: Forked | subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        if not self.descriptors and "LD_PRELOAD" not in self.env:
            self.popen = Forked(self.command[1:], self.folder, self.env, self.stderr)
            return
        with self.stderr.open("ab") as stderr:
            self.popen = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self.env,
                pass_fds=self.descriptors,
            )

    @property
    def pid(self) -> int:
        assert self.popen is not None
        return self.popen.pid

    @property
    def is_running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        assert self.popen is not None
        self.popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no word to anybody."""
        self.send(signal.SIGKILL)
        self.wait()

    def terminate(self, patience_s: float = PATIENCE_S) -> int:
        """SIGTERM; returns the exit code."""
        self.send(signal.SIGTERM)
        return self.wait(patience_s)

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        assert self.popen is not None
        code = self.popen.wait(patience_s)
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        return code

    def first_line(self) -> str:
        """What it prints first; AssertionError when it ends without a word."""
        assert self.popen is not None
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline().decode().strip()
        assert line, f"{self.name} ended: {self.read_stderr()[-2000:]}"
        return line

    def read_stderr(self) -> str:
        return self.stderr.read_text() if self.stderr.exists() else ""

    def tell(self) -> str:
        """What it has to say when a test has failed."""
        return self.read_stderr()


class Vendor(Process):
    """A stand-in for a vendor; see `vendor`."""

    def __init__(self, name: str, plugin: str, folder: Path) -> None:
        self.plugin = plugin
        self.record = folder / f"{name}.record"
        self.arrived = folder / f"{name}.arrivals"
        super().__init__(
            name, [HERE / "vendor.py", plugin, "--record", self.record, "--arrivals", self.arrived], folder
        )
        self.url = ""

    def destination(self, **changes: Any) -> dict[str, Any]:
        """A destination of the config that delivers here."""
        return {
            "plugin": self.plugin,
            "settings": {**CREDENTIALS[self.plugin], "base_url": self.url, **changes.pop("settings", {})},
            "delivery": {"batch_wait": "10ms", "timeout": "5s", **changes.pop("delivery", {})},
            **changes,
        }

    def fail(self, **fault: Any) -> None:
        """Go wrong from now on; the fields are those of `router.plugin.sandbox.Fault`."""
        status, answer = call("POST", f"{self.url}/_sandbox/faults", fault)
        assert status == 200, answer

    def heal(self) -> None:
        assert call("DELETE", f"{self.url}/_sandbox/faults")[0] == 200

    def change_settings(self, **settings: Any) -> None:
        """Take other credentials for right from now on."""
        assert call("PUT", f"{self.url}/_sandbox/settings", settings)[0] == 200

    def catch_up(self) -> None:
        """Return when it has read all that was sent to it before."""
        for _ in range(2):  # what came at one time with the first is read before the second
            self.change_settings()

    def kept(self) -> list[str]:
        return read_kept(self.record)

    def arrivals(self) -> list[Sighting]:
        return read_arrivals(self.arrived)

    def requests(self) -> list[dict[str, Any]]:
        """Every request that came, with its ``path`` and ``body``."""
        return [line for line in read_lines(self.arrived) if "path" in line]


class Router(Process):
    """``router run``."""

    def __init__(self, config: Path, folder: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__("router", ["-m", "router", "run", "-c", config, *options], folder, env)
        self.config = config
        self.url_file = folder / "router.url"
        self.url = self.admin_url = ""
        self._seen = 0

    def spawn(self) -> None:
        self._seen = self.stderr.stat().st_size if self.stderr.exists() else 0
        super().spawn()

    def start(self) -> None:
        """Start, and return when it says that it is ready."""
        self.spawn()
        self.wait_ready()

    def wait_ready(self) -> None:
        ready = until(lambda: self._announced("router is ready"), "router is ready")
        self.url, self.admin_url = ready["url"], ready["admin"]
        draft = self.url_file.with_suffix(".draft")
        draft.write_text(self.url)
        draft.replace(self.url_file)

    def tell(self) -> str:
        if self.is_running:
            before = len(self.read_stderr())
            self.send(signal.SIGUSR2)  # where its threads are
            with contextlib.suppress(AssertionError):
                until(lambda: len(self.read_stderr()) > before, "it says where it is", patience_s=1.0)
        return super().tell()

    def _announced(self, *events: str) -> dict[str, Any] | None:
        for line in self._log_since(self._seen):
            if line.get("event") in events:
                return line
        assert self.is_running, f"the router ended: {self.read_stderr()[-3000:]}"
        return None

    def _log_since(self, offset: int) -> list[dict[str, Any]]:
        *whole, _ = self.stderr.read_bytes()[offset:].split(b"\n")
        return [json.loads(line) for line in whole if line.startswith(b"{")]

    def log(self) -> list[dict[str, Any]]:
        """All it has logged, over restarts."""
        return self._log_since(0)

    def reload(self) -> dict[str, Any]:
        """SIGHUP; returns the line that says whether the config was taken."""
        self._seen = self.stderr.stat().st_size
        self.send(signal.SIGHUP)
        line: dict[str, Any] = until(
            lambda: self._announced("config reloaded", "reload refused, the old config stays"), "the reload"
        )
        return line

    # --- what it says ---

    def post(self, event: Mapping[str, Any] | Sequence[Mapping[str, Any]], key: str = KEY) -> tuple[int, Any]:
        """Post an event, or several as one batch."""
        if isinstance(event, Mapping):
            return call("POST", f"{self.url}/v1/{event['type']}", event, key)
        return call("POST", f"{self.url}/v1/batch", {"batch": list(event)}, key)

    def status(self) -> dict[str, Any]:
        """``GET /status``; the books have to balance whenever it is asked (promise 5)."""
        code, status = call("GET", f"{self.admin_url}/status")
        assert code == 200
        for each in status["destinations"]:
            assert each.get("books", {}).get("unaccounted", 0) == 0, each
        answer: dict[str, Any] = status
        return answer

    def destination(self, name: str) -> dict[str, Any]:
        """One destination's part of the status."""
        [found] = [each for each in self.status()["destinations"] if each["destination"] == name]
        part: dict[str, Any] = found
        return part

    def books(self, name: str) -> dict[str, int]:
        books: dict[str, int] = self.destination(name)["books"]
        return books

    def ask(self, operation: str, **arguments: Any) -> Any:
        """An operation of the admin socket, as a command asks for it."""
        data = Path(json.loads(self.config.read_text())["data"])
        connection = http.client.HTTPConnection("router")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(data / "admin.sock"))
        connection.request("POST", f"/{operation}", json.dumps(arguments))
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        assert response.status == 200, answer
        return answer

    def until_settled(self, *names: str, patience_s: float = PATIENCE_S, look_s: float = LOOK_S) -> None:
        """Wait until the destinations (all, if none is named) have nothing pending; where there are many, look less often."""

        def pending() -> dict[str, int]:
            return {
                each["destination"]: each["books"]["pending"]
                for each in self.status()["destinations"]
                if each["destination"] in names or not names
            }

        try:
            until(lambda: not any(pending().values()), "all is settled", patience_s, look_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; pending: {pending()}; {self.status()['destinations']}") from None


class FaultyRouter(Router):
    """A router whose disk and clock misbehave when they are told to; see `faulty_router`."""

    def __init__(self, config: Path, folder: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.faults = folder / "faults.json"
        super().__init__(config, folder, *options, env={**(env or {}), "ROUTER_FAULTS": str(self.faults)})
        self.command[1:3] = [str(HERE / "faulty_router.py")]

    def suffer(self, **faults: Any) -> None:
        """These and no others, from now on; none at all is health."""
        draft = self.faults.with_suffix(".draft")
        draft.write_text(json.dumps(faults))
        draft.replace(self.faults)


class ActivatedRouter(Router):
    """A router that a supervisor hands its sockets to; they go on listening whether it runs or not."""

    def __init__(self, config: Path, folder: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(config, folder, *options, env=env)
        self.sockets = {name: socket.create_server(("127.0.0.1", 0), backlog=4_096) for name in ("server", "admin")}
        self.descriptors = [each.fileno() for each in self.sockets.values()]
        handed = [f"{name}={each.fileno()}" for name, each in self.sockets.items()]
        self.command[1:1] = [str(HERE / "activate.py"), *handed, "--"]

    def let_go(self) -> None:
        for each in self.sockets.values():
            each.close()


class Generator(Process):
    """The acknowledgement ledger; see `generator`."""

    def __init__(self, router: Router, folder: Path, **options: Any) -> None:
        self.acks, self.journal = folder / "acks", folder / "journal"
        options |= {"url-file": router.url_file, "acks": self.acks, "journal": self.journal}
        arguments = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        super().__init__("generator", [HERE / "generator.py", *arguments], folder)

    def acked(self) -> list[str]:
        return read_acks(self.acks)

    def requests(self) -> list[tuple[str, float]]:
        """How each of its requests ended, a status or an error, and the seconds it took."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        return [(outcome, float(seconds)) for outcome, seconds in (line.split() for line in lines)]

    def finish(self) -> list[str]:
        """Wait for its end; returns what was acknowledged."""
        assert self.wait() == 0, self.read_stderr()
        return self.acked()

    def stop(self) -> list[str]:
        """Let it post what it has begun; returns what was acknowledged."""
        assert self.terminate() == 0, self.read_stderr()
        return self.acked()


@dataclass
class Command:
    """How a ``router`` command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class _CapturedText(io.TextIOWrapper):
    """A standard stream as it is: text over bytes."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="", write_through=True)

    def getvalue(self) -> str:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


def run_command(*arguments: str | Path) -> Command:
    """Run a ``router`` command in this process, from the entry point on. What is a bug in it is raised."""
    out, err, before = _CapturedText(), _CapturedText(), sys.argv
    sys.argv = ["router", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        return Command(code, out.getvalue(), err.getvalue())
    finally:
        sys.argv = before
        structlog.reset_defaults()  # a command's log is its own
    return Command(0, out.getvalue(), err.getvalue())


_R = TypeVar("_R", bound=Router)


@dataclass
class Stage:
    """Starts the processes of a test in a folder, and ends them all."""

    folder: Path
    processes: list[Process] = field(default_factory=list)
    options: Sequence[str] = ()
    """Of every router that is started without options of its own."""

    @property
    def config(self) -> Path:
        return self.folder / "router.yaml"

    def vendors(self, *plugins: str, **named: str) -> list[Vendor]:
        """Start stand-ins side by side; each is named as its plugin, or by its keyword."""
        started = [
            Vendor(name, plugin, self.folder) for name, plugin in [*((each, each) for each in plugins), *named.items()]
        ]
        for vendor in started:
            self._spawn(vendor)
        for vendor in started:
            vendor.url = vendor.first_line()
        return started

    def write_config(self, destinations: Mapping[str, Any], **sections: Any) -> Path:
        """JSON, which is YAML as well."""
        document = {
            "server": {"port": 0},
            "admin": {"port": 0},
            "data": str(self.folder / "var"),
            "sources": {"website": {"write_key": KEY}},
            "destinations": dict(destinations),
            **sections,
            "retention": {"reserve": "1MB", **sections.get("retention", {})},
        }
        self.config.write_text(json.dumps(document, indent=1))
        return self.config

    def router(
        self,
        destinations: Mapping[str, Any],
        *options: str,
        env: Mapping[str, str] | None = None,
        is_started: bool = True,
        **sections: Any,
    ) -> Router:
        return self._router(Router, destinations, *options, env=env, is_started=is_started, **sections)

    def faulty_router(self, destinations: Mapping[str, Any], **sections: Any) -> FaultyRouter:
        return self._router(FaultyRouter, destinations, **sections)

    def activated_router(self, destinations: Mapping[str, Any], **sections: Any) -> ActivatedRouter:
        return self._router(ActivatedRouter, destinations, **sections)

    def _router(
        self,
        kind: type[_R],
        destinations: Mapping[str, Any],
        *options: str,
        env: Mapping[str, str] | None = None,
        is_started: bool = True,
        **sections: Any,
    ) -> _R:
        chosen = options or self.options
        router = kind(self.write_config(destinations, **sections), self.folder, *chosen, env=env)
        self.processes.append(router)
        if is_started:
            router.start()
        return router

    def generator(self, router: Router, **options: Any) -> Generator:
        generator = Generator(router, self.folder, **options)
        self._spawn(generator)
        return generator

    def begin(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a ``router`` command with this stage's config, and don't wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "router", *map(str, arguments), "-c", str(self.config)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def command(self, *arguments: str | Path) -> Command:
        """Run a ``router`` command with this stage's config to its end: in this process, which saves its start."""
        return run_command(*arguments, "-c", self.config)

    def process(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Command:
        """The same, as a process of its own."""
        name = f"command {len(self.processes)}"
        process = Process(name, ["-m", "router", *arguments, "-c", self.config], self.folder, env)
        self._spawn(process)
        assert process.popen is not None
        assert process.popen.stdout is not None
        out = process.popen.stdout.read().decode()  # to its end
        return Command(process.wait(), out, process.read_stderr())

    def _spawn(self, process: Process) -> None:
        self.processes.append(process)
        process.spawn()

    def clear(self) -> None:
        for process in reversed(self.processes):
            if process.is_running:
                process.kill()
            if isinstance(process, ActivatedRouter):
                process.let_go()

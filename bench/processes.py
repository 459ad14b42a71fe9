"""The processes of a benchmark: the router, the floor and vendors, and what each has cost so far."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

PATIENCE_S: Final = 600.0
KEY: Final = "demo"

SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "mixpanel": {"project_token": "0123456789abcdef"},
    "customerio": {"site_id": "0123456789abcdef", "api_key": "0123456789abcdef"},
    "webhook": {"url": "https://receiver.example.test/events", "batch_size": 500},
}
"""What a destination of each plugin needs; all three send batches."""


class Process:
    """A running process with an address."""

    def __init__(self, popen: subprocess.Popen[bytes], url: str) -> None:
        self.url = url
        self._popen = popen
        self._process = psutil.Process(popen.pid)

    @property
    def cpu_s(self) -> float:
        """CPU time since its start, of all its threads, in user and in system mode."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    @property
    def rss_mb(self) -> float:
        return float(self._process.memory_info().rss / 1e6)

    def until_idle(self) -> None:
        """Wait until it has nothing left to do: what it does in the background belongs to the cost too."""
        before = -1.0
        while self.cpu_s - before > 0.01:
            before = self.cpu_s
            time.sleep(0.3)

    def end(self) -> None:
        self._popen.terminate()
        self._popen.wait(PATIENCE_S)
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    """Ends *processes* at its end."""
    try:
        yield
    finally:
        for process in processes:
            process.end()


def start_floor(directory: Path, vendors: Sequence[Process] = ()) -> Process:
    return _start("bench.floor", str(directory), *(vendor.url for vendor in vendors))


def start_vendor() -> Process:
    return _start("bench.vendor")


def _start(module: str, *arguments: str) -> Process:
    popen = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE)
    assert popen.stdout is not None
    url = popen.stdout.readline().decode().strip()
    assert url, f"{module} did not start"
    return Process(popen, url)


def start_router(directory: Path, destinations: Mapping[str, Mapping[str, Any]], **sections: Any) -> Process:
    """``router run`` on *directory*, ready: as an operator runs it, but for free ports and a rate limit out of the way;
    with more *sections* of the config."""
    config = directory / "router.yaml"
    config.write_text(  # JSON is YAML as well
        json.dumps(
            {
                "server": {"port": 0},
                "admin": {"port": 0},
                "data": str(directory / "var"),
                "sources": {"website": {"write_key": KEY, "rate_limit": "1000000/s"}},
                "destinations": destinations,
                **sections,
            }
        )
    )
    log = directory / "router.log"
    with log.open("wb") as stderr:
        popen = subprocess.Popen([sys.executable, "-m", "router", "run", "-c", str(config)], stderr=stderr)
    url = _announced(log, popen)
    _wait_ready(url)
    return Process(popen, url)


def _announced(log: Path, popen: subprocess.Popen[bytes]) -> str:
    """The address that the router logs when it has started."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and popen.poll() is None:
        for line in log.read_text().splitlines():
            if '"router is ready"' in line:
                return str(json.loads(line)["url"])
        time.sleep(0.02)
    raise RuntimeError(f"the router did not start: {log.read_text()[-2000:]}")


def _wait_ready(url: str) -> None:
    while True:
        try:
            with urllib.request.urlopen(f"{url}/ready") as answer:
                assert answer.status == 200
                return
        except urllib.error.HTTPError:
            time.sleep(0.02)


def destination(plugin: str, vendor: Process, **more: Any) -> dict[str, Any]:
    """A destination of the config that delivers to *vendor*."""
    return {"plugin": plugin, "settings": {**SETTINGS[plugin], "base_url": vendor.url}, **more}


def taken(vendor: Process) -> dict[str, Any]:
    """What *vendor* has taken since it was last asked; see `bench.vendor.Taken`."""
    with urllib.request.urlopen(vendor.url) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def until_taken(vendors: Sequence[Process], events: int) -> list[dict[str, Any]]:
    """Wait until each of *vendors* has taken that many events."""
    all_taken = []
    for vendor in vendors:
        total: dict[str, Any] = {"events": 0, "requests": 0, "bytes": 0, "latencies": []}
        deadline = time.monotonic() + PATIENCE_S
        while total["events"] < events:
            total = {name: total[name] + more for name, more in taken(vendor).items()}
            assert time.monotonic() < deadline, f"{total['events']} of {events} events came to {vendor.url}"
            time.sleep(0.05)
        assert total["events"] == events, f"{total['events']} events came, {events} were sent"
        all_taken.append(total)
    return all_taken
